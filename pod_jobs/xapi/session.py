"""Checks all statements of one registration against the Video Profile: their order, and sums over several statements.

A registration is one learner's attempt at one video. Each opening of the page is a session in it, named by a session-id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby, zip_longest
from typing import Any

from pod_jobs.xapi import formats
from pod_jobs.xapi.checkers import is_number
from pod_jobs.xapi.profile import COMPLETED, INITIALIZED, PAUSED, PLAYED, SEEKED, TERMINATED, extension
from pod_jobs.xapi.segments import Segment, outside_s, parse_segments
from pod_jobs.xapi.verdicts import Faults, Path, Rule, Severity, Verdict, value_at

MUST, SHOULD = Severity.PROFILE, Severity.ADVICE
RULES: dict[str, Rule] = {
    "one-attempt": Rule(MUST, "all have the same registration, actor and object"),
    "initialized-first": Rule(MUST, "a session begins with initialized, and has it once; its id is the session-id"),
    "terminated-last": Rule(MUST, "a session ends with terminated, and has it once"),
    "paused-first": Rule(MUST, "a session that ends while the video plays has paused before terminated (2.3.3)"),
    "completed-owed": Rule(MUST, "who has watched as much as the completion-threshold wants has completed (2.3.6)"),
    "time-spent": Rule(MUST, "the duration of completed is the time spent in all sessions of the registration (2.5.3)"),
    "completed-once": Rule(MUST, "completed comes at most once in a registration"),
    "progress-grows": Rule(MUST, "progress never falls within a registration"),
    "in-order": Rule(MUST, "played-segments has the segments in the order in which they were watched, with overlaps"),
    "as-stated": Rule(MUST, "each segment begins and ends at a time that played, paused or seeked states (2.5.4)"),
    "as-watched": Rule(MUST, "the segments are those between played and paused, seeked or terminated"),
    "order": Rule(SHOULD, "the statements are listed in the order of their timestamps"),
}


class Reason(StrEnum):
    """Why a rule is broken. Pages translate it; names in braces stand for figures."""

    NOT_IN_PLACE = "out of order"
    DIFFERS = "differs from the first statement's"
    NO_BEGIN = "the session does not begin with initialized"
    NOT_SESSION_ID = "not the session-id"
    BEGINS_AGAIN = "initialized again"
    NO_END = "the session does not end with terminated"
    FOLLOWED = "another statement follows"
    COMPLETED_AGAIN = "completed again"
    NOT_COMPLETED = "progress {progress} without completed"
    TOO_SHORT = "{seconds} s, but it played for {least} s"
    TOO_LONG = "{seconds} s, but the attempt has lasted {most} s"
    NOT_STATED = "no statement says {seconds} s"
    STILL_PLAYS = "the video still plays"
    FALLS = "{progress} after {reached}"
    REORDERED = "segment {number} is not as it was stated before"
    NOT_PLAYED = "{seconds} s of the segments were not played"
    LEFT_OUT = "{seconds} s that were played are not in the segments"


OF_THE_END = ("terminated-last", "paused-first")  # rules that an open session can still break
ROUNDING_S = 0.0015  # seconds are written with three decimals
SPENT_SLACK_S = 1.0  # per pause: players report pauses some hundred milliseconds late


@dataclass(frozen=True)
class _Moment:
    """One statement with its place in the list."""

    index: int
    statement: dict[str, Any]
    verb: Any
    session_id: Any
    at: datetime | None
    timestamp: str  # canonical: sorts as text

    @property
    def path(self) -> Path:
        return (self.index,)


def verdicts(statements: Sequence[dict[str, Any]], *, may_go_on: bool = False) -> list[Verdict]:
    """Every rule of a registration, kept or broken. A path begins with the statement's index in the list. `may_go_on`: if the
    latest session has no end yet, its viewer may still be watching, so that is no fault.

    Each statement must be an object. profile.verdicts says what is wrong inside a statement.
    """
    faults = Faults(RULES)
    moments = [_moment(index, statement) for index, statement in enumerate(statements)]
    _one_attempt(moments, faults)
    ordered = sorted(moments, key=lambda moment: moment.timestamp)  # stable: equal instants keep their order
    for listed, expected in zip(moments, ordered, strict=True):
        if listed.timestamp != expected.timestamp:
            faults.add("order", (*listed.path, "timestamp"), Reason.NOT_IN_PLACE)
            break
    is_open = False
    by_session = sorted(ordered, key=lambda moment: str(moment.session_id))
    for session_id, group in groupby(by_session, key=lambda moment: moment.session_id):
        session = list(group)
        goes_on = may_go_on and session[-1] is ordered[-1] and session[-1].verb != TERMINATED
        is_open = is_open or goes_on
        _frame(session_id, session, faults, goes_on)
        _paused_first(session, faults)
    _completed(ordered, faults)
    _duration(ordered, faults)
    _growth(ordered, faults)
    _in_order(ordered, faults)
    _as_stated(ordered, faults)
    _as_watched(ordered, faults)
    return [
        Verdict(
            name,
            rule.severity,
            rule.text,
            tuple(fault for fault in faults.found if fault.rule == name),
            is_open and name in OF_THE_END,
        )
        for name, rule in RULES.items()
    ]


def _moment(index: int, statement: dict[str, Any]) -> _Moment:
    instant = formats.parse_timestamp(str(statement.get("timestamp")))
    verb = value_at(statement, "verb", "id")
    session_id = extension(statement, "context", "session-id")
    if session_id is None and verb == INITIALIZED:
        session_id = statement.get("id")
    return _Moment(index, statement, verb, session_id, instant, formats.format_timestamp(instant) if instant else "")


def _one_attempt(moments: list[_Moment], faults: Faults) -> None:
    for moment in moments[1:]:
        for name in ("actor", "object", "registration"):
            if _subject(moment, name) != _subject(moments[0], name):
                faults.add("one-attempt", (*moment.path, name), Reason.DIFFERS)


def _subject(moment: _Moment, name: str) -> Any:
    keys = {"registration": ("context", "registration"), "object": ("object", "id"), "actor": ("actor",)}[name]
    return value_at(moment.statement, *keys)


def _frame(session_id: Any, session: list[_Moment], faults: Faults, goes_on: bool) -> None:
    first, last = session[0], session[-1]
    if first.verb != INITIALIZED:
        faults.add("initialized-first", first.path, Reason.NO_BEGIN)
    elif first.statement.get("id") != session_id:
        faults.add("initialized-first", (*first.path, "id"), Reason.NOT_SESSION_ID)
    if last.verb != TERMINATED and not goes_on:
        faults.add("terminated-last", last.path, Reason.NO_END)
    for moment in session[1:]:
        if moment.verb == INITIALIZED:
            faults.add("initialized-first", moment.path, Reason.BEGINS_AGAIN)
    for moment in session[:-1]:
        if moment.verb == TERMINATED:
            faults.add("terminated-last", moment.path, Reason.FOLLOWED)


def _paused_first(session: list[_Moment], faults: Faults) -> None:
    plays = False
    for moment in session:
        if moment.verb == TERMINATED and plays:
            faults.add("paused-first", moment.path, Reason.STILL_PLAYS)
        plays = moment.verb == PLAYED or (plays and moment.verb not in (PAUSED, TERMINATED))


def _in_order(ordered: list[_Moment], faults: Faults) -> None:
    """What was watched before stays where it stands; only the end of the last segment may grow."""
    before: list[Segment] = []
    for moment in ordered:
        claimed = _claimed(moment)
        if claimed is None:
            continue
        for number, (was, now) in enumerate(zip_longest(before, claimed[: len(before)]), start=1):
            grows = number == len(before) and now is not None and now[1] >= was[1] - ROUNDING_S
            if now is None or abs(now[0] - was[0]) > ROUNDING_S or not (grows or abs(now[1] - was[1]) <= ROUNDING_S):
                faults.add("in-order", moment.path, Reason.REORDERED, number=number)
                break
        before = claimed


def _completed(ordered: list[_Moment], faults: Faults) -> None:
    """Completed comes once. A session that ends with enough watched owes it."""
    completed = [moment for moment in ordered if moment.verb == COMPLETED]
    for moment in completed[1:]:
        faults.add("completed-once", moment.path, Reason.COMPLETED_AGAIN)
    for moment in ordered if not completed else ():
        progress = _seconds(moment, "progress")
        threshold = extension(moment.statement, "context", "completion-threshold")
        if moment.verb == TERMINATED and progress is not None and progress >= _threshold(threshold):
            faults.add("completed-owed", moment.path, Reason.NOT_COMPLETED, progress=progress)
            return


def _threshold(value: Any) -> float:
    """The profile's own is 1."""
    return float(value) if is_number(value) else 1.0


