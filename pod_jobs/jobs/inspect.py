"""Look at a recording as soon as it has arrived, however much work waits: refuse it in words, or say how long it is.

1. An upload enqueues a job on a queue of its own, which no long work ever fills, beside the tasks that it orders.
2. The catalog is asked whether somebody still waits for this; an encoding that has begun says more.
3. A file that cannot be encoded ends the tasks that wait for it, with the sentence that the encoding would have ended with.
   Of a good one, the catalog gets duration, facts and a first picture. Now it also knows which tasks are short.
A job that gets lost is not repeated: the encoding finds the same, later.
"""

import base64
import logging
from dataclasses import asdict
from typing import Any

from pod_jobs.errors import BadSource, NotFound, Refused
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode import build_plan, prepare_encode, tools_of
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.media.outputs.first_look import first_look
from pod_jobs.storage import Run

log = logging.getLogger(__name__)

KIND = "inspect"
TIMEOUT_S = 150  # the probe itself takes at most 60 s


def run_inspect(context: Context, payload: Payload) -> None:
    """Errors: ServiceUnavailable, OutOfResources; Interrupted."""
    video: int = payload["video"]
    if context.settings.worker.storage != "shared":
        reason = f"this host has worker.storage = {context.settings.worker.storage}"
        raise Refused(f"recordings are looked at where the media folder is: {reason}")
    try:
        inspection = context.catalog.begin_inspection(video)
    except NotFound:
        return
    if not inspection["needed"]:
        return
    try:
        source = context.storage.source(Run(video, KIND, 0, 0, KIND, inspection["media"]), inspection["source"])
        limits = build_plan(context.settings).limits
        result = first_look(source, tools_of(context.settings), limits, context.check_stop)
    except BadSource as error:
        log.info("video %s cannot be encoded: %s", video, error.reason)
        _report(context, video, {"fault": {"code": error.code, "facts": error.facts, "reason": error.reason}})
        return
    picture = base64.b64encode(result.picture).decode() if result.picture else ""
    _report(context, video, {**asdict(result), "picture": picture})


def _report(context: Context, video: int, result: dict[str, Any]) -> None:
    try:
        context.catalog.inspected(video, result)
    except (NotFound, Refused) as error:
        log.info("video %s: nobody waits for the look at it: %s", video, error.reason)


INSPECT = JobType(
    KIND,
    queue="inspecting",
    run=run_inspect,
    payload={"video": None},
    timeout_s=TIMEOUT_S,
    prepare=prepare_encode,
    uses_ffmpeg=True,
    looks_at_uploads=True,
)
