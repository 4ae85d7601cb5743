"""Our subclasses of RQ's Job and Queue: always JSON.

RQ's command line and rq-dashboard get them by RQ_JOB_CLASS and RQ_QUEUE_CLASS (see pod_jobs.cli.rq).
"""

from typing import Any

from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings


class PodJob(Job):
    """An RQ job read and written as JSON, whatever serializer the caller forgot to give."""

    # the worker's, while it performs this job
    settings: Settings | None = None
    job_types: JobTypes | None = None

    def __init__(self, id: str | None = None, connection: Any = None, serializer: Any = None) -> None:
        super().__init__(id, connection=connection, serializer=JSONSerializer)

    @classmethod
    def fetch(cls, id: str, connection: Any = None, serializer: Any = None) -> "PodJob":
        job = super().fetch(id, connection=connection, serializer=JSONSerializer)
        assert isinstance(job, PodJob)  # noqa: S101  # for the type checker: RQ builds `cls`
        return job

    def delete(self, pipeline: Any = None, remove_from_queue: bool = True, delete_dependents: bool = False) -> None:
        """As RQ's, which raises ValueError when an execution of the job has expired: just when its worker fell silent."""
        registry = self.execution_registry
        for execution_id in registry.get_execution_ids():
            if not self.connection.exists(f"rq:execution:{self.id}:{execution_id}"):
                self.connection.zrem(registry.key, execution_id)
        super().delete(pipeline, remove_from_queue, delete_dependents)


class PodQueue(Queue):
    """An RQ queue whose jobs are PodJobs, as JSON."""

    job_class = PodJob

    def __init__(self, name: str = "default", **kwargs: Any) -> None:
        kwargs.update(serializer=JSONSerializer, job_class=PodJob)
        super().__init__(name, **kwargs)
