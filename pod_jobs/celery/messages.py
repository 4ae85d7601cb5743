"""Reads one message that an Esup-Pod 4.1 left for Celery's workers: Celery's protocol 2, as kombu writes it into Redis.

Only JSON is read, never pickle. What cannot be carried out is refused with a reason, and the caller keeps the message.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pod_jobs.errors import Malformed

MOST_BYTES = 1_000_000  # of a message
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
PACKAGE = "pod.video_encode_transcript"
FIELDS = {  # name of the task -> the names of its arguments, in order
    f"{PACKAGE}.encoding_tasks.start_encoding_task": (
        "video_id",
        "video_path",
        "cut_start",
        "cut_end",
        "json_dressing",
        "dressing_input",
    ),
    f"{PACKAGE}.encoding_tasks.start_studio_task": ("recording_id", "video_output", "videos", "subtime", "presenter"),
    f"{PACKAGE}.transcripting_tasks.start_transcripting_task": ("video_id", "mp3filepath", "duration", "lang"),
    "pod.xapi.xapi_tasks.send_xapi_statement_task": ("statement",),
}
OPTIONAL = ("json_dressing", "dressing_input")


@dataclass(frozen=True)
class Message:
    """`id` is Celery's, a UUID, the same at each delivery. `task`: the last word of its name. `arguments`: by name."""

    id: str
    task: str
    arguments: Mapping[str, Any]


def read_message(raw: bytes) -> Message:
    """Errors: Malformed, with the reason."""
    if len(raw) > MOST_BYTES:
        raise Malformed(f"a message of {len(raw)} bytes; at most {MOST_BYTES} are read", code="message-too-large")
    envelope = _object(_json(raw, "the message"), "the message")
    headers = _object(envelope.get("headers"), "headers")
    kind = envelope.get("content-type")
    if kind != "application/json":
        raise Malformed(f"content-type is {str(kind)[:60]!r}; only application/json is read")
    number, name = headers.get("id"), headers.get("task")
    if not isinstance(number, str) or not ID.fullmatch(number):
        raise Malformed("headers.id: a UUID is needed")
    if not isinstance(name, str) or name not in FIELDS:
        raise Malformed(f"the task {str(name)[:120]!r} is unknown")
    return Message(number, name.rpartition(".")[2], _arguments(_body(envelope), FIELDS[name]))


def _body(envelope: Mapping[str, Any]) -> bytes:
    body = envelope.get("body")
    encoding = _object(envelope.get("properties"), "properties").get("body_encoding")
    if not isinstance(body, str) or encoding != "base64":
        raise Malformed("body: a text in base64 is needed")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise Malformed(f"body: {error}") from error


def _arguments(body: bytes, names: tuple[str, ...]) -> dict[str, Any]:
    parts = _json(body, "the body")
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[0], list):
        raise Malformed("the body: [arguments, named arguments, options] are needed")
    positional, named = parts[0], _object(parts[1], "the named arguments")
    if len(positional) > len(names):
        raise Malformed(f"{len(positional)} arguments; the task has {len(names)}")
    arguments = dict(zip(names, positional, strict=False))
    if twice := sorted(arguments.keys() & named.keys()):
        raise Malformed(f"given twice: {', '.join(twice)}")
    if unknown := sorted(named.keys() - set(names)):
        raise Malformed(f"unknown arguments: {', '.join(map(repr, unknown))[:200]}")
    arguments |= named
    if missing := [name for name in names if name not in arguments and name not in OPTIONAL]:
        raise Malformed(f"missing arguments: {', '.join(missing)}")
    return arguments


def _json(raw: bytes, name: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name} is no JSON: {error}") from error


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{name}: an object is needed")
    return value
