"""Whatever changes in the catalog, its revision is another one afterwards, and that of the owner whose videos it is about."""

import ast
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import peewee
import pytest
from peewee import Database

import pod_jobs
from pod_jobs.catalog import caption_models, models, revisions, site_models, team_models
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.id_lists import among
from pod_jobs.catalog.models import Attempt, Task, User, Video
from pod_jobs.catalog.store import many_tasks, tasks, users, videos
from tests.integration.catalog.conftest import NOW, SOURCE, later, placed_nowhere
from tests.orders import UPLOAD

TABLES: tuple[Any, ...] = (
    *models.TABLES,
    models.InstanceFact,
    *caption_models.TABLES,
    *site_models.TABLES,
    *team_models.TABLES,
)
WATCHED = [model for model in TABLES if model not in revisions.UNWATCHED]
OF_VIDEOS = {
    Video,
    Task,
    Attempt,
    models.Output,
    models.Periodic,
    caption_models.SpeechWish,
    caption_models.CaptionTrack,
    caption_models.CaptionVersion,
    site_models.SiteOrder,
}
# files that execute SQL as text, and what they do with it: none writes to a watched table past the revisions
PLAIN_SQL = {
    "catalog/copying.py",  # pragmas, and what follows a copy whose rows were inserted as everywhere
    "catalog/store/statements.py",  # learning traces, which are unwatched
    "catalog/database.py",  # a read, whose SQL is built once
    "catalog/revisions.py",  # a read, whose SQL is built once
    "catalog/store/waiting_line.py",  # reads
}
numbers = count(1000)


class Owners:
    """Two people, each with a video whose task has begun."""

    def __init__(self) -> None:
        self.one, self.other = (users.create(name, "lecturer", None, NOW) for name in ("léa", "max"))
        self.video, (self.task,) = videos.create(self.one, "a", SOURCE, NOW, placed_nowhere, UPLOAD)
        videos.create(self.other, "b", SOURCE, NOW, placed_nowhere, UPLOAD)

    def changed(self, change: Callable[[], object]) -> tuple[bool, bool, bool]:
        """What `change` gives another revision: the catalog, the first owner, the other one."""
        subjects = [[revisions.CATALOG], revisions.owner(self.one.id), revisions.owner(self.other.id)]
        before = [revisions.read(one) for one in subjects]
        change()
        first, second, third = (revisions.read(one) != old for one, old in zip(subjects, before, strict=True))
        return first, second, third


@pytest.fixture
def owners(catalog: Database) -> Owners:
    return Owners()


def row_of(model: Any, owners: Owners) -> dict[str, Any]:
    """A row that the table takes, which belongs to what the first owner has."""
    row: dict[str, Any] = {}
    for field in model._meta.sorted_fields:
        if isinstance(field, peewee.ForeignKeyField):
            known = {User: owners.one.id, Video: owners.video.id, Task: owners.task.id}
            row[field.name] = known.get(field.rel_model) or _track(owners)
        elif isinstance(field, models.InstantField):
            row[field.name] = NOW
        elif isinstance(field, models.JsonField):
            row[field.name] = {}
        elif isinstance(field, peewee.IntegerField | peewee.BigIntegerField | peewee.FloatField):
            row[field.name] = next(numbers) % 30_000
        elif isinstance(field, peewee.BooleanField):
            row[field.name] = False
        else:
            row[field.name] = str(next(numbers))
    return row


def _track(owners: Owners) -> int:
    return int(caption_models.CaptionTrack.create(**row_of(caption_models.CaptionTrack, owners)).id)


def condition_of(model: Any, row: dict[str, Any]) -> Any:
    return tuple(model._meta.fields[name] == row[name] for name in _keys(model))


def _keys(model: Any) -> tuple[str, ...]:
    key = model._meta.primary_key
    return tuple(key.field_names) if isinstance(key, peewee.CompositeKey) else (key.name,)


@pytest.mark.parametrize("model", WATCHED, ids=lambda model: model.__name__)
def test_a_row_is_written_in_any_way(owners: Owners, model: Any) -> None:
    row, other = row_of(model, owners), row_of(model, owners)
    changes: tuple[Callable[[], object], ...] = (
        lambda: model.insert(row).execute(),
        lambda: _save(model.get(*condition_of(model, row))),
        lambda: model.update(**_some(model)).where(*condition_of(model, row)).execute(),
        lambda: model.delete().where(*condition_of(model, row)).execute(),
        lambda: model.insert_many([other]).execute(),
        lambda: model.get(*condition_of(model, other)).delete_instance(),
    )
    for change in changes:
        assert owners.changed(change) == (True, model in OF_VIDEOS, False)


