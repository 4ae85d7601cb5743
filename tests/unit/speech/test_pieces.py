"""How speech is cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from pod_jobs.speech.pieces import MOST_S, TARGET_S, plan_pieces
from pod_jobs.speech.spans import Voice, joined


def speech(*spans: tuple[float, float]) -> list[Voice]:
    return [Voice(None, spans)]


def test_a_short_talk_is_one_piece() -> None:
    (piece,) = plan_pieces(speech((1.0, 5.0), (6.0, 9.0)), 9.1)
    assert (piece.start_s, piece.end_s, piece.spans) == (0.7, 9.1, ((1.0, 5.0), (6.0, 9.0)))


def test_a_long_silence_is_in_no_piece() -> None:
    assert [(one.start_s, one.end_s) for one in plan_pieces(speech((0, 10), (100, 110)), 200)] == [
        (0, 10.3),
        (99.7, 110.3),
    ]


def test_a_piece_ends_at_the_longest_silence_near_its_end() -> None:
    spans = [(n * 10.0, n * 10.0 + 9.5) for n in range(60)]
    spans[20] = (203.0, 209.5)  # 3.5 s of silence before it
    first, second, *_ = plan_pieces(speech(*spans), 600)
    assert first.spans[-1] == (190.0, 199.5)
    assert second.spans[0] == (203.0, 209.5)


def test_nobody_speaks() -> None:
    assert plan_pieces(speech(), 60.0) == []


def test_two_voices_have_pieces_of_their_own() -> None:
    pieces = plan_pieces([Voice(0, ((0, 5),)), Voice(1, ((1, 4),))], 6)
    assert [(one.number, one.channel) for one in pieces] == [(0, 0), (1, 1)]


@given(st.lists(st.tuples(st.floats(0.5, 700), st.floats(0.4, 60)), max_size=60))
def test_every_span_is_in_one_piece_and_none_is_too_long(drawn: list[tuple[float, float]]) -> None:
    spans, at_s = [], 0.0
    for length_s, gap_s in drawn:
        spans.append((at_s, at_s + length_s))
        at_s += length_s + gap_s
    pieces = plan_pieces(speech(*spans), at_s)
    covered = [span for piece in pieces for span in piece.spans]
    assert covered == sorted(covered)
    assert sum(end - start for start, end in covered) - sum(end - start for start, end in spans) < 1e-6
    assert all(piece.spans[-1][1] - piece.spans[0][0] <= MOST_S + 1e-6 for piece in pieces)


def test_spans_that_nearly_touch_are_one() -> None:
    assert joined([(5.0, 6.0), (0.0, 2.0), (2.1, 3.0)]) == ((0.0, 3.0), (5.0, 6.0))


def test_a_piece_may_end_from_three_quarters_of_the_usual_length_on() -> None:
    def first_ends_s(early_s: float) -> float:
        """The longest silence is after so many seconds, the next one after 160."""
        spans = [(0.0, early_s), (early_s + 9, 160.0), (165.0, 205.0), (206.0, 290.0)]
        return plan_pieces(speech(*spans), 290)[0].spans[-1][1]

    earliest_s = 0.75 * TARGET_S
    assert first_ends_s(earliest_s) == earliest_s
    assert first_ends_s(earliest_s - 1) == 160.0
