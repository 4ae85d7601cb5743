"""Hands waiting tasks over from the catalog to RQ: to each queue only the next few, so that a later order can still be first.

The catalog decides what comes next (catalog/store/waiting_line.py). RQ gets a job for each idle worker and one more, which the
first worker that ends its job finds at once. If somebody else's task comes before that one by now, it goes to the front.

1. An order calls `hand_over`, and so does the start of each run, which has just made room in RQ's queue.
2. The janitor calls it in each round, in case a process died or Redis was away.
3. RQ gets the job, and then the row leaves the outbox. Whoever dies in between leaves a row whose job RQ has: the next call
   enqueues it again, which RQ refuses because it knows the id, or the start of the run deletes the row.
Several processes may do this at the same time: at worst RQ gets one job more than it needs. Where a quota limits how many
tasks of a party run at once, they take turns, also for different queues: RQ gets the job while the party is locked.
"""

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile

from redis import Redis

from pod_jobs.catalog.store import waiting_line
from pod_jobs.catalog.store.waiting_line import Limits, Turn
from pod_jobs.jobs import queue, workforce
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings

log = logging.getLogger(__name__)

SPARE = 1  # jobs in RQ's queue beyond those that idle workers take at once
LOOKED_AT = 100  # jobs at the head of RQ's queue
OF_TASK = re.compile("[a-z][a-z0-9_]*-([0-9]{1,18})-g[0-9]{1,18}")  # the job id of a task; of no report and no helper

Guard = Callable[[], AbstractContextManager[None]]


def limits_of(settings: Settings) -> Limits:
    """What the settings say about who may begin."""
    return Limits(settings.waiting.short_passes, settings.running_quotas)


def hand_over(redis: Redis, job_types: JobTypes, queue_name: str, limits: Limits, guard: Guard = nullcontext) -> int:
    """Give RQ's queue the jobs that it should have. Returns how many. `guard` surrounds each change of the catalog.

    Errors: ServiceUnavailable, RedisError; what was not handed over waits in the outbox.
    """
    handed = handed_over(redis, queue_name)
    room = workforce.count_waiting_for_work(redis, queue_name) + SPARE - len(handed)
    turns = waiting_line.upcoming(kinds_of(job_types, queue_name), max(room, 1) + len(handed), limits, handed)
    before_all = list(takewhile(lambda turn: turn.row is not None, turns))
    behind = [turn for turn in turns[len(before_all) :] if turn.row is not None]
    if not handed:
        before_all, behind = [], before_all
    before_all = before_all[: max(room, 1)]
    behind = behind[: max(0, room - len(before_all))]
    sent = [_send(redis, job_types, turn, limits, guard, at_front=True) for turn in reversed(before_all)]
    sent += [_send(redis, job_types, turn, limits, guard, at_front=False) for turn in behind]
    return sum(sent)


def kinds_of(job_types: JobTypes, queue_name: str) -> list[str]:
    """The kinds of tasks whose jobs go through this queue."""
    return [kind for kind, one in job_types.items() if one.of_task and one.queue == queue_name]


def handed_over(redis: Redis, queue_name: str) -> list[int]:
    """The ids of the tasks whose jobs wait in RQ's queue, at most the first hundred, in its order."""
    matches = map(OF_TASK.fullmatch, queue.head(redis, queue_name, LOOKED_AT))
    return [int(match[1]) for match in matches if match]


def in_line(job_types: JobTypes, queue_name: str, limits: Limits, limit: int, handed: Sequence[int]) -> list[int]:
    """The ids of the waiting tasks of this queue that begin next, at most `limit`. `handed`: those whose jobs wait in RQ."""
    return [turn.task for turn in waiting_line.upcoming(kinds_of(job_types, queue_name), limit, limits, handed)]


def _send(redis: Redis, job_types: JobTypes, turn: Turn, limits: Limits, guard: Guard, *, at_front: bool) -> bool:
    """Give RQ the job of this task. False when its party has no room any more."""
    row = turn.row
    assert row is not None  # noqa: S101  # for the type checker: `hand_over` chose those that have one
    kind = job_types[row.kind]
    if row.party in limits.running:
        with guard(), waiting_line.with_its_party_locked(row, limits) as has_room:
            if has_room:
                queue.enqueue(redis, kind, row.job_id, row.payload, at_front=at_front)  # RQ may know it
                waiting_line.remove_from_outbox(row.job_id)
        return has_room
    queue.enqueue(redis, kind, row.job_id, row.payload, at_front=at_front)
    with guard():
        waiting_line.remove_from_outbox(row.job_id)
    return True
