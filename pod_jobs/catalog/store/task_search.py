"""Finds tasks for the team by a filter. A page reads only as many rows as it shows, however many tasks match."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from pod_jobs.captions.folding import fold
from pod_jobs.catalog.database import MOST_DIGITS
from pod_jobs.catalog.fingerprints import general_form
from pod_jobs.catalog.id_lists import among
from pod_jobs.catalog.models import Attempt, ErrorGroup, Task, User, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store.error_groups import made_good
from pod_jobs.catalog.store.videos import has_title, ids_with_title

# not all: to read facts, figures and reasons of each row took longer than the query
LISTED = (
    *(Task.id, Task.video, Task.kind, Task.template, Task.state, Task.priority, Task.error_code, Task.error_facts),
    *(Task.created_at, Task.queued_at, Task.started_at, Task.ended_at),
    *(Video.id, Video.owner, Video.title, Video.duration_s, User.id, User.name),
)
FOUND_BY_IDS = 100  # so many tasks of a host are found by their ids
WHOLE = (Task, Video, User)


@dataclass(frozen=True)
class TaskFilter:
    """What a task must be; "" and None leave it open. `since` and `until` are about when it was ordered. `group` is the
    fingerprint of its failure. `text` is part of a title or of the reason of a failure, whatever its accents, case and numbers,
    or the id of a task; a failure with one of `codes` has it too, in the sentence that people read. `kinds`: those of a queue,
    None = all; `states`: one of these. `site` is the one that ordered it, `callback` what it is owed (one of
    site_models.CALLBACKS). `owner` is a name; `owner_id`: only what this person may see.

    A filter that asks for failures (by `state`, `error` or `group`) leaves out those that were made good by a newer task: there
    is nothing to do about them, and running them again would be refused."""

    state: str = ""
    kind: str = ""
    template: str = ""
    owner: str = ""
    host: str = ""
    error: str = ""
    group: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    site: str = ""
    callback: str = ""
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] | None = None
    codes: tuple[str, ...] = ()
    owner_id: int | None = None


@dataclass(frozen=True)
class Extent:
    """How many tasks match, and the sum of their ids: if one leaves and another comes, it changes though the number does not."""

    count: int
    sum: int

    def __str__(self) -> str:
        return f"{self.count}-{self.sum}"


def page(criteria: TaskFilter, limit: int, before: int | None = None, columns: Sequence[Any] = LISTED) -> list[Task]:
    """Tasks with videos and owners, newest first, with what a list shows of them; `before` is the id to go on from."""
    query = _matching(criteria, *columns)
    if before is not None:
        query = query.where(Task.id < before)
    return list(query.order_by(Task.id.desc()).limit(limit))


def count(criteria: TaskFilter, most: int | None = None) -> int:
    """How many tasks match; no more than `most` are counted."""
    query = _matching(criteria, Task.id)
    return int((query.limit(most) if most else query).count())


def extent(criteria: TaskFilter) -> Extent:
    """Which tasks match, in two numbers."""
    matching = _matching(criteria, Task.id).alias("matching")
    query: Any = Task.select(fn.COUNT(matching.c.id), fn.SUM(matching.c.id)).from_(matching).tuples()
    counted, added = query.get()
    return Extent(int(counted), int(added or 0))


def ids(criteria: TaskFilter, limit: int, before: int | None = None) -> list[int]:
    """The ids of matching tasks, newest first; `before` is the id to go on from."""
    query = _matching(criteria, Task.id)
    if before is not None:
        query = query.where(Task.id < before)
    return [row.id for row in query.order_by(Task.id.desc()).limit(limit)]


def latest_attempts(tasks: Sequence[Task]) -> dict[int, Attempt]:
    """Task id -> its latest attempt, of which only host, worker and start are read: the reason of a failure may be long."""
    columns = (Attempt.id, Attempt.task, Attempt.host, Attempt.worker, Attempt.started_at)
    rows = Attempt.select(*columns).where(among(Attempt.task, [task.id for task in tasks])).order_by(Attempt.number)
    return {attempt.task_id: attempt for attempt in rows}


def _matching(criteria: TaskFilter, *columns: Any) -> Any:
    query = Task.select(*columns)
    if len(columns) > 1 or criteria.owner or criteria.owner_id is not None:
        query = query.join(Video, JOIN.LEFT_OUTER).join(User, JOIN.LEFT_OUTER)
    query = _with_fields(query.where(Task.is_shown()), criteria)
    if criteria.host:
        query = query.where(_ran_on(criteria.host))
    if criteria.state == "error" or criteria.error or criteria.group:
        query = query.where((Task.state != "error") | ~made_good())
    if criteria.owner_id is not None:
        query = query.where(Video.owner == criteria.owner_id)
    if criteria.site or criteria.callback:
        query = query.where(SiteOrder.of_task(criteria.site, criteria.callback))
    if criteria.since is not None:
        query = query.where(Task.created_at >= criteria.since)
    if criteria.until is not None:
        query = query.where(Task.created_at < criteria.until)
    return query.where(_says(criteria.text, criteria.codes)) if criteria.text else query


def _ran_on(host: str) -> Any:
    """The condition that an attempt of the task was made on this host. The newest tasks of a host that never was, of one that ran
    few and of one that left years ago must not be looked for among all tasks."""
    ran = Attempt.select(Attempt.task).where(Attempt.host == host)
    first = [attempt.task_id for attempt in ran.distinct().order_by(Attempt.task).limit(FOUND_BY_IDS + 1)]
    if len(first) <= FOUND_BY_IDS:
        return among(Task.id, first)
    last = ran.select(fn.MAX(Attempt.task)).scalar()
    # not by EXISTS, for which MariaDB would read all attempts of the host
    attempt = ran.select(fn.MIN(Attempt.id)).where(Attempt.task == Task.id)
    return Task.id.between(first[0], last) & (fn.COALESCE(attempt, 0) > 0)


def _with_fields(query: Any, criteria: TaskFilter) -> Any:
    """The query for tasks whose columns have the values in `criteria`."""
    exact = {
        Task.state: criteria.state,
        Task.kind: criteria.kind,
        Task.template: criteria.template,
        Task.error_code: criteria.error,
        Task.error_group: criteria.group,
        User.name: criteria.owner,
    }
    for column, value in exact.items():
        query = query.where(column == value) if value else query
    if criteria.kinds is not None:
        query = query.where(Task.kind.in_(list(criteria.kinds)))
    return query.where(Task.state.in_(list(criteria.states))) if criteria.states else query


def _says(text: str, codes: Collection[str]) -> Any:
    """The condition that a task has this text in the title of its video or in the reason of its failure, or this id, or that it
    failed with one of `codes`."""
    few = ids_with_title(text)
    condition = Task.video.in_(Video.select(Video.id).where(has_title(text)) if few is None else few)
    folded = fold(general_form(text))  # as the reasons of groups are kept
    words = f" {folded} " if folded != fold(text) else folded  # what is left of "TD 3" is in many words
    marks = [group.fingerprint for group in ErrorGroup.select() if folded and words in f" {fold(group.form)} "]
    if marks:
        condition |= (Task.state == "error") & Task.error_group.in_(marks)
    if codes:
        condition |= (Task.state == "error") & Task.error_code.in_(list(codes))
    number = text.removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS:
        condition |= Task.id == int(number)
    return condition
