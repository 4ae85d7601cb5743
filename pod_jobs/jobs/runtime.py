"""The one function that RQ calls, and what becomes of a job that fails.

The life of a task's job:
 1. RQ's worker forks; the child calls `perform(kind, payload)`.
 2. The catalog is asked to `start` the run. It refuses a task that is cancelled or done and an older generation; then there
    is nothing to do. If it refuses the worker, the job goes back to the front of the queue for another one.
 3. The job type's `run` does the work and returns a result, or raises.
 4. Its end is reported to the catalog by a job of its own (jobs/report.py), so that no worker waits for a catalog that is
    away. A worker of another host reports by itself (jobs/kept_reports.py).
 5. RQ sees success when the task is done or cancelled. A permanent error is raised again, so that RQ lists the job as failed
    and `rq requeue` can run it again. A transient error returns `Retry`, without a limit; only kills of ffmpeg are counted.
    So does a fault in the settings of this host, because another host may do the task, or somebody corrects the settings.
    A run that the worker's stop interrupted returns `Retry` at the front of the queue.
A job that belongs to no task has only step 3, and transient errors repeat it without a limit.
"""

import logging
import os
import random
import socket
import traceback
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Retry, get_current_job
from rq.timeouts import JobTimeoutException

import pod_jobs
from pod_jobs.catalog.client import CatalogClient, Order
from pod_jobs.errors import (
    REASON_LIMIT,
    BadSource,
    Cancelled,
    Interrupted,
    NotFound,
    OutOfResources,
    PermanentError,
    PodJobsError,
    Refused,
    SettingsError,
    Stopped,
    Superseded,
    TransientError,
    WorkerRefused,
)
from pod_jobs.jobs import queue
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.jobs.context import Context, StopSignal
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.jobs.kept_reports import KeptReports
from pod_jobs.jobs.report import entry_of, send_report
from pod_jobs.jobs.rq_classes import PodJob, tell_parent
from pod_jobs.settings import Settings
from pod_jobs.settings.ordered import with_order

log = logging.getLogger(__name__)

# How often a refused job is offered to another worker at once; a worker that was refused takes no job meanwhile
REFUSALS = 5
FOR_EVER = 10**6  # RQ requires a number of retries; this module decides who may retry and how often


def perform(kind: str, payload: Payload) -> Retry | None:
    """Run one job. Returns Retry if it has to run again. Errors: the error that made it fail for good."""
    stop = StopSignal()
    stop.install()
    context = _open_context(stop)
    job_type = _type_of(context, kind, payload)
    if job_type.of_task:
        return _perform_task(job_type, context, payload["task"], payload["generation"])
    return _perform_other(job_type, context, payload)


def delay_s(tries: int, base_s: float, cap_s: float) -> float:
    """Seconds to wait after failure number `tries` (1, 2, …). They double each time, and jitter keeps many jobs from coming
    back at the same moment."""
    return min(cap_s, base_s * 2.0 ** min(tries - 1, 30)) * random.uniform(0.5, 1.0)


def _type_of(context: Context, kind: str, payload: Payload) -> JobType:
    """The type of the present job. Errors: Refused for a job that we do not write like this; it ends in RQ's failed list."""
    job = get_current_job()
    job_type = context.job_types.get(kind)
    if job_type is None or not isinstance(job, PodJob) or job_type.queue != job.taken_from:
        raise Refused(f"no job of kind {kind} belongs into this queue")
    job_type.check(payload)
    return job_type


def _open_context(stop: StopSignal) -> Context:
    job = get_current_job()
    if not isinstance(job, PodJob) or job.settings is None or job.job_types is None:
        raise RuntimeError("our jobs are performed by PodWorker alone: it hands on its settings and its table")
    settings = job.settings
    return Context(
        settings=settings,
        redis=job.connection,
        brisk_redis=connect_promptly(settings.redis_url),
        catalog=CatalogClient(settings.catalog_url, settings.secret("worker_token")),
        worker=job.worker_name or "",
        host=socket.gethostname(),
        stop=stop,
        job_types=job.job_types,
    )


def _perform_other(job_type: JobType, context: Context, payload: Payload) -> Retry | None:
    try:
        job_type.run(context, payload)
    except TransientError as error:
        return _retry(context, _tries_so_far() + 1, error)
    return None


