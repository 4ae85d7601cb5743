"""Checks one statement against the xAPI Video Profile 1.0.3 (https://w3id.org/xapi/video).

A statement that breaks the profile is labelled and never dropped: record stores accept it, and the share that conforms is
a figure that the author of a player can act on. session.py has the rules for several statements together.
"""

import re
from dataclasses import dataclass
from typing import Any

from pod_jobs.xapi import validity
from pod_jobs.xapi.checkers import is_number
from pod_jobs.xapi.segments import parse_segments, watched_s
from pod_jobs.xapi.verdicts import Fault, Faults, Path, Rule, Severity, Verdict, value_at

PROFILE = "https://w3id.org/xapi/video"
PROFILE_VERSION = "https://w3id.org/xapi/video/v1.0.3"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"
EXTENSION = "https://w3id.org/xapi/video/extensions/"  # a name follows

INITIALIZED = "http://adlnet.gov/expapi/verbs/initialized"
PLAYED = "https://w3id.org/xapi/video/verbs/played"
PAUSED = "https://w3id.org/xapi/video/verbs/paused"
SEEKED = "https://w3id.org/xapi/video/verbs/seeked"
INTERACTED = "http://adlnet.gov/expapi/verbs/interacted"
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
TERMINATED = "http://adlnet.gov/expapi/verbs/terminated"

MUST, SHOULD = Severity.PROFILE, Severity.ADVICE
RULES: dict[str, Rule] = {
    "verb": Rule(MUST, "the verb is one of the profile's seven"),
    "video": Rule(MUST, "the object is an activity of the type video"),
    "category": Rule(MUST, "the profile is among the context's categories"),
    "included": Rule(MUST, "what the profile wants with this verb is there"),
    "extension-type": Rule(MUST, "the profile's extensions have its JSON types: numbers are numbers"),
    "seek-times": Rule(MUST, "time-from and time-to stand in seeked only (2.5.4)"),
    "range": Rule(MUST, "times lie within the video, progress and volume within 0 to 1"),
    "segments": Rule(MUST, "played-segments reads from[.]to[,]from[.]to and lies within the video"),
    "progress": Rule(MUST, "progress is the watched part: the union of the segments, divided by the length"),
    "completion": Rule(MUST, "completion stands in completed only, and not below the completion-threshold"),
    "session-id": Rule(MUST, "the session-id is a random UUID: the id of the session's initialized"),
    "what-changed": Rule(MUST, "interacted says what changed: volume, captions, screen, speed or quality"),
    "recommended": Rule(SHOULD, "what the profile recommends with this verb is there"),
    "decimals": Rule(SHOULD, "numbers have at most three decimals"),
    "registration": Rule(SHOULD, "the attempt has a registration"),
    "captions": Rule(SHOULD, "a language of captions stands only where captions are on"),
}

NUMBERS = ("length", "completion-threshold", "volume", "frame-rate", "time", "time-from", "time-to", "progress")
TEXTS = (
    "session-id",
    "cc-subtitle-lang",
    "screen-size",
    "video-playback-size",
    "track",
    "user-agent",
    "played-segments",
)
# `quality` is not checked: the profile's schema says number, but its text and its players say "960x400"
FLAGS = ("full-screen", "cc-enabled", "cc-subtitle-enabled")
SPEED = re.compile(r"\d+(\.\d+)?x", re.ASCII)
SESSION_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
EXTENSIONS_PATH: dict[str, Path] = {"context": ("context", "extensions"), "result": ("result", "extensions")}

LENGTH_SLACK_S = 1.0  # a player's clock may exceed the announced length by less than a second
PROGRESS_SLACK = 0.011  # players round progress to two decimals, and segments to milliseconds


@dataclass(frozen=True)
class Template:
    """What the profile asks for with a verb: names of extensions in the result and in the context."""

    result: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    recommended_result: tuple[str, ...] = ()
    recommended_context: tuple[str, ...] = ()


