"""Orders periodic tasks: turns [[periodic]] of the settings into tasks of the catalog.

The instants at which a task is due (ticks) follow from the clock alone, and the catalog stores the last tick that was
handled. Therefore two janitors, a restart or an outage cannot order a task twice.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from pod_jobs.catalog.store import periodic
from pod_jobs.errors import SettingsError
from pod_jobs.janitor.leader import Fence
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.jobs.ticks import latest_tick
from pod_jobs.settings.periodic import PeriodicSettings

log = logging.getLogger(__name__)

ON_TIME = timedelta(minutes=2)  # a tick that is handled later than this was missed


def check_kinds(entries: Sequence[PeriodicSettings], job_types: JobTypes) -> None:
    """Check the kinds of all entries. Errors: SettingsError that names each entry of a kind that does not exist, or that is
    not periodic."""
    allowed = [kind for kind, job_type in job_types.items() if job_type.is_periodic]
    faults = [
        f"periodic {entry.name}: kind {entry.kind!r} is none of {', '.join(allowed)}"
        for entry in entries
        if entry.kind not in allowed
    ]
    if faults:
        raise SettingsError("\n".join(faults))


def fire_due(entries: Sequence[PeriodicSettings], now: datetime, fence: Fence) -> int:
    """Order the tasks that are due. Returns how many were ordered. Errors: Deposed."""
    fired = 0
    for entry in entries:
        tick = latest_tick(entry, now)
        on_time = now - tick <= ON_TIME
        with fence():
            task = periodic.fire(entry.name, entry.kind, tick, now, run=on_time or entry.missed == "once")
        if task is not None:
            log.info("periodic %s: task %s for %s", entry.name, task.id, tick.isoformat())
            fired += 1
    return fired
