"""Our subclasses of RQ's Job and Queue, which always use JSON and accept only jobs that we wrote.

RQ runs any function, callback or webhook that a job names, so anyone who can write to the key-value server could run any code
as the worker's user. Therefore each job is compared with what we write, and for RQ any other job does not exist.

RQ's command line gets the classes by RQ_JOB_CLASS and RQ_QUEUE_CLASS (pod_jobs/cli/care.py).
"""

import json
import logging
import mmap
import re
import zlib
from collections.abc import Iterable
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue, get_current_job
from rq.exceptions import DeserializationError, NoSuchJobError, TimeoutFormatError
from rq.job import Job
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import as_text

from pod_jobs.jobs import keys
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings

log = logging.getLogger(__name__)

ATTEMPT_BYTES = 128
PERFORM = "pod_jobs.jobs.runtime.perform"  # the one function that a job of ours names
DATA_BYTES = 16_000  # most bytes of function and arguments, compressed; those of our jobs have 200
JOB_ID = re.compile(r"([a-z][a-z0-9_]{0,19})-[A-Za-z0-9_-]{1,150}")  # the kind, and an id within the kind
# The fields of a stored job that are read. Callbacks and webhooks are not read, because they would run or call anything that
# they name; neither are dependencies on other jobs and repeats.
FIELDS = frozenset(
    (
        *("data", "status", "origin", "description", "timeout", "result", "result_ttl", "failure_ttl", "meta"),
        *("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat", "worker_name"),
        *("number_of_retries", "retries_left", "retry_intervals", "enqueue_at_front", "enqueue_at_front_on_retry"),
    )
)
KNOWN = FIELDS | {name.encode() for name in FIELDS}  # redis-py gives bytes
UNREADABLE = (
    *(ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error, DeserializationError),
    *(AssertionError, TimeoutFormatError),  # a time limit that is no number
)


class PodJob(Job):
    """An RQ job that is read and written as JSON, also when the caller gives no serializer."""

    # set by the worker while it performs this job
    settings: Settings | None = None
    job_types: JobTypes | None = None
    taken_from: str = ""  # name of the queue from which the worker took the job
    attempt_memory: mmap.mmap | None = None  # shared with the worker, see `tell_parent`

    def __init__(self, id: str | None = None, connection: Any = None, serializer: Any = None) -> None:
        super().__init__(id, connection=connection, serializer=JSONSerializer)

    @classmethod
    def fetch(cls, id: str, connection: Any = None, serializer: Any = None) -> "PodJob":
        job = super().fetch(id, connection=connection, serializer=JSONSerializer)
        assert isinstance(job, PodJob)  # noqa: S101  # for the type checker: RQ builds `cls`
        return job

    @classmethod
    def fetch_many(cls, job_ids: Iterable[str], connection: Redis, serializer: Any = None) -> list[Job | None]:
        """As RQ's, but also None for jobs that we did not write."""
        ids = list(job_ids)
        with connection.pipeline(transaction=False) as pipeline:
            for job_id in ids:
                pipeline.hgetall(cls.key_for(job_id))
            stored = pipeline.execute()
        return [cls._made_of(job_id, raw_data, connection) for job_id, raw_data in zip(ids, stored, strict=True)]

    def refresh(self) -> None:
        """As RQ's. Errors: NoSuchJobError, also when the key holds something that is no job."""
        try:
            super().refresh()  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            raise NoSuchJobError(f"{self.id} is no job") from error

    @classmethod
    def _made_of(cls, job_id: str, raw_data: dict[bytes, bytes], connection: Redis) -> "PodJob | None":
        job = cls(job_id, connection=connection)
        try:
            job.restore(raw_data)
        except NoSuchJobError:
            return None
        return job

    def restore(self, raw_data: dict[Any, Any]) -> None:
        """As RQ's. Errors: NoSuchJobError for a job that we did not write; the log has the reason."""
        fields = {as_text(key): value for key, value in raw_data.items() if key in KNOWN}
        try:
            self._check(fields)
            super().restore({key.encode(): value for key, value in fields.items()})
        except UNREADABLE as error:
            log.error("%r in the key-value server is no job of ours: %s", self.id, error)
            raise NoSuchJobError(f"{self.id} is no job of ours") from error

    def latest_result(self, timeout: int = 0) -> Result | None:
        """As RQ's, but None also for one that others wrote and RQ cannot read."""
        try:
            return super().latest_result(timeout)
        except (*UNREADABLE, OverflowError, OSError) as error:
            log.error("the result of %r in the key-value server is none of ours: %s", self.id, error)
            return None

    def _check(self, stored: dict[str, Any]) -> None:
        """Errors: those of UNREADABLE."""
        data = stored["data"]
        if len(data) > DATA_BYTES:
            raise ValueError(f"{len(data)} bytes of data")
        function, instance, arguments, named = json.loads(zlib.decompress(data))
        if (function, instance, named) != (PERFORM, None, {}):
            raise ValueError("it names another function")
        kind, payload = arguments
        named_kind = JOB_ID.fullmatch(self.id)
        if named_kind is None or kind != named_kind[1] or not isinstance(payload, dict):
            raise ValueError("id, kind and arguments do not fit")

    def delete(self, *arguments: Any, **named: Any) -> None:
        """As RQ's, which raises ValueError if an execution of the job has expired because its worker gave no sign of life."""
        registry = self.execution_registry
        for execution_id in registry.get_execution_ids():
            if not self.connection.exists(keys.rq_execution(self.id, execution_id)):
                self.connection.zrem(registry.key, execution_id)
        super().delete(*arguments, **named)


def tell_parent(attempt: int, key: str) -> None:
    """Called by a run: let its worker know the attempt, in case this process is killed and the worker has to report it."""
    job = get_current_job()
    if isinstance(job, PodJob) and job.attempt_memory is not None:
        job.attempt_memory[:ATTEMPT_BYTES] = f"{attempt} {key}".encode().ljust(ATTEMPT_BYTES)[:ATTEMPT_BYTES]


def read_attempt(memory: mmap.mmap) -> tuple[int, str] | None:
    """The attempt and its key; None when the run had not begun one."""
    attempt, _, key = memory[:ATTEMPT_BYTES].strip(b" \0").decode().partition(" ")
    return (int(attempt), key) if attempt else None


class PodQueue(Queue):
    """An RQ queue of PodJobs."""

    job_class = PodJob

    def __init__(self, name: str = "default", **kwargs: Any) -> None:
        kwargs.update(serializer=JSONSerializer, job_class=PodJob)
        super().__init__(name, **kwargs)

    def compact(self) -> None:
        """Remove the ids of jobs that no longer exist. RQ's method renames the list first. It fails on an empty list, and loses
        all jobs when its process dies in between."""
        for job_id in self.connection.lrange(self.key, 0, -1):
            if not self.connection.exists(PodJob.key_for(as_text(job_id))):
                self.connection.lrem(self.key, 0, as_text(job_id))
