"""Sums up the figures of each day, for the page of the team. The first time after an update this goes a year back."""

from collections.abc import Iterator
from datetime import datetime

from pod_jobs.catalog.store import day_figures
from pod_jobs.janitor.leader import Fence

DAYS = 366


def sum_up(now: datetime, fence: Fence) -> Iterator[None]:
    """Yields after each day, so that other duties are not delayed. Errors: Deposed."""
    for one in day_figures.sum_up(now, DAYS):
        with fence():
            day_figures.keep(one)
        yield
