"""What a hostile program may leave under the name of a file, and a secret outside that none of it may reveal or change."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

SECRET = "the token of an administrator"


def _symlink(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def _relative_symlink(path: Path, secret: Path) -> None:
    path.symlink_to(os.path.relpath(secret, path.parent))


def _symlink_to_folder(path: Path, secret: Path) -> None:
    path.symlink_to(secret.parent)


def _dangling_symlink(path: Path, secret: Path) -> None:
    path.symlink_to(secret.with_name("new"))


def _hard_link(path: Path, secret: Path) -> None:
    os.link(secret, path)


def _pipe(path: Path, secret: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path, secret: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _folder(path: Path, secret: Path) -> None:
    path.mkdir()
    (path / "x").symlink_to(secret)


def _set_id_program(path: Path, secret: Path) -> None:
    path.write_text(SECRET)
    path.chmod(0o4755)


def _device(path: Path, secret: Path) -> None:
    if os.geteuid() == 0:
        try:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
            return
        except PermissionError:
            pass
    os.mkfifo(path)  # without the right to make a device


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "symlink": _symlink,
    "relative symlink": _relative_symlink,
    "symlink to a folder": _symlink_to_folder,
    "dangling symlink": _dangling_symlink,
    "hard link": _hard_link,
    "pipe": _pipe,
    "socket": _socket,
    "folder": _folder,
    "set-id program": _set_id_program,
    "device": _device,
}


def make_secret(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "secret").write_text(SECRET)
    return folder / "secret"


def is_untouched(secret: Path) -> bool:
    """Neither it nor its folder was written to."""
    return secret.read_text() == SECRET and os.listdir(secret.parent) == [secret.name]
