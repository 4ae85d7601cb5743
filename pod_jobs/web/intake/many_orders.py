"""Orders for all tasks that match a filter. The janitor hands the jobs to RQ."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import RedisError

from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.store import many_tasks, task_search, users
from pod_jobs.catalog.store.task_search import TaskFilter
from pod_jobs.catalog.store.tasks import job_id
from pod_jobs.errors import Refused
from pod_jobs.jobs import queue
from pod_jobs.web.site import now, site


@dataclass(frozen=True)
class Result:
    """How many tasks were changed, and how many stayed as they were because their state or another task forbids it."""

    done: int
    skipped: int


def requeue(user: User, wanted: TaskFilter, counted: int) -> Result:
    """Run all matching tasks again that failed or were cancelled. Errors: Refused when no longer `counted` tasks match."""
    result = _each_slice(wanted, counted, many_tasks.order_again, _forget_failures)
    users.note(user.name, "requeue", "tasks", now(), f"{result.done} of {counted}: {wanted}")
    return result


def stop(user: User, wanted: TaskFilter, counted: int) -> Result:
    """Cancel all matching tasks that wait or run. Errors: Refused when no longer `counted` tasks match."""
    result = _each_slice(wanted, counted, many_tasks.cancel, _tell_to_end)
    users.note(user.name, "cancel", "tasks", now(), f"{result.done} of {counted}: {wanted}")
    return result


def _each_slice(
    wanted: TaskFilter,
    counted: int,
    change: Callable[[Sequence[int], datetime], list[Task]],
    tell: Callable[[Sequence[Task]], None],
) -> Result:
    if (present := task_search.count(wanted)) != counted:
        raise Refused(f"{counted} tasks matched, and now {present} do")
    done = seen = last = 0
    while seen < counted and (ids := task_search.ids(wanted, last, min(many_tasks.SLICE, counted - seen))):
        changed = change(ids, now())
        with suppress(RedisError):  # the catalog's rows say the same
            tell(changed)
        done, seen, last = done + len(changed), seen + len(ids), ids[-1]
    return Result(done, seen - done)


def _forget_failures(changed: Sequence[Task]) -> None:
    for name, jobs in _by_queue(changed).items():
        queue.forget_failures(site().redis, name, jobs)


def _tell_to_end(changed: Sequence[Task]) -> None:
    for task in changed:
        if task.state == "waiting":
            queue.remove(site().redis, job_id(task.kind, task.id, task.generation))
        else:
            queue.request_cancel(site().redis, task.id, task.generation)


def _by_queue(tasks: Sequence[Task]) -> dict[str, list[str]]:
    """Queue -> the ids of the tasks' jobs."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        if task.kind in site().job_types:
            found.setdefault(site().job_types[task.kind].queue, []).append(job_id(task.kind, task.id, task.generation))
    return found
