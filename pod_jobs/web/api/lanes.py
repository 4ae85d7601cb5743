"""/xapi/lanes for the workers of the queue `xapi`: claim a lane, renew the lease, report outcomes. See catalog/store/lanes.py.

`flush` and `video_seen_by` are for the views of people (traces.py).
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter

from pod_jobs.catalog.models import User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import lanes, videos
from pod_jobs.catalog.store.lane_sizes import sizes
from pod_jobs.errors import NotFound, ServiceUnavailable
from pod_jobs.jobs import queue
from pod_jobs.jobs.deliver_statements import DELIVER_STATEMENTS, job_id
from pod_jobs.settings.xapi import XapiSettings
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.services import now, services

blueprint = Blueprint("api_lanes", __name__)
log = logging.getLogger(__name__)

MOST = 1000  # statements at a time
SETTLEMENT = TypeAdapter(lanes.Settlement)


@blueprint.post("/xapi/lanes/<name>/claim")
@access.needs("deliver-traces")
def claim(name: str) -> ResponseReturnValue:
    """{"holder": a worker's name, "limit": a number of statements} leases the lane. Errors: NotFound; Refused: nothing to do
    now."""
    access.require_queue(DELIVER_STATEMENTS.queue)
    body, xapi = answers.body(), _known(name)
    holder, limit = answers.field(body, "holder", str), answers.field(body, "limit", int)
    lanes.ensure(xapi.lane_names, lanes.last_number(), now())
    fence = lanes.claim(name, holder, xapi.lease_s, now())
    statements = _next(name, fence, limit, ())
    newest = lanes.newest(name, statements[-1]["number"], xapi.filters[name]) if statements else []
    witnesses = [vars(parcel) for parcel in newest]
    halvings, batch_bytes = sizes(name, now())
    leased = {"fence": fence, "lease_s": xapi.lease_s, "failures": lanes.failures(name), "halvings": halvings}
    return {**leased, "batch_bytes": batch_bytes, "statements": statements, "witnesses": witnesses}


@blueprint.post("/xapi/lanes/<name>/renew")
@access.needs("deliver-traces")
def renew(name: str) -> ResponseReturnValue:
    """{"fence": 3} prolongs the lease. Errors: NotFound; Superseded: another worker has the lane."""
    body, xapi = answers.body(), _known(name)
    lanes.renew(name, answers.field(body, "fence", int), xapi.lease_s, now())
    return {"lease_s": xapi.lease_s}


@blueprint.post("/xapi/lanes/<name>/outcomes")
@access.needs("deliver-traces")
def outcomes(name: str) -> ResponseReturnValue:
    """A Settlement reports what the record store did with statements; the answer holds the next ones.
    Errors: NotFound, Superseded, Malformed, ResultRejected."""
    xapi, settlement = _known(name), answers.body_as(SETTLEMENT)
    lanes.settle(name, settlement, xapi.lease_s, now())
    goes_on = settlement.state == "open" and settlement.limit > 0
    return {"statements": _next(name, settlement.fence, settlement.limit, settlement.in_hand) if goes_on else []}


def flush(name: str) -> datetime | None:
    """Try a lane now; while Redis is away, the janitor does it in a later round. Returns until when the lane has to wait all the
    same, because the LRS may still work on the last request; None: it is tried now. Errors: NotFound."""
    lane = lanes.hurry(name, now())
    busy_until: datetime | None = lane.busy_until
    if busy_until is not None and busy_until > now():
        return busy_until
    try:
        queue.enqueue(services().redis, DELIVER_STATEMENTS, job_id(name, lane.fence), {"lane": name})
    except ServiceUnavailable as error:
        log.warning("lane %s waits for the janitor: %s", name, error.reason)
    return None


def video_seen_by(user: User, video_id: int) -> None:
    """Check that `user` may see the attempts at a video: its owner may, and with `see-traces` everybody, even after the video
    is deleted. Errors: NotFound."""
    if not may(user.role, "see-traces") and videos.get(video_id, user).owner_id != user.id:
        raise NotFound(f"video {video_id}")


def _known(name: str) -> XapiSettings:
    xapi = services().settings.xapi
    if name not in xapi.lane_names:
        raise NotFound(f"lane {name} in the settings")
    return xapi


def _next(name: str, fence: int, limit: int, in_hand: Sequence[int]) -> list[dict[str, Any]]:
    """The statements that the worker sends next. If there are none, and it still holds none (`in_hand`), its lease ends."""
    xapi = services().settings.xapi
    parcels = lanes.fetch(name, min(limit, MOST), xapi.flush_s, now(), in_hand, xapi.filters[name])
    if not parcels and not in_hand:
        lanes.release(name, fence)
    return [vars(parcel) for parcel in parcels]  # asdict would copy each value: half of the call
