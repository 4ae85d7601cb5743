"""Orders for many tasks, which a filter or their ids choose: one slice after the other, the newest tasks first.

Each slice is one transaction with its line in the audit, so if the process dies, only whole slices are done, and repeating
the order does the rest. A task that is refused gets a reason, and stops no other.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from redis.exceptions import RedisError

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import many_orders as store
from pod_jobs.catalog.store import many_tasks, task_search, tasks, users, videos
from pod_jobs.catalog.store.many_tasks import Changed
from pod_jobs.catalog.store.task_search import Extent, TaskFilter
from pod_jobs.errors import Forbidden, NotFound, PodJobsError, Refused
from pod_jobs.jobs import queue
from pod_jobs.web.intake import orders, quotas
from pod_jobs.web.services import now, services


class Record:
    """What an order changes is kept with it, slice by slice, so that it can be taken back. `order`: its id, once there is one."""

    def __init__(self, user: User, action: str, order: int | None = None) -> None:
        self.user, self.action, self.order = user, action, order

    def keep(self, changed: Changed) -> None:
        """Call in the transaction of the change."""
        if changed.tasks:
            rows = [[task.id, task.generation, changed.former.get(task.id)] for task in changed.tasks]
            self.order = store.keep(self.order, self.user, self.action, rows, now())
            note(self.user, self.action, changed.tasks)


Change = Callable[[Record, Sequence[int]], Changed]


@dataclass(frozen=True)
class Chosen:
    """The tasks of an order: `ids`, or without them those that match `wanted`. `before` is the id below which they lie."""

    ids: Collection[int] | None = None
    wanted: TaskFilter = TaskFilter()
    before: int | None = None

    def seen_by(self, user: User) -> "Chosen":
        """Without what `user` may not see."""
        everybodys = may(user.role, "see-all-videos")
        return self if everybodys else replace(self, wanted=replace(self.wanted, owner_id=user.id))

    def count(self) -> int:
        return task_search.count(self.wanted) if self.ids is None else len(self.ids)

    def extent(self) -> Extent:
        """The extent of the tasks that the filter matches. Not for `ids`."""
        return task_search.extent(self.wanted)

    def next(self, limit: int) -> list[int]:
        """The first ids, descending."""
        if self.ids is None:
            return task_search.ids(self.wanted, limit, self.before)
        ids = {task_id for task_id in self.ids if self.before is None or task_id < self.before}
        return sorted(ids, reverse=True)[:limit]


@dataclass
class Outcome:
    """Ids of the tasks that were changed, in ascending order, and why the others stayed as they were."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, PodJobsError] = field(default_factory=dict)
    next: int | None = None  # `before` of the tasks that are left, when there may be any
    order: int | None = None  # by which it can be taken back for a minute (undo.py); None: nothing was changed


def run_again(user: User, chosen: Chosen, most: int | None = None, order: int | None = None) -> Outcome:
    """Give a new generation to the chosen tasks that failed or were cancelled, at most `most` of them. `order`, here and in the
    other functions: the id of an earlier order of the same kind by this person, which this call continues. Errors: NotFound when
    there is no such order."""
    return _each_slice(Record(user, "requeue", order), chosen.seen_by(user), most, _run_again)


def run_one_again(user: User, task_id: int) -> Task:
    """`run_again` for one task. Errors: NotFound; Forbidden; Refused."""
    for error in run_again(user, Chosen(ids=[task_id])).refused.values():
        raise error
    return tasks.get(task_id)


def stop(user: User, chosen: Chosen, most: int | None = None, order: int | None = None) -> Outcome:
    """Cancel the chosen tasks that wait or run, at most `most` of them."""
    return _each_slice(Record(user, "stop", order), chosen.seen_by(user), most, _stop)


def delete(user: User, chosen: Chosen, most: int | None = None, order: int | None = None) -> Outcome:
    """Delete the chosen tasks that many_tasks.hide allows, at most `most` of them: they leave the lists, and the janitor deletes
    them when that can no longer be taken back."""
    return _each_slice(Record(user, "delete", order), chosen.seen_by(user), most, _delete)