_SCREEN = ("full-screen", "screen-size", "video-playback-size")
_WATCHED = ("time", "progress", "played-segments")
_SESSION = ("session-id",)
_OFFERED = (
    *("cc-enabled", "cc-subtitle-lang", "frame-rate", "quality", "speed", "track", "user-agent", "volume"),
    *(*_SCREEN, "completion-threshold", "session-id"),
)
TEMPLATES: dict[str, Template] = {
    INITIALIZED: Template((), ("length",), (), _OFFERED),
    PLAYED: Template(("time",), (), (), ("length", *_SESSION)),
    PAUSED: Template(_WATCHED, ("length",), (), ("completion-threshold", *_SESSION)),
    SEEKED: Template(("time-from", "time-to"), (), ("progress", "played-segments"), ("length", *_SESSION)),
    INTERACTED: Template(("time",), (), (), _SESSION),
    COMPLETED: Template(_WATCHED, ("length",), (), ("completion-threshold", *_SESSION)),
    TERMINATED: Template(_WATCHED, ("length",), (), ("completion-threshold", *_SESSION)),
}
# name of a template -> the verb that determines it
TEMPLATE_VERBS = {verb.rpartition("/")[2]: verb for verb in TEMPLATES}
CHANGES = (("volume",), ("cc-enabled", "cc-subtitle-lang"), _SCREEN, ("speed",), ("quality",))  # one of these is whole


def claims_profile(statement: dict[str, Any]) -> bool:
    """Does the statement claim the profile, by its category, its verb, or the type of its object?"""
    verb_id = value_at(statement, "verb", "id")
    return (
        _names_profile(statement)
        or (isinstance(verb_id, str) and verb_id.startswith(PROFILE + "/"))
        or (str(verb_id) in TEMPLATES and value_at(statement, "object", "definition", "type") == VIDEO)
    )


def faults(statement: dict[str, Any]) -> list[Fault]:
    """The faults of a statement that claims the profile; [] for all others."""
    if not claims_profile(statement):
        return []
    collector = Faults(RULES)
    template = TEMPLATES.get(str(value_at(statement, "verb", "id")))
    if template is None:
        collector.add("verb", ("verb", "id"), "not a verb of the profile")
    else:
        _included(statement, template, collector)
    _frame(statement, collector)
    _types(statement, collector)
    _values(statement, collector)
    return collector.found


def verdicts(statement: Any) -> list[Verdict]:
    """Every rule that applies to the statement, kept or broken: those of xAPI, then those of the profile if claimed."""
    statement_faults = validity.faults(statement)
    rules = list(validity.RULES.items())
    if isinstance(statement, dict) and claims_profile(statement):
        statement_faults += faults(statement)
        rules += list(RULES.items())
    return [Verdict(n, r.severity, r.text, tuple(f for f in statement_faults if f.rule == n)) for n, r in rules]


def extension(statement: dict[str, Any], part: str, name: str) -> Any:
    """The value of a profile extension in "context" or "result"; None when it is not there."""
    try:
        return statement[part]["extensions"].get(EXTENSION + name)
    except (KeyError, TypeError, AttributeError):  # cheaper than looking first: this runs 20 times per statement
        return None


def _names_profile(statement: dict[str, Any]) -> bool:
    categories = value_at(statement, "context", "contextActivities", "category")
    activities = categories if isinstance(categories, list) else [categories]
    return any(value_at(activity, "id") in (PROFILE, PROFILE_VERSION) for activity in activities)


def _included(statement: dict[str, Any], template: Template, collector: Faults) -> None:
    expected = (
        ("included", "result", template.result),
        ("included", "context", template.context),
        ("recommended", "result", template.recommended_result),
        ("recommended", "context", template.recommended_context),
    )
    for rule, part, names in expected:
        for name in names:
            if extension(statement, part, name) is None:
                collector.add(rule, (*EXTENSIONS_PATH[part], EXTENSION + name), "missing")
    for name in ("id", "timestamp"):
        if name not in statement:
            collector.add("included", (name,), "missing")
    verb_id = value_at(statement, "verb", "id")
    if verb_id == COMPLETED and not isinstance(value_at(statement, "result", "duration"), str):
        collector.add("included", ("result", "duration"), "missing")
    for name in ("time-from", "time-to") if verb_id != SEEKED else ():
        if extension(statement, "result", name) is not None:
            collector.add("seek-times", (*EXTENSIONS_PATH["result"], EXTENSION + name), "not in seeked")
    if verb_id == INTERACTED and not any(
        all(extension(statement, "context", name) is not None for name in names) for names in CHANGES
    ):
        collector.add("what-changed", EXTENSIONS_PATH["context"], "nothing that changed is named whole")


