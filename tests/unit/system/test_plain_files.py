"""Opening what a hostile program may have planted."""

import errno
import os
import stat
from pathlib import Path

import pytest

from pod_jobs.system import plain_files
from tests import planted


@pytest.fixture(params=["openat2", "by parts"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the kernel's own check, and as on a kernel without it."""
    if request.param == "by parts":

        def unknown(*_: object) -> int:
            raise OSError(errno.ENOSYS, "no such call")

        monkeypatch.setattr(plain_files, "_openat2", unknown)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return planted.make_secret(tmp_path / "outside")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work é"
    made.mkdir()
    return made


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("kind", planted.KINDS)
def test_nothing_but_a_plain_file_is_opened(folder: Path, secret: Path, kind: str) -> None:
    path = folder / "x"
    planted.KINDS[kind](path, secret)
    for how in plain_files.FLAGS:
        with pytest.raises(OSError) as caught:
            plain_files.open_plain(path, how)
        assert caught.value.errno == (errno.EEXIST if how == "xb" else errno.ELOOP)
    with pytest.raises(OSError, match="not a plain file"):
        plain_files.check_folder(folder)
    if kind != "hard link":  # the published may have second names
        assert plain_files.size_of(path) is None
        with pytest.raises(OSError):
            plain_files.open_plain(path, linked=True)
    assert planted.is_untouched(secret)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("kind", planted.KINDS)
def test_writing_a_text_replaces_what_was_planted(folder: Path, secret: Path, kind: str) -> None:
    for name in ("x.tmp", "x") if kind != "folder" else ("x.tmp",):
        planted.KINDS[kind](folder / name, secret)
    plain_files.write_text(folder / "x", "été")
    assert plain_files.read_text(folder / "x") == "été"
    assert [path.name for path in folder.iterdir()] == ["x"]
    assert planted.is_untouched(secret)


@pytest.mark.usefixtures("way")
def test_a_file_that_is_replaced_while_it_is_opened_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ffmpeg writes each playlist anew beside the old one, and renames it."""
    path, aside, real = folder / "360p.m3u8", folder / "360p.m3u8.tmp", plain_files.open_beneath
    path.write_text("old")

    def replaced(root: Path, name: str, flags: int) -> int:
        handle = real(root, name, flags)
        aside.write_text("new")
        os.replace(aside, path)
        return handle

    monkeypatch.setattr(plain_files, "open_beneath", replaced)
    assert plain_files.read_text(path) == "old"
    monkeypatch.undo()
    assert plain_files.read_text(path) == "new"


@pytest.mark.usefixtures("way")
def test_no_part_of_a_name_leads_out_of_the_folder(folder: Path, secret: Path, tmp_path: Path) -> None:
    (folder / "out").symlink_to(secret.parent)
    (folder / "in").mkdir()
    (folder / "also-in").symlink_to("in")
    (folder / "in" / "x").write_text("x")
    for name in ("out/secret", "../outside/secret", "in/../../outside/secret", str(secret), "also-in/x", "", ".", ".."):
        with pytest.raises(OSError):
            os.close(plain_files.open_beneath(folder, name, os.O_RDONLY))
    assert plain_files.read_bytes(folder / "in" / "x", beneath=folder) == b"x"
    with pytest.raises(FileNotFoundError):
        plain_files.read_bytes(folder / "in" / "y", beneath=folder)
    tmp_path.joinpath("link").symlink_to(folder)
    assert plain_files.read_bytes(tmp_path / "link" / "in" / "x", beneath=tmp_path / "link") == b"x", (
        "an administrator's"
    )


@pytest.mark.usefixtures("way")
def test_files_are_made_emptied_and_appended_to(folder: Path) -> None:
    for how, text, whole in (("ab", "one", "one"), ("ab", " two", "one two"), ("wb", "3", "3")):
        with plain_files.open_plain(folder / "x", how) as file:  # type: ignore[arg-type]
            file.write(text.encode())
        assert plain_files.read_text(folder / "x") == whole
    assert stat.S_IMODE((folder / "x").stat().st_mode) & ~0o640 == 0


@pytest.mark.parametrize("kind", planted.KINDS)
def test_removing_follows_nothing(folder: Path, secret: Path, kind: str) -> None:
    planted.KINDS[kind](folder / "x", secret)
    (folder / "deep").mkdir()
    planted.KINDS[kind](folder / "deep" / "x", secret)
    plain_files.remove(folder / "x")
    plain_files.remove(folder / "x")
    plain_files.remove(folder)
    assert not folder.exists() and planted.is_untouched(secret)


def test_no_depth_and_no_mode_of_a_folder_keeps_it_from_being_removed(folder: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(folder)
        for _ in range(1500):  # far beyond what a path, or Python's stack, may hold
            os.mkdir("d" * 20)
            os.chdir("d" * 20)
        Path("x").touch()
    finally:
        os.chdir(here)
    (folder / "shut").mkdir()
    (folder / "shut" / "x").touch()
    (folder / "shut").chmod(0)
    before = os.listdir("/proc/self/fd")
    plain_files.remove(folder)
    assert not folder.exists() and len(os.listdir("/proc/self/fd")) == len(before)
