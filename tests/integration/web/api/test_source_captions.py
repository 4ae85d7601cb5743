"""Subtitles of an uploaded recording become captions that people edit, once and for all."""

from typing import Any

import pytest

from tests.integration.web.conftest import Caller, Worker

SHOWN = b"WEBVTT\n\n00:00.000 --> 00:01.000\n<v L\xc3\xa9a>Bonjour\n"
UNCUT = b"WEBVTT\n\n00:10.000 --> 00:11.000\n<v L\xc3\xa9a>Bonjour\n\n00:12.000 --> 00:13.000\nLa suite\n"
SECOND = b"WEBVTT\n\n00:10.000 --> 00:11.000\n[Bonjour]\n"
LISTED = [("fr", "", "source", "corrected"), ("fr", "2", "source", "corrected")]


@pytest.fixture
def video(lea: Caller) -> dict[str, Any]:
    return lea.upload()


def encoded(worker: Worker, task: dict[str, Any], files: dict[str, bytes]) -> None:
    order = worker.start(task)
    worker.write(order, files)
    outputs = [
        {"kind": name.partition("_")[0], "name": name, "mime": "text/vtt", "bytes": len(content), "language": "fr"}
        for name, content in files.items()
    ]
    worker.report(order, "done", result={"folder": worker.folder(order), "outputs": outputs, "duration_s": 60.0})


FILES = {"captions_fr.vtt": SHOWN, "subtitles_fr.vtt": UNCUT, "captions_fr_2.vtt": SHOWN, "subtitles_fr_2.vtt": SECOND}


def tracks(lea: Caller, video: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lea("GET", f"/api/v1/videos/{video['id']}/captions").get_json()["captions"]
    return found


def about(found: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    return [(one["language"], one["label"], one["origin"], one["state"]) for one in found]


def again(lea: Caller, worker: Worker, video: dict[str, Any]) -> None:
    encoded(worker, lea("POST", f"/api/v1/videos/{video['id']}/encode").get_json(), FILES)


def test_they_are_edited_and_shown_instead_of_the_files(lea: Caller, worker: Worker, video: dict[str, Any]) -> None:
    encoded(worker, video["task"], FILES)
    found = tracks(lea, video)
    assert about(found) == LISTED
    path = f"/api/v1/videos/{video['id']}/captions/{found[0]['id']}"
    cues = lea("GET", path).get_json()["cues"]
    assert [cue[:4] for cue in cues] == [[10, 11, "Bonjour", "Léa"], [12, 13, "La suite", ""]]
    shown = lea("GET", f"/api/v1/videos/{video['id']}").get_json()["play"]["captions"]
    assert [one.get("page_url", "a file").rpartition("/")[2] for one in shown] == [str(one["id"]) for one in found]
    assert lea("GET", "/api/v1/search?q=suite").get_json()["found"][0]["at_s"] == 12


def test_another_encoding_brings_nothing_back(lea: Caller, worker: Worker, video: dict[str, Any]) -> None:
    encoded(worker, video["task"], FILES)
    first, second = tracks(lea, video)
    path = f"/api/v1/videos/{video['id']}/captions"
    assert lea("PUT", f"{path}/{first['id']}", json={"base": 1, "cues": [[1, 2, "Mine", "", []]]}).status_code == 200
    assert lea("DELETE", f"{path}/{second['id']}").status_code == 204
    for _ in range(2):
        again(lea, worker, video)
    (left,) = tracks(lea, video)
    assert (left["id"], left["version"]) == (first["id"], 2)
    assert len(lea("GET", f"/api/v1/videos/{video['id']}").get_json()["play"]["captions"]) == 1


def test_what_was_encoded_before_gets_them_at_its_next_encoding(
    lea: Caller, worker: Worker, video: dict[str, Any]
) -> None:
    encoded(worker, video["task"], {"captions_fr.vtt": SHOWN})
    shown = lea("GET", f"/api/v1/videos/{video['id']}").get_json()["play"]["captions"]
    assert tracks(lea, video) == [] and shown[0]["url"].endswith("/captions_fr.vtt")
    again(lea, worker, video)
    assert about(tracks(lea, video)) == LISTED


def test_what_our_reader_refuses_is_shown_as_it_is(lea: Caller, worker: Worker, video: dict[str, Any]) -> None:
    encoded(worker, video["task"], {"captions_fr.vtt": SHOWN, "subtitles_fr.vtt": b"WEBVTT\n\nNo time\n"})
    assert tracks(lea, video) == []
    (shown,) = lea("GET", f"/api/v1/videos/{video['id']}").get_json()["play"]["captions"]
    assert shown["url"].endswith("/captions_fr.vtt")
