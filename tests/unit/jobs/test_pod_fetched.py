"""The files of a Pod that shares its media folder: what was checked is what ffmpeg reads."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pod_jobs.celery import shared_folder
from pod_jobs.celery.shared_folder import give_mark
from pod_jobs.errors import BadSource, ServiceUnavailable
from pod_jobs.jobs.pod import fetched
from pod_jobs.jobs.pod.fetched import PATIENCE_S, fetched_files

OLD_S = 100.0  # age of an order whose file has had time to appear


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "média" / "videos").mkdir(parents=True)
    (tmp_path / "média" / "videos" / "film.mp4").write_bytes(b"their own")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "film.mp4").write_bytes(b"somebody else's")
    return tmp_path / "média"


def files_of(
    share: Path, most_gb: float = 1.0, age_s: float = OLD_S, tick: Callable[..., None] | None = None, mark: str = ""
) -> Any:
    settings = SimpleNamespace(home=share.parent / "home", upload=SimpleNamespace(max_gb=most_gb))
    context = SimpleNamespace(settings=settings, tick=tick or (lambda *_: None))
    site = {"hosts": [], "networks": [], "folder": str(share), "folder_mark": mark, "age_s": age_s}
    return fetched_files(cast(Any, context), cast(Any, SimpleNamespace(task=7, site=site)))


def exchange(share: Path) -> None:
    (share / "videos").rename(share / "aside")
    (share / "videos").symlink_to(share.parent / "ours")


def test_a_link_that_takes_the_place_of_a_folder_after_the_check_is_refused(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shared_folder.path_within

    def then_exchanged(root: Path, text: object) -> Path:
        found = real(root, text)
        exchange(share)
        return found

    monkeypatch.setattr(fetched, "path_within", then_exchanged)
    with pytest.raises(BadSource), files_of(share) as files:
        files.get("source", str(share / "videos" / "film.mp4"))


def test_what_ffmpeg_reads_is_a_copy_that_the_site_cannot_exchange(share: Path) -> None:
    with files_of(share) as files:
        path = files.get("source", str(share / "videos" / "film.mp4"))
        exchange(share)
        assert path.read_bytes() == b"their own" and not path.is_relative_to(share)
        assert files.fetched["source"].address == str(share / "videos" / "film.mp4")
    assert not path.exists()


def test_a_run_that_was_interrupted_does_not_copy_again(share: Path) -> None:
    ticks: list[object] = []
    film = share / "videos" / "film.mp4"

    def counted(*_: object) -> None:
        ticks.append(1)

    with pytest.raises(ServiceUnavailable), files_of(share, tick=counted) as files:
        files.get("source", "videos/film.mp4")
        raise ServiceUnavailable("the catalog is away")
    with files_of(share, tick=counted) as files:
        files.get("source", str(film))
        assert len(ticks) == 1
        film.write_bytes(b"other one")
        os.utime(film, (1, 1))  # another file of the same size
        assert files.get("source", str(film)).read_bytes() == b"other one"


@pytest.mark.parametrize("name", ["gone.mp4", "", "pipe", "film.mp4/x"])
def test_what_is_no_file_is_refused(share: Path, name: str) -> None:
    os.mkfifo(share / "videos" / "pipe")
    with pytest.raises(BadSource), files_of(share) as files:
        files.get("source", f"{share}/videos/{name}")


def test_a_file_may_appear_late_and_must_not_be_too_large(share: Path) -> None:
    with pytest.raises(ServiceUnavailable), files_of(share, age_s=1.0) as files:
        files.get("source", f"{share}/videos/gone.mp4")
    with pytest.raises(BadSource) as caught, files_of(share, most_gb=5e-9) as files:
        files.get("source", f"{share}/videos/film.mp4")
    assert caught.value.code == "source-too-large"


@pytest.mark.parametrize("left_behind", [None, "", "temp/x.vtt"])
def test_while_the_media_folder_is_not_mounted_a_recording_waits_for_a_day(
    share: Path, left_behind: str | None
) -> None:
    """Then nothing is there, or the mount point: an empty folder, or one into which something was written by mistake."""
    mark, film = give_mark(share), str(share / "videos" / "film.mp4")
    share.rename(share.parent / "away")
    if left_behind is not None:
        (share / left_behind).mkdir(parents=True)
    with pytest.raises(ServiceUnavailable), files_of(share, mark=mark) as files:
        files.get("source", film)
    with pytest.raises(BadSource) as caught, files_of(share, mark=mark, age_s=PATIENCE_S) as files:
        files.get("source", film)
    assert caught.value.code == "source-not-there"
