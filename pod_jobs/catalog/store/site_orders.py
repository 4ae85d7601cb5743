"""Orders of other sites: each is a video whose source the site keeps, a task, and a row that knows how the site calls it.

The video belongs to the user who stands for the site, so that lists, limits and permissions hold as for everybody.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Output, Task, User, Video
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import instance, tasks, users, videos
from pod_jobs.errors import NotFound, PodJobsError, Refused

PUBLIC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
MOST_REFUSED = 50  # see `has_enough_refusals`
SAME = ("task_type", "source_url", "parameters", "notify_url", "app_name", "etab_name")


@dataclass(frozen=True)
class ReceivedOrder:
    """An order as a site sent it. `document`: the fields that may be shown; `notify_url` and `token` are sealed. `public_id`: the
    site's own, a UUID; "" = it gets one here. A site that gives ids sends an order again only to replace an earlier one with the
    same `fingerprint`. `since`: when the order first arrived, if it may have waited while later ones were stored."""

    site: str
    document: Mapping[str, Any]
    fingerprint: str
    notify_url: str
    token: str
    plain_manifest: bool
    title: str
    public_id: str = ""
    since: datetime | None = None


def fingerprint(key: str, document: Mapping[str, Any]) -> str:
    """Equal for orders that are the same. `key` keeps the address of the callback from being guessed by it."""
    same = json.dumps([document.get(name) for name in SAME], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{key}\0{same}".encode()).hexdigest()


def create(
    owner: User, asked: ReceivedOrder, new: NewTask, most_waiting: int, now: datetime, place: Callable[[int], None]
) -> tuple[SiteOrder, Task, bool]:
    """Store an order with its video and task; or find the same one that waits or runs. The last value tells whether
    there is a new task to do: not so, either, for an order that a later one has replaced.

    `place(video)` makes the video's folder, before the commit. Errors: Refused (waiting-limit); what `place` raises.
    """
    with transaction():
        users.lock(owner)  # so that the same order sent twice at once makes one task
        existing = _known(asked.public_id) if asked.public_id else _open_twin(asked)
        if existing is not None:
            return existing, existing.task, False
        is_stale = _has_later(asked)
        if asked.public_id and not is_stale:
            _replace_earlier(asked, now)
        if most_waiting and (count := tasks.count_waiting(owner)) >= most_waiting:
            raise Refused(f"site.waiting is {most_waiting}", code="waiting-limit", count=str(count))
        video = Video.create(
            id=instance.next_number(),
            owner=owner,
            **videos.titled(asked.title[:250] or "?"),
            source_name=asked.title[:250],
            source_path="",
            source_bytes=0,
            created_at=now,
        )
        task = tasks.order(video, new, owner, now)
        row = SiteOrder.create(
            task=task,
            public_id=asked.public_id or str(uuid.uuid4()),
            site=asked.site,
            fingerprint=asked.fingerprint,
            asked=dict(asked.document),
            notify_url=asked.notify_url,
            token=asked.token,
            plain_manifest=asked.plain_manifest,
            created_at=now,
        )
        place(video.id)
        if is_stale:
            _replace(row, now)
    return row, task, not is_stale


def refuse(owner: User, asked: ReceivedOrder, new: NewTask, fault: PodJobsError, now: datetime) -> bool:
    """Store an order that cannot be carried out as a failed task, for the team's list of errors. The site is told its end if
    `asked` has an address for that. False when it is stored already, whatever became of it."""
    with transaction():
        row, task, is_new = create(owner, asked, new, 0, now, lambda video: None)
        if is_new:
            failed = tasks.get_locked(task.id)
            failed.error_code, failed.error_facts, failed.error_reason = fault.code, fault.facts, fault.reason
            tasks.end(failed, "error", now)
            answered(row, now)
    return is_new


def has_enough_refusals(asked: ReceivedOrder, now: datetime) -> bool:
    """Does the catalog have so many orders of this site and fingerprint from the last 24 h that it stores no further refusals?"""
    same = (SiteOrder.site == asked.site, SiteOrder.fingerprint == asked.fingerprint)
    return bool(SiteOrder.select().where(*same, SiteOrder.created_at > now - timedelta(days=1)).count() >= MOST_REFUSED)


def _known(public_id: str) -> SiteOrder | None:
    query = SiteOrder.select(SiteOrder, Task).join(Task).where(SiteOrder.public_id == public_id)
    order: SiteOrder | None = query.first()
    return order


def _replace_earlier(asked: ReceivedOrder, now: datetime) -> None:
    """End what earlier orders of the same recording still do, and tell the site nothing more of them: it would take an old result
    for the new one. Call inside a transaction."""
    same = (SiteOrder.site == asked.site, SiteOrder.fingerprint == asked.fingerprint)
    is_alive = Task.state.in_(tasks.OPEN) | (SiteOrder.callback == "waiting")
    for row in SiteOrder.select(SiteOrder, Task).join(Task).where(*same, is_alive):
        _replace(row, now)


def _replace(row: SiteOrder, now: datetime) -> None:
    columns = {"notify_url": "", "callback": "none", "due_at": None, "reason": "a newer order replaces it"}
    SiteOrder.update(ends=SiteOrder.ends + 1, **columns).where(SiteOrder.task == row.task_id).execute()
    if row.task.state in tasks.OPEN:
        tasks.cancel(row.task_id, now)


def _has_later(asked: ReceivedOrder) -> bool:
    """Was an order of the same recording stored after this one first arrived?"""
    if asked.since is None:
        return False
    same = (SiteOrder.site == asked.site, SiteOrder.fingerprint == asked.fingerprint)
    return bool(SiteOrder.select().where(*same, SiteOrder.created_at > asked.since).exists())


def _open_twin(asked: ReceivedOrder) -> SiteOrder | None:
    same = (SiteOrder.site == asked.site, SiteOrder.fingerprint == asked.fingerprint)
    query = SiteOrder.select(SiteOrder, Task).join(Task).where(*same, Task.state.in_(tasks.OPEN))
    twin: SiteOrder | None = query.order_by(SiteOrder.task.desc()).first()
    return twin


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
    order: SiteOrder = row
    return order


def count_open(site: str) -> int:
    """How many tasks of a site wait or run."""
    is_open = Task.state.in_(tasks.OPEN)
    return int(SiteOrder.select().join(Task).where(SiteOrder.site == site, is_open).count())


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
