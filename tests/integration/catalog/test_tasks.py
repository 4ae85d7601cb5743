"""The life of a task as the catalog keeps it, on all three databases."""

import importlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from peewee import Database
from playhouse.migrate import SchemaMigrator

from pod_jobs.catalog.models import Attempt, Outbox, Task, User
from pod_jobs.catalog.store import many_tasks, reports, tasks, videos, waiting_line
from pod_jobs.catalog.store.many_tasks import Changed
from pod_jobs.catalog.store.reports import Report
from pod_jobs.catalog.store.tasks import Runner
from pod_jobs.errors import SENTENCES, Cancelled, Refused, ResultRejected, Superseded
from tests import outbox
from tests.integration.catalog.conftest import NOW, later
from tests.integration.catalog.runs import ALLOWED, LOSSES, RESULT, WORKER, report, start
from tests.orders import encode


def test_ordering_commits_the_outbox_row_too(task: Task) -> None:
    (row,) = outbox.pending()
    assert (row.job_id, row.payload) == (f"encode-{task.id}-g1", {"task": task.id, "generation": 1})
    assert outbox.oldest() == NOW
    waiting_line.remove_from_outbox(row.job_id)
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


def test_of_a_result_only_figures_are_kept(task: Task) -> None:
    """The command of a cut into 50 parts has 71,000 characters, and MariaDB's TEXT takes 65,535 bytes; encoding.log has it."""
    start(task)
    report(task, "done", result={**RESULT, "commands": ["x" * 71_000]})
    assert (tasks.get(task.id).state, tasks.get(task.id).infos) == ("done", {"wall_s": 3.5})


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
    many_tasks.order_again([task.id], later(20))
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
        0,  # an outage does not count
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
    assert (stopped.state, stopped.error_code) == ("error", "worker-died")
    assert [attempt.signal for attempt in tasks.attempts_of(task)] == [9, 9]
    assert [one.generation for one in many_tasks.order_again([task.id], later(30)).tasks] == [3]
    assert tasks.get(task.id).deaths == 0


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
    assert (tasks.get(task.id).state, tasks.get(task.id).error_code) == ("error", "worker-died")


def refused(changed: Changed) -> dict[int, str]:
    assert changed.tasks == []
    return {number: error.code for number, error in changed.refused.items()}


def test_an_old_order_does_not_run_beside_or_after_a_newer_one(task: Task, lecturer: User) -> None:
    start(task)
    report(task, "error", error_code="encode-failed")
    newer = videos.order(task.video_id, encode(), lecturer, later(20))
    assert refused(many_tasks.order_again([task.id], later(21))) == {task.id: "task-beside"}
    tasks.start(newer.id, 1, WORKER, later(22), LOSSES)
    reports.accept(newer.id, Report(1, "done", 1, WORKER.worker, RESULT), ALLOWED, later(23))
    why = refused(many_tasks.order_again([task.id, newer.id, 999], later(24)))
    assert why == {task.id: "task-beside", newer.id: "task-done", 999: "not-found"}


def test_a_lost_worker_counts_only_when_it_happens_again_and_again(task: Task) -> None:
    for generation in range(1, 5):
        start(task)
        lost = Report(outcome="lost", generation=generation, attempt=generation)
        assert reports.end_dead_run(task.id, lost, ALLOWED, later(9))
    assert (tasks.get(task.id).state, tasks.get(task.id).generation) == ("waiting", 5)
    assert {attempt.outcome for attempt in tasks.attempts_of(task)} == {"lost"}
    start(task)
    assert reports.end_dead_run(task.id, Report(outcome="lost", generation=5, attempt=5), ALLOWED, later(9))
    assert (tasks.get(task.id).state, tasks.get(task.id).error_code) == ("error", "worker-died")


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
    waiting = videos.order(task.video_id, encode(), lecturer, later(8))
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
        videos.order(task.video_id, encode(), lecturer, later(1))


@pytest.mark.parametrize("wrong", [{"outcome": "fine"}, {"outcome": ""}])
def test_a_report_of_another_shape_is_rejected(wrong: dict[str, str]) -> None:
    with pytest.raises(ResultRejected):
        Report(generation=1, **wrong)  # type: ignore[arg-type]


def test_a_result_without_its_parts_is_rejected_and_changes_nothing(task: Task) -> None:
    start(task)
    with pytest.raises(ResultRejected):
        report(task, "done", result={"outputs": []})
    assert tasks.get(task.id).state == "running"


def test_twenty_workers_start_one_task_and_attempts_stay_numbered(task: Task, catalog: Database) -> None:
    def run(pid: int) -> None:
        with catalog.connection_context():
            tasks.start(task.id, 1, Runner(f"encoding.host.{pid}", "host", pid), later(5), losses_allowed=100)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(run, range(20)))
    attempts = tasks.attempts_of(task)
    assert [attempt.number for attempt in attempts] == list(range(1, 21))
    assert [attempt.outcome for attempt in attempts].count(None) == 1


@pytest.mark.parametrize(
    ("code", "failures"), [("encode-killed", 1), ("speech-no-memory", 1), ("service-unavailable", 0)]
)
def test_a_report_that_comes_twice_counts_once(task: Task, code: str, failures: int) -> None:
    start(task)
    for _ in range(2):
        report(task, "retry", error_code=code, retry_in_s=5)
    assert (tasks.get(task.id).failures, tasks.get(task.id).state) == (failures, "waiting")


def test_a_start_whose_answer_got_lost_is_no_lost_worker(task: Task) -> None:
    for _ in range(3):
        start(task)
    assert tasks.get(task.id).losses == 0
    start(task, Runner("encoding.other.12", "other", 12))
    assert tasks.get(task.id).losses == 1


def test_a_task_of_an_older_program_keeps_the_sentence_of_its_error(task: Task, catalog: Database) -> None:
    start(task)
    Task.update(error_code="worker-died-twice").execute()
    Attempt.update(error_code="encode-failed").execute()
    step = importlib.import_module("pod_jobs.catalog.migrations.0010_worker_died")
    step.up(SchemaMigrator.from_database(catalog), catalog)
    assert tasks.get(task.id).error_code == "worker-died" in SENTENCES
    assert Attempt.get().error_code == "encode-failed"


def test_only_who_started_an_attempt_ends_it(task: Task) -> None:
    """With the workers' token alone nobody makes a task done that nobody ran, or that another worker runs."""
    for outcome in ("done", "error", "cancelled", "retry"):
        with pytest.raises(Superseded, match="no attempt"):
            report(task, outcome, result=RESULT)
    start(task)
    for said in ({"worker": "encoding.other.1"}, {"worker": ""}, {"attempt": 2}, {"attempt": None, "worker": "x"}):
        with pytest.raises(Superseded):
            report(task, "done", result=RESULT, **said)
    assert tasks.get(task.id).state == "running"
    assert report(task, "done", result=RESULT).state == "done"
