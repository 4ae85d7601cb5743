"""Backs up an instance while it runs, verifies a backup, and restores it.

DIR/2026-11-28T17-30-00Z/    a backup
    backup.json              its format and version; written last
    files.jsonl              every file with size, time and SHA-256, a line each
    catalog.sqlite3          the database, whatever kind the instance uses
    home/                    settings.toml, secrets/, and the files that dressings name
    media/                   sources, first pictures and published outputs; unchanged ones are hard links to the backup before
DIR/unfinished/              one that was interrupted; the next call goes on with it

The database comes first: what is uploaded afterwards may be in media/ without a row, and the next start notices that. Redis
holds nothing that the catalog does not know.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peewee import Database, PeeweeException

import pod_jobs
from pod_jobs.catalog import copying, database
from pod_jobs.catalog.models import Output, Video
from pod_jobs.errors import NotFound, Refused
from pod_jobs.instance.home import make_folders
from pod_jobs.media_folder import MEDIA
from pod_jobs.settings import Settings, load
from pod_jobs.storage import kept_files
from pod_jobs.storage.kept_files import KeptFile, is_name_within
from pod_jobs.system import plain_files
from pod_jobs.system.plain_files import sync

FORMAT = 1
ABOUT, FILES, CATALOG, HOME = "backup.json", "files.jsonl", "catalog.sqlite3", "home"
UNFINISHED = "unfinished"
NAME = "%Y-%m-%dT%H-%M-%SZ"

Progress = Callable[[str, int], None]  # what is being done, and how many rows or files of it are done


@dataclass(frozen=True)
class FinishedBackup:
    """A backup that was made. `new_bytes`: what was copied; the rest is hard links to earlier backups."""

    folder: Path
    videos: int
    files: int
    bytes: int
    new_bytes: int


def make(settings: Settings, folder: Path, keep: int, progress: Progress) -> FinishedBackup:
    """Back up the instance into a new folder in `folder`; the instance may be running. All backups but the newest `keep` are
    then removed; 0 = none is. Errors: Refused while another backup to `folder` runs; OSError; as of copying.copy.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        at, work = datetime.now(UTC), folder / UNFINISHED
        earlier = {name: (file, path / name) for path in backups(folder)[-1:] for name, file in _listed(path).items()}
        earlier |= {name: (file, work / name) for name, file in _listed(work).items()}
        work.mkdir(mode=0o700, exist_ok=True)
        (work / CATALOG).unlink(missing_ok=True)
        counts = copying.copy_to_file(database.build(settings.database_url), work / CATALOG, progress)
        sync(work / CATALOG)
        files = list(_keep_all(settings, work, earlier, progress))
        _remove_all_but(files, work)
        about = {"format": FORMAT, "version": pod_jobs.__version__, "at": at.isoformat(), "rows": counts}
        plain_files.write_text(work / ABOUT, json.dumps(about, indent=1) + "\n")
        sync(work)
        done = _free_place(folder / at.strftime(NAME))
        work.rename(done)
        sync(folder)
        if keep:
            for outdated in backups(folder)[:-keep]:
                plain_files.remove(outdated)
    old = {file for file, path in earlier.values() if not path.is_relative_to(work)}
    new_bytes = sum(file.bytes for file in files if file not in old)
    return FinishedBackup(done, counts["video"], len(files), sum(file.bytes for file in files), new_bytes)


