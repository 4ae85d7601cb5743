"""How a video was watched, for its owner and the team: viewers, days, and a heat map along the time line, of a period or a day.

Viewers have numbers. Their names are shown only where the settings send names to record stores too (xapi.anonymize = false).
"""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import request

from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import watching as store
from pod_jobs.web.services import now, services
from pod_jobs.xapi import formats, watching
from pod_jobs.xapi.profile import COMPLETED, EXTENSION, PAUSED, TERMINATED
from pod_jobs.xapi.segments import Segment, parse_segments
from pod_jobs.xapi.verdicts import value_at
from pod_jobs.xapi.watching import Attempt, Day, Slice, Viewer

PERIODS = (7, 30, 365, 0)  # days; 0 = all that is kept
USUAL_PERIOD = 30
MOST_ATTEMPTS, MOST_SEGMENTS = 10_000, 300_000  # of one video, so that the page is made in a moment
LastReport = tuple[str, dict[str, Any], tuple[Segment, ...]]  # registration, statement, segments
SLICES = 100
SAME_LENGTH_S = 1.0  # lengths that differ by less are of one video: some players round it


@dataclass(frozen=True)
class Report:
    """What the page shows. `day`: heat map, viewers and `attempts` are of this day alone; `days` are always those of the period.
    `named`: viewers are people with names, not numbers. `is_cut`: there are older attempts. `of_other_length`: how many attempts
    are left out because the video had another length then, so that their times mean other moments."""

    days_back: int
    day: date | None
    length_s: float
    attempts: tuple[Attempt, ...]
    slices: list[Slice]
    viewers: list[Viewer]
    days: list[Day]
    named: bool
    is_cut: bool
    of_other_length: int

    @property
    def share(self) -> float:
        """The mean share of the video that a viewer watched."""
        return sum(viewer.share for viewer in self.viewers) / len(self.viewers) if self.viewers else 0.0

    @property
    def completed(self) -> int:
        return sum(viewer.completed for viewer in self.viewers)

    @property
    def most(self) -> int:
        """The number of attempts at the slice that was watched most; at least 1."""
        return max((time_slice.watched + time_slice.again for time_slice in self.slices), default=0) or 1


def wanted() -> tuple[int, date | None]:
    """The period and the day in the address: ?days= is one of PERIODS, else the shortest that holds ?day=, else 30."""
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        day = None
    given = request.args.get("days", "")
    if given in {str(days) for days in PERIODS}:
        return int(given), day
    back = (now().astimezone().date() - day).days if day else 0
    return next((days for days in PERIODS if days >= max(back, USUAL_PERIOD)), 0), day


def report(video: Video, days_back: int, day: date | None = None) -> Report | None:
    """How `video` was watched in the last `days_back` days (0 = ever), or on a day of them; None if its length is not known."""
    length_s = video.duration_s or video.facts.get("duration_s")
    if not length_s:
        return None
    since = now() - timedelta(days=days_back) if days_back else None
    rows = store.last_reports(video.id, (PAUSED, COMPLETED, TERMINATED), since, MOST_ATTEMPTS)
    last_reports, is_cut = _read(rows)
    of_this_length = [last_report for last_report in last_reports if _has_length(last_report[1], length_s)]
    attempts = _attempts(
        of_this_length, store.registrations_with(video.id, COMPLETED), named=not services().settings.xapi.anonymize
    )
    shown = [attempt for attempt in attempts if day in (None, attempt.day)]
    return Report(
        days_back=days_back,
        day=day,
        length_s=length_s,
        attempts=tuple(reversed(shown)),
        slices=watching.slices(shown, length_s, SLICES),
        viewers=watching.viewers(shown, length_s),
        days=watching.days(attempts),
        named=not services().settings.xapi.anonymize,
        is_cut=is_cut,
        of_other_length=len(last_reports) - len(of_this_length),
    )


def _read(rows: Sequence[tuple[str, datetime, str]]) -> tuple[list[LastReport], bool]:
    """The latest reports, the latest first, and whether some were left out: an application may send thousands of segments in
    each."""
    last_reports: list[LastReport] = []
    count = 0
    for registration, _, body in rows:
        statement = json.loads(body)
        text = value_at(statement, "result", "extensions", EXTENSION + "played-segments")
        segments = tuple(parse_segments(text) or ()) if isinstance(text, str) else ()
        count += len(segments)
        if count > MOST_SEGMENTS:
            return last_reports, True
        last_reports.append((registration, statement, segments))
    return last_reports, len(rows) == MOST_ATTEMPTS


def _has_length(statement: dict[str, Any], length_s: float) -> bool:
    """Is the statement about a video of this length? One that does not tell it counts."""
    length = value_at(statement, "context", "extensions", EXTENSION + "length")
    # compared without arithmetic: an integer may be too large for it
    return not isinstance(length, int | float) or length_s - SAME_LENGTH_S <= length <= length_s + SAME_LENGTH_S


def _attempts(last_reports: Sequence[LastReport], completed: Container[str], *, named: bool) -> list[Attempt]:
    """The earliest first; without names, the first viewer is number 1."""
    numbers: dict[str, str] = {}
    attempts = []
    for registration, statement, segments in reversed(last_reports):
        who = json.dumps(statement["actor"], sort_keys=True)
        name = str(value_at(statement, "actor", "account", "name") or value_at(statement, "actor", "name") or "")
        viewer = name if named and name else numbers.setdefault(who, str(len(numbers) + 1))
        at = formats.parse_timestamp(statement["timestamp"])
        assert at is not None  # noqa: S101  # acceptance wrote it
        attempts.append(Attempt(viewer, at.astimezone().date(), segments, registration in completed))
    return attempts


COLUMNS = {  # of the tables; `rows` has the same order
    "moments": ("from_s", "to_s", "watched", "watched_again", "skipped"),
    "viewers": ("viewer", "attempts", "share_watched", "completed", "last_day"),
    "days": ("day", "attempts", "viewers", "completed", "watched_s"),
}


def rows(what: str, watch_report: Report) -> list[tuple[object, ...]]:
    """One of the tables."""
    if what == "moments":
        return [(round(s.begin_s, 2), round(s.end_s, 2), s.watched, s.again, s.skipped) for s in watch_report.slices]
    if what == "days":
        return [
            (d.day.isoformat(), d.attempts, d.viewers, d.completed, round(d.watched_s, 1)) for d in watch_report.days
        ]
    return [
        (v.viewer, v.attempts, round(v.share, 3), int(v.completed), v.last_day.isoformat())
        for v in watch_report.viewers
    ]


def document(watch_report: Report) -> dict[str, Any]:
    """The report as the API gives it: the tables by their columns."""
    tables = {
        what: [dict(zip(names, row, strict=True)) for row in rows(what, watch_report)]
        for what, names in COLUMNS.items()
    }
    return {
        "days_back": watch_report.days_back,
        "day": watch_report.day and watch_report.day.isoformat(),
        "length_s": watch_report.length_s,
        "named": watch_report.named,
        "is_cut": watch_report.is_cut,
        "of_other_length": watch_report.of_other_length,
        **tables,
    }
