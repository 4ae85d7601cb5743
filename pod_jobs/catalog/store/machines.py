"""What the catalog knows of the hosts with workers: what runs there, and what ended there."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pod_jobs.catalog.models import Attempt, Task
from pod_jobs.catalog.store import overview, task_search


def ended_since(since: datetime) -> Mapping[str, Counter[str]]:
    """Host -> how its attempts ended since then -> how many."""
    # counted here: to group them, SQLite would read all attempts in the order of their hosts
    query: Any = Attempt.select(Attempt.host, Attempt.outcome).where(Attempt.ended_at >= since)
    outcomes: dict[str, Counter[str]] = {}
    for host, outcome in query.tuples():
        outcomes.setdefault(host, Counter())[outcome] += 1
    return outcomes


def running(limit: int) -> dict[str, tuple[Task, Attempt]]:
    """Worker -> the task that it runs, with its video and owner, and the attempt."""
    tasks = overview.running(limit)
    attempts = task_search.latest_attempts(tasks)
    return {attempts[task.id].worker: (task, attempts[task.id]) for task in tasks if task.id in attempts}
