"""What sites are owed: a callback for each end of a task that they ordered.

The commit that ends a task owes the callback. The janitor claims what is due, one try at a time for each task, and settles
it. A claim holds off every other try for this task, also of a later end: so a janitor that dies in between loses nothing, and
the next one tells the ends of a task in their order. It releases the claims of a process that it knows to be dead, so that
somebody who wants the site to be told at once does not wait until they have run out. A callback whose answer did not come in
time is unclear: it is not repeated for a while, and not at all when the site has asked for the result since.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pod_jobs.catalog.id_lists import among
from pod_jobs.catalog.models import Output, Task, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import instance

ANSWER_LEAVES = timedelta(seconds=120)  # after that the answer to an order has left, even if nobody noted it
SAVES_ID = timedelta(seconds=2)  # time for a site to store the id that it was given
GIVE_UP = timedelta(days=7)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=20), timedelta(hours=2)
BUSY_WAIT = timedelta(minutes=20)
REASON_CHARACTERS = 500


@dataclass(frozen=True)
class Debt:
    """A callback to be tried. `notify_url` and `token` are sealed. `is_unclear`: an earlier try got no answer, so that
    the site may know. `claimed_until` stands for the claim of a try, None before there is one."""

    task: int
    ends: int
    site: str
    public_id: str
    notify_url: str
    token: str
    state: str
    error_code: str | None
    error_facts: dict[str, str]
    error_reason: str
    is_unclear: bool = False
    claimed_until: datetime | None = None


@dataclass(frozen=True)
class Result:
    """What a site that shares its media folder is told of a task. `asked`: its order. `facts`: of the source. `folder`: of the
    outputs, relative to the media folder, "" = there are none. `folder_mark`: the id in the site's folder, "" = any."""

    asked: dict[str, Any]
    started_at: datetime
    ended_at: datetime
    video: int
    duration_s: float
    is_video: bool
    facts: dict[str, Any]
    folder: str
    outputs: tuple[Output, ...]
    folder_mark: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a try ended: `delivered`, or why not. `is_unclear`: the site may know nevertheless; `is_busy`: it may be at it."""

    delivered: bool
    reason: str = ""
    is_unclear: bool = False
    is_busy: bool = False


def owe(task_ids: Sequence[int], now: datetime) -> None:
    """These tasks have ended: their sites are owed a callback. Call inside the transaction that ends them."""
    if not task_ids:
        return
    ended = among(SiteOrder.task, task_ids)
    fresh = {"ends": SiteOrder.ends + 1, "tries": 0, "is_unclear": False, "reason": "", "delivered_at": None}
    SiteOrder.update(callback="waiting", due_at=now, **fresh).where(ended, SiteOrder.notify_url != "").execute()


def forget(task_ids: Sequence[int]) -> None:
    """These tasks run again: nothing is owed until they end. Call inside the transaction that orders it."""
    if task_ids:
        rows = among(SiteOrder.task, task_ids)
        SiteOrder.update(callback="none", due_at=None, ends=SiteOrder.ends + 1).where(rows).execute()


def due(site: str, now: datetime, limit: int, busy: Sequence[int] = ()) -> list[Debt]:
    """Callbacks of a site to be tried now, the longest waiting first, except those of the tasks `busy`, whose tries may outlast
    their claims."""
    query = SiteOrder.select(SiteOrder, Task, Video).join(Task).join(Video)
    query = query.where(SiteOrder.callback == "waiting", SiteOrder.due_at <= now, SiteOrder.site == site)
    has_left = SiteOrder.answered_at <= now - SAVES_ID
    query = query.where(has_left | (SiteOrder.created_at <= now - ANSWER_LEAVES), _is_free(now))
    if busy:
        query = query.where(SiteOrder.task.not_in(list(busy)))
    return [_debt(row) for row in query.order_by(SiteOrder.due_at).limit(limit)]


def result_of(debt: Debt) -> Result | None:
    """The result of the task that a callback is about. None when the task is gone."""
    row = SiteOrder.select(SiteOrder, Task, Video).join(Task).join(Video).where(SiteOrder.task == debt.task).first()
    if row is None:
        return None
    task = row.task
    outputs = tuple(Output.select().where(Output.task == task.id).order_by(Output.name)) if debt.state == "done" else ()
    return Result(
        asked=row.asked,
        started_at=task.started_at or task.created_at,
        ended_at=task.ended_at or task.created_at,
        video=task.video_id,
        duration_s=task.video.duration_s or 0.0,
        is_video=bool(task.video.is_video),
        facts=task.video.facts or {},
        folder=outputs[0].folder if outputs else "",
        outputs=outputs,
        folder_mark=instance.shared_folder_mark(row.site),
    )


def claim(debt: Debt, lease: timedelta, now: datetime, by: str = "") -> Debt | None:
    """Hold off other tries for this task by `lease`, and let the process `by` try what is returned. None when nothing is owed any
    more, another try is under way, or the site has fetched the result of what it was told without an answer: that counts as
    delivered. Call inside a transaction."""
    mine = _owed(debt)
    row = SiteOrder.select().where(*mine, _is_free(now)).first()
    if row is None:
        return None
    if row.is_unclear and debt.state == "done" and row.fetched_at and row.tried_at and row.fetched_at >= row.tried_at:
        SiteOrder.update(callback="delivered", delivered_at=row.fetched_at, due_at=None).where(*mine).execute()
        return None
    # until it is settled nobody knows whether the site has it: so it counts as unclear
    columns = {"due_at": now + lease, "tries": row.tries + 1, "tried_at": now, "is_unclear": True}
    is_claimed = SiteOrder.update(claimed_until=now + lease, claimed_by=by, **columns).where(*mine).execute()
    return replace(debt, claimed_until=now + lease) if is_claimed else None


def settle(debt: Debt, outcome: Outcome, wait: timedelta, now: datetime) -> None:
    """Store how the try of a claimed debt ended; `wait` until the next one. An end that came meanwhile keeps what it is owed, and
    may be told now. A failure counts no more once another try has begun. Call inside a transaction."""
    mine, this_try = _owed(debt), (SiteOrder.task == debt.task, SiteOrder.claimed_until == debt.claimed_until)
    if outcome.delivered:
        done = {"callback": "delivered", "delivered_at": now, "due_at": None, "reason": "", "is_unclear": False}
        SiteOrder.update(**done).where(*mine).execute()
    elif row := SiteOrder.select(SiteOrder, Task).join(Task).where(*mine, *this_try).first():
        if row.due_at is not None and row.due_at <= now:
            state: dict[str, Any] = {}  # somebody wants it to be tried at once, since this try began
        elif row.task.ended_at is not None and now - row.task.ended_at > GIVE_UP:
            state = {"callback": "given-up", "due_at": None}
        else:
            state = {"due_at": now + wait}
        # a site's own words are in it, which no database has to be able to hold
        reason = "".join(c if c.isprintable() else " " for c in outcome.reason[:REASON_CHARACTERS])
        ending = {"reason": reason, "is_unclear": outcome.is_unclear}
        SiteOrder.update(**state, **ending).where(*mine).execute()
    SiteOrder.update(claimed_until=None).where(*this_try).execute()


def claimants() -> list[str]:
    """The processes that hold claims of what is owed."""
    held = (SiteOrder.callback == "waiting", SiteOrder.claimed_until.is_null(False))
    return [row.claimed_by for row in SiteOrder.select(SiteOrder.claimed_by).where(*held).distinct()]


def release(claimant: str) -> None:
    """This process is dead: its tries hold off no other. When they are due stays, because the site may be importing what it was
    told. Call inside a transaction."""
    SiteOrder.update(claimed_until=None).where(
        SiteOrder.callback == "waiting", SiteOrder.claimed_by == claimant
    ).execute()


def no_longer_owed(debts: Iterable[Debt]) -> set[int]:
    """The tasks of those debts that nobody has to be told any more, for instance because a newer order replaced theirs."""
    return {debt.task for debt in debts if not SiteOrder.select().where(*_owed(debt)).exists()}


def tries_of(debt: Debt) -> int:
    """How often it was tried to tell the site of this end."""
    return int(SiteOrder.select(SiteOrder.tries).where(SiteOrder.task == debt.task).scalar() or 0)


def of_task(task_id: int) -> SiteOrder | None:
    """The order of a site that the task belongs to; None for any other task."""
    row: SiteOrder | None = SiteOrder.get_or_none(SiteOrder.task == task_id)
    return row


def push(task_id: int, now: datetime) -> bool:
    """Let the callback be tried at once, also one that was given up; after the try that is under way, if any. False when none
    is owed."""
    owed = (SiteOrder.task == task_id, SiteOrder.callback.in_(["waiting", "given-up"]))
    return bool(SiteOrder.update(**_pushed(now)).where(*owed).execute())


def push_all(site: str, now: datetime) -> int:
    """The same for all callbacks of this site, "" = of each site, also those that were given up. Returns how many."""
    owed = SiteOrder.callback.in_(["waiting", "given-up"])
    if site:
        owed &= SiteOrder.site == site
    return int(SiteOrder.update(**_pushed(now)).where(owed).execute())


@dataclass(frozen=True)
class Untold:
    """How many ends sites do not know: that were `tried` in vain and wait, and that were given up."""

    tried: int
    given_up: int


def count_untold() -> Untold:
    tried = SiteOrder.select().where(SiteOrder.callback == "waiting", SiteOrder.tries > 0)
    given_up = SiteOrder.select().where(SiteOrder.callback == "given-up")
    return Untold(tried.count(), given_up.count())


def list_untold(site: str, state: str, limit: int, before: int | None = None) -> list[SiteOrder]:
    """Orders whose callback is in this state, newest first; `site` "" = of each site. `before`: the task to go on from."""
    query = SiteOrder.select().where(SiteOrder.callback == state)
    if site:
        query = query.where(SiteOrder.site == site)
    if before is not None:
        query = query.where(SiteOrder.task < before)
    return list(query.order_by(SiteOrder.task.desc()).limit(limit))


def give_up_foreign(sites: Sequence[str], now: datetime) -> None:
    """Nobody tells other sites than these of ends that are too old, because the settings no longer have them. Call inside a
    transaction."""
    old = Task.select(Task.id).where(Task.ended_at < now - GIVE_UP)
    foreign = (SiteOrder.callback == "waiting", SiteOrder.site.not_in(list(sites)), SiteOrder.task.in_(old))
    SiteOrder.update(callback="given-up", due_at=None).where(*foreign).execute()


def expire(site: str, limit: datetime, now: datetime, count: int = 100) -> int:
    """Mark as deleted what a site ordered, when its task ended before `limit` and no callback waits. Returns how many, at most
    `count`. The purge then removes files and rows. Call inside a transaction."""
    old = SiteOrder.select(Task.video).join(Task).join(Video)
    old = old.where(SiteOrder.site == site, SiteOrder.callback != "waiting", Task.ended_at < limit)
    old = old.where(Task.state.not_in(["waiting", "running"]), Video.deleted_at.is_null())
    videos = [row.task.video_id for row in old.limit(count)]
    return int(Video.update(deleted_at=now).where(Video.id.in_(videos)).execute()) if videos else 0


def _pushed(now: datetime) -> dict[str, Any]:
    """Columns of a callback that is to be tried at once, even if the site has fetched the result. Of a Pod 4.1, which fetches
    nothing and refuses what it has imported, it stays unclear whether it knows."""
    is_unclear = SiteOrder.is_unclear & SiteOrder.fetched_at.is_null()
    return {"callback": "waiting", "due_at": now, "is_unclear": is_unclear}


def _is_free(now: datetime) -> Any:
    """No try for this task is under way, as far as anybody knows."""
    return SiteOrder.claimed_until.is_null() | (SiteOrder.claimed_until <= now)


def _owed(debt: Debt) -> tuple[Any, ...]:
    """Finds the order while exactly this end is owed."""
    return SiteOrder.task == debt.task, SiteOrder.ends == debt.ends, SiteOrder.callback == "waiting"


def _debt(row: SiteOrder) -> Debt:
    task, is_deleted = row.task, row.task.video is None or row.task.video.deleted_at is not None
    return Debt(
        task=task.id,
        ends=row.ends,
        site=row.site,
        public_id=row.public_id,
        notify_url=row.notify_url,
        token=row.token,
        state="cancelled" if task.state == "done" and is_deleted else task.state,
        error_code=task.error_code,
        error_facts=task.error_facts or {},
        error_reason=task.error_reason or "",
        is_unclear=row.is_unclear,
    )
