"""Pod's media folder: nothing outside of it is named, read or written."""

import os
import stat
from pathlib import Path

import pytest

from pod_jobs.celery.shared_folder import make_folder, path_within, put, put_copy
from pod_jobs.errors import Malformed


def test_a_path_must_lie_in_the_media_folder_also_after_links(tmp_path: Path) -> None:
    media = tmp_path / "média de Pod"
    (media / "videos").mkdir(parents=True)
    film = media / "videos" / "film.mp4"
    film.touch()
    (media / "way out").symlink_to(tmp_path)
    assert path_within(media, str(film)) == film
    for path in (f"{media}/../other", f"{media}/way out/other", str(media), "videos/film.mp4", "/etc/passwd", "", None):
        with pytest.raises(Malformed):
            path_within(media, path)
    with pytest.raises(Malformed):
        path_within(media, f"{film}\0.mp4")


def test_a_folder_is_made_with_the_rights_of_its_parent(tmp_path: Path) -> None:
    """Pod, which is another user, deletes the files later."""
    parent = tmp_path / "videos"
    parent.mkdir()
    parent.chmod(0o2775)
    folder = make_folder(tmp_path, str(parent / "0007"))
    put(folder, "info_video.json", b"{}")
    (tmp_path / "ours").write_bytes(b"x" * 3_000_000)
    for _ in range(2):  # the second time it is there already
        with (tmp_path / "ours").open("rb") as file:
            put_copy(folder, "360p.ts", file)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o2775
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o664}
    assert sorted(path.name for path in folder.iterdir()) == ["360p.ts", "info_video.json"]
    assert (folder / "360p.ts").stat().st_size == 3_000_000
    assert make_folder(tmp_path, str(parent / "0007")) == folder


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    media, other = tmp_path / "media", tmp_path / "other"
    media.mkdir()
    other.mkdir()
    (media / "0007").symlink_to(other)
    with pytest.raises(Malformed):
        make_folder(media, str(media / "0007"))
    (media / "inside").mkdir()
    (media / "0008").symlink_to(media / "inside")
    with pytest.raises(OSError, match="link"):
        make_folder(media, str(media / "0008"))
    with pytest.raises(Malformed):
        make_folder(media, str(media / ".." / "other" / "0009"))
    folder = make_folder(media, str(media / "0010"))
    (other / "secret").write_text("stays")
    (folder / "360p.mp4").symlink_to(other / "secret")
    put(folder, "360p.mp4", b"new")
    assert (other / "secret").read_text() == "stays" and (folder / "360p.mp4").read_bytes() == b"new"


def test_what_an_earlier_try_has_put_there_is_not_copied_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, str(tmp_path / "0007"))
    ours = tmp_path / "ours"
    ours.write_bytes(b"first")

    def copied() -> int:
        with ours.open("rb") as file:
            put_copy(folder, "360p.mp4", file)
        return (folder / "360p.mp4").stat().st_ino

    first = copied()
    assert copied() == first
    ours.write_bytes(b"other")
    os.utime(ours, (1_000_000, 1_000_000))  # of another time, though of the same size
    assert copied() != first and (folder / "360p.mp4").read_bytes() == b"other"
