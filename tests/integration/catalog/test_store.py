"""Videos, uploads, people and periodic tasks as the catalog keeps them, on all three databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from peewee import Database

from pod_jobs.catalog import caption_models, models
from pod_jobs.catalog.models import Attempt, Outbox, Session, Task, User, Video
from pod_jobs.catalog.store import periodic, reports, retention, sessions, tasks, uploads, users, videos
from pod_jobs.catalog.store.reports import Report
from pod_jobs.errors import NotFound
from tests.integration.catalog.conftest import NOW, SOURCE, later, placed_nowhere
from tests.integration.catalog.runs import ALLOWED, LOSSES, RESULT, WORKER, report, start
from tests.orders import UPLOAD, encode


def test_what_was_written_comes_back(task: Task) -> None:
    video = Video.get_by_id(task.video_id)
    assert (video.title, video.source_bytes, video.created_at, video.facts) == ("Été 🎓", SOURCE.bytes, NOW, {})


def test_lecturers_see_their_own_videos_and_the_team_sees_all(task: Task) -> None:
    other = users.create("max", "lecturer", None, NOW)
    team = users.create("ann", "team", None, NOW)
    assert videos.list_videos(other) == []
    with pytest.raises(NotFound):
        videos.get(task.video_id, other)
    assert [v.id for v in videos.list_videos(team, text="ETÉ")] == [task.video_id]
    assert [v.id for v in videos.list_videos(team, text="🎓")] == [task.video_id], "what is no letter counts by itself"
    assert videos.list_videos(team, text="%") == []
    assert videos.get(task.video_id, team).id == task.video_id


def test_deleting_cancels_and_forgets_only_when_nothing_runs(task: Task, lecturer: User) -> None:
    start(task)
    assert [t.id for t in videos.delete(task.video_id, lecturer, later(6))] == [task.id]
    assert retention.deleted_videos() == []
    report(task, "cancelled")
    (gone,) = retention.deleted_videos()
    periodic.fire("verify", "verify", later(0), later(0), run=True)
    periodic.fire("verify", "verify", later(60), later(60), run=True)  # an open task of no video hides nothing
    assert [video.id for video in retention.deleted_videos()] == [gone.id]
    retention.forget_video(gone.id)
    assert Task.select().where(Task.kind == "encode").count() == Attempt.select().count() == 0


def test_a_source_that_another_task_needs_stays(task: Task, lecturer: User) -> None:
    both = [encode("web", {"second": task.video_id})]
    main, _ = videos.create(lecturer, "", videos.Source("a", 1), later(1), lambda path: None, both)
    videos.delete(task.video_id or 0, lecturer, later(2))
    assert retention.deleted_videos() == []
    videos.delete(main.id, lecturer, later(3))
    assert {video.id for video in retention.deleted_videos()} == {task.video_id, main.id}


def test_folders_in_use_hold_what_is_published_and_what_runs(task: Task, lecturer: User) -> None:
    start(task)
    report(task, "done", result=RESULT)
    newer = videos.order(task.video_id, encode(), lecturer, later(20))
    used = retention.folders_in_use([task.video_id or 0])
    assert {RESULT["folder"], f"videos/{task.video_id:06d}/encode-{newer.id}-g1.part"} <= used


def test_finishing_an_upload_twice_makes_one_video(lecturer: User) -> None:
    upload = uploads.create("a" * 32, lecturer, "", videos.Source("é.mp4", 5), NOW)
    first = uploads.finish(upload, later(1), placed_nowhere, UPLOAD)
    second = uploads.finish(upload, later(2), pytest.fail, UPLOAD)
    assert first[0].id == second[0].id and len(first[1]) == 1 and second[1] == []
    assert Video.select().count() == 1


def test_no_video_without_its_source_file(lecturer: User) -> None:
    def fail(path: str) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        videos.create(lecturer, "", SOURCE, NOW, fail, UPLOAD)
    assert Video.select().count() == Task.select().count() == Outbox.select().count() == 0


@pytest.mark.parametrize("spelling", ["LÉA", "lea", "léa "])
def test_a_name_is_found_as_it_is_written(lecturer: User, spelling: str) -> None:
    """MariaDB ignores case and accents, but the throttle of the sign-in takes each spelling for another name."""
    assert users.find("léa") == lecturer
    with pytest.raises(NotFound):
        users.find(spelling)


def test_a_link_works_once_and_a_token_until_it_is_revoked(lecturer: User) -> None:
    link = users.create_link(lecturer, later(60) - NOW, NOW)
    assert users.peek_link(link, later(1)) == lecturer
    assert users.use_link(link, later(1)) == lecturer
    for moment in (2, 100):
        with pytest.raises(NotFound):
            users.use_link(link, later(moment))
    token = users.create_token(lecturer, "curl", NOW)
    assert users.find_by_token(token, later(1)) == lecturer
    users.revoke_token(users.list_tokens()[0].id, later(2))
    with pytest.raises(NotFound):
        users.find_by_token(token, later(3))


def test_a_session_lasts_its_time_and_then_leaves_the_table(lecturer: User) -> None:
    key = sessions.begin(lecturer, later(60) - NOW, NOW)
    assert sessions.user_of(key, later(59)) == lecturer
    with pytest.raises(NotFound):
        sessions.user_of(key, later(60))
    sessions.forget_expired(later(59))
    assert Session.select().count() == 1
    sessions.forget_expired(later(61))
    assert Session.select().count() == 0


def test_the_migrations_make_the_tables_that_the_models_describe(catalog: Database) -> None:
    for table in (*models.TABLES, *caption_models.TABLES):
        columns = {column.name: column.null for column in catalog.get_columns(table._meta.table_name)}
        assert columns == {field.column_name: field.null for field in table._meta.sorted_fields}, table
        wanted = {tuple(index.columns) for index in catalog.get_indexes(table._meta.table_name)}
        indexed = [f for f in table._meta.sorted_fields if (f.index or f.unique) and not f.primary_key]
        assert {(f.column_name,) for f in indexed} <= wanted


def test_a_periodic_tick_fires_once_whoever_asks(catalog: Database) -> None:
    def fire(tick: float, run: bool = True) -> Task | None:
        with catalog.connection_context():
            return periodic.fire("verify", "verify", later(tick), later(tick), run=run)

    assert fire(0) is None  # new: it starts with its next tick
    with ThreadPoolExecutor(8) as pool:
        fired = [task for task in pool.map(fire, [60.0] * 8) if task]
    assert len(fired) == 1 and fired[0].video_id is None
    assert fire(120) is None  # the last run is still open
    tasks.start(fired[0].id, 1, WORKER, later(121), LOSSES)
    reports.accept(fired[0].id, Report(1, "done", 1, WORKER.worker, {"infos": {"folders": 3}}), ALLOWED, later(122))
    assert tasks.get(fired[0].id).infos == {"folders": 3}
    assert fire(180, run=False) is None  # missed, and the policy says skip
    assert fire(180) is None
    assert fire(240) is not None


def test_numbers_are_never_given_out_again(lecturer: User) -> None:
    """The id of a job contains the number of its task, and RQ remembers ids."""
    first = videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None, UPLOAD)[1][0]
    retention.forget_video(first.video_id or 0)
    second = videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None, UPLOAD)[1][0]
    assert second.id > first.id
