"""Retention: what is deleted, what stays, and how long a purge may take."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from pod_jobs import media_folder
from pod_jobs.catalog.models import Task, Video
from pod_jobs.catalog.store import instance, reports, retention, tasks, uploads, users, videos
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.janitor import purge, rounds
from pod_jobs.janitor.leader import Leader
from pod_jobs.janitor.rounds import UNFINISHED, Duty, InSlices, do_round
from pod_jobs.media_folder import REPLACED_MARK, TRASH
from pod_jobs.settings import Settings, load
from pod_jobs.storage import identity
from tests import planted
from tests.integration.janitor.conftest import ALLOWED, now
from tests.orders import UPLOAD


def purged(settings: Settings) -> None:
    list(purge.purge(settings, now(), nullcontext))


def test_files_of_dressings_go_when_no_order_needed_them_for_long(home: Path, redis: Redis, task: Task) -> None:
    settings = load()
    for name, content in (("logo.png", b"old"), ("end.mp4", b"new")):
        (home / name).write_bytes(content)
    media = settings.media
    old, new = (media.offer_dressing(home / name) for name in ("logo.png", "end.mp4"))
    assert old and new and media.offer_dressing(home / "gone.png") is None
    long_ago = time.time() - (purge.DRESSINGS_DAYS + 1) * 86400
    for name in (old, new):
        os.utime(settings.media_folder / name, (long_ago, long_ago))
    assert media.offer_dressing(home / "end.mp4") == new
    purged(settings)
    assert [path.read_bytes() for path in (settings.media_folder / "dressings").iterdir()] == [b"new"]


def test_purge_takes_what_is_old_and_never_what_a_row_points_to(home: Path, redis: Redis, task: Task) -> None:
    settings = load()
    folder = settings.media_folder / "videos" / f"{task.video_id:06d}"
    for name in ("encode-1-g1", "encode-9-g1", "encode-1-g2.part"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x").write_text("x")
    (folder / "source").write_text("source")
    tasks.start(task.id, 1, tasks.Runner("encoding.h.1", "h", 1), now(), ALLOWED.losses)
    result: dict[str, Any] = {"folder": f"videos/{task.video_id:06d}/encode-1-g1", "outputs": []}
    reports.accept(task.id, reports.Report(1, "done", 1, "encoding.h.1", result), ALLOWED, now())
    old = time.time() - 10 * 86400
    for path in folder.iterdir():
        os.utime(path, (old, old))
    (settings.media_folder / "uploads").mkdir()
    upload = uploads.create(
        "b" * 32, tasks.get(task.id).video.owner, "", videos.Source("x", 9), now() - timedelta(days=9)
    )
    (settings.media_folder / "uploads" / upload.id).write_text("half")
    purged(settings)
    assert len(list(folder.iterdir())) == 4, "replaced just now, for all the janitor knows: somebody may be watching"
    assert {path.parent.name for path in folder.glob(f"*/{REPLACED_MARK}")} == {"encode-9-g1", "encode-1-g2.part"}
    assert list((settings.media_folder / "uploads").iterdir()) == []
    os.utime(folder / "encode-9-g1" / "replaced", (old, old))
    purged(settings)
    assert sorted(path.name for path in folder.iterdir()) == ["encode-1-g1", "encode-1-g2.part", "source"]
    videos.delete(task.video_id, tasks.get(task.id).video.owner, now())
    purged(settings)
    assert not folder.exists() and retention.deleted_videos() == []


def test_a_deleted_video_that_an_order_reads_meanwhile_stays(home: Path, redis: Redis, task: Task) -> None:
    owner, media = users.find("léa"), load().media_folder
    first, second = (
        videos.create(owner, "t", videos.Source("x", 1), now(), lambda path: None, UPLOAD)[0] for _ in range(2)
    )
    for video in (first, second):
        (media / media_folder.source_of(video.id)).parent.mkdir(parents=True)
        videos.delete(video.id, owner, now())
    steps = purge.purge(load(), now(), nullcontext)
    next(steps)
    Task.update(options={"second": second.id}).where(Task.id == task.id).execute()
    list(steps)
    assert not (media / media_folder.video_folder(first.id)).exists()
    assert (media / media_folder.video_folder(second.id)).exists() and [video.id for video in Video.select()] == [
        1,
        second.id,
    ]


def test_an_upload_that_somebody_goes_on_with_keeps_its_file(home: Path, redis: Redis, task: Task) -> None:
    """It keeps the file however old it is, even if the purge has already listed it as left behind."""
    settings, long_ago = load(), now() - timedelta(days=9)
    folder = settings.media_folder / "uploads"
    folder.mkdir(parents=True)
    made = []
    for letter, hours in (("a", 0), ("b", 1), ("c", 2)):  # left behind; gone on with during the purge; and before it
        at = long_ago + timedelta(hours=hours)
        made.append(uploads.create(letter * 32, users.find("léa"), "", videos.Source("x", 9), at))
        (folder / made[-1].id).write_text("half")
        os.utime(folder / made[-1].id, (at.timestamp(), at.timestamp()))
    left, meanwhile, before = made
    uploads.touch(before, now())
    steps = purge.purge(settings, now(), nullcontext)
    next(steps)
    assert not uploads.is_known(left.id)
    uploads.touch(meanwhile, now())
    list(steps)
    assert {path.name for path in folder.iterdir()} == {meanwhile.id, before.id}
    assert uploads.is_known(meanwhile.id) and uploads.is_known(before.id)


def test_an_empty_or_older_database_costs_no_recording(home: Path, redis: Redis, task: Task) -> None:
    settings = load()
    old = time.time() - 10 * 86400
    folders = settings.media_folder / "videos"
    for number, names in ((900, ["source"]), (0, ["source", "encode-1-g1"]), (task.video_id, ["source"])):
        folder = folders / f"{number:06d}"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).mkdir() if "-g" in name else (folder / name).write_text("x")
        os.utime(folder, (old, old))
    purged(settings)
    assert {path.name for path in folders.iterdir()} == {"000000", f"{task.video_id:06d}", "000900"}
    bare = folders / "000000" / "encode-1-g1"
    shutil.rmtree(bare)
    os.utime(bare.parent, (old, old))
    purged(settings)
    assert not bare.parent.exists(), "a bare source under a number that the catalog has passed: of a crashed upload"


def test_a_large_purge_leaves_time_for_the_other_duties(
    home: Path, redis: Redis, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load()
    trash = settings.media_folder / "videos" / TRASH
    for folder in range(20):
        (trash / str(folder)).mkdir(parents=True)
        for number in range(50):
            (trash / str(folder) / str(number)).touch()
    monkeypatch.setattr(rounds, "SLICE_S", 0.001)
    leader, relays, purging_rounds = Leader(redis), 0, 0

    def count_relay(_: datetime) -> None:
        nonlocal relays
        relays += 1

    duty = Duty("purge", 3600.0, InSlices(lambda at: purge.purge(settings, at, leader.writing)))
    duties = [Duty("relay", 0.0, count_relay), duty]
    while duty.next_at == 0.0:
        do_round(duties, redis, leader)
        purging_rounds += 1
    assert relays == purging_rounds > 3
    assert list(trash.iterdir()) == []


def test_a_purge_that_failed_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SLICE_S", 0.0)
    begun: list[int] = []

    def failing(_: datetime) -> Iterator[None]:
        begun.append(1)
        yield
        raise OSError("the share is away")

    slices = InSlices(failing)
    assert slices(now()) is UNFINISHED
    with pytest.raises(OSError, match="away"):
        slices(now())
    assert slices(now()) is UNFINISHED
    assert len(begun) == 2


def test_what_goes_by_itself_while_a_purge_looks_does_not_end_it(home: Path, redis: Redis, task: Task) -> None:
    folder = load().media_folder / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("post-1", "post-2", "post-3"):
        (folder / name).touch()
        os.utime(folder / name, (1, 1))
    for _ in purge.purge(load(), now(), nullcontext):
        for path in folder.iterdir():
            path.unlink()
    assert list(folder.iterdir()) == []


def test_outputs_that_come_into_use_again_while_a_purge_waits_stay(
    home: Path, redis: Redis, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old task is run again and finds what it had made long ago, just when the purge has judged it."""
    settings = load()
    folder = settings.media_folder / "videos" / f"{task.video_id:06d}" / "encode-77-g1"
    folder.mkdir(parents=True)
    (folder / REPLACED_MARK).touch()
    os.utime(folder / REPLACED_MARK, (1, 1))
    name = str(folder.relative_to(settings.media_folder))
    answers = iter([set(), {name}])
    monkeypatch.setattr(retention, "folders_in_use", lambda videos: next(answers))
    purged(settings)
    assert folder.exists()