def backups(folder: Path) -> list[Path]:
    """The complete backups in `folder`, the oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{ABOUT}") if path.parent.name != UNFINISHED)


def find(path: Path) -> Path:
    """The backup at `path`, or the newest one in the folder `path`. Errors: NotFound."""
    if (path / ABOUT).is_file():
        return path
    if complete := backups(path):
        return complete[-1]
    raise NotFound(f"there is no complete backup in {path}")


def verify(backup: Path, progress: Progress) -> list[str]:
    """Read everything of a backup; returns what is wrong, a line each."""
    if fault := _unknown_format(backup):
        return [fault]
    files = _listed(backup)
    faults = []
    for done, file in enumerate(files.values(), 1):
        try:
            if kept_files.sum_of(backup / file.name) != file.sha256:
                faults.append(f"{file.name}: its content has changed")
        except OSError as error:
            faults.append(f"{file.name}: {error.strerror or error}")
        progress("files", done)
    if CATALOG not in files:
        return [*faults, f"{CATALOG}: is not listed"]
    if faults and any(line.startswith(f"{CATALOG}:") for line in faults):
        return faults
    with _catalog_of_today(backup) as catalog:
        return [*faults, *copying.faults(catalog), *_without_a_file(catalog, files)]


def restore(backup: Path, home: Path, progress: Progress) -> Settings:
    """Make a new instance in `home` from a backup of this or an earlier version, with the database that its settings name. May
    be called again after it was interrupted. Returns the settings of the instance.

    Errors: Refused when there is an instance in `home` already, its database is not empty, or the backup is of a newer version;
    OSError.
    """
    if fault := _unknown_format(backup) or _newer(backup):
        raise Refused(fault)
    if (home / "catalog.sqlite3").exists() or (home / "run" / "lock").exists():
        raise Refused(f"there is an instance in {home}; restore into a new folder")
    files = _listed(backup)
    if CATALOG not in files:
        raise Refused(f"{backup / FILES} does not list {CATALOG}")
    home.mkdir(mode=0o750, parents=True, exist_ok=True)
    for file, name in _below(HOME, files):
        kept_files.put_back(backup / file.name, home, name, file)
        if name.startswith("secrets/"):
            (home / name).chmod(0o600)
    settings = load(home)
    make_folders(settings)
    for done, (file, name) in enumerate(_below(MEDIA, files), 1):
        kept_files.put_back_media(backup / file.name, settings.media, name, file)
        progress("files", done)
    restored = home / "catalog.sqlite3.part"
    for interrupted in home.glob(f"{restored.name}*"):  # also its log, which SQLite would replay onto another copy
        interrupted.unlink()
    kept_files.put_back(backup / CATALOG, home, restored.name, files[CATALOG])
    restored.chmod(0o600)
    catalog = database.build(f"sqlite:///{restored}")
    database.migrate(catalog)
    if settings.database.url:
        copying.copy(catalog, database.build(settings.database_url), progress)
        restored.unlink()
    else:
        restored.rename(home / "catalog.sqlite3")
    sync(home)
    return settings


def _keep_all(
    settings: Settings, work: Path, earlier: dict[str, tuple[KeptFile, Path]], progress: Progress
) -> Iterator[KeptFile]:
    """Copy all files, and list them as they come, so that an interrupted backup need not read them again."""
    listed = work / f"{FILES}.part"
    with listed.open("w", encoding="utf-8") as lines:
        done = 0
        for root, name, prefix in _files(settings, work):
            file = kept_files.keep(root, name, work, earlier, prefix)
            if file is None:
                continue
            lines.write(json.dumps(asdict(file)) + "\n")
            lines.flush()
            done += 1
            progress("files", done)
            yield file
        os.fsync(lines.fileno())
    listed.rename(work / FILES)


def _files(settings: Settings, work: Path) -> Iterator[tuple[Path, str, str]]:
    """(folder, name in it, what comes before the name in the backup) of each file to keep."""
    yield work, CATALOG, ""
    yield from kept_files.files_to_keep(settings.media)
    dressings = [name for dressing in settings.dressing for name in dressing.files]
    secrets = [f"secrets/{path.name}" for path in sorted((settings.home / "secrets").iterdir()) if path.is_file()]
    yield from ((settings.home, name, f"{HOME}/") for name in ("settings.toml", *secrets, *dressings))


def _listed(backup: Path) -> dict[str, KeptFile]:
    """The files that a backup lists, by name; for an interrupted backup, those that it had reached. Errors: Refused for a name
    that leads out of the backup: whoever can write to its disk must not choose what a restore overwrites."""
    for name in (FILES, f"{FILES}.part"):
        try:
            lines = (backup / name).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            continue
        files = {file.name: file for file in map(_parsed, lines) if file}
        for name in files:
            if not is_name_within(name):
                raise Refused(f"{backup / FILES} names {name!r}, which is no file of a backup")
        return files
    return {}


def _remove_all_but(files: list[KeptFile], work: Path) -> None:
    """Remove what an interrupted backup had kept and the instance has no more."""
    listed = {work / file.name for file in files} | {work / FILES}
    for path in work.rglob("*"):
        if path.is_file() and path not in listed:
            path.unlink()


def _free_place(path: Path) -> Path:
    """`path`, or if a backup of the same second has it, one that is sorted behind it."""
    place, number = path, 1
    while place.exists():
        number += 1
        place = path.with_name(f"{path.name}-{number}")
    return place


def _below(folder: str, files: dict[str, KeptFile]) -> Iterator[tuple[KeptFile, str]]:
    """The files below this folder of the backup, with their names in it."""
    for file in files.values():
        if file.name.startswith(f"{folder}/"):
            yield file, file.name.removeprefix(f"{folder}/")


def _parsed(line: str) -> KeptFile | None:
    try:
        return KeptFile(**json.loads(line))
    except (ValueError, TypeError):
        return None  # the last line of an interrupted backup


def _unknown_format(backup: Path) -> str:
    try:
        about: dict[str, Any] = json.loads((backup / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"{backup / ABOUT}: cannot be read: {error}"
    if about.get("format") != FORMAT:
        return f"{backup} was made by version {about.get('version')} in a format that this version does not know"
    return ""


def _newer(backup: Path) -> str:
    """A sentence when a newer version made the database of a backup, or it cannot be read; "" otherwise."""
    catalog = database.build_read_only(backup / CATALOG)
    try:
        with catalog.connection_context():
            newer = database.newer_migrations(catalog)
    except PeeweeException as error:
        return f"{backup / CATALOG}: cannot be read: {error}"
    return (
        f"{backup} was made by a newer version of pod_jobs ({', '.join(newer)}); restore it with that" if newer else ""
    )


@contextmanager
def _catalog_of_today(backup: Path) -> Iterator[Database]:
    """The database of a backup; that of an earlier version as a copy with all migrations, because a backup never changes."""
    kept = database.build_read_only(backup / CATALOG)
    with database.faults_translated(), kept.connection_context():
        is_of_today = not database.pending(kept)
    if is_of_today:
        yield kept
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copyfile(backup / CATALOG, Path(folder) / CATALOG))
        migrated = database.build(f"sqlite:///{copy}")
        database.migrate(migrated)
        yield migrated


def _without_a_file(catalog: Database, files: dict[str, KeptFile]) -> Iterator[str]:
    """Rows of the database whose files are not in the backup."""
    with catalog.connection_context():
        conditions = (Video.deleted_at.is_null(), Video.source_path != "")
        sources = Video.select(Video.source_path).where(*conditions).tuples()
        for (name,) in sources.execute(catalog):
            if f"{MEDIA}/{name}" not in files:
                yield f"{name}: the database has this recording, and the backup does not"
        for folder, name in Output.select(Output.folder, Output.name).tuples().execute(catalog):
            if f"{MEDIA}/{folder}/{name}" not in files:
                yield f"{folder}/{name}: the database has this file, and the backup does not"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(f"another backup to {folder} is running") from error
        yield
