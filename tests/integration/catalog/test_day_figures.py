"""Figures of a day, on all three databases."""

from datetime import timedelta

from pod_jobs.catalog.models import DayFigure, Task, User, Video
from pod_jobs.catalog.store import day_figures, tasks
from tests.integration.catalog.conftest import NOW, later
from tests.integration.catalog.runs import LOSSES, RESULT, WORKER, report, start
from tests.integration.catalog.test_error_groups import new_task

GB = 10**9


def finish(task: Task) -> None:
    """An encoding that waited 5 s and took 4 s, of a recording of 10.5 s."""
    attempt = tasks.start(task.id, 1, WORKER, later(5), LOSSES)[1]
    folder = f"videos/{task.video_id:06}/encode-{task.id}-g1"
    report(task, "done", attempt=attempt.number, result={**RESULT, "folder": folder})


def test_a_day_says_what_ended_in_it(task: Task, lecturer: User) -> None:
    finish(task)
    failed = new_task(lecturer)
    start(failed)
    report(failed, "error", error_code="encode-killed", reason="signal 9")
    day = day_figures.measure_day(later(0), later(60))
    assert day.numbers["done"] == {"encode": 1} and day.numbers["failed"] == {"encode-killed": 1}
    assert day.numbers["video_s"] == {"": 10.5}
    assert (day.numbers["wait_p50_s"][""], day.numbers["wait_p95_s"][""]) == (5.0, 5.0)
    assert day.numbers["speed_p50"] == {"": 10.5 / 4}
    assert day.numbers["busy_s"] == {"host": 8.0}
    assert day.numbers["waiting"] == {"": 10 / 86_400}
    assert day_figures.measure_day(later(60), later(120)).total("done") == 0


def test_sums_are_kept_read_and_measured_again(task: Task, lecturer: User) -> None:
    finish(task)
    days = list(day_figures.sum_up(NOW, 3))
    assert [one.total("done") for one in days] == [0, 0, 1]
    assert days[-1].numbers["owner_bytes"] == {"léa": 12_345_678_901 + 5_000_000_300}
    assert days[-1].numbers["kind_bytes"] == {"hls": 300, "mp4": 5 * GB, "source": 12_345_678_901}
    for one in days:
        day_figures.keep(one)
    again = list(day_figures.sum_up(NOW, 3))
    assert len(again) == 2, "yesterday may have been summed up before its end, and today goes on"
    day_figures.keep(again[0])
    read = day_figures.last_days(NOW, 2)
    assert [one.total("done") for one in read] == [0, 1]
    assert read[-1].total("kind_bytes") == 12_345_678_901 + 5_000_000_300
    Task.delete().execute()
    assert day_figures.last_days(NOW + timedelta(days=1), 2)[0].total("done") == 1, "the sums outlive the tasks"
    assert DayFigure.select().where(DayFigure.day == NOW.astimezone().date().isoformat()).count() > 8


def test_percentiles_are_of_the_values(lecturer: User) -> None:
    for seconds in (1, 2, 3, 100):
        task = new_task(lecturer)
        Video.update(duration_s=10.0).where(Video.id == task.video_id).execute()
        Task.update(state="done", started_at=later(seconds), ended_at=later(seconds + 10)).where(
            Task.id == task.id
        ).execute()
    day = day_figures.measure_day(NOW, later(1000))
    assert (day.numbers["wait_p50_s"][""], day.numbers["wait_p95_s"][""]) == (3.0, 100.0)
    assert day.numbers["speed_p50"][""] == 1.0
