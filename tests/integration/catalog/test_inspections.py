"""What a first look changes, and when it comes too late, on all three databases."""

from typing import Any

import pytest

from pod_jobs.catalog.models import Outbox, Task, User, Video
from pod_jobs.catalog.store import inspections, tasks, videos
from pod_jobs.errors import NotFound
from tests.integration.catalog.conftest import NOW, SOURCE, later, placed_nowhere
from tests.integration.catalog.runs import start
from tests.orders import UPLOAD, encode

FOUND = {"is_video": True, "duration_s": 9.5, "facts": {"codec": "h264"}}
TOO_LATE: dict[str, dict[str, Any]] = {
    "published": {"published_folder": "videos/000001/encode-1-g1"},
    "deleted": {"deleted_at": NOW},
}


@pytest.fixture
def other(task: Task, lecturer: User) -> Task:
    """The task of another video, which no look at the first one may change."""
    return videos.create(lecturer, "t", SOURCE, NOW, placed_nowhere, UPLOAD)[1][0]


def changed(task: Task) -> tuple[Any, ...]:
    video, row = Video.get_by_id(task.video_id), Outbox.get_or_none(Outbox.task_id == task.id)
    now = tasks.get(task.id)
    return bool(video.facts), video.is_video, now.state, now.is_short, row and row.is_short


def test_it_is_needed_until_something_is_known(task: Task, other: Task) -> None:
    assert inspections.is_needed(task.video_id)
    for column, value, back in (
        ("source_path", "", "a.mp4"),
        ("published_folder", "videos/000001/encode-1-g1", None),
        ("facts", {"codec": "h264"}, {}),
        ("deleted_at", NOW, None),
    ):
        Video.update(**{column: value}).where(Video.id == task.video_id).execute()
        assert not inspections.is_needed(task.video_id), column
        Video.update(**{column: back}).where(Video.id == task.video_id).execute()
    assert inspections.is_needed(task.video_id)
    tasks.cancel(task.id, NOW)
    assert not inspections.is_needed(task.video_id) and inspections.is_needed(other.video_id)
    assert not inspections.is_needed(999)


def test_what_was_found_is_of_one_video_and_its_waiting_tasks(task: Task, other: Task, lecturer: User) -> None:
    start(task)
    waiting = videos.order(task.video_id, encode("archive"), lecturer, later(1))
    before = changed(other)
    assert inspections.accept(task.video_id, FOUND, True, lambda: True)
    facts = Video.get_by_id(task.video_id).facts
    assert facts == {"codec": "h264", "duration_s": 9.5, inspections.HAS_FIRST_PICTURE: True}
    assert changed(task) == (True, True, "running", False, None)
    assert changed(waiting) == (True, True, "waiting", True, True)
    assert changed(other) == before
    assert not inspections.accept(task.video_id, FOUND, False, pytest.fail), "somebody was quicker"


@pytest.mark.parametrize("why", TOO_LATE)
def test_what_comes_too_late_changes_nothing(task: Task, why: str) -> None:
    Video.update(**TOO_LATE[why]).execute()
    before = changed(task)
    assert not inspections.accept(task.video_id, FOUND, True, pytest.fail)
    assert inspections.refuse(task.video_id, "source-damaged", {}, "no frame", NOW) == []
    assert changed(task) == before


def test_nothing_is_stored_for_a_video_whose_tasks_have_ended_and_for_none(task: Task) -> None:
    tasks.cancel(task.id, NOW)
    assert not inspections.accept(task.video_id, FOUND, True, pytest.fail)
    with pytest.raises(NotFound):
        inspections.accept(999, FOUND, True, pytest.fail)


def test_a_file_that_cannot_be_encoded_ends_the_tasks_of_its_video(task: Task, other: Task) -> None:
    (ended,) = inspections.refuse(task.video_id, "source-damaged", {}, "no frame", NOW)
    assert (ended.id, tasks.get(task.id).state, tasks.get(other.id).state) == (task.id, "error", "waiting")


@pytest.mark.parametrize("begun", [{"state": "running"}, {"generation": 2}, {"started_at": NOW}])
def test_a_task_that_has_begun_says_by_itself_what_it_finds(task: Task, lecturer: User, begun: dict[str, Any]) -> None:
    videos.order(task.video_id, encode("archive"), lecturer, later(1))
    Task.update(**begun).where(Task.id == task.id).execute()
    assert inspections.refuse(task.video_id, "source-damaged", {}, "no frame", NOW) == []
    assert not Task.select().where(Task.state == "error").exists()
