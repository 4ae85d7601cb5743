"""A worker that was killed leaves its job in RQ's hands, which wait 70 s and more; its successor on the host need not.

A worker's name says who it is: queue.host.pid for people, then place and start time (identity.py), for the first three may
come again. When that process is gone from this place, so is its horse (PR_SET_PDEATHSIG), and the job can go back to the
front of its queue at once. Every worker looks when it starts, the janitor every few seconds. Workers of other places are left
to RQ's heartbeats.
"""

import logging
import os
import re
import socket

from redis import Redis, WatchError
from rq.executions import Execution
from rq.job import JobStatus
from rq.registry import StartedJobRegistry
from rq.utils import as_text

from pod_jobs.jobs import keys
from pod_jobs.jobs.queue import fetch, open_queue
from pod_jobs.system import process_identity

log = logging.getLogger(__name__)

HOST_CHARACTERS = 40  # of a worker's name, which the catalog keeps in 100
NUMBER = re.compile("[0-9]{1,18}")
ELSEWHERE = "unknown"  # never the place of the one who asks


def worker_name(queue_name: str) -> str:
    """Of this process; no other one ever has it."""
    pid = os.getpid()
    host = socket.gethostname()[:HOST_CHARACTERS]
    return f"{queue_name}.{host}.{pid}.{process_identity.here() or ELSEWHERE}.{process_identity.start_ticks(pid)}"


def is_dead_here(worker: str) -> bool:
    """Was this worker a process of this kernel and container, and is it gone? False in doubt."""
    _, *numbers = worker.rsplit(".", 3)
    if len(numbers) != 3:
        return False
    pid, place, started = numbers
    if not (NUMBER.fullmatch(pid) and NUMBER.fullmatch(started)):
        return False
    return process_identity.has_ended(place, int(pid), int(started))


def put_back_jobs_of_the_dead(redis: Redis, queue_name: str) -> int:
    """Returns how many jobs went back. Safe to do twice, also by two processes at the same time."""
    put_back = 0
    for key in redis.smembers(keys.rq_workers_of(queue_name)):
        worker = keys.rq_worker_name(as_text(key))
        if not is_dead_here(worker):
            continue
        try:
            for composite in redis.smembers(keys.rq_executions_of(worker)):
                put_back += _put_back(redis, queue_name, as_text(composite), worker)
        except WatchError:
            continue  # somebody moved a job meanwhile; the next look finds this worker again
        with redis.pipeline() as pipeline:
            pipeline.srem(keys.rq_workers_of(queue_name), key)
            pipeline.srem(keys.RQ_WORKERS, key)
            pipeline.delete(key, keys.rq_executions_of(worker))
            pipeline.execute()
    return put_back


def _put_back(redis: Redis, queue_name: str, composite: str, worker: str) -> bool:
    queue = open_queue(redis, queue_name)
    started = StartedJobRegistry(queue=queue)
    job_id, _, execution_id = composite.rpartition(":")
    with redis.pipeline() as pipeline:
        pipeline.watch(started.key)
        job = fetch(redis, job_id)
        if job is None or pipeline.zscore(started.key, composite) is None:
            return False
        pipeline.multi()
        Execution(execution_id, job_id, redis, worker_name=worker).delete(job, pipeline)
        job.set_status(JobStatus.QUEUED, pipeline=pipeline)
        pipeline.lrem(queue.intermediate_queue_key, 0, job_id)
        pipeline.lrem(queue.key, 0, job_id)
        pipeline.lpush(queue.key, job_id)
        pipeline.execute()
    log.warning("%s: its worker %s is gone; back to the front of %s", job_id, worker, queue_name)
    return True
