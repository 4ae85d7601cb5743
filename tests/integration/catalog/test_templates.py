"""Publishing by one template leaves the others alone, on all three databases."""

from importlib import import_module
from typing import Any

import pytest
from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate

from pod_jobs import media_folder
from pod_jobs.catalog.models import Task, User, Video
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.store import many_tasks, reports, retention, tasks, videos
from pod_jobs.catalog.store.reports import Report
from pod_jobs.catalog.trace_models import ProductionEvent
from pod_jobs.errors import Refused
from tests.integration.catalog.conftest import NOW, later
from tests.orders import encode

WORKER = tasks.Runner("encoding.host.12", "host", 12)
ALLOWED = reports.Allowed(deaths=2, losses=5)


@pytest.fixture
def encodes(lecturer: User) -> list[Task]:
    """Two tasks of a new video: by the templates web and archive."""
    source = videos.Source("a.mp4", 5)
    return videos.create(lecturer, "Été", source, NOW, lambda path: None, (encode(), encode("archive")))[1]


def folder_of(task: Task) -> str:
    return f"{media_folder.video_folder(task.video_id or 0)}/encode-{task.id}-g1"


def finish(task: Task, name: str, outcome: str = "done", **more: Any) -> None:
    tasks.start(task.id, 1, WORKER, later(1), 10)
    output = {"kind": "mp4", "name": name, "mime": "video/mp4", "bytes": 7}
    result = {
        "folder": folder_of(task),
        "outputs": [output],
        "duration_s": 10.5,
        "is_video": True,
        "facts": {"by": name},
    }
    reports.accept(task.id, Report(1, outcome, 1, WORKER.worker, result, **more), ALLOWED, later(2))


def published(video_id: int | None) -> dict[str, str]:
    rows = videos.outputs_of([Video.get_by_id(video_id)])[video_id or 0]
    return {row.task.template: row.name for row in rows}


def test_an_upload_orders_one_task_for_each_template(encodes: list[Task]) -> None:
    assert [(task.kind, task.template, task.state) for task in encodes] == [
        ("encode", "web", "waiting"),
        ("encode", "archive", "waiting"),
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_only_the_web_makes_a_video_ready_whichever_ends_first(encodes: list[Task], order: tuple[int, int]) -> None:
    for place in order:
        finish(encodes[place], f"{encodes[place].template}.mp4")
    video = Video.get_by_id(encodes[0].video_id)
    assert (video.published_folder, video.facts) == (folder_of(encodes[0]), {"by": "web.mp4"})
    assert published(video.id) == {"web": "web.mp4", "archive": "archive.mp4"}
    assert [event.kind for event in ProductionEvent.select()] == ["uploaded", "encoded", "published"]


def test_an_archive_alone_leaves_the_video_unpublished(encodes: list[Task]) -> None:
    finish(encodes[1], "archive.mp4")
    assert Video.get_by_id(encodes[0].video_id).published_folder is None


@pytest.mark.parametrize("again", ["web", "archive"])
def test_a_new_encode_replaces_what_its_own_template_published(encodes: list[Task], lecturer: User, again: str) -> None:
    for task in encodes:
        finish(task, f"{task.template}.mp4")
    newer = videos.order(encodes[0].video_id or 0, encode(again), lecturer, later(3))
    finish(newer, "newer.mp4")
    assert published(newer.video_id) == {"web": "web.mp4", "archive": "archive.mp4", again: "newer.mp4"}
    replaced = next(task for task in encodes if task.template == again)
    used = retention.folders_in_use([newer.video_id or 0])
    assert {folder_of(task) for task in (*encodes, newer)} - used == {folder_of(replaced)}


def test_what_is_published_stays_until_a_new_encode_is_done(encodes: list[Task], lecturer: User) -> None:
    """Pod 4.1 removes the old files before the new order is queued: nobody can watch until it is done."""
    for task in encodes:
        finish(task, f"{task.template}.mp4")
    before, folder = published(encodes[0].video_id), folder_of(encodes[0])
    newer = videos.order(encodes[0].video_id or 0, encode("web"), lecturer, later(3))
    for failure in (None, "encode-failed"):
        if failure:
            finish(newer, "", "error", error_code=failure)
        assert published(newer.video_id) == before
        assert Video.get_by_id(newer.video_id).published_folder == folder
        assert folder in retention.folders_in_use([newer.video_id or 0])


def test_a_failed_archive_leaves_the_video_ready(encodes: list[Task]) -> None:
    finish(encodes[0], "web.mp4")
    finish(encodes[1], "", "error", error_code="encode-failed")
    assert Video.get_by_id(encodes[0].video_id).published_folder == folder_of(encodes[0])
    assert tasks.get(encodes[1].id).state == "error"
    assert published(encodes[0].video_id) == {"web": "web.mp4"}


def test_templates_are_open_and_run_again_each_by_itself(encodes: list[Task], lecturer: User) -> None:
    web, archive = encodes
    with pytest.raises(Refused):
        videos.order(archive.video_id or 0, encode("archive"), lecturer, later(1))
    finish(archive, "", "error", error_code="encode-failed")
    assert many_tasks.order_again([archive.id], later(3)).tasks[0].generation == 2  # while the web's is still open
    assert videos.order(web.video_id or 0, encode("audio"), lecturer, later(3)).template == "audio"


def test_the_latest_task_of_each_template_is_remembered(encodes: list[Task]) -> None:
    for task in encodes:
        finish(task, "", "error", error_code="encode-failed")
    assert retention.forget_tasks(later(1000)) == 0


def test_what_becomes_of_results_from_before_purposes(encodes: list[Task], catalog: Database) -> None:
    other = tasks.order(None, NewTask("verify"), None, NOW)
    migrator = SchemaMigrator.from_database(catalog)
    migrate(migrator.drop_column("task", "purpose"))
    import_module("pod_jobs.catalog.migrations.0011_purpose").up(migrator, catalog)
    found = [tasks.get(task.id) for task in (*encodes, other)]
    assert [task.purpose for task in found] == ["play", "offer", ""]


def test_encodes_from_before_templates_are_the_webs(encodes: list[Task], catalog: Database) -> None:
    other = tasks.order(None, NewTask("verify"), None, NOW)
    Task.update(template="").where(Task.id == encodes[0].id).execute()
    import_module("pod_jobs.catalog.migrations.0006_web_template").up(None, catalog)
    assert [tasks.get(task.id).template for task in (*encodes, other)] == ["web", "archive", ""]
