"""Figures of a day, on all three databases."""

from datetime import timedelta
from typing import Any

from pod_jobs.catalog.models import DayFigure, Task, User, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import day_figures, tasks
from tests.integration.catalog.conftest import NOW, later
from tests.integration.catalog.runs import LOSSES, RESULT, WORKER, report, start
from tests.integration.catalog.test_error_groups import new_task

GB = 10**9
QUEUE_OF = {"encode": "encoding", "transcribe": "transcripting"}


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
    day = day_figures.measure_day(later(0), later(60), QUEUE_OF, later(60))
    assert day.numbers["done"] == {"encode": 1} and day.numbers["failed"] == {"encode-killed": 1}
    assert day.numbers["video_s"] == {"": 10.5}
    assert (day.numbers["wait_p50_s"][""], day.numbers["wait_p95_s"][""]) == (5.0, 5.0)
    assert day.numbers["speed_p50"] == {"": 10.5 / 4}
    assert day.numbers["busy_s"] == {"host": 8.0}
    assert day.numbers["waiting"] == {"encoding": 10 / 60, "transcripting": 0.0}
    assert day_figures.measure_day(later(60), later(120), QUEUE_OF, later(120)).total("done") == 0


def test_sums_are_kept_read_and_measured_again(task: Task, lecturer: User) -> None:
    finish(task)
    days = list(day_figures.sum_up(NOW, 3, QUEUE_OF))
    assert [one.total("done") for one in days] == [0, 0, 1]
    assert days[-1].numbers["owner_bytes"] == {"léa": 12_345_678_901 + 5_000_000_300}
    assert days[-1].numbers["kind_bytes"] == {"hls": 300, "mp4": 5 * GB, "source": 12_345_678_901}
    for one in days:
        day_figures.keep(one)
    again = list(day_figures.sum_up(NOW, 3, QUEUE_OF))
    assert len(again) == 2, "yesterday may have been summed up before its end, and today goes on"
    assert len(list(day_figures.sum_up(NOW, 2, QUEUE_OF))) == 2
    assert len(list(day_figures.sum_up(NOW, 1, QUEUE_OF))) == 1, "of one day, there is only today"
    day_figures.keep(again[0])
    read = day_figures.last_days(NOW, 2, QUEUE_OF)
    assert [one.total("done") for one in read] == [0, 1]
    assert read[-1].total("kind_bytes") == 12_345_678_901 + 5_000_000_300
    Task.delete().execute()
    assert day_figures.last_days(NOW + timedelta(days=1), 2, QUEUE_OF)[0].total("done") == 1, (
        "the sums outlive the tasks"
    )
    assert DayFigure.select().where(DayFigure.day == NOW.astimezone().date().isoformat()).count() > 8


def test_who_waits_is_counted_in_each_queue_and_on_each_day(lecturer: User) -> None:
    """Whether it ended, began, was cancelled, or waits still: what counts is how much of the day it waited."""

    def waits(kind: str, since_s: float, **fields: Any) -> None:
        Task.update(kind=kind, queued_at=later(since_s), **fields).where(Task.id == new_task(lecturer).id).execute()

    waits("encode", -900, state="waiting")
    waits("encode", 10, state="waiting")
    waits("encode", 50, state="running", started_at=later(60))
    waits("transcribe", -50, state="cancelled", ended_at=later(30))
    waits("transcribe", -50, state="done", started_at=later(-10), ended_at=later(20))
    waits("transcribe", 200, state="waiting")
    waits("of an older version", 0, state="waiting")
    seen = day_figures.measure_day(later(0), later(1000), QUEUE_OF, later(100)).numbers["waiting"]
    assert seen == {"encoding": (100 + 90 + 10) / 100, "transcripting": 30 / 100}
    ended = day_figures.measure_day(later(-100), later(0), QUEUE_OF, later(100)).numbers["waiting"]
    assert ended == {"encoding": 1.0, "transcripting": (50 + 40) / 100}


def test_percentiles_are_of_the_values(lecturer: User) -> None:
    for seconds in (1, 2, 3, 100):
        task = new_task(lecturer)
        Video.update(duration_s=10.0).where(Video.id == task.video_id).execute()
        Task.update(state="done", started_at=later(seconds), ended_at=later(seconds + 10)).where(
            Task.id == task.id
        ).execute()
    day = day_figures.measure_day(NOW, later(1000), QUEUE_OF, later(1000))
    assert (day.numbers["wait_p50_s"][""], day.numbers["wait_p95_s"][""]) == (3.0, 100.0)
    assert day.numbers["speed_p50"][""] == 1.0


def ordered_by(site: str, task: Task) -> None:
    seen = {"fingerprint": "", "asked": {}, "notify_url": "", "token": "", "plain_manifest": False, "created_at": NOW}
    SiteOrder.create(task=task, public_id=f"{task.id}", site=site, **seen)


def test_figures_of_one_site_are_of_what_it_ordered(task: Task, lecturer: User) -> None:
    """Their sums outlive the tasks, too, which go with the results of a site after some days."""
    finish(task)
    for site, code in (("univ", "encode-killed"), ("univ_2", "source-damaged")):
        failed = new_task(lecturer)
        ordered_by(site, failed)
        start(failed)
        report(failed, "error", error_code=code, reason="why")
    ordered_by("univ", task)
    for one in day_figures.sum_up(NOW, 2, QUEUE_OF):
        day_figures.keep(one)
    Task.delete().execute()
    tomorrow = NOW + timedelta(days=1)
    everything, univ, other, none = (
        day_figures.last_days(tomorrow, 2, QUEUE_OF, site)[0].numbers for site in ("", "univ", "univ_2", "un")
    )
    assert everything["failed"] == {"encode-killed": 1, "source-damaged": 1} and everything["busy_s"]
    assert not any(measure.startswith(day_figures.OF_SITES) for measure in everything)
    assert univ["failed"] == {"encode-killed": 1} and univ["done"] == {"encode": 1} and univ["video_s"] == {"": 10.5}
    assert univ["wait_p95_s"] == {"": 5.0} and set(univ) <= set(day_figures.MEASURES)
    assert other["failed"] == {"source-damaged": 1} and not other.get("done") and not any(none.values())
