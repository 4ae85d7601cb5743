"""What people order of workers: take no new job, give up the present one, take jobs again."""

import logging

from redis.exceptions import RedisError

from pod_jobs.catalog.models import Drain, User
from pod_jobs.catalog.store import drains as store
from pod_jobs.catalog.store import machines
from pod_jobs.jobs import drains, queue, workforce
from pod_jobs.settings import QUEUES
from pod_jobs.web.services import now, services

log = logging.getLogger(__name__)

MOST_RUNNING = 500


def begin_drain(user: User, scope: str, name: str, why: str) -> Drain:
    """Let the workers of `scope` and `name` take no new job. Errors: Malformed."""
    drain = store.begin(scope, name, user.name, why, now())
    publish()
    return drain


def end_drain(user: User, drain_id: int) -> None:
    """Errors: NotFound."""
    store.end(drain_id, user.name, now())
    publish()


def publish() -> bool:
    """Tell the workers all drains. While Redis is away the janitor tells them later, and this returns False."""
    try:
        drains.publish(services().redis, store.for_workers())
    except RedisError as error:
        log.warning("the drains wait for the janitor: %s", error)
        return False
    return True


def present_jobs(scope: str, name: str) -> list[tuple[int, str]]:
    """(task, worker) of what the workers of `scope` and `name` run. Errors: RedisError."""
    running, jobs = machines.running(MOST_RUNNING), []
    for worker in workforce.list_workers(services().redis, QUEUES):
        name_by_scope = {"all": "", "queue": worker["queue"], "host": worker["host"], "worker": worker["name"]}
        if name_by_scope.get(scope) == name and worker["name"] in running:
            jobs.append((running[worker["name"]][0].id, worker["name"]))
    return jobs


def interrupt(scope: str, name: str) -> int:
    """Tell the runs of these workers to end and to go back to the front of their queues. Returns how many were told.
    Errors: RedisError."""
    jobs = present_jobs(scope, name)
    for task_id, worker in jobs:
        queue.request_interrupt(services().redis, task_id, worker)
    return len(jobs)