def _some(model: Any) -> dict[str, Any]:
    """A new value for a field that is no key and no reference."""
    plain = (one for one in model._meta.sorted_fields if not one.unique and not isinstance(one, peewee.ForeignKeyField))
    field = next(one for one in plain if one.name not in _keys(model))
    number = next(numbers)
    if isinstance(field, models.InstantField):
        return {field.name: later(number)}
    return {field.name: {"a": number} if isinstance(field, models.JsonField) else str(number)}


def _save(row: Any) -> None:
    for name, value in _some(type(row)).items():
        setattr(row, name, value)
    row.save()


def test_every_table_is_watched_or_said_to_be_not() -> None:
    assert set(WATCHED) | set(revisions.UNWATCHED) >= set(TABLES)
    assert {model for model in WATCHED if model in revisions._WAYS} == OF_VIDEOS


def test_no_file_writes_past_the_revisions() -> None:
    root = Path(pod_jobs.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {node.func.attr for node in calls if isinstance(node.func, ast.Attribute)}
        if (
            names & {"execute_sql", "raw", "bulk_create", "bulk_update", "session_start"}
            and "migrations" not in path.parts
        ):
            found.add(path.relative_to(root).as_posix())
    assert found <= PLAIN_SQL


def test_what_did_not_happen_changes_nothing(owners: Owners) -> None:
    def roll_back() -> None:
        with pytest.raises(ZeroDivisionError), transaction():
            tasks.cancel(owners.task.id, NOW)
            raise ZeroDivisionError

    assert owners.changed(roll_back) == (False, False, False)
    assert owners.changed(lambda: Task.update(priority=1).where(Task.state == "none").execute()) == (False,) * 3
    assert owners.changed(
        lambda: Task.insert({**row_of(Task, owners), "id": owners.task.id}).on_conflict_ignore().execute()
    ) == (
        False,
        False,
        False,
    )
    assert owners.changed(lambda: users.note("a", "b", "c", NOW)) == (False, False, False)


def test_an_inner_transaction_belongs_to_the_outer_one(owners: Owners) -> None:
    def change() -> None:
        with transaction():
            before = revisions.read([revisions.CATALOG])
            tasks.cancel(owners.task.id, NOW)
            assert revisions.read([revisions.CATALOG]) == before  # replaced last, so that nobody waits for long
            users.create("new", "lecturer", None, NOW)

    assert owners.changed(change) == (True, True, False)


def test_the_query_of_each_poll_is_made_once(owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    """To make it takes longer than to run it."""
    first, second = ([*revisions.owner(one.id), revisions.CATALOG] for one in (owners.one, owners.other))
    before = revisions.read(first)
    monkeypatch.setattr(revisions.Revision, "select", None)
    users.create("new", "lecturer", None, NOW)
    assert revisions.read(first) != before
    assert dict(revisions.read(second))[revisions.CATALOG] == dict(revisions.read(first))[revisions.CATALOG]


def test_a_video_that_changes_hands_changes_for_both(owners: Owners) -> None:
    def change() -> None:
        Video.update(owner=owners.other).where(Video.id == owners.video.id).execute()

    assert owners.changed(change) == (True, True, True)


def test_rows_that_are_named_by_a_list_of_ids_change_for_their_owners_alone(owners: Owners) -> None:
    other = Task.select(Task.id).where(Task.id != owners.task.id).get().id

    def raised(*ids: int) -> tuple[bool, bool, bool]:
        return owners.changed(lambda: Task.update(priority=1).where(among(Task.id, ids)).execute())

    assert raised(owners.task.id) == (True, True, False)
    assert raised(owners.task.id, other) == (True, True, True)
    assert raised() == (False, False, False)


def test_many_rows_at_once_change_all_owners(owners: Owners) -> None:
    def change() -> None:
        rows = [row_of(Video, owners) for _ in range(2)]
        Video.insert_many(rows).execute()

    assert owners.changed(change) == (True, True, False)
    assert owners.changed(lambda: Task.update(priority=-1).execute()) == (True, True, True)
    ids = [task.id for task in Task.select()]
    assert owners.changed(lambda: many_tasks.cancel(ids, NOW)) == (True, True, True)


def test_those_who_write_at_once_do_not_block_each_other(owners: Owners, catalog: Database) -> None:
    first, second = owners.task.id, Task.select().where(Task.id != owners.task.id).get().id

    def write(order: tuple[int, int]) -> None:
        with catalog.connection_context():
            for turn in range(20):
                for number in order:
                    with transaction():
                        Task.update(priority=turn).where(Task.id == number).execute()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write, order) for order in ((first, second), (second, first))]:
            done.result()
    assert {task.priority for task in Task.select()} == {19}
