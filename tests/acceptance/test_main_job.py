"""The main job, end to end: `./run up`, a browser, real encodings, and processes that die in between."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser import WATCH_POLICY, Faults
from tests.acceptance.instance import Instance, ffmpegs
from tests.acceptance.site import make_clip
from tests.servers import wait_until


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording in 720p with much movement, which takes several seconds to encode."""
    return make_clip(tmp_path_factory.mktemp("clips") / "Cours d'été n° 1.mp4", seconds=28, size="1280x720")


@pytest.fixture(scope="module")
def page(chromium: Browser, instance: Instance) -> Iterator[Page]:
    """A browser that came in by the one-time link that `up` printed."""
    link = re.search(r"http://\S+/sign-in/\S+", instance.words())
    assert link is not None
    context = chromium.new_context(locale="en-GB", base_url=f"http://127.0.0.1:{instance.port}")
    context.add_init_script(WATCH_POLICY)
    page = context.new_page()
    faults = Faults(page)
    page.goto(link.group())
    page.get_by_role("button").last.click()
    page.wait_for_url("**/")
    yield page
    assert faults.unwanted == []
    context.close()


def api(instance: Instance, method: str, path: str, **more: Any) -> Any:
    token = (instance.home / "secrets" / "cli_token").read_text().strip()
    url = f"http://127.0.0.1:{instance.port}/api/v1{path}"
    answer = requests.request(method, url, headers={"Authorization": f"Token {token}"}, timeout=30, **more)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def upload(instance: Instance, path: Path) -> int:
    with path.open("rb") as file:
        return int(api(instance, "POST", f"/videos?name={path.name}", data=file)["id"])


def video(instance: Instance, video_id: int) -> dict[str, Any]:
    found: dict[str, Any] = api(instance, "GET", f"/videos/{video_id}")
    return found


def wait_for_state(instance: Instance, video_id: int, state: str, timeout_s: float = 100) -> dict[str, Any]:
    wait_until(lambda: video(instance, video_id)["state"] == state, timeout_s, f"video {video_id} is {state}")
    return video(instance, video_id)


def states_of_workers(instance: Instance, queue: str) -> set[str]:
    return {one["state"] for one in api(instance, "GET", "/workers")["workers"] if one["queue"] == queue}


def test_a_lecture_dropped_on_the_page_plays_while_it_encodes(page: Page, instance: Instance, lecture: Path) -> None:
    page.goto("/")
    page.locator("#file-picker").set_input_files(lecture)
    row = page.locator("#videos li").first
    expect(row).to_contain_text("Cours d'été n° 1", timeout=30_000)
    row.get_by_role("link").first.click()
    expect(page.get_by_text("You can already watch")).to_be_visible(timeout=60_000)
    video_id = int(page.url.rpartition("/")[2])
    page.get_by_role("button", name="Play").click()
    wait_until(lambda: page.locator("video").evaluate("media => media.currentTime") > 0.5, 30, "it plays")
    task = video(instance, video_id)["task"]
    assert task["state"] == "running", "the encode was over before the test could watch it"
    shares = {task["progress"]["fraction"]}

    def has_moved_twice() -> bool:
        shares.add(_share(instance, video_id))
        return len(shares) > 2

    wait_until(has_moved_twice, 60, "the progress moves")
    wait_for_state(instance, video_id, "ready")
    expect(page.locator("#state")).to_be_hidden(timeout=20_000)
    page.locator("video").evaluate("media => { media.currentTime = 25 }")
    wait_until(lambda: page.locator("video").evaluate("media => media.currentTime") > 25.3, 30, "its end plays too")


