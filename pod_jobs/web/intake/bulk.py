"""Orders for many tasks at once. A refusal ends only the order of its own task."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.store import tasks, users
from pod_jobs.errors import PodJobsError
from pod_jobs.web.intake import orders, quotas
from pod_jobs.web.site import now, site

AT_ONCE = 100  # tasks of one transaction: others who write wait for no more than these


@dataclass
class Outcome:
    """Ids of the tasks whose order was carried out, and why the others were refused."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, PodJobsError] = field(default_factory=dict)


def run_again(user: User, task_ids: Sequence[int]) -> Outcome:
    """A new generation of each of these tasks, as `orders.run_again` makes it."""
    outcome = Outcome()
    rest = iter(sorted(set(task_ids)))
    while some := list(islice(rest, AT_ONCE)):
        before: dict[int, str] = {}
        renewed: list[Task] = []
        with transaction():
            users.lock(user)
            for task_id in some:
                try:
                    with transaction():
                        quotas.check_waiting(site().settings, user)
                        task = orders.task_to_change(user, task_id)
                        before[task_id] = tasks.job_id(task.kind, task.id, task.generation)
                        renewed.append(tasks.order_again(task_id, now()))
                except PodJobsError as error:
                    outcome.refused[task_id] = error
            users.note(user.name, "requeue", f"{len(renewed)} tasks", now(), " ".join(f"t{one.id}" for one in renewed))
        orders.dispatch_all(renewed, [before[task.id] for task in renewed])
        outcome.done += [task.id for task in renewed]
    return outcome
