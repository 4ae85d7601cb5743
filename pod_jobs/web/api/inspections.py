"""The calls of workers that look at an upload at once (jobs/inspect.py). catalog/client.py is the other end."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter

from pod_jobs.catalog.figures import Amount
from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import inspections, instance, videos
from pod_jobs.errors import SENTENCES, Malformed, Refused, translated_os_errors
from pod_jobs.web.api import answers
from pod_jobs.web.api.results import Facts
from pod_jobs.web.guards import access
from pod_jobs.web.intake import orders
from pod_jobs.web.services import checked_media, now, services

blueprint = Blueprint("api_inspections", __name__)

MOST_PICTURE_BYTES = 600_000
MOST_FACTS_BYTES = 20_000  # each list of videos shows them
JPEG_BEGINS = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Fault:
    """Why the recording cannot be encoded."""

    code: str
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """The fields of media.outputs.first_look.FirstLook, with the picture in base64; or a fault."""

    fault: Fault | None = None
    duration_s: Amount | None = None
    is_video: bool | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    picture: str = ""


@dataclass(frozen=True)
class Seen:
    """The part of an Inspection that is stored as it came."""

    facts: Facts = Facts()


INSPECTION, SEEN = TypeAdapter(Inspection), TypeAdapter(Seen)


@blueprint.post("/videos/<int:video_id>/inspection/start")
@access.needs("run-tasks")
def start(video_id: int) -> ResponseReturnValue:
    """{"needed", "source", "media"}: does anybody wait for a look at this recording, and where is it?
    Errors: NotFound, Forbidden."""
    _require_queue()
    source = videos.get(video_id).source_path
    return {
        "needed": inspections.is_needed(video_id),
        "source": source,
        "media": instance.media_identity(),
    }, 200


@blueprint.post("/videos/<int:video_id>/inspection")
@access.needs("run-tasks")
def accept(video_id: int) -> ResponseReturnValue:
    """What was found, as `Inspection`. Errors: NotFound, Forbidden, Malformed; Refused when nobody waits for it any more."""
    _require_queue()
    inspection: Inspection = answers.body_as(INSPECTION)
    answers.body_as(SEEN)
    video = videos.get(video_id)
    if inspection.fault is not None:
        _end_tasks(video, inspection.fault)
    elif inspection.duration_s is None or inspection.is_video is None:
        raise Malformed("a fault, or duration_s and is_video, are needed")
    elif len(json.dumps(inspection.facts)) > MOST_FACTS_BYTES:
        raise Malformed(f"facts: at most {MOST_FACTS_BYTES} bytes")
    else:
        _store(video, inspection)
    return {}, 200


def _end_tasks(video: Video, fault: Fault) -> None:
    if fault.code not in SENTENCES:
        raise Malformed(f"fault: there is no error {fault.code!r}")
    ended = inspections.refuse(video.id, fault.code, fault.facts, fault.reason, now())
    if not ended:
        raise Refused(f"no task of video {video.id} waits for its first run")
    orders.tell_to_end(*ended)


def _store(video: Video, inspection: Inspection) -> None:
    picture = _picture(inspection.picture)

    def keep_picture() -> bool:
        if picture:
            with translated_os_errors():
                checked_media().keep_first_picture(video.id, picture)
        return bool(picture)

    columns = {"duration_s": inspection.duration_s, "is_video": inspection.is_video, "facts": inspection.facts}
    if not inspections.accept(video.id, columns, orders.is_short(inspection.duration_s), keep_picture):
        raise Refused(f"no task of video {video.id} is open any more")
    orders.hand_over_next()


def _picture(text: str) -> bytes:
    """Errors: Malformed for what is no JPEG."""
    try:
        picture = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"picture: {error}") from error
    if picture and (not picture.startswith(JPEG_BEGINS) or len(picture) > MOST_PICTURE_BYTES):
        raise Malformed(f"picture: a JPEG of at most {MOST_PICTURE_BYTES} bytes is needed")
    return picture


def _require_queue() -> None:
    for job_type in services().job_types.values():
        if job_type.looks_at_uploads:
            access.require_queue(job_type.queue)
