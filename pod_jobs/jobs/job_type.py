"""What is known of each kind of job. Everybody who treats one kind unlike another asks here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pod_jobs.errors import Refused
from pod_jobs.media_folder import KIND
from pod_jobs.settings import Settings

HOUR_S = 3600

LARGEST_NUMBER = 10**18  # every database can hold it

Payload = dict[str, Any]
Shape = Mapping[
    str, re.Pattern[str] | None
]  # name of a field -> what its text must match; None = a whole number, not negative
TASK: Shape = {"task": None, "generation": None}


@dataclass(frozen=True)
class JobType:
    """One line of the table.

    Of a task: `run(context, order)` returns the result that is reported to the catalog, which knows of each run.
    Not of a task (a delivery): `run(context, payload)` returns nothing, and is repeated until it raises nothing or a
    PermanentError. Both raise the errors of pod_jobs.errors; runtime decides what follows.
    `prepare(settings)` is called once in the worker, before it forks: what it keeps in memory, every run finds.
    `payload` is the shape that its jobs carry: each field, and no other. Whoever can write to the key-value server could put
    anything there, so `runtime` compares before it looks at a value.
    `timeout_s` ends a run that no limit inside it ended; the limits of media/process/run.py are much narrower.
    """

    kind: str
    queue: str
    run: Callable[..., Any]
    of_task: bool = True
    prepare: Callable[[Settings], object] | None = None
    timeout_s: int = 72 * HOUR_S
    payload: Shape = field(default_factory=lambda: TASK)

    def __post_init__(self) -> None:
        if not KIND.fullmatch(self.kind):
            raise ValueError(f"{self.kind!r} is no kind: {KIND.pattern}")

    def accepts(self, payload: Payload) -> bool:
        """Has it the shape of `payload`?"""
        try:
            self.check(payload)
        except Refused:
            return False
        return True

    def check(self, payload: Payload) -> None:
        """Errors: Refused for another shape."""
        if payload.keys() != self.payload.keys():
            raise Refused(f"a job of kind {self.kind} carries {', '.join(self.payload)}, and this one something else")
        for name, pattern in self.payload.items():
            value = payload[name]
            if pattern is None:
                fits = type(value) is int and 0 <= value <= LARGEST_NUMBER  # a bool is no number here
            else:
                fits = isinstance(value, str) and pattern.fullmatch(value) is not None
            if not fits:
                raise Refused(f"{name} of a job of kind {self.kind} has another shape")


JobTypes = Mapping[str, JobType]  # by kind


def table_of(*job_types: JobType) -> JobTypes:
    """The job types by their kinds. Errors: ValueError when two have the same."""
    table = {one.kind: one for one in job_types}
    if len(table) < len(job_types):
        raise ValueError("two job types have the same kind")
    return table
