from collections.abc import Callable

import pytest

from pod_jobs.xapi import session
from pod_jobs.xapi.profile import COMPLETED, EXTENSION, INITIALIZED, PAUSED, PLAYED, TERMINATED
from tests.unit.xapi import samples
from tests.unit.xapi.samples import Statement, of_video, watched

Change = Callable[[list[Statement]], list[Statement]]


def broken(statements: list[Statement]) -> set[str]:
    return {verdict.rule for verdict in session.verdicts(statements) if verdict.faults}


def claim(statement: Statement, segments: str) -> Statement:
    statement["result"]["extensions"][EXTENSION + "played-segments"] = segments
    return statement


def with_threshold(statement: Statement, share: float) -> Statement:
    statement["context"]["extensions"][EXTENSION + "completion-threshold"] = share
    return statement


def lasting(statement: Statement, duration: str) -> Statement:
    return statement | {"result": statement["result"] | {"duration": duration}}


def test_a_good_session_breaks_nothing() -> None:
    assert broken(samples.session()) == set()
    assert broken([]) == set()


def test_a_second_session_of_the_same_registration() -> None:
    again = "9e1f5d3a-44f7-4c1c-8d5b-7d1b3c1d2e3f"
    second = [
        of_video("http://adlnet.gov/expapi/verbs/initialized", 100, None, {"session_id": again}, id=again),
        of_video(PLAYED, 101, {"time": 20}, {"session_id": again}),
        of_video(PAUSED, 121, watched(40, 1, "0[.]20[,]40[.]60.5[,]20[.]40"), {"session_id": again}),
        of_video(TERMINATED, 122, watched(40, 1, "0[.]20[,]40[.]60.5[,]20[.]40"), {"session_id": again}),
    ]
    assert broken(samples.session() + second) == set()


def test_a_duration_counts_all_sessions_of_the_registration() -> None:
    """Played 10 s, 10 s and 21 s in two sessions, with a day between them."""
    again, day = "9e1f5d3a-44f7-4c1c-8d5b-7d1b3c1d2e3f", 86_400
    first = samples.session()[:3] + [of_video(TERMINATED, 12, watched(10, 0.165, "0[.]10"))]
    second = [of_video(INITIALIZED, day, None, {"session_id": again}, id=again)]
    for one, after in zip(samples.session()[3:], (1, 11, 32, 33, 34), strict=True):
        one["context"]["extensions"][EXTENSION + "session-id"] = again
        second.append(one | {"timestamp": of_video(PLAYED, day + after)["timestamp"]})
    for duration, wrong in (("PT41.5S", False), ("PT31S", True)):
        second[3] = lasting(second[3], duration)
        assert ("time-spent" in broken(first + second)) is wrong


@pytest.mark.parametrize(("duration", "wrong"), [("PT38.9S", 1), ("PT39S", 0), ("PT45S", 0), ("PT45.1S", 1)])
def test_a_second_for_each_pause_may_be_missing_or_too_much(duration: str, wrong: bool) -> None:
    """41 s were played in the 43 s since the first statement, with one pause."""
    statements = samples.session()
    statements[5] = lasting(statements[5], duration)
    assert ("time-spent" in broken(statements)) == wrong


def test_what_was_watched_up_to_the_threshold_is_completed() -> None:
    for threshold, owed in ((0.669, True), (0.67, False)):
        statements = [with_threshold(one, threshold) for one in samples.session() if one["verb"]["id"] != COMPLETED]
        assert ("completed-owed" in broken(statements)) is owed


def test_nothing_is_watched_after_a_pause() -> None:
    left_elsewhere = of_video(TERMINATED, 12, watched(30, 0.165, "0[.]10"))
    assert "as-watched" not in broken([*samples.session()[:3], left_elsewhere])


def test_the_first_statement_of_a_session_may_leave_out_its_own_id() -> None:
    first, *others = samples.session()
    del first["context"]["extensions"][EXTENSION + "session-id"]
    assert "initialized-first" not in broken([first, *others])


def test_who_still_watches_owes_no_end() -> None:
    statements = [with_threshold(one, 0.6) for one in samples.session()[:-1] if one["verb"]["id"] != COMPLETED]
    assert "completed-owed" not in broken(statements)


def test_a_seek_while_paused_watches_nothing() -> None:
    statements = samples.session()
    statements.insert(3, of_video("https://w3id.org/xapi/video/verbs/seeked", 11, {"time_from": 10, "time_to": 10}))
    assert broken(statements) == set()


