"""The only producer of RQ jobs, and the only reader of RQ's queues for pages and the command line.

A job is a kind and a small payload of ids, as JSON. Its id is deterministic, and enqueuing an id that RQ knows is no
error. What else we keep in the key-value server: jobs/keys.py.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import as_text

from pod_jobs.catalog.figures import AMOUNT_LIMIT, is_figure
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.jobs import keys
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.jobs.rq_classes import PERFORM, PodJob, PodQueue

HELP = "assist"  # how the kind, and so the id, of a call for help begins (colleagues.py)
# Field of a progress -> its type; float stands for any number
PROGRESS: dict[str, type] = {
    **dict.fromkeys(("step", "folder", "worker", "host", "at", "trouble"), str),
    **dict.fromkeys(("fraction", "speed", "eta_s", "workers", "duration_s", "source_s", "attempt"), float),
    **dict.fromkeys(("processors", "memory"), float),
    **dict.fromkeys(("first_playable", "is_video"), bool),
}
PROGRESS_TTL_S = 20  # longer than any pause between two writes; a task without progress has no run at work
CANCEL_TTL_S = 7 * 86400
INTERRUPT_TTL_S = 3600
RESULT_TTL_S = 7 * 86400  # how long a finished job shows in rq-dashboard; the catalog keeps the task much longer
OTHER_RESULT_TTL_S = 3600
FAILURE_TTL_S = -1  # no expiry: a requeued job would keep it and vanish while it waits; the janitor purges


def open_queue(redis: Redis, name: str) -> PodQueue:
    """The RQ queue `name`, with our classes and serializer."""
    return PodQueue(name, connection=redis)


def show(redis: Redis, names: Iterable[str]) -> None:
    """List the queues in `rq info` and rq-dashboard; RQ itself lists a queue only after its first job."""
    redis.sadd(PodQueue.redis_queues_keys, *(open_queue(redis, name).key for name in names))


def enqueue(redis: Redis, job_type: JobType, job_id: str, payload: Payload, *, at_front: bool = False) -> bool:
    """Put a job into the queue of its type. `job_id` begins with the type's kind and a hyphen.

    False when RQ knows the id already. Errors: ServiceUnavailable.
    """
    try:
        open_queue(redis, job_type.queue).enqueue_call(
            PERFORM,  # of runtime.py
            args=(job_type.kind, payload),
            job_id=job_id,
            unique=True,
            description=job_id,
            timeout=job_type.timeout_s,
            result_ttl=RESULT_TTL_S if job_type.of_task else OTHER_RESULT_TTL_S,
            failure_ttl=FAILURE_TTL_S,
            at_front=at_front,
        )
    except DuplicateJobError:
        if fetch(redis, job_id) is not None:
            return False
        # An entry with the id of our job that is no job of ours goes, or the task would wait behind it for ever
        redis.delete(keys.rq_job(job_id))
        return enqueue(redis, job_type, job_id, payload, at_front=at_front)
    except RedisError as error:
        raise ServiceUnavailable(f"key-value server: {error}") from error
    return True


def fetch(redis: Redis, job_id: str) -> PodJob | None:
    """The RQ job, or None when RQ does not know it."""
    try:
        return PodJob.fetch(job_id, connection=redis, serializer=JSONSerializer)
    except NoSuchJobError:
        return None


def remove(redis: Redis, job_id: str) -> None:
    """Forget a job, wherever RQ has it. A run at work goes on until it finds its task superseded or cancelled."""
    job = fetch(redis, job_id)
    if job is not None:
        job.delete()


def forget_failures(redis: Redis, queue_name: str, job_ids: Sequence[str]) -> None:
    """Take failed jobs out of RQ, because newer runs replace them, in two round trips; a job that has not failed stays."""
    failed = FailedJobRegistry(queue=open_queue(redis, queue_name)).key
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.zrem(failed, job_id)
        removed = pipeline.execute()
        for job_id, was_failed in zip(job_ids, removed, strict=True):
            if was_failed:
                pipeline.delete(keys.rq_job(job_id))
        pipeline.execute()


def head(redis: Redis, queue_name: str, most: int) -> list[str]:
    """The ids of the first jobs that wait in the queue, the next one first."""
    return [as_text(job_id) for job_id in redis.lrange(keys.rq_queue(queue_name), 0, most - 1)]


def positions(redis: Redis, queue_name: str) -> dict[str, int]:
    """Job id -> place in the queue, 1 = next. A worker's call for help makes way for the others and does not count."""
    ids = [as_text(job_id) for job_id in redis.lrange(keys.rq_queue(queue_name), 0, -1)]
    waiting = (job_id for job_id in ids if not job_id.startswith(HELP))
    return {job_id: place for place, job_id in enumerate(waiting, 1)}


def write_progress(redis: Redis, task_id: int, progress: dict[str, Any]) -> None:
    redis.set(keys.progress(task_id), json.dumps(progress), ex=PROGRESS_TTL_S)


def clear_progress(redis: Redis, task_id: int) -> None:
    redis.delete(keys.progress(task_id))


def read_progress(redis: Redis, task_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Task id -> what its running attempt last said: step, fraction (0..1), speed, eta_s, folder, worker, host, at …"""
    ids = list(task_ids)
    if not ids:
        return {}
    values = redis.mget([keys.progress(task_id) for task_id in ids])
    progress_by_task = {task_id: _progress(value) for task_id, value in zip(ids, values, strict=True) if value}
    return {task_id: progress for task_id, progress in progress_by_task.items() if progress}


def request_cancel(redis: Redis, task_id: int, generation: int) -> None:
    """Tell the running attempt to end. The catalog's row says the same in case this is lost. Later generations ignore it."""
    redis.set(keys.cancel(task_id), generation, ex=CANCEL_TTL_S)


def is_cancel_requested(redis: Redis, task_id: int, generation: int) -> bool:
    value = redis.get(keys.cancel(task_id))
    return value is not None and as_text(value) == str(generation)


def request_interrupt(redis: Redis, task_id: int, worker: str) -> None:
    """Tell the run of this task by `worker` to end and to go back to the front of its queue. A later run ignores it."""
    redis.set(keys.interrupt(task_id), worker, ex=INTERRUPT_TTL_S)


def forget_interrupt(redis: Redis, task_id: int) -> None:
    """The run has obeyed; the same worker may run the task again."""
    redis.delete(keys.interrupt(task_id))


def is_interrupt_requested(redis: Redis, task_id: int, worker: str) -> bool:
    value = redis.get(keys.interrupt(task_id))
    return value is not None and as_text(value) == worker


def _progress(value: bytes | str) -> Payload:
    """Those of its fields that have their type; {} for what is no progress of ours."""
    try:
        progress = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(progress, dict):
        return {}
    return {
        name: progress[name] for name, kind in PROGRESS.items() if name in progress and _is(name, progress[name], kind)
    }


def _is(name: str, value: Any, kind: type) -> bool:
    """None is what an attempt does not know yet."""
    if kind is float:
        return value is None or (is_figure(value, AMOUNT_LIMIT) if name.endswith("_s") else is_figure(value))
    return value is None or type(value) is kind
