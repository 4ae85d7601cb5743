"""Figures of each day, in the time zone of this host. The janitor sums up ended days once; pages read these sums."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise, starmap
from typing import Any, NamedTuple

from peewee import JOIN, Case, fn

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import EPOCH, Attempt, DayFigure, Output, Task, User, Video
from pod_jobs.catalog.new_task import Purpose
from pod_jobs.catalog.site_models import SiteOrder

SUMMED_AT_ONCE = 500  # rows of an INSERT
DAY_S = 86_400.0
# Tasks that ended later than this after a day are not counted as having waited on it: they are few
LATE = timedelta(days=1)
EVENING = time(18)  # what failed since yesterday at this hour is new to the team in the morning
# measure -> what its parts are; "" = it has none
MEASURES = {
    "done": "kind of task",
    "failed": "error code",
    "video_s": "",
    "wait_p50_s": "",
    "wait_p95_s": "",
    "speed_p50": "",
    "speed_p95": "",
    "waiting": "queue",
    "busy_s": "host",
    "owner_bytes": "owner",
    "kind_bytes": "kind of file",
}
# begins the measures of what single sites ordered, up to `speed_p95`; their parts begin with the name of the site and a space
OF_SITES = "site_"


@dataclass
class DayFigures:
    """The figures of one day: measure -> part -> number.

    `done` and `failed` are tasks that ended; `video_s` seconds of recordings that were encoded for the web; `wait_…` seconds
    from order to start of encodings, `speed_…` seconds of recording in a second, as median and 95th percentile; `waiting` how
    many tasks of a queue waited on the average; `busy_s` seconds that workers worked; `…_bytes` what was stored at the
    end of the day.
    """

    day: date
    numbers: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def total(self, measure: str, parts: Collection[str] = ()) -> float:
        """The sum of these parts of the measure; () = of all."""
        return sum(value for part, value in self.numbers.get(measure, {}).items() if not parts or part in parts)


def midnights(at: datetime, days: int) -> list[datetime]:
    """The beginnings of the last `days` days, today included, and of tomorrow, in the time zone of this host."""
    today = at.astimezone().date()
    return [
        datetime.combine(today - timedelta(days=days - 1 - number), time()).astimezone() for number in range(days + 1)
    ]


def number_of_day(column: Any, begins: Sequence[datetime]) -> Any:
    """The number of the day of an instant, for a query. Day 0 lies between the first two of `begins`, which are as `midnights`
    gives them. An instant before the first also counts as day 0, and one that is not before the last has no number: the caller
    leaves out both. One query for all days takes a part of the time of one for each."""
    return Case(None, [(column < end, number) for number, end in enumerate(begins[1:])])


def yesterday_evening(at: datetime) -> datetime:
    """Yesterday at 18:00 in the time zone of this host."""
    return datetime.combine(at.astimezone().date() - timedelta(days=1), EVENING).astimezone()


def measure_day(begin: datetime, end: datetime, queue_of: Mapping[str, str], now: datetime) -> DayFigures:
    """What the tasks and attempts say that ended or waited between the two instants; without the stored bytes. `queue_of`: kind
    of task -> its queue. Of today, what passed until `now` counts."""
    figures = DayFigures(begin.astimezone().date())
    tasks = _ended_or_running(begin, end + LATE)
    ended_tasks = [task for task in tasks if task.state in ("done", "error") and task.ended_at and task.ended_at < end]
    figures.numbers.update(_of_tasks(ended_tasks))
    for site in sorted({task.site for task in ended_tasks if task.site}):
        for measure, parts in _of_tasks([task for task in ended_tasks if task.site == site]).items():
            figures.numbers[OF_SITES + measure].update({f"{site} {part}": number for part, number in parts.items()})
    figures.numbers["waiting"] = _waiting(tasks, begin, min(end, now), queue_of)
    for host, started, ended in _rows(
        Attempt.select(Attempt.host, Attempt.started_at, Attempt.ended_at).where(
            Attempt.ended_at >= begin, Attempt.ended_at < end
        )
    ):
        figures.numbers["busy_s"][host] = figures.numbers["busy_s"].get(host, 0.0) + (ended - started).total_seconds()
    return figures


class _DayTask(NamedTuple):
    """A task that ended or runs. `site`: which ordered it, if one did; `video_s`: seconds of its recording."""

    site: str | None
    kind: str
    purpose: str
    state: str
    error_code: str | None
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    video_s: float | None


def _of_tasks(tasks: Iterable[_DayTask]) -> dict[str, dict[str, float]]:
    """MEASURES up to `speed_p95`, of these tasks, which ended."""
    numbers: dict[str, dict[str, float]] = defaultdict(dict)
    waits, speeds, done, failed = [], [], Counter[str](), Counter[str]()
    for _, kind, purpose, state, code, queued, started, ended, video_s in tasks:
        (done if state == "done" else failed)[kind if state == "done" else code or "internal"] += 1
        if purpose == Purpose.PLAY and started is not None:
            waits.append(max(0.0, (started - queued).total_seconds()))
            if state == "done" and video_s and ended and ended > started:
                speeds.append(video_s / (ended - started).total_seconds())
                numbers["video_s"][""] = numbers["video_s"].get("", 0.0) + video_s
    numbers["done"].update(done)
    numbers["failed"].update(failed)
    for name, values in (("wait_p50_s", waits), ("speed_p50", speeds)):
        if values:
            numbers[name][""] = _percentile(values, 50)
            numbers[name.replace("p50", "p95")][""] = _percentile(values, 95)
    return numbers


def measure_storage(into: DayFigures) -> None:
    """Add what is stored now: sources and outputs by owner, outputs by kind, and sources as the kind "source". Reads every
    row."""
    here = Video.deleted_at.is_null()
    sources = Video.select(User.name, fn.SUM(Video.source_bytes)).join(User).where(here).group_by(User.name)
    outputs = Output.select(User.name, fn.SUM(Output.bytes)).join(Video).join(User).where(here).group_by(User.name)
    kinds = Output.select(Output.kind, fn.SUM(Output.bytes)).join(Video).where(here).group_by(Output.kind)
    owners: Counter[str] = Counter()
    for query in (sources, outputs):
        owners.update({name: int(count or 0) for name, count in _rows(query)})
    into.numbers["owner_bytes"] = {name: float(count) for name, count in owners.items()}
    into.numbers["kind_bytes"] = {kind: float(count or 0) for kind, count in _rows(kinds)}
    into.numbers["kind_bytes"]["source"] = float(sum(int(count or 0) for _, count in _rows(sources)))


def keep(figures: DayFigures) -> None:
    """Store the figures of a day in place of what was stored of it; stored bytes that are not measured anew stay."""
    rows = [
        {"day": figures.day.isoformat(), "measure": measure, "part": part[:100], "number": number}
        for measure, parts in figures.numbers.items()
        for part, number in parts.items()
    ]
    replaced = (DayFigure.day == figures.day.isoformat(), DayFigure.measure.in_(list(figures.numbers)))
    with transaction():
        DayFigure.delete().where(*replaced).execute()
        for at in range(0, len(rows), SUMMED_AT_ONCE):
            DayFigure.insert_many(rows[at : at + SUMMED_AT_ONCE]).execute()


def sum_up(now: datetime, days: int, queue_of: Mapping[str, str]) -> Iterator[DayFigures]:
    """The figures of today, with what is stored, and of each of the last `days` that is not summed up yet. The caller keeps
    them; between two of them it may pause."""
    begins = midnights(now, days)
    summed = {row.day for row in DayFigure.select(DayFigure.day).distinct()}
    yesterday = begins[-3].date().isoformat() if len(begins) > 2 else ""
    for begin, end in list(pairwise(begins))[:-1]:
        day = begin.date().isoformat()
        if day not in summed or day == yesterday:  # yesterday was summed up before it had ended
            yield measure_day(begin, end, queue_of, now)
    today = measure_day(begins[-2], begins[-1], queue_of, now)
    measure_storage(today)
    yield today


def last_days(now: datetime, days: int, queue_of: Mapping[str, str], site: str = "") -> list[DayFigures]:
    """One for each of the last `days`, the oldest first. Today's are measured now, but what is stored by the janitor; how many
    wait is told anew each minute, so that a page stays the same in between. `site`: only what it ordered, of MEASURES up to
    `speed_p95`; "" = everything."""
    begins = midnights(now, days)
    figures_by_day = {begin.date().isoformat(): DayFigures(begin.date()) for begin in begins[:-1]}
    query = DayFigure.select(DayFigure.day, DayFigure.measure, DayFigure.part, DayFigure.number)
    for day, measure, part, number in _rows(query.where(DayFigure.day >= begins[0].date().isoformat())):
        if day in figures_by_day:
            figures_by_day[day].numbers[measure][part] = number
    today = measure_day(begins[-2], begins[-1], queue_of, now.replace(second=0, microsecond=0))
    figures_by_day[today.day.isoformat()].numbers.update(today.numbers)
    return [DayFigures(figures.day, _numbers_of(site, figures.numbers)) for figures in figures_by_day.values()]


def _numbers_of(site: str, numbers: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Those of this site under the names that they have for all tasks; "": those of all tasks."""
    if not site:
        return {measure: parts for measure, parts in numbers.items() if not measure.startswith(OF_SITES)}
    begin = f"{site} "
    return {
        measure.removeprefix(OF_SITES): {
            part.removeprefix(begin): number for part, number in parts.items() if part.startswith(begin)
        }
        for measure, parts in numbers.items()
        if measure.startswith(OF_SITES)
    }


