"""A catalog is copied between databases of every kind, and compared row by row."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from peewee import Database, SqliteDatabase

from pod_jobs.catalog import copying, database
from pod_jobs.catalog.models import Audit, Drain, InstanceFact, Task, User, Video
from pod_jobs.catalog.store import users, videos
from pod_jobs.catalog.trace_models import LaneMinute, Statement, TraceCount
from pod_jobs.errors import Refused
from tests import servers
from tests.integration.catalog.conftest import NOW, SOURCE, placed_nowhere
from tests.orders import UPLOAD

KINDS = ("sqlite", "postgresql", "mariadb")


@pytest.fixture(scope="session")
def other_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        urls = {kind: stack.enter_context(getattr(servers, kind)()) for kind in KINDS[1:]}
        yield {"sqlite": f"sqlite:///{tmp_path_factory.mktemp('other') / 'copy.sqlite3'}", **urls}


@pytest.fixture
def filled(catalog: Database) -> Database:
    """A catalog with rows of every shape, and more than a page of some."""
    léa = users.create("léa", "lecturer", None, NOW)
    for number in range(3):
        videos.create(léa, f"Été 🎓 {number}", SOURCE, NOW, placed_nowhere, UPLOAD)
    Video.update(duration_s=61.04, is_video=True, warnings=[{"code": "é", "reason": "\\"}]).execute()
    audits = [{"at": NOW, "who": "léa", "action": "a", "subject": str(number)} for number in range(copying.PAGE + 3)]
    Audit.insert_many(audits).execute()
    minutes = [
        {"lane": "lrs", "minute": number // 2 + number % 2, "stored": 1} for number in range(0, 2 * copying.PAGE, 2)
    ]
    LaneMinute.insert_many([*minutes, {"lane": "Lrs é", "minute": 5, "stored": 2}]).execute()
    TraceCount.insert_many(
        [{"day": "2026-01-02", "verb": v, "label": "", "statements": 1} for v in ("épuisé", "played")]
    )
    Statement.create(
        number=1, id="0" * 36, body='{"a":"é"}', verb="v", labels=[], suspect=False, of_profile=True, received_at=NOW
    )
    return catalog


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, other_urls: dict[str, str]) -> Database:
    """An empty database of each kind."""
    url = other_urls[request.param]
    Path(url.removeprefix("sqlite:///")).unlink(missing_ok=True)
    other = database.build(url)
    with other.connection_context():
        if request.param != "sqlite" and other.get_tables():
            for model in reversed(copying.TABLES):
                copying._raw(model).delete().execute(other)
    return other


@pytest.fixture
def source(filled: Database, database_url: str) -> Database:
    """The same database, as an object whose connections are its own."""
    return database.build(database_url)


def test_every_row_arrives_and_the_copy_goes_on_from_there(source: Database, target: Database) -> None:
    seen: dict[str, int] = {}
    counts = copying.copy(source, target, seen.__setitem__)
    assert counts["audit"] == seen["audit"] == copying.PAGE + 3 and counts["video"] == 3
    assert copying.differences(source, target) == [] == copying.differences(target, source)
    assert copying.faults(target) == []
    with database.connect_other(target):
        video = Video.get(Video.title == "Été 🎓 1")
        assert (video.title, video.is_video, video.warnings) == ("Été 🎓 1", True, [{"code": "é", "reason": "\\"}])
        assert video.created_at == NOW and abs(video.duration_s - 61.04) < 0.001
        assert User.create(uuid="u", name="new", role="admin", created_at=NOW).id > video.owner_id
        assert Drain.create(scope="all", who="x", at=NOW).id >= 1


def test_a_difference_is_named_without_its_value(source: Database, target: Database) -> None:
    copying.copy(source, target)
    with database.connect_other(target):
        video, task = (model.select().order_by(model.id).first().id for model in (Video, Task))
        Video.update(title="secret").where(Video.id == video).execute()
        Task.update(started_at=NOW + timedelta(microseconds=1)).where(Task.id == task).execute()
        LaneMinute.update(stored=7).where(LaneMinute.minute == 5, LaneMinute.lane == "lrs").execute()
        Audit.delete().where(Audit.subject == "7").execute()
        InstanceFact.create(name="more", value="x")
    found = copying.differences(source, target)
    assert f"video {video}: differs in title" in found and f"task {task}: differs in started_at" in found
    assert "lane_minute lrs, 5: differs in stored" in found
    assert any(line.startswith("audit ") and line.endswith(": is missing there") for line in found)
    assert f"audit: {copying.PAGE + 3} rows here and {copying.PAGE + 2} there" in found
    assert any(line.startswith("instance_fact:") for line in found)
    assert "secret" not in " ".join(found) and len(found) == 6


@pytest.mark.parametrize("target", ["sqlite"], indirect=True)
def test_a_database_with_data_is_not_written_to(source: Database, target: Database) -> None:
    copying.copy(source, target)
    with pytest.raises(Refused, match="not empty"):
        copying.copy(source, target)
    assert copying.differences(source, target) == []


@pytest.mark.parametrize("target", ["sqlite"], indirect=True)
def test_what_others_write_meanwhile_is_not_in_it(source: Database, target: Database) -> None:
    def write(table: str, rows: int) -> None:
        if table == "app_user":
            Audit.create(at=NOW, who="late", action="a", subject="b")

    copying.copy(source, target, write)
    with database.connect_other(target):
        assert Audit.select().where(Audit.who == "late").count() == 0


def test_names_that_are_one_for_the_other_database_are_told(other_urls: dict[str, str], tmp_path: Path) -> None:
    here = f"sqlite:///{tmp_path / 'here.sqlite3'}"
    database.migrate(database.connect(here))
    source, target = database.build(here), database.build(other_urls["mariadb"])
    with database.connect_other(source):
        for name in ("lea", "léa"):
            users.create(name, "lecturer", None, NOW)
    with target.connection_context():
        if target.get_tables():
            for model in reversed(copying.TABLES):
                copying._raw(model).delete().execute(target)
    with pytest.raises(Refused, match=r"app_user: the other database takes two rows for one .*l"):
        copying.copy(source, target)
    with target.connection_context():
        assert User.select().count(target) == 0


def test_every_table_is_copied(catalog: Database) -> None:
    not_copied = {
        name
        for name in catalog.get_tables()
        if name.startswith(("caption_fts", "revision", "schema_migration", "sqlite_"))
    }
    assert set(catalog.get_tables()) - not_copied == {model._meta.table_name for model in copying.TABLES}


def test_what_cannot_be_read_is_a_fault(catalog: Database, database_url: str) -> None:
    léa = users.create("léa", "lecturer", None, NOW)
    video, (task,) = videos.create(léa, "a", SOURCE, NOW, placed_nowhere, UPLOAD)
    assert copying.faults(database.build(database_url)) == []
    catalog.execute_sql("UPDATE video SET facts = '{broken'")
    (fault,) = copying.faults(database.build(database_url))
    assert fault.startswith(f"video {video.id}: facts: ")
    if isinstance(catalog, SqliteDatabase):
        catalog.execute_sql("UPDATE video SET facts = '{}'")
        catalog.execute_sql("PRAGMA foreign_keys = 0")
        catalog.execute_sql("UPDATE task SET video_id = 77")
        assert (
            copying.faults(database.build(database_url))[0]
            == f"task: row {task.id} refers to a video that is not there"
        )
        catalog.execute_sql("DELETE FROM task")
        catalog.execute_sql("PRAGMA foreign_keys = 1")


def test_figures_are_the_same_but_for_the_last_digit() -> None:
    assert copying._same(0.1 + 0.2, 0.3, True) and copying._same(None, None, True) and copying._same("x", "x", False)
    assert not copying._same(0.1 + 0.2, 0.3, False)
    assert not copying._same(None, 0.3, True) and not copying._same(0.3, None, True)
