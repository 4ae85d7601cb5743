"""The end of a session whose page was killed, as the server states it."""

import pytest

from pod_jobs.xapi import profile, session
from pod_jobs.xapi.ending import end_id, last_statements
from pod_jobs.xapi.profile import EXTENSION, PAUSED, TERMINATED
from pod_jobs.xapi.verdicts import Severity
from tests.unit.xapi import samples

# (statements of the session that arrived, what ends it, segments)
CUT = [
    (1, [TERMINATED], ""),
    (2, [PAUSED, TERMINATED], ""),
    (3, [TERMINATED], "0[.]10"),
    (4, [PAUSED, TERMINATED], "0[.]10"),
    (5, [PAUSED, TERMINATED], "0[.]20"),
    (6, [PAUSED, TERMINATED], "0[.]20[,]40[.]60.5"),
    (7, [TERMINATED], "0[.]20[,]40[.]60.5"),
]


@pytest.mark.parametrize(("count", "verbs", "segments"), CUT)
def test_a_session_that_was_cut_off_is_ended_as_far_as_it_is_known(count: int, verbs: list[str], segments: str) -> None:
    arrived = samples.session()[:count]
    for one in arrived:
        if one["verb"]["id"] == profile.SEEKED:  # as our player states it
            one["result"]["extensions"] |= samples.extensions(progress=0.331, played_segments="0[.]20")
    ends = last_statements(arrived, samples.SESSION)
    assert [one["verb"]["id"] for one in ends] == verbs
    assert ends[-1]["id"] == end_id(samples.SESSION)
    assert ends[-1]["result"]["extensions"][EXTENSION + "played-segments"] == segments
    assert [v for v in session.verdicts([*arrived, *ends]) if v.faults] == []
    broken = [v for one in ends for v in profile.verdicts(one) if v.faults and v.severity is not Severity.ADVICE]
    assert broken == []


def test_a_session_that_has_ended_or_is_not_known_is_left_alone() -> None:
    assert last_statements(samples.session(), samples.SESSION) == []
    assert last_statements(samples.session()[:3], "9e1f5d3a-44f7-4c1c-8d5b-7d1b3c1d2e3f") == []
    assert last_statements(samples.session()[1:3], samples.SESSION) == []


def test_what_is_stated_while_it_plays_ends_no_stretch() -> None:
    """A statement without segments, such as that a viewer went to full screen."""
    asked = samples.of_video(profile.INTERACTED, 8, {"time": 7})
    ends = last_statements([*samples.session()[:2], asked], samples.SESSION)
    assert ends[-1]["result"]["extensions"][EXTENSION + "played-segments"] == "0[.]7"
