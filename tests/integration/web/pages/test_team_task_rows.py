"""What the list of tasks and the page of a task tell of one: its time, speed, place, beginning, machine, tries and logs."""

import re
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from pod_jobs.catalog.models import Attempt, Task, Video
from pod_jobs.jobs import queue
from pod_jobs.media_folder import video_folder
from pod_jobs.web.intake import beginnings
from pod_jobs.web.pages.team.words import short_worker
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker
from tests.integration.web.pages.test_team import failed, plain
from tests.integration.web.pages.test_team_machines import alive

LOG = {"encoding.log": b"why\n"}


def row(browser: Browser, number: int) -> str:
    """The row of a task, as HTML."""
    page = browser.get("/team/tasks").text
    found = re.search(rf'<tr id="task-{number}".*?</tr>', page, re.S)
    assert found, page
    return found[0]


@pytest.fixture
def tina(browser: Browser) -> Browser:
    browser.sign_in("tina")
    return browser


def test_a_running_task_tells_how_far_it_is_and_who_runs_it(
    tina: Browser, lea: Caller, worker: Worker, redis: Redis
) -> None:
    task = lea.upload()["task"]
    worker.start(task)
    queue.write_progress(redis, task["id"], {"step": "encode", "fraction": 0.63, "speed": 1.84, "eta_s": 95.0})
    html = row(tina, task["id"])
    assert "Encoding 63 % · 1.8× · 2 mins left" in plain(html) and 'value="0.63"' in html
    assert plain(html).endswith("host encoding 1"), "the machine, and the worker by its short name"
    assert "encoding.host.1" in html and "Watch" not in html and "ended" not in html


def test_a_done_task_tells_its_end_duration_and_speed_and_links_to_the_video(
    tina: Browser, lea: Caller, worker: Worker, catalog: None
) -> None:
    video = lea.upload()
    number = video["task"]["id"]
    worker.finish(worker.start(video["task"]))
    begun = now() - timedelta(days=40)
    ended = begun + timedelta(minutes=10)
    Task.update(created_at=begun, started_at=begun, ended_at=ended).where(Task.id == number).execute()
    Video.update(duration_s=1500.0).where(Video.id == video["id"]).execute()
    html = row(tina, number)
    assert "10 mins 2.5×" in plain(html)
    assert f'ended <time class="moment" datetime="{ended.astimezone().isoformat(timespec="seconds")}"' in html
    assert f'<a href="/videos/{video["id"]}">Watch</a>' in html and f'href="/team/tasks/{number}"' in html
    assert tina.get(f"/videos/{video['id']}").status_code == 200


def test_a_waiting_task_tells_since_when_its_place_and_when_it_begins(
    tina: Browser, lea: Caller, worker: Worker, redis: Redis, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, waiting = (lea.upload(name=f"{name}.mp4")["task"] for name in ("a", "b"))
    worker.start(running)
    queue.write_progress(redis, running["id"], {"step": "encode", "fraction": 0.1, "eta_s": 7200.0})
    alive(redis, "encoding.host.1", "host")
    Task.update(queued_at=now() - timedelta(minutes=18)).where(Task.id == waiting["id"]).execute()
    monkeypatch.setattr(beginnings, "ESTIMATED_S", 0.0)
    before = now()
    list_row, page = row(tina, waiting["id"]), tina.get(f"/team/tasks/{waiting['id']}").text
    document = lea("GET", f"/api/v1/tasks/{waiting['id']}").get_json()
    after = now()
    assert "waits 18 mins · Number 1 in the queue, about" in plain(list_row)
    # a minute may end in between
    expected = {(at + timedelta(hours=2)).replace(second=0, microsecond=0) for at in (before, after)}
    told = {f'about <time class="moment" datetime="{at.astimezone().isoformat(timespec="seconds")}"' for at in expected}
    for html in (list_row, page):
        assert any(words in " ".join(html.split()) for words in told), html
    assert document["begins_at"] in {at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in expected}


@pytest.mark.parametrize(
    ("worker_name", "host", "words"),
    [
        ("encoding.video.example.org.4242.0.1763", "video.example.org", "encoding 4242"),
        (f"xapi.{'h' * 40}.7.0.1", "h" * 60, "xapi 7"),
        ("encoding-1", "video-host", "encoding-1"),
    ],
)
def test_a_worker_has_a_short_name(worker_name: str, host: str, words: str) -> None:
    assert short_worker(Attempt(worker=worker_name, host=host)) == words


def test_a_try_tells_what_it_used(tina: Browser, lea: Caller, worker: Worker) -> None:
    task = lea.upload()["task"]
    said: dict[str, Any] = {"exit_code": 137, "signal": 9, "cpu_s": 240.0, "peak_mb": 812.0}
    worker.report(worker.start(task), "error", error_code="encode-killed", reason="killed", **said)
    page = plain(tina.get(f"/team/tasks/{task['id']}").text)
    assert "exit code 137 · signal 9 · processor 4 mins · memory 812 MB" in page


def test_the_log_grows_on_the_page_while_the_task_runs(tina: Browser, lea: Caller, worker: Worker) -> None:
    task = lea.upload()["task"]
    here = f"/team/tasks/{task['id']}"
    order = worker.start(task)
    worker.write(order, {"encoding.log": b"$ ffmpeg -i source\nframe= 1\n"}, part=True)
    part = {"HX-Request": "true"}
    first = tina.get(here, headers=part)
    assert "frame= 1" in first.text and "ffmpeg -i source" in first.text and "frame= 2" not in first.text
    known = {**part, "If-None-Match": first.headers["ETag"]}
    worker.write(order, {"encoding.log": b"$ ffmpeg -i source\nframe= 1\nframe= 2\n"}, part=True)
    again = tina.get(here, headers=known)
    assert again.status_code == 200 and "frame= 2" in again.text, "a poll brings what came since"


def test_each_try_links_to_the_log_of_its_run(tina: Browser, lea: Caller, worker: Worker) -> None:
    task = failed(lea, worker)
    number, video = task["id"], task["video"]
    logs = [f"/media/{video}/encode-{number}-g{generation}/encoding.log" for generation in (1, 2, 3)]

    def linked() -> list[str]:
        timeline = tina.get(f"/team/tasks/{number}").text.partition('<ol class="timeline">')[2].partition("</ol>")[0]
        return re.findall(r'href="(/media/[^"]+)"[^>]*>Log</a>', timeline)

    assert linked() == [], "there is none"
    first = {"folder": video_folder(video), "kind": "encode", "task": number, "generation": 1}
    worker.write(first, LOG, part=True)
    assert linked() == logs[:1]
    for generation in (2, 3):
        assert lea("POST", f"/api/v1/tasks/{number}/requeue").status_code == 202
        order = worker.start({**task, "generation": generation})
        if generation == 3:
            worker.write(order, LOG, part=True)
        worker.report(order, "error", error_code="encode-killed", reason="killed by signal 9")
    assert linked() == [logs[0], logs[2]], "the second run left none"
    assert [tina.get(address).text for address in linked()] == ["why\n"] * 2
