"""Orders for the periodic tasks of the settings."""

from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.store import periodic
from pod_jobs.errors import NotFound
from pod_jobs.settings.periodic import PeriodicSettings
from pod_jobs.web.intake import orders
from pod_jobs.web.services import now, services


def entry_of(name: str) -> PeriodicSettings:
    """The entry of the settings. Errors: NotFound."""
    for entry in services().settings.periodic:
        if entry.name == name:
            return entry
    raise NotFound(f"periodic {name}")


def run_now(user: User, entry: PeriodicSettings) -> Task:
    """Order its task now. Errors: Refused while its last task is open."""
    task = periodic.run_now(entry.name, entry.kind, user, now())
    orders.dispatch(task)
    return task
