"""The shape of a job: what the table lists, what a job's function gets, what it may answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOUR_S = 3600


@dataclass(frozen=True)
class JobType:
    """One line of the table.

    `run` gets (context, payload) and returns nothing. It raises the errors of pod_jobs.errors; runtime decides what follows.
    `of_task`: the payload is {"task", "generation"}, the catalog knows of each run (attempts, reports, cancel).
    `timeout_s` ends a run that no limit inside it ended; media/run.py has much narrower ones.
    """

    kind: str
    queue: str
    run: Callable[..., None]
    of_task: bool
    timeout_s: int = 72 * HOUR_S


Payload = dict[str, Any]
