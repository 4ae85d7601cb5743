"""How a video was watched, for its owner and the team: viewers, days, and a heat map along the time line; also as CSV.

Viewers have numbers. Their names are shown only where the settings send names to record stores too (xapi.anonymize = false).
"""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import videos
from pod_jobs.catalog.store import watching as store
from pod_jobs.errors import NotFound
from pod_jobs.web.guards import access
from pod_jobs.web.pages.tables import csv_answer, wanted_days
from pod_jobs.web.site import now, site
from pod_jobs.xapi import formats, watching
from pod_jobs.xapi.profile import COMPLETED, EXTENSION, PAUSED, TERMINATED
from pod_jobs.xapi.segments import Segment, parse_segments
from pod_jobs.xapi.verdicts import value_at
from pod_jobs.xapi.watching import Attempt, Day, Slice, Viewer

blueprint = Blueprint("watching", __name__)

PERIODS = (7, 30, 365, 0)  # days; 0 = all that is kept
MOST_ATTEMPTS, MOST_SEGMENTS = 10_000, 300_000  # of one video, so that the page is made in a moment
Told = tuple[str, dict[str, Any], tuple[Segment, ...]]  # registration, statement, segments
SLICES = 100


@dataclass(frozen=True)
class Report:
    """What the page shows. `named`: viewers are people with names, not numbers. `is_cut`: there are older attempts."""

    days_back: int
    attempts: tuple[Attempt, ...]
    slices: list[Slice]
    viewers: list[Viewer]
    days: list[Day]
    named: bool
    is_cut: bool

    @property
    def share(self) -> float:
        """The mean share of the video that a viewer watched."""
        return sum(one.share for one in self.viewers) / len(self.viewers) if self.viewers else 0.0

    @property
    def completed(self) -> int:
        return sum(one.completed for one in self.viewers)

    @property
    def most(self) -> int:
        """The number of attempts at the slice that was watched most; at least 1."""
        return max((one.watched + one.again for one in self.slices), default=0) or 1


def report(video: Video, days_back: int) -> Report | None:
    """How `video` was watched in the last `days_back` days (0 = ever); None while its length is not known."""
    length_s = video.duration_s or video.facts.get("duration_s")
    if not length_s:
        return None
    since = now() - timedelta(days=days_back) if days_back else None
    rows = store.last_reports(video.id, (PAUSED, COMPLETED, TERMINATED), since, MOST_ATTEMPTS)
    read, is_cut = _read(rows)
    attempts = _attempts(read, store.registrations_with(video.id, COMPLETED), named=not site().settings.xapi.anonymize)
    return Report(
        days_back=days_back,
        attempts=tuple(reversed(attempts)),
        slices=watching.slices(attempts, length_s, SLICES),
        viewers=watching.viewers(attempts, length_s),
        days=watching.days(attempts),
        named=not site().settings.xapi.anonymize,
        is_cut=is_cut,
    )


def _read(rows: Sequence[tuple[str, datetime, str]]) -> tuple[list[Told], bool]:
    """The latest reports, the latest first, and whether some were left out: an application may send thousands of segments in
    each."""
    read: list[Told] = []
    count = 0
    for registration, _, body in rows:
        statement = json.loads(body)
        text = value_at(statement, "result", "extensions", EXTENSION + "played-segments")
        segments = tuple(parse_segments(text) or ()) if isinstance(text, str) else ()
        count += len(segments)
        if count > MOST_SEGMENTS:
            return read, True
        read.append((registration, statement, segments))
    return read, len(rows) == MOST_ATTEMPTS


def _attempts(read: Sequence[Told], completed: Container[str], *, named: bool) -> list[Attempt]:
    """The earliest first; without names, the first viewer is number 1."""
    numbers: dict[str, str] = {}
    attempts = []
    for registration, statement, segments in reversed(read):
        who = json.dumps(statement["actor"], sort_keys=True)
        name = str(value_at(statement, "actor", "account", "name") or value_at(statement, "actor", "name") or "")
        viewer = name if named and name else numbers.setdefault(who, str(len(numbers) + 1))
        at = formats.parse_timestamp(statement["timestamp"])
        assert at is not None  # noqa: S101  # acceptance wrote it
        attempts.append(Attempt(viewer, at.date(), segments, registration in completed))
    return attempts


@blueprint.get("/videos/<int:video_id>/traces/<what>.csv")
@access.needs("see-videos")
def table(video_id: int, what: str) -> ResponseReturnValue:
    """`what`: moments, viewers or days. Errors: NotFound, also for a video that this person may not see."""
    video = videos.get(video_id, access.require_user())
    found = report(video, wanted_days(PERIODS))
    if what not in COLUMNS or found is None:
        raise NotFound(f"a table of {what}")
    return csv_answer(f"video-{video_id}-{what}", [COLUMNS[what], *_rows(what, found)])


COLUMNS = {
    "moments": ("from_s", "to_s", "watched", "watched_again", "skipped"),
    "viewers": ("viewer", "attempts", "share_watched", "completed", "last_day"),
    "days": ("day", "attempts", "viewers", "completed", "watched_s"),
}


def _rows(what: str, found: Report) -> list[tuple[object, ...]]:
    if what == "moments":
        return [(round(s.begin_s, 2), round(s.end_s, 2), s.watched, s.again, s.skipped) for s in found.slices]
    if what == "days":
        return [(d.day.isoformat(), d.attempts, d.viewers, d.completed, round(d.watched_s, 1)) for d in found.days]
    return [(v.viewer, v.attempts, round(v.share, 3), int(v.completed), v.last_day.isoformat()) for v in found.viewers]