def _duration(ordered: list[_Moment], faults: Faults) -> None:
    """The time for which the video played, at the least; pauses may count too, so at the most what has passed since the first
    statement."""
    spent_s = 0.0
    playing_since: datetime | None = None
    slack_s = SPENT_SLACK_S
    for moment in ordered:
        if moment.at is None:
            continue
        if moment.verb == COMPLETED:
            text = value_at(moment.statement, "result", "duration")
            stated_s = formats.duration_s(text) if isinstance(text, str) else None
            if stated_s is None:
                continue
            least_s = spent_s + ((moment.at - playing_since).total_seconds() if playing_since else 0.0)
            most_s = (moment.at - (ordered[0].at or moment.at)).total_seconds()
            path = (*moment.path, "result", "duration")
            if stated_s < least_s - slack_s:
                faults.add("time-spent", path, Reason.TOO_SHORT, seconds=round(stated_s, 1), least=round(least_s, 1))
            elif stated_s > most_s + slack_s:
                faults.add("time-spent", path, Reason.TOO_LONG, seconds=round(stated_s, 1), most=round(most_s, 1))
        elif moment.verb == PLAYED:
            playing_since = playing_since or moment.at
        elif moment.verb in (PAUSED, TERMINATED):
            spent_s += (moment.at - playing_since).total_seconds() if playing_since else 0.0
            slack_s += SPENT_SLACK_S
        if moment.verb in (INITIALIZED, PAUSED, TERMINATED):
            playing_since = None  # a session that was lost never said for how long it played


