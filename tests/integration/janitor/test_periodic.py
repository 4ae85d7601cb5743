"""Which ticks of a periodic task are made up for."""

from datetime import timedelta
from typing import Literal

import pytest

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Periodic
from pod_jobs.janitor import periodic
from pod_jobs.jobs.ticks import latest_tick
from pod_jobs.settings.periodic import PeriodicSettings
from tests.integration.janitor.conftest import now


@pytest.mark.usefixtures("task")
@pytest.mark.parametrize(
    ("late", "missed", "fired"),
    [
        (timedelta(seconds=10), "skip", 1),
        (timedelta(minutes=20), "skip", 0),
        (timedelta(minutes=20), "once", 1),
    ],
)
def test_a_missed_tick_is_made_up_for_only_if_that_is_wanted(
    late: timedelta, missed: Literal["skip", "once"], fired: int
) -> None:
    entry = PeriodicSettings(name="v", kind="verify", every_min=60, missed=missed)
    tick = latest_tick(entry, now())
    Periodic.create(name="v", fired_until=tick - timedelta(seconds=1))
    assert periodic.fire_due([entry], tick + late, transaction) == fired