def _waiting(
    tasks: Iterable[_DayTask], begin: datetime, end: datetime, queue_of: Mapping[str, str]
) -> dict[str, float]:
    """Queue -> how many of its tasks waited between the two instants, on the average; `tasks` are those of `_ended_or_running`.
    Those that wait still are counted in the database, since there may be very many."""
    waited_s = dict.fromkeys(queue_of.values(), 0.0)
    for task in tasks:
        if task.kind in queue_of:
            until = min(task.started_at or task.ended_at or end, end)
            waited_s[queue_of[task.kind]] += max(0.0, (until - max(task.queued_at, begin)).total_seconds())
    waits = Task.select(Task.kind, fn.COUNT(Task.id), fn.AVG(Task.queued_at, coerce=False)).group_by(Task.kind)
    waits = waits.where(Task.state == "waiting")
    for query in (waits.where(Task.queued_at < begin), waits.where(Task.queued_at >= begin, Task.queued_at < end)):
        for kind, count, queued_us in _rows(query):
            if kind in queue_of:
                queued = EPOCH + timedelta(microseconds=float(queued_us))
                waited_s[queue_of[kind]] += count * (end - max(queued, begin)).total_seconds()
    span_s = max((end - begin).total_seconds(), 1.0)
    return {name: seconds / span_s for name, seconds in waited_s.items()}


def _ended_or_running(begin: datetime, end: datetime) -> list[_DayTask]:
    """Each task that runs, or that ended between the two instants in any way, also without having begun."""
    query = (
        Task.select(
            SiteOrder.site,
            Task.kind,
            Task.purpose,
            Task.state,
            Task.error_code,
            Task.queued_at,
            Task.started_at,
            Task.ended_at,
            Video.duration_s,
        )
        .join(Video, JOIN.LEFT_OUTER)
        .join_from(Task, SiteOrder, JOIN.LEFT_OUTER)
    )
    ended = query.where(Task.state.in_(("done", "error", "cancelled")), Task.ended_at >= begin, Task.ended_at < end)
    return [*starmap(_DayTask, _rows(ended)), *starmap(_DayTask, _rows(query.where(Task.state == "running")))]


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _rows(query: Any) -> Any:
    return query.tuples()
