"""Statements about what the video platform itself did: uploaded, encoded, transcribed, published.

Their id is a UUIDv5 of video, event and run ("12-g1": task and generation), so that a run which reports twice makes one
statement.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pod_jobs.xapi import formats, validity
from pod_jobs.xapi.actors import Actor, build_system_actor
from pod_jobs.xapi.profile import VIDEO

UPLOADED = "https://w3id.org/xapi/netc/verbs/uploaded"
COMPLETED = "http://activitystrea.ms/complete"
ATTACHED = "http://activitystrea.ms/attach"
SUBMITTED = "http://activitystrea.ms/submit"
PROCESS = "http://activitystrea.ms/process"
FILE = "http://activitystrea.ms/file"

Statement = dict[str, Any]


@dataclass(frozen=True)
class VideoActivity:
    """A video as record stores know it. `home_page` is the institution's IRI without a slash at its end."""

    home_page: str
    video_id: int
    title: str
    language: str = "und"  # of the title, RFC 5646

    @property
    def iri(self) -> str:
        """The video's IRI. It never changes, because neither the title nor the page's address is in it."""
        return f"{self.home_page}/xapi/activities/video/{self.video_id}"

    def build(self) -> dict[str, Any]:
        return _activity(self.iri, VIDEO, {self.language: self.title})


def build_uploaded(video: VideoActivity, person: Actor, at: datetime) -> Statement:
    """A person uploaded the video."""
    return _statement(video, ("uploaded", "1"), person, (UPLOADED, "uploaded"), video.build(), at)


def build_encoded(video: VideoActivity, run: str, success: bool, duration_s: float, at: datetime) -> Statement:
    """This encoding ended, with or without success."""
    process = _activity(f"{video.iri}/encode/{run}", PROCESS, {"en": "encode", "fr": "encodage"})
    actor = build_system_actor(video.home_page, "encode")
    statement = _statement(video, ("encoded", run), actor, (COMPLETED, "completed"), process, at)
    statement["result"] = {"success": success, "duration": format_duration(duration_s)}
    return statement


def build_transcribed(video: VideoActivity, run: str, language: str, at: datetime) -> Statement:
    """Captions of a language were made and attached to the video."""
    captions = _activity(f"{video.iri}/captions/{language}", FILE, {"en": "captions", "fr": "sous-titres"})
    actor = build_system_actor(video.home_page, "transcribe")
    return _statement(video, (f"transcribed-{language}", run), actor, (ATTACHED, "attached"), captions, at)


def build_published(video: VideoActivity, run: str, at: datetime) -> Statement:
    """The video can be watched: the outputs of this run are in place."""
    actor = build_system_actor(video.home_page, "publish")
    return _statement(video, ("published", run), actor, (SUBMITTED, "submitted"), video.build(), at)


def build_void(home_page: str, statement_id: str, at: datetime) -> Statement:
    """The statement that voids another one, because its person had it erased (xAPI 1.0.3, part two, 2.3.2)."""
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{home_page}/xapi/voided/{statement_id}")),
        "actor": build_system_actor(home_page, "erase"),
        "verb": {"id": validity.VOIDED, "display": {"en": "voided"}},
        "object": {"objectType": "StatementRef", "id": statement_id},
        "timestamp": formats.format_timestamp(at),
    }


def format_duration(seconds: float) -> str:
    """An ISO 8601 duration, to the hundredth of a second: 75.5 -> "PT75.5S"."""
    return f"PT{seconds:.2f}".rstrip("0").rstrip(".") + "S"


def _statement(
    video: VideoActivity,
    event: tuple[str, str],
    actor: Actor,
    verb: tuple[str, str],
    target: dict[str, Any],
    at: datetime,
) -> Statement:
    """`event`: name and run; `verb`: IRI and English word. A target other than the video has it as parent."""
    statement: Statement = {
        "id": str(uuid5(NAMESPACE_URL, f"{video.iri}#{event[0]}-{event[1]}")),
        "actor": actor,
        "verb": {"id": verb[0], "display": {"en": verb[1]}},
        "object": target,
        "timestamp": formats.format_timestamp(at),
    }
    if target["id"] != video.iri:
        statement["context"] = {"contextActivities": {"parent": [video.build()]}}
    return statement


def _activity(iri: str, kind: str, name: dict[str, str]) -> dict[str, Any]:
    return {"objectType": "Activity", "id": iri, "definition": {"type": kind, "name": name}}
