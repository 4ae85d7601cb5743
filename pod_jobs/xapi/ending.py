"""The end of a session whose page was killed without a word and never came back: paused if the video still played, and
terminated. They claim nothing but what the page had stated.

`terminated` of a session has an id that follows from the session-id, whoever writes it: so a page that comes back after all
cannot end its session twice.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from pod_jobs.xapi import formats
from pod_jobs.xapi.checkers import is_number
from pod_jobs.xapi.profile import EXTENSION, INITIALIZED, PAUSED, PLAYED, PROFILE, SEEKED, TERMINATED, extension
from pod_jobs.xapi.segments import BETWEEN, FROM_TO, Segment, parse_segments, watched_s
from pod_jobs.xapi.verdicts import value_at

Statement = dict[str, Any]


def end_id(session_id: str, verb: str = TERMINATED) -> str:
    """The id of the statement with this verb that ends a session."""
    digest = hashlib.sha256(f"end|{verb}|{session_id.lower()}".encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def last_statements(statements: Sequence[Statement], session_id: str) -> list[Statement]:
    """What ends the session; [] if it has ended or has no `initialized`. `statements`: all of its registration."""
    read = [(formats.parse_timestamp(str(one.get("timestamp"))), one) for one in statements]
    ordered = sorted(((at, one) for at, one in read if at is not None), key=lambda pair: pair[0])
    places = [place for place, (_, one) in enumerate(ordered) if extension(one, "context", "session-id") == session_id]
    own = [ordered[place][1] for place in places]
    verbs = {value_at(one, "verb", "id") for one in own}
    if INITIALIZED not in verbs or TERMINATED in verbs:
        return []
    at, last = ordered[places[-1]]
    time_s, segments, plays = _state([one for _, one in ordered[: places[-1] + 1]], session_id)
    names = ("length", "completion-threshold", "session-id")
    context = {name: value for name in names for one in own if (value := extension(one, "context", name)) is not None}
    length_s = context.get("length")
    said = {
        "time": time_s,
        "progress": round(min(1.0, watched_s(segments) / length_s), 3) if is_number(length_s) and length_s else 0,
        "played-segments": BETWEEN.join(f"{begin:.10g}{FROM_TO}{end:.10g}" for begin, end in segments),
    }
    return [
        {
            "id": end_id(session_id, verb),
            "timestamp": formats.format_timestamp(at + timedelta(milliseconds=number)),
            "actor": last["actor"],
            "verb": {"id": verb, "display": {"en": verb.rpartition("/")[2]}},
            "object": last["object"],
            "result": {"extensions": {EXTENSION + name: value for name, value in said.items()}},
            "context": {
                "registration": last["context"]["registration"],
                "contextActivities": {"category": [{"id": PROFILE}]},
                "extensions": {EXTENSION + name: value for name, value in context.items()},
            },
        }
        for number, verb in enumerate((PAUSED, TERMINATED) if plays else (TERMINATED,), start=1)
    ]


def _state(ordered: Sequence[Statement], session_id: str) -> tuple[float, list[Segment], bool]:
    """Where the session's picture was at its last statement, what had been watched of the registration, and whether it plays.
    Pages tell with each seek what was watched until then."""
    segments: list[Segment] = []
    playing_from: float | None = None
    time_s = 0.0
    for one in ordered:
        text = extension(one, "result", "played-segments")
        claimed = parse_segments(text) if isinstance(text, str) else None
        segments = segments if claimed is None else claimed
        if extension(one, "context", "session-id") != session_id:
            continue
        verb = value_at(one, "verb", "id")
        time = extension(one, "result", "time-to" if verb == SEEKED else "time")
        if not is_number(time):
            continue
        time_s = time
        if verb == PAUSED:
            playing_from = None
        elif verb == PLAYED or (playing_from is not None and (verb == SEEKED or claimed is not None)):
            playing_from = time_s  # what was watched until here is among `segments`
    if playing_from is None:
        return time_s, segments, False
    return time_s, _follow(segments, (playing_from, time_s)), True


def _follow(segments: list[Segment], segment: Segment) -> list[Segment]:
    """`segments` and one more, which may go on where the last one ended."""
    if segment[1] <= segment[0]:
        return segments
    if segments and segments[-1][1] == segment[0]:
        return [*segments[:-1], (segments[-1][0], segment[1])]
    return [*segments, segment]
