"""A restored backup: the database is older than the media folder, whose newest recordings have no row."""

import logging
import os
import time
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from pod_jobs.catalog import database
from pod_jobs.catalog.store import instance, retention
from pod_jobs.instance.prepare import notice_newer_recordings
from pod_jobs.janitor import purge
from pod_jobs.settings import Settings
from tests.integration.web.conftest import CLIP, Caller
from tests.integration.web.intake.test_tus import TUS

BODY = "application/offset+octet-stream"


def plant(settings: Settings, number: int, *runs: str) -> None:
    folder = settings.media_folder / "videos" / f"{number:06d}"
    folder.mkdir(parents=True)
    (folder / "source").write_bytes(b"of somebody else")
    for run in runs:
        (folder / run).mkdir()


def bytes_of(settings: Settings, number: int) -> bytes:
    return (settings.media_folder / "videos" / f"{number:06d}" / "source").read_bytes()


def test_an_upload_takes_a_number_that_no_recording_has(settings: Settings, lea: Caller) -> None:
    first = int(lea.upload()["id"])
    plant(settings, first + 1)
    plant(settings, first + 2, "encode-9-g1")
    made = lea.upload()
    assert made["id"] == first + 3
    created = lea("POST", "/api/v1/uploads", headers={**TUS, "Upload-Length": str(len(CLIP))})
    plant(settings, first + 4, "encode-11-g1")
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": BODY}
    assert lea("PATCH", created.headers["Location"], headers=headers, data=CLIP).status_code == 204
    assert bytes_of(settings, first + 5) == CLIP, "by tus as well"
    assert [bytes_of(settings, first + more) for more in (1, 2, 4)] == [b"of somebody else"] * 3


def test_a_start_says_what_it_found_and_nothing_of_it_is_purged(
    settings: Settings, lea: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    first = int(lea.upload()["id"])
    plant(settings, first + 1)
    plant(settings, first + 3, "encode-9-g1")
    with database.connect(settings.database_url).connection_context(), caplog.at_level(logging.WARNING):
        notice_newer_recordings(settings.media)
        assert f"2 of its recordings, from {first + 1:06d} to {first + 3:06d}, have no row" in caplog.text
        caplog.clear()
        notice_newer_recordings(settings.media)
        assert caplog.text == "", "said once"
    assert lea.upload()["id"] == first + 4
    old = time.time() - 10 * 86400
    os.utime(settings.media_folder / "videos" / f"{first + 1:06d}", (old, old))
    with database.connect(settings.database_url).connection_context():
        list(purge.purge(settings, datetime.now(UTC), nullcontext))
    assert bytes_of(settings, first + 1) == b"of somebody else"


def test_the_number_of_a_purged_video_is_not_given_again(settings: Settings, lea: Caller) -> None:
    number = int(lea.upload()["id"])
    with database.connect(settings.database_url).connection_context():
        retention.forget_video(number)
        assert retention.newest_video() < number
        assert instance.unknown_recordings() == []
    assert lea.upload()["id"] == number + 1
