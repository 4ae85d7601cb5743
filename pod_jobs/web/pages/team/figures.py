"""Figures of the last days: how busy we are, how long people wait, what fails, how full it is. Each chart has a table and CSV."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property
from itertools import cycle

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.utils import secure_filename

from pod_jobs.catalog.store import day_figures
from pod_jobs.catalog.store.day_figures import DAY_S, DayFigures
from pod_jobs.errors import NotFound
from pod_jobs.jobs.job_type import encodings, queues_of_tasks
from pod_jobs.settings import QUEUES
from pod_jobs.web.guards import access
from pod_jobs.web.intake import task_filters
from pod_jobs.web.pages.tables import csv_answer, wanted_days
from pod_jobs.web.pages.team import frame, words
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_figures", __name__)

PERIODS = (1, 7, 30, 365)
STYLES = ("chart-done", "chart-pale", "chart-third")  # of series that are none of success and failure
SMALLEST = 0.01  # smaller numbers are shown as "< 0.01"
SHARED = ("waiting", "workers", "owners", "kinds")  # charts that know no sites
MOST_PARTS = 20  # the most bars of a chart by owner, kind or error; the CSV has them all


@dataclass(frozen=True)
class Series:
    """One number for each row. `style` is a class of the style sheet."""

    name: str
    style: str
    numbers: list[float]


@dataclass(frozen=True)
class Chart:
    """`rows`: days or names. `key` names the chart in addresses. `unit`: how `with_unit` writes its numbers. `stacked`: the bars
    of its series stand on each other."""

    key: str
    title: str
    rows: list[datetime] | list[str]
    series: list[Series]
    unit: str
    stacked: bool = False

    @cached_property
    def top(self) -> float:
        """The greatest height of a bar."""
        columns = zip(*(series.numbers for series in self.series), strict=True)
        return max((sum(column) if self.stacked else max(column) for column in columns), default=0.0)

    @property
    def by_day(self) -> bool:
        return not self.rows or isinstance(self.rows[0], datetime)


@blueprint.get("/team/figures")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    days, site = wanted_days(PERIODS), task_filters.site_of_address()
    shown = {"days": days, "periods": PERIODS, "many": MOST_PARTS, "site": site}
    shown["sites"] = [one.name for one in services().settings.site]
    return frame.live_page("team/figures.html", lambda look: {"charts": _charts(days, site), **shown})


@blueprint.get("/team/figures/<key>.csv")
@access.needs("see-team-pages")
def table(key: str) -> ResponseReturnValue:
    """The numbers of a chart, for a spreadsheet: seconds, bytes, counts. Errors: NotFound."""
    site = task_filters.site_of_address()
    chart = next((one for one in _charts(wanted_days(PERIODS), site) if one.key == key), None)
    if chart is None:
        raise NotFound(f"chart {key}")
    head = ["", *(series.name for series in chart.series)]
    names = [row.date().isoformat() if isinstance(row, datetime) else row for row in chart.rows]
    numbers = ([round(series.numbers[at], 3) for series in chart.series] for at in range(len(names)))
    name = secure_filename(f"{key}-{site}") if site else key
    return csv_answer(name, [head, *([name, *row] for name, row in zip(names, numbers, strict=True))])


def _charts(last_days: int, site: str) -> list[Chart]:
    """All charts of the last days; of what a site ordered, those that are told for single sites."""
    queue_of = queues_of_tasks(services().job_types)
    rows = day_figures.last_days(now(), last_days, queue_of, site)
    days = [datetime.combine(figures.day, time()).astimezone() for figures in rows]

    def per_day(measure: str, share: Callable[[float], float] = float, parts: Sequence[str] = ()) -> list[float]:
        return [share(figures.total(measure, parts)) for figures in rows]

    workers = sum(services().settings.expected_workers(name) for name in QUEUES) or 1
    latest = next((figures for figures in reversed(rows) if figures.numbers.get("kind_bytes")), None)
    failed: Counter[str] = Counter()
    for figures in rows:
        failed.update({code: int(count) for code, count in figures.numbers.get("failed", {}).items()})
    done = [Series(gettext("Done"), "chart-done", per_day("done", parts=encodings(services().job_types)))]
    done.append(Series(gettext("All failures"), "chart-failed", per_day("failed")))
    wait = _halves(per_day("wait_p50_s"), per_day("wait_p95_s"))
    speed = _halves(per_day("speed_p50"), per_day("speed_p95"))
    hours = [Series(gettext("Hours"), "chart-done", per_day("video_s", lambda seconds: seconds / 3600))]
    depth = [
        Series(name, style, per_day("waiting", parts=[name]))
        for name, style in zip(sorted(set(queue_of.values())), cycle(STYLES))
    ]
    use = [Series(gettext("Used"), "chart-done", per_day("busy_s", lambda seconds: seconds / DAY_S / workers))]
    found = [
        Chart("encodings", gettext("Encodings per day"), days, done, "count", stacked=True),
        Chart("hours", gettext("Hours of recordings encoded per day"), days, hours, "decimal"),
        Chart("wait", gettext("How long encodings waited"), days, wait, "span"),
        Chart("speed", gettext("Speed of encodings, in times the recording"), days, speed, "decimal"),
        Chart(
            "waiting", gettext("Waiting tasks by queue, on the average of a day"), days, depth, "decimal", stacked=True
        ),
        Chart("workers", gettext("Use of the workers"), days, use, "percent"),
        _by_part("failures", gettext("Failures by error"), gettext("Failures"), failed, "count"),
        *_storage(latest),
    ]
    return [chart for chart in found if not site or chart.key not in SHARED]


def _halves(half: list[float], most: list[float]) -> list[Series]:
    return [
        Series(gettext("Half of them at most (p50)"), "chart-done", half),
        Series(gettext("95 of 100 at most (p95)"), "chart-pale", most),
    ]


def _storage(latest: DayFigures | None) -> list[Chart]:
    numbers = latest.numbers if latest is not None else {}
    size = gettext("Size")
    return [
        _by_part("owners", gettext("Storage by owner"), size, numbers.get("owner_bytes", {}), "size"),
        _by_part("kinds", gettext("Storage by kind of file"), size, numbers.get("kind_bytes", {}), "size"),
    ]


def _by_part(
    key: str, title: str, name: str, numbers: Counter[str] | dict[str, float] | dict[str, int], unit: str
) -> Chart:
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    values = [float(number) for _, number in ordered]
    return Chart(key, title, [part for part, _ in ordered], [Series(name, "chart-done", values)], unit)


@blueprint.app_template_filter()
def with_unit(number: float, unit: str) -> str:
    """A number of a chart, for people."""
    match unit:
        case "span":
            return words.span(number) if number else "–"
        case "size":
            return words.size(number)
        case "percent":
            return f"{_exact_enough(number * 100)} %"
        case "count":
            return str(round(number))
        case _:
            return _exact_enough(number)


def _exact_enough(number: float) -> str:
    """The number with so many places that only zero is shown as zero: "12.3", "0.04", "< 0.01"."""
    if 0 < number < SMALLEST:
        return f"< {words.decimal(SMALLEST, 2)}"
    return words.decimal(number, 2 if number < 1 else 1)
