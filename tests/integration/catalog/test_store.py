"""The life of a task as the catalog keeps it, on all three databases."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from peewee import Database

from pod_jobs.catalog import models
from pod_jobs.catalog.models import Attempt, Outbox, Session, Task, User, Video
from pod_jobs.catalog.store import outbox, periodic, reports, retention, sessions, tasks, uploads, users, videos
from pod_jobs.catalog.store.reports import Report
from pod_jobs.catalog.store.tasks import Runner
from pod_jobs.errors import Cancelled, NotFound, Refused, ResultRejected, Superseded
from tests.integration.catalog.conftest import NOW, later

SOURCE = videos.Source("Cours n° 1 – été.mp4", 12_345_678_901)
WORKER = Runner("encoding.host.12", "host", 12)
RESULT: dict[str, Any] = {
    "folder": "videos/000001/encode-1-g1",
    "outputs": [
        {"kind": "hls", "name": "master.m3u8", "mime": "application/vnd.apple.mpegurl", "bytes": 300},
        {"kind": "mp4", "name": "360p.mp4", "mime": "video/mp4", "bytes": 5_000_000_000, "rendition": "360p"},
    ],
    "duration_s": 10.5,
    "is_video": True,
    "facts": {"codec": "h264"},
    "wall_s": 3.5,
}

ALLOWED = reports.Allowed(deaths=2, losses=5)
LOSSES = 10  # more than any test here has


def placed_nowhere(path: str) -> None:
    assert path.startswith("videos/") and path.endswith("/source")


@pytest.fixture
def task(lecturer: User) -> Task:
    return videos.create(lecturer, "Été 🎓", SOURCE, NOW, placed_nowhere)[1][0]


def start(task: Task, runner: Runner = WORKER) -> Attempt:
    return tasks.start(task.id, tasks.get(task.id).generation, runner, later(5), LOSSES)[1]


def report(task: Task, outcome: str, **more: Any) -> Task:
    more.setdefault("attempt", 1)
    more.setdefault("generation", 1)
    return reports.accept(task.id, Report(outcome=outcome, **more), ALLOWED, later(9))


def test_what_was_written_comes_back(task: Task) -> None:
    video = Video.get_by_id(task.video_id)
    assert (video.title, video.source_bytes, video.created_at, video.facts) == ("Été 🎓", SOURCE.bytes, NOW, {})


def test_ordering_commits_the_outbox_row_too(task: Task) -> None:
    (row,) = outbox.pending()
    assert (row.job_id, row.payload) == (f"encode-{task.id}-g1", {"task": task.id, "generation": 1})
    assert outbox.oldest() == NOW
    outbox.sent(row.job_id)
    assert outbox.pending() == []


def test_a_run_that_ends_well_publishes(task: Task) -> None:
    attempt = start(task)
    assert tasks.get(task.id).state == "running"
    report(task, "done", result=RESULT, cpu_s=9.5)
    video = videos.get(task.video_id)
    assert (video.published_folder, video.duration_s, video.is_video) == (RESULT["folder"], 10.5, True)
    assert [o.bytes for o in videos.outputs_of([video])[video.id]] == [300, 5_000_000_000]
    done = tasks.get(task.id)
    assert (done.state, done.infos, done.ended_at) == ("done", {"wall_s": 3.5}, later(9))
    assert Attempt.get_by_id(attempt.id).cpu_s == 9.5


def test_a_report_that_comes_twice_changes_nothing(task: Task) -> None:
    start(task)
    report(task, "done", result=RESULT)
    report(task, "done", result={**RESULT, "folder": "elsewhere"})
    report(task, "error", error_code="internal")
    assert tasks.get(task.id).state == "done"
    assert videos.get(task.video_id).published_folder == RESULT["folder"]


def test_an_older_generation_is_refused(task: Task) -> None:
    start(task)
    report(task, "error", error_code="encode-failed", reason="x")
    tasks.order_again(task.id, later(20))
    with pytest.raises(Superseded):
        tasks.start(task.id, 1, WORKER, later(21), LOSSES)
    with pytest.raises(Superseded):
        report(task, "done", result=RESULT)
    again = tasks.get(task.id)
    assert (again.state, again.generation, again.error_code) == ("waiting", 2, None)
    assert [row.job_id for row in outbox.pending()] == [f"encode-{task.id}-g2"]


def test_a_late_word_of_an_earlier_attempt_does_not_move_the_task(task: Task) -> None:
    start(task)
    start(task)
    assert [attempt.outcome for attempt in tasks.attempts_of(task)] == ["lost", None]
    report(task, "error", attempt=1, error_code="internal")
    assert tasks.get(task.id).state == "running"
    report(task, "done", attempt=1, result=RESULT)
    assert tasks.get(task.id).state == "done"


def test_a_passing_fault_waits_and_counts(task: Task) -> None:
    start(task)
    report(task, "retry", retry_in_s=60.0, error_code="disk-full", reason="no\0 space")
    waiting = tasks.get(task.id)
    assert (waiting.state, waiting.failures, waiting.retry_at, waiting.error_code) == (
        "waiting",
        0,  # an outage is nobody's fault
        later(69),
        "disk-full",
    )
    assert waiting.error_reason == "no space"
    start(task)
    assert tasks.get(task.id).error_code is None
    history = [(attempt.outcome, attempt.error_code, attempt.reason) for attempt in tasks.attempts_of(task)]
    assert history == [("retry", "disk-full", "no space"), (None, None, None)]


def test_two_deaths_stop_a_task_and_a_person_may_order_it_again(task: Task) -> None:
    start(task)
    report(task, "killed", attempt=None, worker=WORKER.worker, signal=9)
    again = tasks.get(task.id)
    assert (again.state, again.generation, again.deaths) == ("waiting", 2, 1)
    start(task)
    report(task, "killed", attempt=None, worker=WORKER.worker, generation=2, signal=9)
    stopped = tasks.get(task.id)
    assert (stopped.state, stopped.error_code) == ("error", "worker-died-twice")
    assert [attempt.signal for attempt in tasks.attempts_of(task)] == [9, 9]
    assert tasks.order_again(task.id, later(30)).deaths == 0


def test_an_error_that_only_a_newer_worker_knows_is_kept() -> None:
    report = Report(generation=1, outcome="error", error_code="nonsense", reason="x")
    assert (report.error_code, report.reason) == ("internal", "nonsense: x")


def test_a_finished_run_wins_over_another_that_gave_up(task: Task) -> None:
    start(task)
    start(task)
    report(task, "error", attempt=2, error_code="service-unavailable")
    assert tasks.get(task.id).state == "error"
    report(task, "done", attempt=1, result=RESULT)
    assert tasks.get(task.id).state == "done"
    assert videos.get(task.video_id).published_folder == RESULT["folder"]


def test_a_task_that_keeps_losing_its_worker_is_stopped(task: Task) -> None:
    for pid in range(5):
        start(task, Runner(f"encoding.host.{pid}", "host", pid))
    with pytest.raises(Superseded):
        tasks.start(task.id, 1, WORKER, later(5), losses_allowed=5)
        tasks.start(task.id, 1, WORKER, later(5), losses_allowed=5)
    assert (tasks.get(task.id).state, tasks.get(task.id).error_code) == ("error", "worker-died-twice")


def test_an_old_order_does_not_run_beside_or_after_a_newer_one(task: Task, lecturer: User) -> None:
    start(task)
    report(task, "error", error_code="encode-failed")
    newer = videos.order_encode(task.video_id, lecturer, later(20))
    with pytest.raises(Refused):
        tasks.order_again(task.id, later(21))
    tasks.start(newer.id, 1, WORKER, later(22), LOSSES)
    reports.accept(newer.id, Report(1, "done", attempt=1, result=RESULT), ALLOWED, later(23))
    for old in (task, newer):
        with pytest.raises(Refused):
            tasks.order_again(old.id, later(24))


def test_a_lost_worker_counts_only_when_it_happens_again_and_again(task: Task) -> None:
    for generation in range(1, 5):
        start(task)
        lost = Report(outcome="lost", generation=generation, attempt=generation)
        assert reports.bury(task.id, lost, ALLOWED, later(9))
    assert (tasks.get(task.id).state, tasks.get(task.id).generation) == ("waiting", 5)
    assert {attempt.outcome for attempt in tasks.attempts_of(task)} == {"lost"}
    start(task)
    assert reports.bury(task.id, Report(outcome="lost", generation=5, attempt=5), ALLOWED, later(9))
    assert (tasks.get(task.id).state, tasks.get(task.id).error_code) == ("error", "worker-died-twice")


def test_lost_workers_count_in_a_row_only(task: Task) -> None:
    start(task, Runner("encoding.other.9", "other", 9))
    start(task)
    assert tasks.get(task.id).losses == 1
    report(task, "retry", attempt=2, retry_in_s=1.0)
    assert tasks.get(task.id).losses == 0


def test_cancel_of_a_waiting_and_of_a_running_task(task: Task, lecturer: User) -> None:
    start(task)
    assert tasks.cancel(task.id, later(6)).state == "running"
    report(task, "cancelled")
    assert tasks.get(task.id).state == "cancelled"
    with pytest.raises(Refused):
        tasks.cancel(task.id, later(7))
    waiting = videos.order_encode(task.video_id, lecturer, later(8))
    assert tasks.cancel(waiting.id, later(9)).state == "cancelled"
    assert Outbox.select().where(Outbox.job_id == f"encode-{waiting.id}-g1").count() == 0
    with pytest.raises(Superseded):
        start(waiting)


def test_a_cancelled_run_whose_worker_dies_stays_cancelled(task: Task) -> None:
    start(task)
    tasks.cancel(task.id, later(6))
    report(task, "killed", attempt=None, worker=WORKER.worker)
    assert tasks.get(task.id).state == "cancelled"


def test_a_cancel_between_enqueue_and_start_is_heard(task: Task) -> None:
    Task.update(cancel_requested=True).where(Task.id == task.id).execute()
    with pytest.raises(Cancelled):
        start(task)
    assert tasks.get(task.id).state == "cancelled"


def test_rq_requeue_of_a_failed_task_starts_it_again(task: Task) -> None:
    start(task)
    report(task, "error", error_code="encode-failed")
    start(task)
    assert tasks.get(task.id).state == "running"


def test_one_encode_of_a_video_at_a_time(task: Task, lecturer: User) -> None:
    with pytest.raises(Refused):
        videos.order_encode(task.video_id, lecturer, later(1))


@pytest.mark.parametrize("wrong", [{"outcome": "fine"}, {"outcome": ""}])
def test_a_report_of_another_shape_is_rejected(wrong: dict[str, str]) -> None:
    with pytest.raises(ResultRejected):
        Report(generation=1, **wrong)  # type: ignore[arg-type]


def test_a_result_without_its_parts_is_rejected_and_changes_nothing(task: Task) -> None:
    start(task)
    with pytest.raises(ResultRejected):
        report(task, "done", result={"outputs": []})
    assert tasks.get(task.id).state == "running"


def test_lecturers_see_their_own_videos_and_the_team_sees_all(task: Task) -> None:
    other = users.create("max", "lecturer", None, NOW)
    team = users.create("ann", "team", None, NOW)
    assert videos.list_videos(other) == []
    with pytest.raises(NotFound):
        videos.get(task.video_id, other)
    assert [v.id for v in videos.list_videos(team, text="été")] in (
        [task.video_id],
        [],
    )  # case rules differ by database
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
    main, _ = videos.create(lecturer, "", videos.Source("a", 1, {"second": task.video_id}), later(1), lambda path: None)
    videos.delete(task.video_id or 0, lecturer, later(2))
    assert retention.deleted_videos() == []
    videos.delete(main.id, lecturer, later(3))
    assert {video.id for video in retention.deleted_videos()} == {task.video_id, main.id}


def test_folders_in_use_hold_what_is_published_and_what_runs(task: Task, lecturer: User) -> None:
    start(task)
    report(task, "done", result=RESULT)
    newer = videos.order_encode(task.video_id, lecturer, later(20))
    used = retention.folders_in_use([task.video_id or 0])
    assert {RESULT["folder"], f"videos/{task.video_id:06d}/encode-{newer.id}-g1.part"} <= used


def test_finishing_an_upload_twice_makes_one_video(lecturer: User) -> None:
    upload = uploads.create("a" * 32, lecturer, "", videos.Source("é.mp4", 5), NOW)
    first = uploads.finish(upload, later(1), placed_nowhere)
    second = uploads.finish(upload, later(2), pytest.fail)
    assert first[0].id == second[0].id and len(first[1]) == 1 and second[1] == []
    assert Video.select().count() == 1


def test_no_video_without_its_source_file(lecturer: User) -> None:
    def fail(path: str) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        videos.create(lecturer, "", SOURCE, NOW, fail)
    assert Video.select().count() == Task.select().count() == Outbox.select().count() == 0


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


def test_twenty_workers_start_one_task_and_attempts_stay_numbered(task: Task, catalog: Database) -> None:
    def run(pid: int) -> None:
        with catalog.connection_context():
            tasks.start(task.id, 1, Runner(f"encoding.host.{pid}", "host", pid), later(5), losses_allowed=100)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(run, range(20)))
    attempts = tasks.attempts_of(task)
    assert [attempt.number for attempt in attempts] == list(range(1, 21))
    assert [attempt.outcome for attempt in attempts].count(None) == 1


def test_the_migrations_make_the_tables_that_the_models_describe(catalog: Database) -> None:
    for table in models.TABLES:
        columns = {column.name: column.null for column in catalog.get_columns(table._meta.table_name)}
        assert columns == {field.column_name: field.null for field in table._meta.sorted_fields}, table
        wanted = {tuple(index.columns) for index in catalog.get_indexes(table._meta.table_name)}
        assert {(f.column_name,) for f in table._meta.sorted_fields if f.index or f.unique} <= wanted


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
    reports.accept(fired[0].id, Report(1, "done", attempt=1, result={"infos": {"folders": 3}}), ALLOWED, later(122))
    assert tasks.get(fired[0].id).infos == {"folders": 3}
    assert fire(180, run=False) is None  # missed, and the policy says skip
    assert fire(180) is None
    assert fire(240) is not None


def test_numbers_are_never_given_out_again(lecturer: User) -> None:
    """A job's id is made of its task's number; RQ remembers ids."""
    first = videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None)[1][0]
    retention.forget_video(first.video_id or 0)
    second = videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None)[1][0]
    assert second.id > first.id


def test_a_report_that_comes_twice_counts_once(task: Task) -> None:
    start(task)
    for _ in range(2):
        report(task, "retry", error_code="encode-killed", retry_in_s=5)
    assert (tasks.get(task.id).failures, tasks.get(task.id).state) == (1, "waiting")


def test_a_start_whose_answer_got_lost_is_no_lost_worker(task: Task) -> None:
    for _ in range(3):
        start(task)
    assert tasks.get(task.id).losses == 0
    start(task, Runner("encoding.other.12", "other", 12))
    assert tasks.get(task.id).losses == 1
