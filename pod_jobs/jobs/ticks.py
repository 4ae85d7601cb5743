"""The instants at which a periodic task is due. They follow from the clock alone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from pod_jobs.settings.periodic import PeriodicSettings

LONGEST_REPEATED_MIN = 180
MINUTE = timedelta(minutes=1)


def next_ticks(entry: PeriodicSettings, now: datetime, count: int) -> list[datetime]:
    """The next instants after `now` at which `entry` is due, in UTC."""
    ticks: list[datetime] = []
    while len(ticks) < count:
        last = ticks[-1] if ticks else now
        ticks.append(_next(entry, last))
    return ticks


def _next(entry: PeriodicSettings, now: datetime) -> datetime:
    if entry.every_min:
        return latest_tick(entry, now) + timedelta(minutes=entry.every_min)
    cron = croniter(entry.cron, now.astimezone(ZoneInfo(entry.time_zone)))
    guess: datetime = cron.get_next(datetime).astimezone(UTC)
    while latest_tick(entry, guess) <= now:  # croniter gives a fixed hour that the clocks repeat twice
        guess = cron.get_next(datetime).astimezone(UTC)
    while (earlier := latest_tick(entry, guess - MINUTE)) > now:  # croniter leaves an hour out that the clocks repeat
        guess = earlier
    return guess


def latest_tick(entry: PeriodicSettings, now: datetime) -> datetime:
    """The last instant up to `now` at which `entry` was due, in UTC."""
    if entry.every_min:
        period_s = entry.every_min * 60
        return datetime.fromtimestamp(int(now.timestamp()) // period_s * period_s, UTC)
    local = now.astimezone(ZoneInfo(entry.time_zone)) + timedelta(seconds=1)  # get_prev gives what is before, not now
    previous: datetime = croniter(entry.cron, local).get_prev(datetime)
    tick = previous.astimezone(ZoneInfo(entry.time_zone))
    if tick.fold and not _is_hourly(entry):
        tick = tick.replace(fold=0)  # work at a fixed hour ran when the clocks showed it for the first time
    return max(tick.astimezone(UTC), _in_repeated_hour(entry, now, tick.astimezone(UTC)))


def _is_hourly(entry: PeriodicSettings) -> bool:
    return entry.cron.split()[1].startswith("*")


def _in_repeated_hour(entry: PeriodicSettings, now: datetime, tick: datetime) -> datetime:
    """While the clocks repeat an hour in autumn: the last tick up to `now` in it or right before, else `tick`.

    croniter counts by the clock on the wall, which shows that hour twice. Work of each hour runs in both; work at a fixed hour
    in the first one.
    """
    zone = ZoneInfo(entry.time_zone)
    instant = now.replace(second=0, microsecond=0)
    if not instant.astimezone(zone).fold:
        return tick
    for minute in (instant - timedelta(minutes=back) for back in range(LONGEST_REPEATED_MIN)):
        wall = minute.astimezone(zone)
        if minute <= tick:
            return tick
        if (_is_hourly(entry) or not wall.fold) and croniter.match(entry.cron, wall.replace(tzinfo=None)):
            return minute
    return tick
