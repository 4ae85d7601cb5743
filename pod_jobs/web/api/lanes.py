"""Lanes: what a worker of the queue `xapi` reports of them, and what people may order. See catalog/store/lanes.py."""

import logging
from collections.abc import Sequence
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter

from pod_jobs.catalog.models import User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import lanes, videos
from pod_jobs.errors import NotFound, ServiceUnavailable
from pod_jobs.jobs import queue
from pod_jobs.jobs.deliver_statements import DELIVER_STATEMENTS, job_id
from pod_jobs.settings.xapi import XapiSettings
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.site import now, site

blueprint = Blueprint("api_lanes", __name__)
log = logging.getLogger(__name__)

MOST = 1000  # statements at a time
SETTLEMENT = TypeAdapter(lanes.Settlement)


@blueprint.post("/xapi/lanes/<name>/claim")
@access.needs("deliver-traces")
def claim(name: str) -> ResponseReturnValue:
    """Errors: NotFound; Refused: nothing to do now."""
    said, xapi = answers.body(), _known(name)
    holder, limit = answers.field(said, "holder", str), answers.field(said, "limit", int)
    lanes.ensure(xapi.lane_names, lanes.last_number(), now())
    fence = lanes.claim(name, holder, xapi.lease_s, now())
    statements = _next(name, fence, limit, ())
    witnesses = [vars(parcel) for parcel in lanes.newest(statements[-1]["number"])] if statements else []
    return {"fence": fence, "lease_s": xapi.lease_s, "statements": statements, "witnesses": witnesses}


@blueprint.post("/xapi/lanes/<name>/renew")
@access.needs("deliver-traces")
def renew(name: str) -> ResponseReturnValue:
    """Errors: NotFound; Superseded: another worker has the lane."""
    said, xapi = answers.body(), _known(name)
    lanes.renew(name, answers.field(said, "fence", int), xapi.lease_s, now())
    return {"lease_s": xapi.lease_s}


@blueprint.post("/xapi/lanes/<name>/outcomes")
@access.needs("deliver-traces")
def outcomes(name: str) -> ResponseReturnValue:
    """Errors: NotFound, Superseded, Malformed, ResultRejected."""
    xapi, settlement = _known(name), answers.body_as(SETTLEMENT)
    lanes.settle(name, settlement, xapi.lease_s, now())
    goes_on = settlement.state == "open" and settlement.limit > 0
    return {"statements": _next(name, settlement.fence, settlement.limit, settlement.in_hand) if goes_on else []}


def flush(name: str) -> None:
    """Try a lane now. Should Redis be away, the janitor's next round does it. Errors: NotFound."""
    lane = lanes.hurry(name, now())
    try:
        queue.enqueue(site().redis, DELIVER_STATEMENTS, job_id(name, lane.fence), {"lane": name})
    except ServiceUnavailable as error:
        log.warning("lane %s waits for the janitor: %s", name, error.reason)


def video_seen_by(user: User, video_id: int) -> None:
    """May this person see the sessions of that video? `see-traces` opens those of deleted ones too. Errors: NotFound."""
    if not may(user.role, "see-traces") and videos.get(video_id, user).owner_id != user.id:
        raise NotFound(f"video {video_id}")


def _known(name: str) -> XapiSettings:
    xapi = site().settings.xapi
    if name not in xapi.lane_names:
        raise NotFound(f"lane {name} in the settings")
    return xapi


def _next(name: str, fence: int, limit: int, in_hand: Sequence[int]) -> list[dict[str, Any]]:
    """What the worker shall send next; with nothing, also in hand, it has let go."""
    parcels = lanes.fetch(name, min(limit, MOST), site().settings.xapi.flush_s, now(), in_hand)
    if not parcels and not in_hand:
        lanes.release(name, fence)
    return [vars(parcel) for parcel in parcels]  # asdict would copy each value: half of the call