def test_nothing_is_purged_while_the_media_folder_is_away(home: Path, redis: Redis, task: Task) -> None:
    """A deleted video's row must not go before its files, and nothing in a folder that is not ours."""
    settings = load()
    identity.write(settings.media_folder, "another")
    instance.remember_media_identity("the-right-one")
    videos.delete(task.video_id, tasks.get(task.id).video.owner, now())
    stranger = settings.media_folder / "uploads/somebody-else's"
    stranger.parent.mkdir()
    stranger.touch()
    os.utime(stranger, (1, 1))
    with pytest.raises(ServiceUnavailable):
        purged(settings)
    assert stranger.exists() and len(retention.deleted_videos()) == 1
    identity.write(settings.media_folder, "the-right-one")
    purged(settings)
    assert not stranger.exists() and retention.deleted_videos() == []


@pytest.mark.parametrize("kind", planted.KINDS)
def test_what_was_planted_in_outputs_is_purged_and_nothing_outside(
    home: Path, redis: Redis, task: Task, tmp_path: Path, kind: str
) -> None:
    settings, secret = load(), planted.make_secret(tmp_path / "outside")
    folder = settings.media_folder / media_folder.video_folder(task.video_id) / "encode-9-g1.part"
    folder.mkdir(parents=True)
    for name in ("x", REPLACED_MARK, "encoding.log"):
        planted.KINDS[kind](folder / name, secret)
    purged(settings)
    assert planted.is_untouched(secret)
    os.utime(folder / REPLACED_MARK, (1, 1))
    purged(settings)
    assert not folder.exists() and planted.is_untouched(secret)
    assert list((settings.media_folder / "videos" / TRASH).iterdir()) == []
