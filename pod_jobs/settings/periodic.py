"""[[periodic]] of settings.toml."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from pydantic import Field, model_validator

from pod_jobs.media_folder import KIND
from pod_jobs.settings.section import Count, Section


class PeriodicSettings(Section):
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    kind: Annotated[str, Field(pattern=rf"^{KIND.pattern}$")]  # of a job type; the janitor compares it with its table
    cron: str = ""
    every_min: Count = 0
    time_zone: str = "UTC"
    missed: Literal["skip", "once"]

    @model_validator(mode="after")
    def _has_one_rhythm(self) -> "PeriodicSettings":
        if bool(self.cron) == bool(self.every_min):
            raise ValueError("give either cron or every_min")
        if self.cron and not croniter.is_valid(self.cron):
            raise ValueError(f"cron: {self.cron!r} is not minute hour day month weekday")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"time_zone: {self.time_zone!r} is unknown, give one like Europe/Paris") from error
        return self
