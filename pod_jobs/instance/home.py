"""The instance folder: its parts, and the locks of the processes that run the instance or use its key-value server. Opens no
database.

<home>/settings.toml    optional: only what differs from the program's settings.toml
<home>/catalog.sqlite3  the database, unless database.url names another
<home>/media/           sources and outputs
<home>/redis/           append-only file of the embedded key-value server
<home>/logs/            what `./run up` printed, rotated
<home>/run/             locks, and the embedded server's socket
<home>/secrets/         one file per secret, readable by the instance's own user only
"""

import fcntl
import json
import os
import shutil
import stat
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from pod_jobs.errors import Refused, SettingsError
from pod_jobs.media_folder import MEDIA
from pod_jobs.settings import Settings
from pod_jobs.settings.variables import setting_variables, settings_among
from pod_jobs.system import plain_files

FOLDERS = (MEDIA, "logs")
PRIVATE_FOLDERS = ("redis", "run", "secrets")
POLL_S = 0.02


def make_folders(settings: Settings) -> None:
    """Make the instance folder and its parts. Errors: SettingsError when they cannot be written."""
    try:
        settings.home.parent.mkdir(parents=True, exist_ok=True)
        if _is_new_folder(settings.home):
            settings.home.chmod(0o750)  # the database holds password hashes
        for name in FOLDERS + PRIVATE_FOLDERS:
            _make_folder(settings.home / name)
        for name in PRIVATE_FOLDERS:
            (settings.home / name).chmod(0o700)
        if not settings.redis.url and settings.redis_socket.parent != settings.home / "run":
            _make_socket_folder(settings.redis_socket.parent)
    except OSError as error:
        raise SettingsError(f"home: {error.filename or settings.home}: {error.strerror}") from error


def _make_folder(path: Path) -> None:
    """Make a folder with a mode that does not depend on the umask. If it exists and others can write to it, correct that; its
    group may write only if the set-group-id bit shows that this is intended. Errors: OSError."""
    if _is_new_folder(path):
        path.chmod(0o750)
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    allowed = mode & ~(stat.S_IWOTH if mode & stat.S_ISGID else stat.S_IWOTH | stat.S_IWGRP)
    if mode != allowed:
        with suppress(PermissionError):  # it belongs to another user; `doctor` reports that
            path.chmod(allowed)


def _is_new_folder(path: Path) -> bool:
    """Make the folder, unless it exists: another process of the instance may make it at the same moment. Errors: OSError."""
    try:
        path.mkdir()
    except FileExistsError:
        if path.is_dir():
            return False
        raise
    return True


def open_to_others(settings: Settings) -> list[Path]:
    """Folders that every user of this host can write to, and private ones that others can read."""
    folders = [settings.home, *(settings.home / name for name in FOLDERS), *settings.media.folders()]
    private = [settings.home / name for name in PRIVATE_FOLDERS]
    forbidden = [*((path, stat.S_IWOTH) for path in folders), *((path, 0o077) for path in private)]
    return [path for path, bits in forbidden if path.exists() and path.stat().st_mode & bits]


@contextmanager
def new_home_stays_only_if_it_starts(settings: Settings) -> Iterator[None]:
    """Remove an instance folder that was made inside the block if the block raises, because the start is refused."""
    is_new = not settings.home.exists()
    try:
        yield
    except BaseException:
        if is_new and settings.home.exists():
            remove_socket_folder(settings)
            shutil.rmtree(settings.home, ignore_errors=True)
        raise


def remove_socket_folder(settings: Settings) -> None:
    """Remove the embedded server's socket folder in /tmp, if there is one and it is empty."""
    folder = settings.redis_socket.parent
    if folder != settings.home / "run":
        with suppress(OSError):
            folder.rmdir()


def claim(settings: Settings, family: Container[int] = ()) -> IO[str] | None:
    """Make this process the one that runs the instance, as long as the returned file is open here or in a fork.

    None if a process of `family` runs it already. Errors: Refused if another process does.
    """
    file = (settings.home / "run" / "lock").open("a+", encoding="ascii")
    if _lock_now(file):
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file
    with file:
        file.seek(0)
        holder = file.read().strip()
    if holder.isascii() and holder.isdigit() and int(holder) in family:
        return None
    raise Refused(f"{settings.home} is in use by process {holder or '?'}", code="instance-running")


@contextmanager
def noted_launcher(settings: Settings) -> Iterator[None]:
    """Note this process as the one that started the processes of this instance on this host."""
    with (settings.home / "run" / "launcher").open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def launcher(settings: Settings) -> int | None:
    """The process of `noted_launcher`, while it runs."""
    try:
        with (settings.home / "run" / "launcher").open(encoding="ascii") as file:
            return None if _lock_now(file) else int(file.read())
    except (FileNotFoundError, ValueError):
        return None


def note_port(settings: Settings) -> None:
    """Note the port, so that the command line finds the web app, also when it was started with `--port`."""
    (settings.home / "run" / "port").write_text(str(settings.web.port), encoding="ascii")


def note_variables(settings: Settings) -> None:
    """Note the variables of the environment that set something, so that the command line reads the settings with which the
    service runs. They may hold passwords: only this user can read them. Several processes do this at the same time.
    Errors: OSError."""
    path = settings.home / "run" / "variables.json"
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(json.dumps(setting_variables()).encode())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def noted_variables(home: Path) -> dict[str, str]:
    """Those of the latest start in the instance folder `home`; {} if this user may not read them."""
    try:
        variables = json.loads(plain_files.read_text(home / "run" / "variables.json"))
        return settings_among({str(name): str(value) for name, value in variables.items()})
    except (OSError, ValueError, AttributeError):
        return {}


def noted_port(home: Path) -> int | None:
    """The port of the latest start in the instance folder `home`."""
    try:
        return int((home / "run" / "port").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def join_clients(settings: Settings) -> IO[str]:
    """Count this process, and all that it forks, among the embedded server's clients until they end."""
    file = (settings.home / "run" / "clients.lock").open("a", encoding="ascii")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def wait_for_clients(settings: Settings, longest_s: float) -> bool:
    """Wait until no client is left. False if some are left after `longest_s`."""
    deadline = monotonic() + longest_s
    with (settings.home / "run" / "clients.lock").open("a", encoding="ascii") as file:
        while not _lock_now(file):
            if monotonic() > deadline:
                return False
            sleep(POLL_S)
    return True


@contextmanager
def alone(settings: Settings, name: str) -> Iterator[None]:
    """Let one process at a time run this block, by the lock <home>/run/<name>.lock. Waits for the lock."""
    with (settings.home / "run" / f"{name}.lock").open("a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock_now(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_socket_folder(folder: Path) -> None:
    """Make a folder in /tmp, and refuse one that somebody else may have prepared. Errors: SettingsError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise SettingsError(f"home: {folder}, the place of the key-value server's socket, belongs to somebody else")