def _frame(statement: dict[str, Any], collector: Faults) -> None:
    if value_at(statement, "object", "definition", "type") != VIDEO:
        collector.add("video", ("object", "definition", "type"), f"not {VIDEO}")
    if not _names_profile(statement):
        collector.add("category", ("context", "contextActivities", "category"), f"{PROFILE} is missing")
    if value_at(statement, "context", "registration") is None:
        collector.add("registration", ("context", "registration"), "missing")
    session_id = extension(statement, "context", "session-id")
    path = (*EXTENSIONS_PATH["context"], EXTENSION + "session-id")
    if isinstance(session_id, str) and not SESSION_ID.fullmatch(session_id):
        collector.add("session-id", path, "not a random UUID (version 4)")
    statement_id = statement.get("id")
    if (
        value_at(statement, "verb", "id") == INITIALIZED
        and None not in (session_id, statement_id)
        and session_id != statement_id
    ):
        collector.add("session-id", path, "not the id of this initialized")


def _types(statement: dict[str, Any], collector: Faults) -> None:
    for part, prefix in EXTENSIONS_PATH.items():
        values = value_at(statement, part, "extensions")
        for key, value in values.items() if isinstance(values, dict) else ():
            if key.startswith(EXTENSION):
                _type(key.removeprefix(EXTENSION), value, (*prefix, key), collector)


def _type(name: str, value: Any, path: Path, collector: Faults) -> None:
    if name in NUMBERS:
        if not is_number(value):
            collector.add("extension-type", path, "not a number")
        elif round(value, 3) != value:
            collector.add("decimals", path, "more than three decimals")
    elif name in TEXTS and not isinstance(value, str):
        collector.add("extension-type", path, "not text")
    elif name in FLAGS and not isinstance(value, bool):
        collector.add("extension-type", path, "not true or false")
    elif name == "speed" and not (isinstance(value, str) and SPEED.fullmatch(value)):
        collector.add("extension-type", path, 'not text like "1.5x"')


def _values(statement: dict[str, Any], collector: Faults) -> None:
    length_s = _number(statement, "context", "length")
    longest_s = float("inf") if length_s is None else length_s + LENGTH_SLACK_S
    ranges = [("result", name, longest_s) for name in ("time", "time-from", "time-to")]
    ranges += [("result", "progress", 1.0), ("context", "completion-threshold", 1.0), ("context", "volume", 1.0)]
    for part, name, highest in [*ranges, ("context", "length", float("inf"))]:
        value = _number(statement, part, name)
        if value is not None and not 0 <= value <= highest:
            collector.add("range", (*EXTENSIONS_PATH[part], EXTENSION + name), "out of range")
    _watched(statement, length_s, collector)
    _completion(statement, collector)
    if extension(statement, "context", "cc-subtitle-lang") is not None and not (
        extension(statement, "context", "cc-enabled") or value_at(statement, "verb", "id") == INTERACTED
    ):
        path = (*EXTENSIONS_PATH["context"], EXTENSION + "cc-subtitle-lang")
        collector.add("captions", path, "captions are off")


def _watched(statement: dict[str, Any], length_s: float | None, collector: Faults) -> None:
    text = extension(statement, "result", "played-segments")
    if not isinstance(text, str):
        return
    path = (*EXTENSIONS_PATH["result"], EXTENSION + "played-segments")
    segments = parse_segments(text)
    if segments == [] and value_at(statement, "verb", "id") == COMPLETED:
        collector.add("segments", path, "completed without a watched segment")
    if segments is None:
        return collector.add("segments", path, "not a list of from[.]to[,]from[.]to")
    if not length_s or length_s < 0:
        return
    if any(end > length_s + LENGTH_SLACK_S for _, end in segments):
        collector.add("segments", path, "a segment ends behind the video's end")
    progress = _number(statement, "result", "progress")
    if progress is not None and abs(progress - min(1.0, watched_s(segments) / length_s)) > PROGRESS_SLACK:
        collector.add(
            "progress", (*EXTENSIONS_PATH["result"], EXTENSION + "progress"), "not the part that the segments cover"
        )


def _completion(statement: dict[str, Any], collector: Faults) -> None:
    completion = value_at(statement, "result", "completion")
    if value_at(statement, "verb", "id") != COMPLETED:
        if completion is not None:
            collector.add("completion", ("result", "completion"), "not in completed")
        return
    if completion is not True:
        collector.add("completion", ("result", "completion"), "not true")
    progress, threshold = (
        _number(statement, "result", "progress"),
        _number(statement, "context", "completion-threshold"),
    )
    if progress is not None and threshold is not None and progress < threshold:
        collector.add(
            "completion", (*EXTENSIONS_PATH["result"], EXTENSION + "progress"), "below the completion-threshold"
        )


def _number(statement: dict[str, Any], part: str, name: str) -> float | None:
    value = extension(statement, part, name)
    return value if is_number(value) else None
