"""Do locks in the media folder keep the runs of all hosts apart?"""

import errno
import fcntl
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.system import folder_locks

LINE = "36 28 0:42 / {place} {options} shared:1 - {kind} server:/export {super}\n"


def mounted(folder: Path, *lines: tuple[str, str, str, str]) -> str:
    """What is found if `folder`/mounts has these lines: (place, options, kind, options of the file system)."""
    names = ("place", "options", "kind", "super")
    mounts = folder / "mounts"
    mounts.write_text("".join(LINE.format(**dict(zip(names, line, strict=True))) for line in lines))
    return folder_locks.option_of_this_host(folder / "media é", mounts)


def test_a_mount_whose_locks_hold_on_one_host_is_found(tmp_path: Path) -> None:
    (tmp_path / "media é").mkdir()
    root, place = ("/", "rw", "ext4", "rw"), f"{tmp_path}/media\\040é"
    whole = (place, "rw,relatime", "nfs4", "rw,vers=4.2,local_lock=none,addr=10.0.0.7")
    assert mounted(tmp_path, root, whole) == ""
    assert mounted(tmp_path, root, (place, "rw", "nfs", "rw,vers=3,nolock,addr=10.0.0.7")) == "nolock"
    assert mounted(tmp_path, root, (place, "rw", "nfs4", "rw,local_lock=flock")) == "local_lock=flock"
    assert mounted(tmp_path, (str(tmp_path), "rw", "nfs", "rw,nolock"), whole) == "", "the nearest mount counts"
    assert mounted(tmp_path, (place, "rw", "nfs", "rw,nolock"), whole) == "", "and of two the later one"
    assert mounted(tmp_path, (f"{place}-2", "rw", "nfs", "rw,nolock"), whole) == ""
    assert folder_locks.option_of_this_host(tmp_path, tmp_path / "none") == ""


def test_a_folder_whose_files_can_be_locked(tmp_path: Path) -> None:
    folder_locks.check(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_cannot_lock_or_lets_everybody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        folder_locks.check(tmp_path)
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.raises(OSError, match="keep nobody out"):
        folder_locks.check(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        folder_locks.check(tmp_path / "none")
