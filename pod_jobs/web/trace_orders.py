"""What people may order about lanes, and which sessions they may see."""

import logging

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import lanes, videos
from pod_jobs.errors import NotFound, ServiceUnavailable
from pod_jobs.jobs import queue
from pod_jobs.jobs.deliver_statements import job_id
from pod_jobs.web.site import now, site

log = logging.getLogger(__name__)


def flush(name: str) -> None:
    """Try a lane now. Should Redis be away, the janitor's next round does it. Errors: NotFound."""
    lane = lanes.hurry(name, now())
    try:
        queue.enqueue(site().redis, job_id(name, lane.fence), {"lane": name})
    except ServiceUnavailable as error:
        log.warning("lane %s waits for the janitor: %s", name, error.reason)


def video_seen_by(user: User, video_id: int) -> None:
    """May this person see the sessions of that video? Errors: NotFound; the team also sees those of deleted ones."""
    if user.role == "lecturer":
        video = videos.get(video_id, user)
        if video.owner_id != user.id:
            raise NotFound(f"video {video_id}")
