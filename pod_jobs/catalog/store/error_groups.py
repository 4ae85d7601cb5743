"""Failures that are the same, for the team: how many, since when, where, who can mend them, and what is known of them.

A group counts failed tasks that were not made good and whose videos are not deleted. A failure is made good by a newer task
of the same video (or none, as a periodic task), kind and template that is open or done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Literal, NamedTuple

from peewee import JOIN, SQL, fn

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.fingerprints import fingerprint, general_form
from pod_jobs.catalog.models import Attempt, Audit, ErrorGroup, Task, User, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store.day_figures import number_of_day
from pod_jobs.errors import NEED_ANOTHER_FILE, PASSING, Malformed, NotFound

NOTE_CHARACTERS = 1000
TREND_DAYS = 14  # of which pages and API tell how many failures each had
# Groups and lists of tasks say "more than" from here on: to count ten thousand failures took longer than all else
COUNTED = 1000
LATELY = timedelta(days=30)  # whether a machine does such tasks is seen from so many days before the latest failure
GOOD = ("waiting", "running", "done")  # states of a newer task that make a failure good
Mender = Literal["author", "order", "machine", "nobody", "team"]


@dataclass(frozen=True)
class WhereFailed:
    """Where tasks of a group failed, and how often: host, our version and that of ffmpeg; "" = not known."""

    host: str
    version: str
    ffmpeg: str
    count: int


@dataclass(frozen=True)
class OpenGroup:
    """A group with failures that were not made good.

    `group`: what is stored of it; its `first_at` is when it failed for the first time ever. `count`, `last_at`, `latest_task`
    and `facts` (for the sentence) are of its open failures, those of one site if only these were asked for; `count` is at most
    COUNTED + 1. `where` and `mender` go by the failures of everybody. `mender` is who can mend it: the
    author of the recording (by another file), whoever ordered it (by ordering otherwise), one machine (the only one where it
    fails, while others do such tasks), nobody (it passes), or the team.
    """

    group: ErrorGroup
    count: int
    last_at: datetime
    latest_task: int
    facts: dict[str, str]
    where: tuple[WhereFailed, ...]
    mender: Mender

    @property
    def hosts(self) -> tuple[str, ...]:
        """In alphabetical order."""
        return tuple(sorted({place.host for place in self.where}))

    @property
    def came_back(self) -> bool:
        """Did a task fail in this way after a person marked the group as known?"""
        return self.group.known_at is not None and self.last_at > self.group.known_at

    @property
    def is_quiet(self) -> bool:
        """Does the team know it, and has nothing failed like this since?"""
        return self.group.known_at is not None and not self.came_back

    def is_new(self, since: datetime) -> bool:
        """Was this error never seen before `since`, and is it not marked as known?"""
        return self.group.first_at >= since and self.group.known_at is None


def enter(task: Task, now: datetime) -> None:
    """Note which group the failure of `task` belongs to, without saving the task. Call inside a transaction."""
    task.error_group = fingerprint(task.kind, task.error_code, task.error_reason)
    first = {"kind": task.kind, "code": task.error_code or "", "form": general_form(task.error_reason), "first_at": now}
    ErrorGroup.get_or_create(fingerprint=task.error_group, defaults=first)
    latest = Attempt.select(fn.MAX(Attempt.number)).where(Attempt.task == task.id).scalar()
    Attempt.update(error_group=task.error_group).where(Attempt.task == task.id, Attempt.number == latest).execute()


def list_open(since: datetime, site: str = "") -> list[OpenGroup]:
    """The groups with failures since then that were not made good: those that nobody knows yet or that came back, the largest
    first, then the known ones. `site`: only failures of tasks that it ordered."""
    return _open(since, None, site)


def count_unknown(since: datetime) -> int:
    """How many groups of open failures since then nobody knows: those that were never seen before, and those that came back."""
    late = (Task.ended_at >= since, ErrorGroup.known_at.is_null() | (Task.ended_at > ErrorGroup.known_at))
    failed = Task.select(Task.id).where(Task.state == "error", Task.error_group == ErrorGroup.fingerprint, *late)
    unknown = ErrorGroup.known_at.is_null(False) | (ErrorGroup.first_at >= since)
    return int(ErrorGroup.select().where(unknown, fn.EXISTS(failed.where(*_is_open()))).count())


def get_open(mark: str) -> OpenGroup | None:
    """The group of this fingerprint; None when no failure of it is open."""
    return next(iter(_open(None, mark)), None)


def mender_of(task: Task) -> Mender | None:
    """Who can mend the failure of this task; None when it has not failed."""
    if task.state != "error" or task.error_group is None or task.ended_at is None:
        return None
    hosts = Attempt.select(Attempt.host).where(Attempt.error_group == task.error_group).distinct()
    return _mender(get(task.error_group), {row[0] for row in _rows(hosts)}, task.ended_at)


def get(mark: str) -> ErrorGroup:
    """Errors: NotFound."""
    group = ErrorGroup.get_or_none(ErrorGroup.fingerprint == mark)
    if group is None:
        raise NotFound(f"error group {mark}")
    return group


def failed_tasks(mark: str, limit: int) -> list[Task]:
    """The open failures of a group with their videos and owners, the latest first."""
    query = Task.select(Task, Video, User).join(Video, JOIN.LEFT_OUTER).join(User, JOIN.LEFT_OUTER)
    query = query.where(Task.state == "error", Task.error_group == mark, *_is_open())
    return list(query.order_by(Task.ended_at.desc(), Task.id.desc()).limit(limit))


def trends(marks: Sequence[str], midnights: Sequence[datetime], site: str = "") -> dict[str, list[int]]:
    """Fingerprint -> how many attempts failed in this way on each day between two `midnights`, also of tasks that ran again,
    and how many tasks failed in this way before they ran. `site`: only those of tasks that it ordered."""
    counted = {mark: [0] * (len(midnights) - 1) for mark in marks}
    if not marks:
        return counted
    ran = Attempt.select(Attempt.id).where(Attempt.task == Task.id)
    never_ran = Task.select().where(Task.state == "error", ~fn.EXISTS(ran))
    attempts = Attempt.select()
    if site:
        attempts, never_ran = attempts.join(Task), never_ran.where(SiteOrder.of_task(site))
        attempts = attempts.where(SiteOrder.of_task(site))
    for model, query in ((Attempt, attempts), (Task, never_ran)):
        day = number_of_day(model.ended_at, midnights).alias("day")
        late = (model.ended_at >= midnights[0], model.ended_at < midnights[-1])
        failed = query.where(model.error_group.in_(list(marks)), *late)
        per_day = failed.select(model.error_group, day, fn.COUNT(model.id)).group_by(model.error_group, SQL("day"))
        for mark, number, failures in _rows(per_day):
            counted[mark][number] += failures
    return counted


def mark_known(mark: str, who: str, note: str, now: datetime) -> ErrorGroup:
    """Say that the team knows these failures; `note` says what is done about them. Errors: NotFound; Malformed."""
    if len(note) > NOTE_CHARACTERS:
        raise Malformed(f"note: at most {NOTE_CHARACTERS} characters")
    with transaction():
        group = get(mark)
        group.known_by, group.known_at, group.note = who, now, note.strip()
        group.save()
        Audit.create(at=now, who=who, action="known", subject=f"error group {mark}", details=note.strip())
    return group


def unmark(mark: str, who: str, now: datetime) -> ErrorGroup:
    """Take the mark of `mark_known` back; the note goes, too. Errors: NotFound."""
    with transaction():
        group = get(mark)
        group.known_by = group.known_at = None
        group.note = ""
        group.save()
        Audit.create(at=now, who=who, action="unknown", subject=f"error group {mark}")
    return group


def made_good() -> Any:
    """Is there a newer task for the same, open or done? A condition about Task, for a query that is made now."""
    newer = Task.alias()
    same = (newer.video == Task.video, newer.kind == Task.kind, newer.template == Task.template, newer.id > Task.id)
    of_video = fn.EXISTS(newer.select(newer.id).where(*same, newer.state.in_(GOOD)))
    # periodic tasks have no video, and NULL equals nothing; they are of few kinds, and one query for all took 0.2 s longer
    without = [
        (Task.kind == kind) & (Task.template == template) & (Task.id < newest)
        for kind, template, newest in _newest_good()
    ]
    return reduce(or_, (Task.video.is_null() & condition for condition in without), of_video)


def _newest_good() -> list[tuple[str, str, int]]:
    """Kind, template and highest id of the tasks without video that are open or done."""
    query = Task.select(Task.kind, Task.template, fn.MAX(Task.id)).where(Task.video.is_null(), Task.state.in_(GOOD))
    return list(_rows(query.group_by(Task.kind, Task.template)))


def codes() -> list[str]:
    """The codes of all errors that ever happened."""
    return [group.code for group in ErrorGroup.select(ErrorGroup.code).distinct().order_by(ErrorGroup.code)]


def _open(since: datetime | None, mark: str | None, site: str = "") -> list[OpenGroup]:
    failed = [Task.state == "error", Task.error_group.is_null(False)]
    failed += [Task.ended_at >= since] if since is not None else []
    failed += [Task.error_group == mark] if mark is not None else []
    failed += [SiteOrder.of_task(site)] if site else []
    marks = [row[0] for row in _rows(Task.select(Task.error_group).where(*failed).distinct())]
    is_open = [*failed, *_is_open()]
    where = _where_failed(marks, since)
    groups = []
    for group in ErrorGroup.select().where(ErrorGroup.fingerprint.in_(marks)):
        # each group for itself, so that the one that fills the list is not read to its end
        if found := _failures(group.fingerprint, is_open):
            places = where.get(group.fingerprint, ())
            mender = _mender(group, {place.host for place in places}, found.last_at)
            shown = (found.number, found.last_at, found.latest_task, found.facts or {})
            groups.append(OpenGroup(group, *shown, places, mender))
    return sorted(groups, key=lambda shown: (shown.is_quiet, -shown.count, shown.group.kind, shown.group.fingerprint))


def _is_open() -> tuple[Any, ...]:
    """Conditions about a failed task."""
    return Task.is_shown(), ~made_good()


class _Failures(NamedTuple):
    """The open failures of a group: how many, at most COUNTED + 1; and id, end and facts of the latest."""

    number: int
    latest_task: int
    last_at: datetime
    facts: dict[str, str] | None


def _failures(mark: str, is_open: Sequence[Any]) -> _Failures | None:
    """Those of the group with this fingerprint; None when it has none."""
    query = Task.select(Task.id, Task.ended_at, Task.error_facts).where(*is_open, Task.error_group == mark)
    latest = _rows(query.order_by(Task.ended_at.desc(), Task.id.desc())).first()
    count = int(query.limit(COUNTED + 1).count()) if latest else 0
    return _Failures(count, *latest) if count else None  # it may have been made good between the two queries


def _where_failed(marks: Sequence[str], since: datetime | None) -> dict[str, tuple[WhereFailed, ...]]:
    """Fingerprint -> where its attempts ran, the most frequent first."""
    columns = (Attempt.error_group, Attempt.host, Attempt.version, Attempt.ffmpeg)
    query = Attempt.select(*columns, fn.COUNT(Attempt.id)).where(Attempt.error_group.in_(list(marks)))
    if since is not None:
        query = query.where(Attempt.ended_at >= since)
    places_by_mark: dict[str, list[WhereFailed]] = {}
    for mark, *rest in _rows(query.group_by(*columns)):
        places_by_mark.setdefault(mark, []).append(WhereFailed(*rest))
    return {
        mark: tuple(sorted(places, key=lambda place: (-place.count, place.host)))
        for mark, places in places_by_mark.items()
    }


def _mender(group: ErrorGroup, hosts: set[str], last_at: datetime) -> Mender:
    if group.code in NEED_ANOTHER_FILE:
        return "author"
    if group.code.startswith(("source-", "captions-")):
        return "order"
    if len(hosts) == 1:
        (host,) = hosts
        if _succeeds(group.kind, last_at, Attempt.host != host) and not _succeeds(
            group.kind, last_at, Attempt.host == host
        ):
            return "machine"
    return "nobody" if group.code in PASSING else "team"


def _succeeds(kind: str, last_at: datetime, where: Any) -> bool:
    """Was a task of this kind done there lately?"""
    since = last_at - LATELY
    lately = (Attempt.error_group.is_null(), Attempt.ended_at >= since, Attempt.outcome == "done")  # an index has these
    query = Attempt.select(Attempt.id).join(Task).where(*lately, where, Task.kind == kind)
    return bool(query.limit(1).count())


def _rows(query: Any) -> Any:
    """The rows of a query as tuples; peewee's own types speak of models."""
    return query.tuples()
