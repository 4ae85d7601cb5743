"""Takes back what store/many_tasks.py did, for tasks that have not moved on since: one slice in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.id_lists import among
from pod_jobs.catalog.models import Attempt, Outbox, Task
from pod_jobs.catalog.store import many_tasks, site_callbacks
from pod_jobs.catalog.store.many_orders import Row
from pod_jobs.catalog.store.many_tasks import Changed, Refusal, allow
from pod_jobs.catalog.store.waiting_line import standing_of_task
from pod_jobs.errors import PodJobsError, Refused


def end_as_before(changed: Sequence[Row], now: datetime, forbid: Refusal) -> Changed:
    """Tasks that were ordered to run again, and have not begun, become as they had ended. A worker that has their job
    nevertheless is refused, because the job is of a later generation than the task has then."""
    since = {number: (generation, former) for number, generation, former in changed}
    with transaction():
        rows, result = many_tasks.locked_rows(list(since), forbid)
        tried = Attempt.select(Attempt.task, Attempt.generation).where(among(Attempt.task, since))
        begun: set[Any] = set(tried.tuples())
        for row in rows:
            if row.state != "waiting" or row.generation != since[row.id][0] or (row.id, row.generation) in begun:
                result.refused[row.id] = _moved_on(row)
            else:
                result.tasks.append(row)
        ids = [row.id for row in result.tasks]
        Outbox.delete().where(among(Outbox.task_id, ids)).execute()
        latest = Attempt.select().where(among(Attempt.task, ids)).order_by(Attempt.number)
        reasons = {attempt.task_id: attempt.reason for attempt in latest}
        for row in result.tasks:
            state, ended_at, code, facts = since[row.id][1]
            columns = {"state": state, "ended_at": Task.ended_at.python_value(ended_at), "error_code": code}
            columns |= {"error_facts": facts, "error_reason": reasons.get(row.id) if state == "error" else None}
            Task.update(generation=row.generation - 1, **columns).where(Task.id == row.id).execute()
            row.generation, row.state = row.generation - 1, state
        site_callbacks.owe(ids, now)
    return result


def run_after_all(changed: Sequence[Row], now: datetime, forbid: Refusal, limit: Refusal = allow) -> Changed:
    """Tasks that were cancelled wait again, where they stood in the line. A task that ran and has not stopped yet is refused.
    `limit`: as of many_tasks.order_again."""
    since = {number: generation for number, generation, _ in changed}
    places = {number: place for number, _, place in changed if place}

    def moved_on(task: Task) -> PodJobsError | None:
        if task.state == "running" and task.generation == since[task.id]:
            return Refused(f"task {task.id} still stops", code="task-stopping")
        stopped = task.state == "cancelled" and task.generation == since[task.id]
        return forbid(task) if stopped else _moved_on(task)

    with transaction():
        result = many_tasks.order_again(list(since), now, moved_on, limit)
        _line_up([(row, places[row.id]) for row in result.tasks if row.id in places])
    return result


def _line_up(rows: Sequence[tuple[Task, list[Any]]]) -> None:
    """Give waiting tasks the places back that many_tasks.cancel noted, as far as these are free. Those that RQ had already come
    first."""
    wanted_ids = [number for _, (_, number, _) in rows if number is not None]
    taken = {row.id for row in Outbox.select(Outbox.id).where(among(Outbox.id, wanted_ids))}
    for task, (since, number, standing) in rows:
        Task.update(queued_at=Task.queued_at.python_value(since)).where(Task.id == task.id).execute()
        if number is None:
            place: dict[str, Any] = {"standing": standing_of_task(task, at_front=True)}
        else:
            place = {"standing": standing, **({} if number in taken else {"id": number})}
        Outbox.update(**place).where(Outbox.task_id == task.id).execute()


def prioritise_as_before(changed: Sequence[Row], forbid: Refusal) -> Changed:
    """Waiting tasks have the priority again that they had, unless somebody gave them another one since."""
    by_priority: dict[tuple[int, int], dict[int, int]] = {}
    for number, generation, (former, given) in changed:
        by_priority.setdefault((former, given), {})[number] = generation
    result = Changed()
    with transaction():
        for (former, given), since in sorted(by_priority.items()):

            def moved_on(task: Task, given: int = given, since: dict[int, int] = since) -> PodJobsError | None:
                same = task.state == "waiting" and (task.priority, task.generation) == (given, since[task.id])
                return forbid(task) if same else _moved_on(task)

            part = many_tasks.prioritise(list(since), former, moved_on)
            result.tasks += part.tasks
            result.refused |= part.refused
    return result


def show_again(changed: Sequence[Row], forbid: Refusal) -> Changed:
    """Tasks that were to be deleted stay after all."""
    with transaction():
        rows, result = many_tasks.locked_rows([number for number, _, _ in changed], forbid)
        for row in rows:
            if row.delete_at is None:
                result.refused[row.id] = _moved_on(row)
            else:
                result.tasks.append(row)
        Task.update(delete_at=None).where(among(Task.id, [row.id for row in result.tasks])).execute()
    return result


def _moved_on(task: Task) -> Refused:
    return Refused(f"task {task.id} is {task.state}, and at generation {task.generation}", code="task-moved-on")