def _growth(ordered: list[_Moment], faults: Faults) -> None:
    reached = 0.0
    for moment in ordered:
        progress = extension(moment.statement, "result", "progress")
        if is_number(progress):
            if progress < reached:
                faults.add("progress-grows", moment.path, Reason.FALLS, progress=progress, reached=reached)
            reached = max(reached, progress)


def _as_stated(ordered: list[_Moment], faults: Faults) -> None:
    """Those that are still open in completed and terminated end at its own time."""
    stated: set[int] = set()  # milliseconds
    for moment in ordered:
        times = (_seconds(moment, name) for name in ("time", "time-from", "time-to"))
        own = {round(time_s * 1000) for time_s in times if time_s is not None}
        if moment.verb in (PLAYED, PAUSED, SEEKED):
            stated |= own
        for edge_s in (edge_s for segment in _claimed(moment) or () for edge_s in segment):
            place = round(edge_s * 1000)
            if not {place - 1, place, place + 1} & (stated | own):
                faults.add("as-stated", moment.path, Reason.NOT_STATED, seconds=edge_s)
                break


def _as_watched(ordered: list[_Moment], faults: Faults) -> None:
    """Replay the statements of a session as a player would, and compare the result with the segments that they claim."""
    watched: list[Segment] = []
    playing_from: float | None = None
    for moment in ordered:
        position_s = _seconds(moment, "time-from" if moment.verb == SEEKED else "time")
        if moment.verb == INITIALIZED:
            playing_from = None  # a session that was lost never closed this segment, so nobody can claim it
        if playing_from is not None and position_s is not None and moment.verb != PLAYED:
            watched.append((min(playing_from, position_s), position_s))
            playing_from = position_s
        if moment.verb == PLAYED:
            playing_from = position_s
        elif moment.verb == SEEKED:
            playing_from = None if playing_from is None else _seconds(moment, "time-to")
        elif moment.verb in (PAUSED, TERMINATED):
            playing_from = None
        _compare(moment, watched, faults)


def _compare(moment: _Moment, watched: list[Segment], faults: Faults) -> None:
    claimed = _claimed(moment)
    if claimed is None:
        return
    slack_s = ROUNDING_S * (1 + len(watched) + len(claimed))
    if (extra_s := outside_s(claimed, watched)) > slack_s:
        faults.add("as-watched", moment.path, Reason.NOT_PLAYED, seconds=round(extra_s, 1))
    if (left_out_s := outside_s(watched, claimed)) > slack_s:
        faults.add("as-watched", moment.path, Reason.LEFT_OUT, seconds=round(left_out_s, 1))


def _claimed(moment: _Moment) -> list[Segment] | None:
    text = extension(moment.statement, "result", "played-segments")
    return parse_segments(text) if isinstance(text, str) else None


def _seconds(moment: _Moment, name: str) -> float | None:
    value = extension(moment.statement, "result", name)
    return float(value) if is_number(value) else None
