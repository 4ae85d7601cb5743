"""Statements for tests: a plain one, and a conforming session of the Video Profile."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pod_jobs.xapi import formats
from pod_jobs.xapi.actors import build_actor
from pod_jobs.xapi.profile import COMPLETED, EXTENSION, INITIALIZED, PAUSED, PLAYED, PROFILE, SEEKED, TERMINATED, VIDEO

Statement = dict[str, Any]

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
ACTOR = build_actor("https://univ.example", "abcdef")
REGISTRATION = "c1f7a9de-5fbc-4d9e-8a10-27d5e0cd2f11"
SESSION = "5f0c6c3e-8e57-4f4c-9d57-0b0a5a5bb0f1"


def plain(**changes: Any) -> Statement:
    """A valid statement outside of any profile; a change to None takes the property away."""
    statement = {
        "id": "7ccd3322-e1a5-411a-a67d-6a735c76f119",
        "actor": ACTOR,
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attended", "display": {"en": "attended"}},
        "object": {"id": "https://univ.example/xapi/activities/meeting/1"},
        "timestamp": "2026-03-01T11:00:00.000Z",
    }
    return {name: value for name, value in (statement | changes).items() if value is not None}


def numbered(index: int, **changes: Any) -> Statement:
    """The `index`-th of many different statements."""
    return plain(id=str(UUID(int=index + 1, version=4)), **changes)


def of_video(
    verb: str, second: int, result: Statement | None = None, context: Statement | None = None, **changes: Any
) -> Statement:
    """A statement of the profile, `second` seconds into the session; result and context name profile extensions."""
    statement = {
        "id": SESSION if verb == INITIALIZED else str(UUID(int=second + 1, version=4)),
        "actor": ACTOR,
        "verb": {"id": verb},
        "object": {"id": "https://univ.example/xapi/activities/video/3", "definition": {"type": VIDEO}},
        "timestamp": formats.format_timestamp(NOW + timedelta(seconds=second)),
        "context": {
            "registration": REGISTRATION,
            "contextActivities": {"category": [{"id": PROFILE}]},
            "extensions": extensions(**({"session_id": SESSION, "length": 60.5} | (context or {}))),
        },
    }
    if result is not None:
        statement["result"] = {"extensions": extensions(**result)}
    return statement | changes


def extensions(**values: Any) -> Statement:
    return {EXTENSION + name.replace("_", "-"): value for name, value in values.items() if value is not None}


def watched(time: float, progress: float, segments: str) -> Statement:
    return {"time": time, "progress": progress, "played_segments": segments}


def session() -> list[Statement]:
    """A session: watch from 0 to 10 s, pause, watch to 20 s, jump to 40 s, watch to the end, leave."""
    whole = watched(60.5, 0.669, "0[.]20[,]40[.]60.5")
    completed = of_video(COMPLETED, 43, whole, {"completion_threshold": 0.6})
    completed["result"] |= {"completion": True, "duration": "PT43S"}
    return [
        of_video(INITIALIZED, 0),
        of_video(PLAYED, 1, {"time": 0}),
        of_video(PAUSED, 11, watched(10, 0.165, "0[.]10")),
        of_video(PLAYED, 12, {"time": 10}),
        of_video(SEEKED, 22, {"time_from": 20, "time_to": 40}),
        completed,
        of_video(PAUSED, 44, whole),
        of_video(TERMINATED, 45, whole),
    ]


def corpus(name: str) -> list[Statement]:
    """Cases of other projects with the answers of three LRSs. Skips the test if their folder does not exist."""
    folder = os.environ.get("POD_JOBS_TEST_XAPI") or Path(__file__).parents[4] / "shared" / "xapi"
    file = Path(folder) / name
    if not file.exists():
        pytest.skip(f"{name} is not in the folder of POD_JOBS_TEST_XAPI")
    return [json.loads(line) for line in file.read_text().splitlines()]