def _perform_task(job_type: JobType, context: Context, task_id: int, generation: int) -> Retry | None:
    try:
        versions = {"version": pod_jobs.__version__, "ffmpeg": job_type.ffmpeg_version(context.settings)}
        order = context.catalog.start(task_id, generation, context.worker, context.host, os.getpid(), **versions)
    except (Stopped, NotFound) as error:
        log.info("task %s g%s: nothing to do: %s", task_id, generation, error.reason)
        return None
    except WorkerRefused as error:
        log.warning("task %s g%s: this worker may not do it: %s", task_id, generation, error.reason)
        if _tries_so_far() < REFUSALS:
            return Retry(max=FOR_EVER, interval=0, enqueue_at_front=True)
        return _retry(context, _tries_so_far() + 1, error)
    except TransientError as error:
        return _retry(context, _tries_so_far() + 1, error)
    log.info("task %s g%s attempt %s: %s", task_id, generation, order.attempt, order.words)
    tell_parent(order.attempt, order.key)
    try:
        context.settings = with_order(context.settings, order.settings)
        result = job_type.run(context, order)
    except PodJobsError as error:
        return _after_error(context, order, error)
    except JobTimeoutException as error:
        return _after_error(context, order, PermanentError(str(error), code=job_type.timeout_code))
    except Exception as error:  # a bug of ours: the task must end all the same, and say where it happened
        reason = "".join(traceback.format_exception(error))[-REASON_LIMIT:]
        _send(context, order, "error", error_code="internal", reason=reason)
        raise
    _send(context, order, "done", result=result, **_measured(result))
    log.info("task %s g%s: done", task_id, generation)
    return None


def _after_error(context: Context, order: Order, error: PodJobsError) -> Retry | None:
    error_fields = {"error_code": error.code, "error_facts": error.facts, "reason": error.reason}
    match error:
        case Interrupted():
            _send(context, order, "interrupted", reason=error.reason)
            log.info("task %s g%s: interrupted, back to the front of the queue", order.task, order.generation)
            return Retry(max=FOR_EVER, interval=0, enqueue_at_front=True)
        case Cancelled():
            _send(context, order, "cancelled", reason=error.reason)
            return None
        case Superseded():
            return None
        case TransientError() | SettingsError() if _may_try_again(context, order, error):
            retry = _retry(context, _tries_so_far() + 1, error)
            _send(context, order, "retry", retry_in_s=retry.intervals[0], **error_fields)
            return retry
        case _:
            _send(context, order, "error", **error_fields)
            # its page tells the owner of a recording what is wrong with it
            level = logging.WARNING if isinstance(error, BadSource) else logging.ERROR
            log.log(level, "task %s g%s: gave up: %s: %s", order.task, order.generation, error.code, error.reason)
            raise error


def _may_try_again(context: Context, order: Order, error: PodJobsError) -> bool:
    """May the task try again? Always while a service is away, because it comes back. Only kills of ffmpeg are counted, because
    the recording itself may cause them."""
    return not isinstance(error, OutOfResources) or order.failures + 1 < context.settings.retry.attempts


def _retry(context: Context, tries: int, error: PodJobsError) -> Retry:
    wait_s = max(1, round(delay_s(tries, context.settings.retry.base_s, context.settings.retry.cap_s)))
    log.warning("try %s failed, again in %s s: %s", tries, wait_s, error.reason)
    return Retry(max=FOR_EVER, interval=wait_s)


def _tries_so_far() -> int:
    job = get_current_job()
    return (job.number_of_retries or 0) if job else 0


def _send(context: Context, order: Order, outcome: str, **more: Any) -> None:
    report = {"generation": order.generation, "attempt": order.attempt, "worker": context.worker, "outcome": outcome}
    report |= more
    if context.source_s is not None:
        report["source_s"] = context.source_s
    with suppress(RedisError):  # a report may need no Redis; the progress expires
        queue.clear_progress(context.redis, order.task)
    report_id = f"{order.task}-g{order.generation}-a{order.attempt}"
    tell_catalog(context.settings, context.redis, report_id, entry_of(order.task, report, order.key))


def tell_catalog(settings: Settings, redis: Redis, report_id: str, entry: dict[str, Any]) -> None:
    """Have the catalog learn how an attempt ended, by the way that this host has. `entry`: as of `entry_of`.

    Errors: ServiceUnavailable."""
    if settings.worker.reports_by_http:
        KeptReports(settings, redis).tell(report_id, entry)
    else:
        send_report(redis, report_id, entry)


def _measured(result: dict[str, Any]) -> dict[str, float]:
    return {name: result[name] for name in ("cpu_s", "peak_mb") if result.get(name) is not None}