def prioritise(user: User, chosen: Chosen, priority: int, most: int | None = None, order: int | None = None) -> Outcome:
    """Give this priority to the chosen tasks that wait, at most `most` of them."""
    return _each_slice(Record(user, "prioritise", order), chosen.seen_by(user), most, partial(_prioritise, priority))


def check_unchanged(chosen: Chosen, seen: str | int) -> int:
    """How many tasks match the filter. `seen`: an Extent as text, or their number, which is all that programs know.
    Errors: Refused when others match."""
    present = chosen.extent()
    if seen != (present.count if isinstance(seen, int) else str(present)):
        raise Refused(f"{seen or 'nothing'} was seen, and {present} matches", code="tasks-changed")
    return present.count


def _each_slice(record: Record, chosen: Chosen, most: int | None, change: Change) -> Outcome:
    outcome, left = Outcome(), most
    while left is None or left > 0:
        size = many_tasks.SLICE if left is None else min(many_tasks.SLICE, left)
        ids = chosen.next(size)
        if ids:
            changed = change(record, ids)
            outcome.done += [task.id for task in changed.tasks]
            outcome.refused |= changed.refused
            chosen, left = replace(chosen, before=ids[-1]), None if left is None else left - len(ids)
        outcome.next = chosen.before if len(ids) == size else None
        if outcome.next is None:
            break
    outcome.done.sort()
    outcome.order = record.order
    return outcome


def _run_again(record: Record, ids: Sequence[int]) -> Changed:
    with transaction():
        users.lock(record.user)
        room = quotas.Room(services().settings, record.user)
        changed = many_tasks.order_again(ids, now(), forbid(record.user), room.refuse)
        record.keep(changed)
    with suppress(RedisError):  # a failure that stays in RQ is replaced all the same; the janitor purges it
        for name, jobs in _replaced_jobs(changed.tasks).items():
            queue.forget_failures(services().redis, name, jobs)
    orders.dispatch(*changed.tasks)
    return changed


def _stop(record: Record, ids: Sequence[int]) -> Changed:
    with transaction():
        changed = many_tasks.cancel(ids, now(), forbid(record.user))
        record.keep(changed)
    orders.tell_to_end(*changed.tasks)
    return changed


def _delete(record: Record, ids: Sequence[int]) -> Changed:
    with transaction():
        changed = many_tasks.hide(ids, now() + store.UNDO, forbid(record.user))
        record.keep(changed)
    return changed


def _prioritise(priority: int, record: Record, ids: Sequence[int]) -> Changed:
    with transaction():
        changed = many_tasks.prioritise(ids, priority, forbid(record.user))
        record.keep(changed)
    orders.dispatch(*changed.tasks)
    return changed


def forbid(user: User) -> many_tasks.Refusal:
    """What `orders.task_to_change` raises for a task."""

    def refuse(task: Task) -> PodJobsError | None:
        try:
            if task.video is None:
                if not may(user.role, "see-system-tasks"):
                    return NotFound(f"task {task.id}")
                orders.check_may_steer(user, task.id)
            elif task.video.deleted_at is not None or not videos.may_see(user, task.video):
                return NotFound(f"task {task.id}")
            else:
                videos.check_may_change(user, task.video)
        except (Forbidden, NotFound) as error:
            return error
        return None

    return refuse


def note(user: User, action: str, changed: Sequence[Task]) -> None:
    """Write a line of the audit about the changed tasks."""
    if changed:
        ids = " ".join(_spans([task.id for task in changed]))
        users.note(user.name, action, f"{len(changed)} tasks", now(), ids)


def _spans(ids: Sequence[int]) -> Iterator[str]:
    """Ascending ids for people: t4 t7-t90."""
    start = 0
    for place, number in enumerate(ids):
        if place + 1 == len(ids) or ids[place + 1] != number + 1:
            yield f"t{number}" if ids[start] == number else f"t{ids[start]}-t{number}"
            start = place + 1


def _replaced_jobs(renewed: Sequence[Task]) -> dict[str, list[str]]:
    """Queue -> the jobs of the generations before these."""
    jobs: dict[str, list[str]] = {}
    for task in renewed:
        if task.kind in services().job_types:
            name = services().job_types[task.kind].queue
            jobs.setdefault(name, []).append(tasks.job_id(task.kind, task.id, task.generation - 1))
    return jobs
