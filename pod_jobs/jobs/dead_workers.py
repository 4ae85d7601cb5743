"""Puts the jobs of killed workers back into their queues at once. RQ alone notices a killed worker after 70 s or more.

A worker's name identifies its process: queue, host and process id for people, then the place (kernel and container) and the
start time, because another process may later have the same queue, host and process id (system/process_identity.py). When
the process has ended, its child that ran the job has ended too (PR_SET_PDEATHSIG), so the job can go back to the front of
its queue. Each worker looks for such jobs when it starts, and the janitor every few seconds. A process cannot see workers
of other places: janitor/reconcile.py notices when their heartbeats stop.
"""

import logging
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

HOST_CHARACTERS = 40  # of the host in a worker's name; the catalog stores 100 characters of the name


def worker_name(queue_name: str) -> str:
    """The name of a worker in this process. No other process ever has the same."""
    return f"{queue_name}.{socket.gethostname()[:HOST_CHARACTERS]}.{process_identity.own_name()}"


def is_dead_here(worker: str) -> bool:
    """Was this worker a process of this kernel and container, and has it ended? False when that cannot be known."""
    _, *process = worker.rsplit(".", 3)
    return process_identity.is_dead_here(".".join(process))


def put_back_jobs_of_the_dead(redis: Redis, queue_name: str) -> int:
    """Put back the jobs of workers that have died in this place. Returns how many. Two processes may do it at the same time."""
    put_back = 0
    for key in redis.smembers(keys.rq_workers_of(queue_name)):
        worker = keys.rq_worker_name(as_text(key))
        if not is_dead_here(worker):
            continue
        try:
            for composite in redis.smembers(keys.rq_executions_of(worker)):
                put_back += _put_back(redis, queue_name, as_text(composite), worker)
        except WatchError:
            continue  # another process moved the job at the same time; the next call looks at this worker again
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
