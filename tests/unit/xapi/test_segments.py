import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_jobs.xapi import segments

SEGMENTS = st.lists(
    st.tuples(st.integers(0, 9_000_000), st.integers(0, 9_000_000)).map(
        lambda pair: (min(pair) / 1000, max(pair) / 1000)
    )
)


@given(SEGMENTS)
def test_as_players_write_them(watched: list[segments.Segment]) -> None:
    text = "[,]".join(f"{begin:.3f}[.]{end:.3f}" for begin, end in watched)
    assert segments.parse_segments(text) == watched


@given(SEGMENTS)
def test_a_union_holds_the_same_seconds_in_order(watched: list[segments.Segment]) -> None:
    union = segments.union(watched)
    assert all(before[1] < after[0] for before, after in zip(union, union[1:], strict=False))
    assert segments.outside_s(watched, union) == pytest.approx(0)
    assert segments.outside_s(union, watched) == pytest.approx(0)


def test_nothing_watched() -> None:
    assert segments.parse_segments("") == []
    assert segments.watched_s([]) == 0


def test_what_was_seen_twice_counts_once() -> None:
    assert segments.watched_s([(0, 10), (5, 20), (40, 50)]) == 30


def test_segments_a_little_apart_can_be_joined() -> None:
    assert segments.union([(10.2, 20), (0, 10)], gap_s=0.25) == [(0, 20)]


@pytest.mark.parametrize(
    "text", ["0-10", "0[.]", "10[.]0", "-1[.]2", "0[.]inf", "0[.]1e300", "nan[.]1", "0[.]1,2[.]3", "[,]", "a[.]b"]
)
def test_what_is_no_list_of_segments(text: str) -> None:
    assert segments.parse_segments(text) is None
