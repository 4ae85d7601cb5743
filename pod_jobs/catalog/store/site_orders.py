"""Orders of other sites: each is a video whose source the site keeps, a task, and a row that knows how the site calls it.

The video belongs to the user who stands for the site, so that lists, limits and permissions hold as for everybody.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Output, Task, User, Video
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import instance, tasks, users
from pod_jobs.errors import NotFound, Refused

PUBLIC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
SAME = ("task_type", "source_url", "parameters", "notify_url", "app_name", "etab_name")


@dataclass(frozen=True)
class Asked:
    """An order as a site sent it. `document`: the fields that may be shown; `notify_url` and `token` are sealed."""

    site: str
    document: Mapping[str, Any]
    fingerprint: str
    notify_url: str
    token: str
    plain_manifest: bool
    title: str


def fingerprint(key: str, document: Mapping[str, Any]) -> str:
    """Equal for orders that are the same. `key` keeps the address of the callback from being guessed by it."""
    same = json.dumps([document.get(name) for name in SAME], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{key}\0{same}".encode()).hexdigest()


def create(
    owner: User, asked: Asked, new: NewTask, most_waiting: int, now: datetime, place: Callable[[int], None]
) -> tuple[SiteOrder, Task, bool]:
    """Store an order with its video and task; or find the same one that waits or runs. The last value tells whether it is new.

    `place(video)` makes the video's folder, before the commit. Errors: Refused (waiting-limit); what `place` raises.
    """
    with transaction():
        users.lock(owner)  # so that the same order sent twice at once makes one task
        found = _open_twin(asked)
        if found is not None:
            return found, found.task, False
        if most_waiting and (count := tasks.count_waiting(owner)) >= most_waiting:
            raise Refused(f"site.waiting is {most_waiting}", code="waiting-limit", count=str(count))
        video = Video.create(
            id=instance.next_number(),
            owner=owner,
            title=asked.title[:250] or "?",
            source_name=asked.title[:250],
            source_path="",
            source_bytes=0,
            created_at=now,
        )
        task = tasks.order(video, new, owner, now)
        row = SiteOrder.create(
            task=task,
            public_id=str(uuid.uuid4()),
            site=asked.site,
            fingerprint=asked.fingerprint,
            asked=dict(asked.document),
            notify_url=asked.notify_url,
            token=asked.token,
            plain_manifest=asked.plain_manifest,
            created_at=now,
        )
        place(video.id)
    return row, task, True


def _open_twin(asked: Asked) -> SiteOrder | None:
    same = (SiteOrder.site == asked.site, SiteOrder.fingerprint == asked.fingerprint)
    query = SiteOrder.select(SiteOrder, Task).join(Task).where(*same, Task.state.in_(tasks.OPEN))
    found: SiteOrder | None = query.order_by(SiteOrder.task.desc()).first()
    return found


def answered(order: SiteOrder, now: datetime) -> None:
    """The answer with the id of this order has left."""
    SiteOrder.update(answered_at=now).where(SiteOrder.task == order.task_id, SiteOrder.answered_at.is_null()).execute()


def find(site: str, public_id: str) -> SiteOrder:
    """The order with its task. Errors: NotFound, also for one of another site."""
    if not PUBLIC_ID.fullmatch(public_id):
        raise NotFound("a task of that name")
    row = SiteOrder.select(SiteOrder, Task).join(Task).where(SiteOrder.public_id == public_id).first()
    if row is None or row.site != site or row.task.video.deleted_at is not None:
        raise NotFound(f"task {public_id}")
    found: SiteOrder = row
    return found


def list_newest(site: str, limit: int) -> list[SiteOrder]:
    """The orders of a site with their tasks, newest first."""
    query = SiteOrder.select(SiteOrder, Task).join(Task).where(SiteOrder.site == site)
    return list(query.order_by(SiteOrder.task.desc()).limit(limit))


def fetched(order: SiteOrder, now: datetime) -> None:
    """The site asked for the result."""
    SiteOrder.update(fetched_at=now).where(SiteOrder.task == order.task_id).execute()


def outputs(order: SiteOrder) -> Sequence[Output]:
    """The files of the result, by name."""
    return list(Output.select().where(Output.task == order.task_id).order_by(Output.name))
