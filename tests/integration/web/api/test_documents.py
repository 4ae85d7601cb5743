"""What a video and its tasks look like in the API, from rows that need no database."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from pod_jobs.catalog.new_task import Purpose
from pod_jobs.web.api import documents
from pod_jobs.web.api.documents import Live

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NOTHING = Live({}, {}, set(), {})
TASK = {
    **dict.fromkeys(("error_code", "error_facts", "error_reason", "infos", "options", "retry_at", "parent"), None),
    **dict.fromkeys(("started_at", "ended_at", "help_asked_at"), None),
    "id": 7,
    "video_id": 3,
    "kind": "encode",
    "template": "web",
    "purpose": Purpose.PLAY,
    "state": "waiting",
    "generation": 1,
    "priority": 0,
    "cancel_requested": False,
    "error_group": "mark",
    "created_at": NOW,
    "queued_at": NOW,
}
VIDEO = {
    **dict.fromkeys(("published_folder", "duration_s", "is_video", "poster"), None),
    "id": 3,
    "title": "t",
    "owner": SimpleNamespace(name="léa"),
    "source_name": "a.mp4",
    "source_bytes": 5,
    "facts": {},
    "warnings": [],
    "created_at": NOW,
}


def row(fields: dict[str, Any], **more: Any) -> Any:
    return SimpleNamespace(**{**fields, **more})


def output(kind: str, name: str, purpose: str = Purpose.PLAY, **infos: Any) -> Any:
    task = SimpleNamespace(purpose=purpose, infos=infos or None)
    sizes = dict.fromkeys(("rendition", "language", "bytes", "width_px", "height_px"))
    return SimpleNamespace(kind=kind, name=name, folder="videos/000003/encode-7-g1", task=task, **sizes)


@pytest.fixture(autouse=True)
def request_of_a_page(app: Flask) -> Any:
    with app.test_request_context():
        yield


def video(tasks: list[Any], outputs: list[Any] = [], live: Live = NOTHING, **fields: Any) -> Any:  # noqa: B006  # read only
    return documents._video("", row(VIDEO, **fields), tasks, outputs, live)


def running(**progress: Any) -> Live:
    return Live({7: progress}, {}, set(), {})


def test_the_state_is_that_of_what_is_played() -> None:
    offered = row(TASK, id=9, state="error", purpose=Purpose.OFFER)
    assert video([])["state"] == video([offered])["state"] == "waiting" and video([offered])["task"] is None
    for state, shown in (("running", "running"), ("error", "error"), ("done", "ready")):
        found = video([offered, row(TASK, state=state)])
        assert (found["state"], found["task"]["id"]) == (shown, 7)
    assert video([row(TASK, state="error")], published_folder="x")["state"] == "ready"


def test_what_grows_is_played_when_its_beginning_can_be() -> None:
    folder = "videos/000003/encode-7-g1.part"
    known = {"first_playable": True, "folder": folder, "duration_s": 9.5, "is_video": True}
    for lacks in ({}, {"first_playable": False}, {"folder": ""}):
        found = video([row(TASK, state="running")], live=running(**{**known, **lacks}))
        assert found["playable"] is not bool(lacks)
        assert (found["play"]["master"] is None) is bool(lacks)
        assert (found["duration_s"], found["is_video"]) == (9.5, True)
    assert video([row(TASK, id=8, state="running")], live=running(**known))["playable"] is False
    shown = video([row(TASK)], live=running(**known), published_folder="x", duration_s=0.0, is_video=False)
    assert (shown["playable"], shown["duration_s"], shown["is_video"]) == (True, 0.0, False)
    assert video([], facts={"duration_s": 4.0})["duration_s"] == 4.0


def test_what_the_player_gets() -> None:
    made = [
        output("hls", "master.m3u8"),
        *(output("thumbnail", f"thumbnail_{n}.jpg") for n in (1, 2)),
        *(output("storyboard", name) for name in ("storyboard.jpg", "storyboard.vtt")),
        *(output(name, f"a.{name}") for name in ("mp4", "mp3", "m4a")),
        output("captions", "captions_fr.vtt"),
        output("captions", "captions_en.vtt", subtitles=["subtitles_en.vtt"]),
        output("mp4", "offered.mp4", Purpose.OFFER),
    ]
    at = "/media/3/encode-7-g1/"
    play = video([], made, published_folder="x")["play"]
    assert (play["master"], play["poster"]) == (f"{at}master.m3u8", f"{at}thumbnail_1.jpg")
    assert (play["storyboard"], play["chapters"]) == (f"{at}storyboard.vtt", None)
    assert [one["url"] for one in play["mp4"]] == [f"{at}a.mp4"]
    assert [one["url"] for one in play["audio"]] == [f"{at}a.mp3", f"{at}a.m4a"]
    assert [one["url"] for one in play["captions"]] == [f"{at}captions_fr.vtt"]
    assert video([], made, poster="thumbnail_2.jpg")["play"]["poster"] == f"{at}thumbnail_2.jpg"
    assert video([])["play"]["poster"] is None
    assert video([], facts={"first_picture": True})["play"]["poster"].startswith("/media/3/")


def test_what_a_task_says_depends_on_its_state() -> None:
    begun, second = NOW + timedelta(seconds=2), timedelta(seconds=1)
    live = Live({}, {7: 4}, {7}, {7: NOW})

    def shown(**fields: Any) -> tuple[Any, ...]:
        document = documents._task("", row(TASK, **fields), live)
        names = ("queue_position", "begins_at", "report_waits", "queued_s", "error_group")
        return (*(document[name] for name in names), document["log_url"] is not None)

    assert shown() == (4, "2026-01-02T03:04:05.678Z", False, None, None, False)
    assert shown(state="running", started_at=begun) == (None, None, True, 2.0, None, True)
    assert shown(state="error", started_at=NOW) == (None, None, False, 0.0, "mark", True)
    assert shown(state="done", started_at=begun, video_id=None) == (None, None, False, 2.0, None, False)
    assert shown(started_at=NOW - second)[3:] == (None, None, False), "it has begun before it was queued anew"
    found = documents._task("", row(TASK, id=8, state="running"), live)
    assert not found["report_waits"] and found["error"] is None
    failed = documents._task("", row(TASK, error_code="source-damaged", error_facts={}, error_reason="x"), live)
    assert failed["error"]["needs_file"] is True and failed["error"]["reason"] == "x"