def test_what_was_watched_again_is_listed_again() -> None:
    """Played 0 to 4.2, 20.25 to 22.7, then 2 to 16.3 s: chronological, with the overlap."""
    parts = ["0[.]4.2", "20.25[.]22.7", "2[.]16.3"]
    result = watched(16.3, 0.31, "[,]".join(parts))
    statements = [
        of_video("http://adlnet.gov/expapi/verbs/initialized", 0),
        of_video(PLAYED, 1, {"time": 0}),
        of_video("https://w3id.org/xapi/video/verbs/seeked", 5, {"time_from": 4.2, "time_to": 20.25}),
        of_video("https://w3id.org/xapi/video/verbs/seeked", 8, {"time_from": 22.7, "time_to": 2}),
        of_video(PAUSED, 22, result),
        of_video(TERMINATED, 23, result),
    ]
    assert broken(statements) == set()


def test_a_session_whose_viewer_may_still_watch_breaks_no_rule_of_its_end() -> None:
    going_on = samples.session()[:-2]
    judged = {one.rule: one for one in session.verdicts(going_on, may_go_on=True)}
    assert [one.word for one in judged.values() if one.rule in session.OF_THE_END] == ["open", "open"]
    assert not any(one.faults for one in judged.values())
    ended = {one.rule: one.word for one in session.verdicts(samples.session(), may_go_on=True)}
    assert set(ended.values()) == {"ok"}, "what has ended is judged"


def test_only_the_latest_session_may_go_on() -> None:
    again = "9e1f5d3a-44f7-4c1c-8d5b-7d1b3c1d2e3f"
    begun = of_video("http://adlnet.gov/expapi/verbs/initialized", 100, None, {"session_id": again}, id=again)
    judged = {one.rule: one.word for one in session.verdicts([*samples.session()[:-1], begun], may_go_on=True)}
    assert judged["terminated-last"] == "label"


CHANGES: list[tuple[str, Change]] = [
    ("one-attempt", lambda s: [*s[:-1], s[-1] | {"actor": {"mbox": "mailto:another@univ.example"}}]),
    ("one-attempt", lambda s: [*s[:-1], s[-1] | {"object": {"id": "https://univ.example/xapi/activities/video/4"}}]),
    ("initialized-first", lambda s: s[1:]),
    ("initialized-first", lambda s: [s[0], *s]),
    ("initialized-first", lambda s: [s[0] | {"id": "7ccd3322-e1a5-411a-a67d-6a735c76f119"}, *s[1:]]),
    ("terminated-last", lambda s: s[:-1]),
    ("terminated-last", lambda s: [*s, of_video(PLAYED, 50, {"time": 1})]),
    ("paused-first", lambda s: [one for one in s if one["verb"]["id"] != PAUSED]),
    ("completed-once", lambda s: [*s[:6], s[5], *s[6:]]),
    ("completed-owed", lambda s: [*s[:5], *(with_threshold(one, 0.6) for one in s[6:])]),
    ("time-spent", lambda s: [*s[:5], lasting(s[5], "PT20S"), *s[6:]]),
    ("time-spent", lambda s: [*s[:5], lasting(s[5], "PT5M"), *s[6:]]),
    ("as-stated", lambda s: [*s[:-1], claim(s[-1], "0[.]20[,]40.1[.]60.5")]),
    ("as-stated", lambda s: [*s[:2], of_video(PAUSED, 11, watched(10, 0.163, "0[.]9.9")), *s[3:]]),
    ("as-watched", lambda s: [*s[:-1], claim(s[-1], "0[.]20[,]40[.]60")]),
    ("progress-grows", lambda s: [*s[:-1], of_video(TERMINATED, 45, watched(60.5, 0.5, "0[.]20[,]40[.]60.5"))]),
    ("as-watched", lambda s: [*s[:-1], claim(s[-1], "0[.]60.5")]),
    ("in-order", lambda s: [*s[:-1], claim(s[-1], "40[.]60.5[,]0[.]20")]),
    ("in-order", lambda s: [*s[:-1], claim(s[-1], "0[.]20")]),
    ("as-watched", lambda s: [*s[:-1], claim(s[-1], "0[.]5")]),
    ("as-watched", lambda s: [s[0], of_video(PAUSED, 1, watched(10, 0.165, "0[.]10")), s[-1]]),
    ("order", lambda s: [*s[:2], s[3], s[2], *s[4:]]),
]


@pytest.mark.parametrize(("rule", "change"), CHANGES, ids=[rule for rule, _ in CHANGES])
def test_each_rule(rule: str, change: Change) -> None:
    assert rule in broken(change(samples.session()))


def test_every_rule_can_be_broken_here() -> None:
    assert {rule for rule, _ in CHANGES} == set(session.RULES)


@pytest.mark.parametrize("junk", [{}, {"verb": 3, "context": [], "timestamp": 7, "result": "x"}, {"verb": {"id": []}}])
def test_junk_is_judged_not_stumbled_over(junk: Statement) -> None:
    assert broken([junk, *samples.session(), junk])
