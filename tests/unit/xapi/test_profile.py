from typing import Any

import pytest

from pod_jobs.xapi import profile
from pod_jobs.xapi.profile import COMPLETED, INITIALIZED, INTERACTED, PAUSED, PLAYED, SEEKED, TERMINATED
from pod_jobs.xapi.verdicts import Severity
from tests.unit.xapi import samples
from tests.unit.xapi.samples import Statement, of_video, plain, watched

PAUSE = watched(10, 0.165, "0[.]10")


def broken(statement: Statement, severity: Severity = Severity.PROFILE) -> set[str]:
    return {fault.rule for fault in profile.faults(statement) if fault.severity is severity}


def completed(progress: float = 1, **changes: Any) -> Statement:
    statement = of_video(COMPLETED, 9, watched(60, progress, "0[.]60.5"), {"completion_threshold": 0.9})
    statement["result"] |= {"completion": True, "duration": "PT61S"} | changes
    return statement


def test_a_good_session_breaks_nothing() -> None:
    for statement in samples.session():
        assert broken(statement) == set()
        assert {verdict.word for verdict in profile.verdicts(statement) if verdict.severity is not Severity.ADVICE} == {
            "ok"
        }


def test_other_statements_are_left_alone() -> None:
    assert profile.faults(plain()) == []
    assert not {"segments", "range"} & {verdict.rule for verdict in profile.verdicts(plain())}


BROKEN: list[tuple[Statement, str]] = [
    (of_video("http://adlnet.gov/expapi/verbs/attended", 1), "verb"),
    (of_video(PLAYED, 1, {"time": 0}, object={"id": "https://univ.example/v/3"}), "video"),
    (of_video(PLAYED, 1, {"time": 0}) | {"context": {}}, "category"),
    (of_video(INITIALIZED, 0, None, {"length": None}), "included"),
    (of_video(PLAYED, 1), "included"),
    (of_video(PAUSED, 1, {"time": 1, "progress": 0.1}), "included"),
    (of_video(SEEKED, 1, {"time_to": 3}), "included"),
    (of_video(TERMINATED, 1, {"time": 1}), "included"),
    (completed(duration=None), "included"),
    (of_video(PLAYED, 1, {"time": "0.000"}), "extension-type"),
    (of_video(PLAYED, 1, {"time": 0}, {"speed": 1.5}), "extension-type"),
    (of_video(PLAYED, 1, {"time": 0}, {"full_screen": "true"}), "extension-type"),
    (of_video(PLAYED, 1, {"time": 0}, {"user_agent": 1}), "extension-type"),
    (of_video(PLAYED, 1, {"time": 0, "time_from": 3}), "seek-times"),
    (of_video(PLAYED, 1, {"time": 62}), "range"),
    (of_video(PLAYED, 1, {"time": 0}, {"volume": 80}), "range"),
    (of_video(PAUSED, 1, watched(10, 1.008, "0[.]60.5")), "range"),
    (of_video(PAUSED, 1, watched(10, 0.165, "0-10")), "segments"),
    (of_video(PAUSED, 1, watched(10, 1, "0[.]90")), "segments"),
    (of_video(PAUSED, 1, watched(10, 0.5, "0[.]10")), "progress"),
    (completed(completion=False), "completion"),
    (completed(0.89), "completion"),
    (of_video(TERMINATED, 1, {**PAUSE}, id="x") | {"result": {"completion": True}}, "completion"),
    (of_video(INITIALIZED, 0, id="7ccd3322-e1a5-411a-a67d-6a735c76f119"), "session-id"),
    (of_video(PLAYED, 1, {"time": 0}, {"session_id": "7ccd3322-e1a5-511a-a67d-6a735c76f119"}), "session-id"),
    (of_video(INTERACTED, 1, {"time": 1}), "what-changed"),
    (of_video(INTERACTED, 1, {"time": 1}, {"full_screen": True}), "what-changed"),
]


@pytest.mark.parametrize(("statement", "rule"), BROKEN, ids=[rule for _, rule in BROKEN])
def test_each_must(statement: Statement, rule: str) -> None:
    assert rule in broken(statement)


def test_every_must_can_be_broken_here() -> None:
    assert {rule for _, rule in BROKEN} == {n for n, rule in profile.RULES.items() if rule.severity is Severity.PROFILE}


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (of_video(INITIALIZED, 0), "recommended"),
        (of_video(PLAYED, 1, {"time": 1.2345}), "decimals"),
        (of_video(PLAYED, 1, {"time": 1}) | {"context": {}}, "registration"),
        (of_video(PLAYED, 1, {"time": 1}, {"cc_subtitle_lang": "fr", "cc_enabled": False}), "captions"),
    ],
)
def test_each_should(statement: Statement, rule: str) -> None:
    assert rule in broken(statement, Severity.ADVICE)


@pytest.mark.parametrize(
    "changed",
    [
        {"volume": 0},
        {"cc_enabled": False, "cc_subtitle_lang": "fr"},
        {"full_screen": True, "screen_size": "1920x1080", "video_playback_size": "1920x1080"},
        {"speed": "1.5x"},
        {"quality": "720p"},
    ],
)
def test_interacted_says_what_changed(changed: dict[str, Any]) -> None:
    assert broken(of_video(INTERACTED, 1, {"time": 1}, changed)) == set()


@pytest.mark.parametrize("junk", [None, 3, "x", [], {"extensions": []}, {"contextActivities": {"category": 3}}])
def test_junk_in_the_context_is_judged_not_stumbled_over(junk: Any) -> None:
    assert profile.verdicts(of_video(PAUSED, 1) | {"context": junk, "result": junk})


@pytest.mark.service
@pytest.mark.parametrize("junk", [[], {}, 5, None])
def test_a_verb_that_is_none_is_judged_not_stumbled_over(junk: Any) -> None:
    assert "required" in {rule.rule for rule in profile.verdicts(plain(verb={"id": junk}))}


def test_every_must_that_the_player_of_pod_breaks_is_found() -> None:
    cases = samples.corpus("pod_player.jsonl")
    assert len(cases) == 37
    for case in cases:
        assert broken(case["statement"]), case["profile_broken"]
