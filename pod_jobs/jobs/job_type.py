"""What is known of each kind of job. Everybody who treats one kind unlike another asks here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pod_jobs.media_folder import KIND
from pod_jobs.settings import Settings

HOUR_S = 3600

Payload = dict[str, Any]


@dataclass(frozen=True)
class JobType:
    """One line of the table.

    Of a task: `run(context, order)` returns the result that is reported to the catalog, which knows of each run.
    Not of a task (a delivery): `run(context, payload)` returns nothing, and is repeated until it raises nothing or a
    PermanentError. Both raise the errors of pod_jobs.errors; runtime decides what follows.
    `prepare(settings)` is called once in the worker, before it forks: what it keeps in memory, every run finds.
    `timeout_s` ends a run that no limit inside it ended; the limits of media/process/run.py are much narrower.
    """

    kind: str
    queue: str
    run: Callable[..., Any]
    of_task: bool = True
    prepare: Callable[[Settings], object] | None = None
    timeout_s: int = 72 * HOUR_S

    def __post_init__(self) -> None:
        if not KIND.fullmatch(self.kind):
            raise ValueError(f"{self.kind!r} is no kind: {KIND.pattern}")


JobTypes = Mapping[str, JobType]  # by kind


def table_of(*job_types: JobType) -> JobTypes:
    """The job types by their kinds. Errors: ValueError when two have the same."""
    table = {one.kind: one for one in job_types}
    if len(table) < len(job_types):
        raise ValueError("two job types have the same kind")
    return table
