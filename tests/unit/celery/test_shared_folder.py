"""Pod's media folder: nothing outside of it is named, read or written."""

import io
import os
import stat
from pathlib import Path

import pytest

from pod_jobs.celery.shared_folder import (
    MARK,
    PART,
    check_mounted,
    give_mark,
    make_folder,
    open_folder,
    path_within,
    put,
    put_copy,
)
from pod_jobs.errors import Malformed, ServiceUnavailable


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
    (tmp_path / "ours").write_bytes(b"x" * 3_000_000)
    for _ in range(2):  # the second time all is there already
        with make_folder(tmp_path, str(parent / "0007")) as folder, (tmp_path / "ours").open("rb") as file:
            put(folder, "info_video.json", b"{}")
            put_copy(folder, "360p.ts", file)
    made = parent / "0007"
    assert stat.S_IMODE(made.stat().st_mode) == 0o2775
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o664}
    assert sorted(path.name for path in made.iterdir()) == ["360p.ts", "info_video.json"]
    assert (made / "360p.ts").stat().st_size == 3_000_000


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    media, other = tmp_path / "media", tmp_path / "other"
    media.mkdir()
    other.mkdir()
    (media / "0007").symlink_to(other)
    with pytest.raises(Malformed), make_folder(media, str(media / "0007")):
        pass
    (media / "inside").mkdir()
    (media / "0008").symlink_to(media / "inside")
    with pytest.raises(OSError, match="link"), make_folder(media, str(media / "0008")):
        pass
    with pytest.raises(Malformed), make_folder(media, str(media / ".." / "other" / "0009")):
        pass
    with pytest.raises(Malformed), open_folder(media, str(other)):
        pass
    (other / "secret").write_text("stays")
    with make_folder(media, str(media / "0010")) as folder:
        (media / "0010" / "360p.mp4").symlink_to(other / "secret")
        put(folder, "360p.mp4", b"new")
        with pytest.raises(OSError, match="no name"):
            put(folder, "../360p.mp4", b"new")
    assert (other / "secret").read_text() == "stays" and (media / "0010" / "360p.mp4").read_bytes() == b"new"


def test_a_folder_that_becomes_a_link_while_it_is_written_leads_nowhere(tmp_path: Path) -> None:
    """A Pod may exchange names on its folder at any moment: what was opened counts."""
    media, victim = tmp_path / "media", tmp_path / "victim"
    (media / "videos").mkdir(parents=True)
    victim.mkdir()
    (victim / "360p.mp4").write_bytes(b"somebody else's")
    mode = victim.stat().st_mode
    with make_folder(media, str(media / "videos" / "0007")) as folder:
        put(folder, "thumbnail.png", b"x")
        (media / "videos" / "0007").rename(media / "aside")
        (media / "videos" / "0007").symlink_to(victim)
        put(folder, "360p.mp4", b"new")
        with (media / "aside" / "360p.mp4").open("rb") as file:
            put_copy(folder, "720p.mp4", file)
    assert (victim / "360p.mp4").read_bytes() == b"somebody else's" and len(list(victim.iterdir())) == 1
    assert victim.stat().st_mode == mode
    assert sorted(path.name for path in (media / "aside").iterdir()) == ["360p.mp4", "720p.mp4", "thumbnail.png"]


def test_what_a_killed_process_left_goes_with_the_next_try(tmp_path: Path) -> None:
    with make_folder(tmp_path, str(tmp_path / "0007")) as folder:
        (tmp_path / "0007" / f".360p.mp4{PART}").write_bytes(b"half")
        put(folder, "360p.mp4", b"whole")
        assert [path.name for path in (tmp_path / "0007").iterdir()] == ["360p.mp4"]


def test_a_file_that_another_process_began_anew_gets_no_name_from_us(tmp_path: Path) -> None:
    part = tmp_path / "0007" / f".360p.mp4{PART}"

    class Slow(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            part.unlink()
            part.write_bytes(b"half of theirs")
            return b""

    (tmp_path / "ours").write_bytes(b"whole")
    with make_folder(tmp_path, str(tmp_path / "0007")) as folder, Slow(tmp_path / "ours") as file:
        with pytest.raises(OSError, match="another process"):
            put_copy(folder, "360p.mp4", file)
    assert not (tmp_path / "0007" / "360p.mp4").exists()


def test_what_an_earlier_try_has_put_there_is_not_copied_again(tmp_path: Path) -> None:
    ours, target = tmp_path / "ours", tmp_path / "0007" / "360p.mp4"
    ours.write_bytes(b"first")

    def copied() -> int:
        with make_folder(tmp_path, str(target.parent)) as folder, ours.open("rb") as file:
            put_copy(folder, target.name, file)
        return target.stat().st_ino

    first = copied()
    assert copied() == first
    ours.write_bytes(b"other")
    os.utime(ours, (1_000_000, 1_000_000))  # of another time, though of the same size
    assert copied() != first and target.read_bytes() == b"other"


def test_a_folder_is_known_again_by_its_mark(tmp_path: Path) -> None:
    media, other = tmp_path / "média de Pod", tmp_path / "other"
    for folder in (media, other):
        (folder / "videos").mkdir(parents=True)
        folder.chmod(0o2775)
    check_mounted(media, "")
    mark = give_mark(media)
    assert len(mark) == 32 and give_mark(media) == mark, "another instance finds the same"
    assert stat.S_IMODE((media / MARK).stat().st_mode) == 0o664, "Pod may delete it"
    check_mounted(media, mark)
    with pytest.raises(ServiceUnavailable, match=f"has no file {MARK}"):
        check_mounted(other, mark)
    give_mark(other)
    with pytest.raises(ServiceUnavailable, match="another one is mounted"):
        check_mounted(other, mark)


@pytest.mark.parametrize("mark", ["", "an id"])
def test_a_folder_where_nothing_is_mounted_is_none_of_pods(tmp_path: Path, mark: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name in ("empty", "file", "gone"):
        with pytest.raises(ServiceUnavailable):
            check_mounted(tmp_path / name, mark)