def test_each_upload_is_looked_at_whatever_the_queue_holds(instance: Instance, lecture: Path, tmp_path: Path) -> None:
    """No encoding begins, as behind hours of work; a bad file is refused, and of a good one length and picture are shown."""
    bad, short = tmp_path / "half.mp4", make_clip(tmp_path / "short.mp4", seconds=4, size="320x180")
    bad.write_bytes(lecture.read_bytes()[: lecture.stat().st_size // 2])
    pause = {"scope": "queue", "name": "encoding", "why": "a full queue"}
    drain = api(instance, "POST", "/drains", json=pause)["id"]
    try:
        wait_until(lambda: states_of_workers(instance, "encoding") == {"suspended"}, 60, "no encoding can begin")
        refused, good = upload(instance, bad), upload(instance, short)
        found = wait_for_state(instance, refused, "error", 30)
        assert found["task"]["error"]["code"] == "source-unreadable" and found["task"]["started_at"] is None
        wait_until(lambda: video(instance, good)["play"]["poster"] is not None, 30, "there is a first picture")
        known = video(instance, good)
        assert known["state"] == "waiting" and known["duration_s"] == pytest.approx(4, abs=0.5)
    finally:
        api(instance, "DELETE", f"/drains/{drain}")
    wait_for_state(instance, good, "ready")


def test_two_parts_cut_on_the_page_are_what_plays(page: Page, instance: Instance, lecture: Path) -> None:
    """What is published stays until the cut version is ready."""
    ready = [one["id"] for one in api(instance, "GET", "/videos")["videos"] if one["state"] == "ready"]
    found = wait_for_state(instance, min(ready) if ready else upload(instance, lecture), "ready")
    page.goto(f"/videos/{found['id']}")
    page.locator("#compose summary").click()
    field = page.get_by_label("Keep only these parts")
    field.fill("0:05-0:02")
    page.get_by_role("button", name="Encode with these choices").click()
    assert "Write parts like" in field.evaluate("input => input.validationMessage")
    field.fill("0:02-0:04, 0:10-0:13")
    page.get_by_role("button", name="Encode with these choices").click()
    expect(page.get_by_text("The encoding is waiting for a worker.")).to_be_visible()
    wait_until(lambda: abs(video(instance, found["id"])["duration_s"] - 5) < 0.3, 90, "the cut one is published")
    page.reload()
    wait_until(lambda: page.locator("video").evaluate("media => Math.abs(media.duration - 5) < 0.3"), 30, "5 s play")
    expect(page.locator("#byline")).to_contain_text("0:05")


def _share(instance: Instance, video_id: int) -> float:
    return float((video(instance, video_id)["task"]["progress"] or {"fraction": -1})["fraction"])


def test_a_killed_worker_in_mid_encode_still_ends_in_a_ready_video(instance: Instance, lecture: Path) -> None:
    video_id = upload(instance, lecture)
    wait_until(lambda: video(instance, video_id)["playable"], 60, "it encodes")
    (attempt,) = api(instance, "GET", f"/tasks/{video(instance, video_id)['task']['id']}")["attempts"]
    _, pid, _place, _start = attempt["worker"].rsplit(".", 3)
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: not ffmpegs(instance.home) or _attempts(instance, video_id) > 1, 5, "its ffmpeg died with it")
    ready = wait_for_state(instance, video_id, "ready")
    wait_until(lambda: video(instance, video_id)["task"]["state"] == "done", 60, "the task is done")
    assert _attempts(instance, video_id) == 2
    assert {output["kind"] for output in ready["outputs"]} >= {"hls", "mp4", "mp3", "thumbnail", "storyboard", "log"}


def _attempts(instance: Instance, video_id: int) -> int:
    return len(api(instance, "GET", f"/tasks/{video(instance, video_id)['task']['id']}")["attempts"])


def test_a_cancel_ends_ffmpeg_within_ten_seconds(instance: Instance, lecture: Path) -> None:
    video_id = upload(instance, lecture)
    wait_until(lambda: ffmpegs(instance.home), 60, "it encodes")
    wait_until(lambda: video(instance, video_id)["task"]["progress"], 30)
    began = time.monotonic()
    api(instance, "POST", f"/tasks/{video(instance, video_id)['task']['id']}/cancel")
    wait_until(lambda: not ffmpegs(instance.home), 10, "no ffmpeg is left")
    wait_for_state(instance, video_id, "cancelled", 30)
    assert time.monotonic() - began < 30
    folder = instance.home / "media" / "videos" / f"{video_id:06d}"
    assert {path.name for path in folder.rglob("*") if path.is_file()} <= {
        "source",
        "lock-web",
        "encoding.log",
        "first.jpg",
    }


def test_a_file_that_cannot_be_encoded_says_so_in_a_sentence(page: Page, instance: Instance, tmp_path: Path) -> None:
    broken = tmp_path / "Broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5000))
    video_id = upload(instance, broken)
    wait_for_state(instance, video_id, "error", 60)
    page.goto(f"/videos/{video_id}")
    expect(page.locator("#fault-sentence")).to_contain_text("cannot be read as a video or a sound recording")
    page.locator("#fault-technical summary").click()
    expect(page.locator("#fault-technical pre")).not_to_be_empty()
    assert (
        api(instance, "GET", f"/tasks/{video(instance, video_id)['task']['id']}")["attempts"][0]["outcome"] == "error"
    )
