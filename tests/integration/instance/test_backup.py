"""A backup is made beside running work, survives a kill in the middle, is verified, and becomes an instance again."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis

from pod_jobs.catalog import copying, database
from pod_jobs.catalog.models import Output, Video
from pod_jobs.catalog.store import users, videos
from pod_jobs.cli.root import root
from pod_jobs.errors import NotFound, Refused
from pod_jobs.instance import backup
from pod_jobs.instance.doctor import services
from pod_jobs.instance.prepare import prepare
from pod_jobs.settings import ROOT, Settings, load
from pod_jobs.storage import kept_files
from tests import planted, servers
from tests.orders import UPLOAD

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
RUN = "encode-1-g1"


def quiet(what: str, done: int) -> None: ...


@pytest.fixture
def settings(home: Path, redis: Redis) -> Settings:
    """An instance with three recordings, one of which is encoded, and things of which a backup keeps nothing."""
    (home / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (home / "settings.toml").write_text('[[dressing]]\nname = "Été"\nwatermark = "logo.png"\n', encoding="utf-8")
    settings = load()
    prepare(settings)
    with database.connect(settings.database_url).connection_context():
        léa = users.create("léa", "lecturer", None, NOW)
        for number in (1, 2, 3):
            source = home / "media" / f"videos/{number:06d}/source"
            source.parent.mkdir(parents=True)
            source.write_bytes(b"recording %d" % number * 50_000)
            videos.create(léa, f"Cours {number}", videos.Source("a.mp4", 600_000), NOW, lambda path: None, UPLOAD)
        folder = home / f"media/videos/000001/{RUN}"
        folder.mkdir()
        (folder / "master.m3u8").write_text("#EXTM3U\n")
        row = {"video": 1, "task": 1, "folder": f"videos/000001/{RUN}", "kind": "hls", "mime": "x", "bytes": 8}
        Output.create(**row, name="master.m3u8")
    (home / "media/videos/000002/first.jpg").write_bytes(b"of the first look")
    (home / "media/videos/000002/encode-2-g1.part").mkdir()
    (home / "media/videos/000002/encode-2-g1.part/360p.m4s").write_text("grows")
    (home / "media/uploads").mkdir(exist_ok=True)
    (home / "media/uploads/0f").write_text("is being received")
    return settings


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_restored_instance_has_all_that_was_kept(settings: Settings, tmp_path: Path) -> None:
    made = backup.make(settings, tmp_path / "backups", 0, quiet)
    assert (made.videos, made.new_bytes) == (3, made.bytes)
    assert backup.verify(made.folder, quiet) == []
    assert made.folder.stat().st_mode & 0o077 == 0 or (tmp_path / "backups").stat().st_mode & 0o077 == 0
    shutil.rmtree(settings.home)
    again = backup.restore(made.folder, tmp_path / "restored", quiet)
    assert sorted(path.name for path in (again.home / "media/videos/000001").iterdir()) == [RUN, "source"]
    assert sorted(path.name for path in (again.home / "media/videos/000002").iterdir()) == ["first.jpg", "source"]
    assert (again.home / "media/videos/000003/source").read_bytes() == b"recording 3" * 50_000
    assert (again.home / "secrets/worker_token").stat().st_mode & 0o777 == 0o600
    assert again.dressing[0].watermark == "logo.png"
    prepare(again)
    with database.connect(again.database_url).connection_context():
        assert [video.title for video in Video.select().order_by(Video.id)] == ["Cours 1", "Cours 2", "Cours 3"]
        again.media.check(again.media.identity())
    assert backup.verify(made.folder, quiet) == []  # reading it changed nothing of it


def test_what_did_not_change_is_not_copied_again(settings: Settings, tmp_path: Path) -> None:
    first = backup.make(settings, tmp_path, 0, quiet)
    source = settings.home / "media/videos/000002/source"
    source.write_bytes(b"another")
    second = backup.make(settings, tmp_path, 0, quiet).folder
    shared = "media/videos/000001/source"
    assert (second / shared).samefile(first.folder / shared)
    assert (second / "media/videos/000002/source").read_bytes() == b"another"
    assert (first.folder / "media/videos/000002/source").read_bytes() == b"recording 2" * 50_000
    assert not (second / shared).samefile(settings.home / shared)  # what overwrites the live file leaves the backup
    assert backup.backups(tmp_path) == [first.folder, second]
    third = backup.make(settings, tmp_path, 2, quiet)
    assert backup.backups(tmp_path) == [second, third.folder]
    assert third.new_bytes == (third.folder / "catalog.sqlite3").stat().st_size
    assert backup.verify(third.folder, quiet) == backup.verify(second, quiet) == []


def test_a_backup_that_was_killed_is_continued(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_backup(tmp_path / "backups", "files", 4)  # the catalog, the identity, two files of the first video
    assert backup.backups(tmp_path / "backups") == []
    with pytest.raises(NotFound):
        backup.find(tmp_path / "backups")
    unfinished = tmp_path / "backups/unfinished"
    (settings.home / f"media/videos/000001/{RUN}/master.m3u8").unlink()  # purged since
    with database.connect(settings.database_url).connection_context():
        Output.delete().execute()
    before = (unfinished / "media/videos/000001/source").stat().st_ino
    copied: list[str] = []
    write = kept_files._write

    def counted(read: Callable[[int], bytes], target: Path, mtime_ns: int) -> str:
        copied.append(target.name)
        return write(read, target, mtime_ns)

    monkeypatch.setattr(kept_files, "_write", counted)
    made = backup.make(settings, tmp_path / "backups", 0, quiet)
    assert backup.verify(made.folder, quiet) == []
    assert (made.folder / "media/videos/000001/source").stat().st_ino == before
    assert copied.count("source") == 2  # of three
    assert not (made.folder / f"media/videos/000001/{RUN}/master.m3u8").exists()


def test_a_backup_that_was_killed_while_it_copied_the_database_is_begun_anew(
    settings: Settings, tmp_path: Path
) -> None:
    kill_backup(tmp_path, "video", 3)
    assert backup.backups(tmp_path) == [] and (tmp_path / "unfinished/catalog.sqlite3-wal").exists()
    made = backup.make(settings, tmp_path, 0, quiet)
    assert backup.verify(made.folder, quiet) == [] and made.videos == 3
    assert sorted(path.name for path in made.folder.glob("catalog*")) == ["catalog.sqlite3"]


def kill_backup(folder: Path, what: str, done: int) -> None:
    """Have a backup killed when it says that so many of `what` are done."""
    command = [sys.executable, "-c", KILLED, str(folder), what, str(done)]
    killed = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)
    assert killed.returncode == -signal.SIGKILL


KILLED = """
import os, signal, sys
from pathlib import Path
from pod_jobs.instance import backup
from pod_jobs.settings import load
def die(what, done):
    if [what, str(done)] == sys.argv[2:]:
        os.kill(os.getpid(), signal.SIGKILL)
backup.make(load(), Path(sys.argv[1]), 0, die)
"""


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("media/videos/000001/source", lambda path: path.write_bytes(b"recording 9" * 50_000)),
        ("media/videos/000001/source", lambda path: path.unlink()),
        (f"media/videos/000001/{RUN}/master.m3u8", lambda path: path.unlink()),
        ("home/secrets/worker_token", lambda path: path.write_text("x")),
        ("catalog.sqlite3", lambda path: path.write_bytes(b"SQLite format 3")),
    ],
    ids=["changed", "lost", "output lost", "secret", "catalog"],
)
def test_damage_to_a_backup_is_found(
    settings: Settings, tmp_path: Path, name: str, act: Callable[[Path], None]
) -> None:
    made = backup.make(settings, tmp_path, 0, quiet)
    act(made.folder / name)
    faults = backup.verify(made.folder, quiet)
    assert len(faults) == 1 and faults[0].startswith(f"{name}: ")
    assert "worker-token-of-the-tests" not in str(faults)


@pytest.mark.parametrize(
    "name",
    ["home/../../evil", "home//etc/evil", "/etc/evil", "media/./x", "media/a/../../x", "home/secrets/\0", "", "home/"],
)
def test_a_name_that_leads_out_of_the_backup_is_refused(settings: Settings, tmp_path: Path, name: str) -> None:
    made = backup.make(settings, tmp_path / "b", 0, quiet)
    entry = {"name": name, "bytes": 1, "mtime_ns": 0, "sha256": "0" * 64}
    with (made.folder / backup.FILES).open("a") as lines:
        lines.write(json.dumps(entry) + "\n")
    for act in (
        lambda: backup.restore(made.folder, tmp_path / "new", quiet),
        lambda: backup.verify(made.folder, quiet),
    ):
        with pytest.raises(Refused, match="no file of a backup"):
            act()
    assert not (tmp_path / "new").exists()


def test_a_file_that_changed_in_the_backup_is_not_restored(settings: Settings, tmp_path: Path) -> None:
    made = backup.make(settings, tmp_path / "b", 0, quiet)
    (made.folder / "media/videos/000002/source").write_bytes(b"?")
    with pytest.raises(OSError, match="not what was kept"):
        backup.restore(made.folder, tmp_path / "restored", quiet)
    assert not (tmp_path / "restored/media/videos/000002/source").exists()
    assert not (tmp_path / "restored/catalog.sqlite3").exists()  # it starts with nothing that is not there


def test_a_file_without_which_the_database_is_wrong_is_named(settings: Settings, tmp_path: Path) -> None:
    (settings.home / "media/videos/000003/source").unlink()
    made = backup.make(settings, tmp_path, 0, quiet)
    assert backup.verify(made.folder, quiet) == [
        "videos/000003/source: the database has this recording, and the backup does not"
    ]


def test_a_restore_that_was_interrupted_is_called_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup.make(settings, tmp_path / "b", 0, quiet)

    def stop(what: str, done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.restore(made.folder, tmp_path / "restored", stop)
    # no check makes an empty database, which would keep the next call out
    said = CliRunner().invoke(root, ["db", "check", "--home", str(tmp_path / "restored")])
    assert said.exit_code == 1 and "call it again" in said.output
    assert "call it again" in str(*services.check_database(load(tmp_path / "restored")))
    backup.restore(made.folder, tmp_path / "restored", quiet)
    assert tree(tmp_path / "restored/media") == tree(made.folder / "media")
    with pytest.raises(Refused, match="there is an instance"):
        backup.restore(made.folder, tmp_path / "restored", quiet)


def test_a_restore_that_was_killed_in_a_migration_leaves_nothing_of_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, again = backup.make(settings, tmp_path / "b", 0, quiet), tmp_path / "restored"
    log = again / "catalog.sqlite3.part-wal"

    def die(_: object) -> None:
        with closing(sqlite3.connect(log.with_name("catalog.sqlite3.part"))) as catalog:
            catalog.execute("PRAGMA journal_mode = WAL")
            catalog.execute("UPDATE video SET title = 'half'")
            catalog.commit()
            written = log.read_bytes()
        log.write_bytes(written)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(database, "migrate", die)
        with pytest.raises(KeyboardInterrupt):
            backup.restore(made.folder, again, quiet)
    assert log.exists()
    catalog = database.build(backup.restore(made.folder, again, quiet).database_url)
    with catalog.connection_context():
        assert {row.title for row in Video.select().execute(catalog)} == {"Cours 1", "Cours 2", "Cours 3"}
    assert [path.name for path in again.glob("catalog*")] == ["catalog.sqlite3"]


def list_anew(folder: Path, name: str) -> None:
    """Let the backup list a file as it is by now."""
    files, found = backup._listed(folder), (folder / name).stat()
    files[name] = kept_files.KeptFile(name, found.st_size, found.st_mtime_ns, kept_files.sum_of(folder / name))
    (folder / "files.jsonl").write_text("".join(json.dumps(vars(file)) + "\n" for file in files.values()))


def change_catalog(folder: Path, *statements: str) -> None:
    """Let the backup have another database."""
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as catalog, catalog:
        for statement in statements:
            catalog.execute(statement)
    list_anew(folder, "catalog.sqlite3")


def test_a_backup_of_an_earlier_version_is_verified_and_restored(settings: Settings, tmp_path: Path) -> None:
    made = backup.make(settings, tmp_path / "b", 0, quiet)
    last = "DELETE FROM schema_migration WHERE name = '0033_trace_erasures'"
    change_catalog(made.folder, "DROP TABLE trace_erasure", last)
    before = tree(made.folder)
    assert backup.verify(made.folder, quiet) == []
    again = backup.restore(made.folder, tmp_path / "restored", quiet)
    assert tree(made.folder) == before
    catalog = database.build(again.database_url)
    assert copying.faults(catalog) == []
    with catalog.connection_context():
        assert Video.select().count(catalog) == 3
    assert (again.home / "catalog.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (
            lambda folder: change_catalog(
                folder, "INSERT INTO schema_migration VALUES (999, '9999_later', '2030-01-01')"
            ),
            "newer version .*9999_later",
        ),
        (lambda folder: (folder / "catalog.sqlite3").write_bytes(b"x" * 4096), "cannot be read"),
        (lambda folder: (folder / "catalog.sqlite3").unlink(), "cannot be read"),
        (lambda folder: (folder / "files.jsonl").write_text(""), "does not list"),
    ],
    ids=["newer", "damaged", "lost", "not listed"],
)
def test_a_backup_that_cannot_be_restored_leaves_nothing_behind(
    settings: Settings, tmp_path: Path, act: Callable[[Path], None], words: str
) -> None:
    made = backup.make(settings, tmp_path / "b", 0, quiet)
    act(made.folder)
    with pytest.raises(Refused, match=words):
        backup.restore(made.folder, tmp_path / "restored", quiet)
    assert not (tmp_path / "restored").exists()


def test_the_database_may_be_another_one_than_the_backups(settings: Settings, tmp_path: Path) -> None:
    made = backup.make(settings, tmp_path / "b", 0, quiet)
    with servers.postgresql() as url:
        toml = made.folder / "home/settings.toml"
        toml.write_text(toml.read_text() + f'\n[database]\nurl = "{url}"\n')
        list_anew(made.folder, "home/settings.toml")
        again = backup.restore(made.folder, tmp_path / "restored", quiet)
        prepare(again)
        with database.connect(url).connection_context():
            assert Video.select().count() == 3
        last = backup.make(again, tmp_path / "b", 0, quiet)
        assert backup.verify(last.folder, quiet) == []


def test_one_backup_at_a_time(settings: Settings, tmp_path: Path) -> None:
    with backup._alone(tmp_path), pytest.raises(Refused, match="another backup"):
        backup.make(settings, tmp_path, 0, quiet)


def test_links_that_an_encoder_planted_are_not_followed(settings: Settings, tmp_path: Path) -> None:
    secret = planted.make_secret(tmp_path / "outside")
    (settings.home / f"media/videos/000001/{RUN}/x.json").symlink_to(secret)
    os.mkfifo(settings.home / f"media/videos/000001/{RUN}/y.json")
    made = backup.make(settings, tmp_path / "b", 0, quiet)
    assert secret.read_bytes() not in tree(made.folder).values()
    assert not (made.folder / f"media/videos/000001/{RUN}/x.json").exists()


def test_a_media_folder_behind_a_link_is_kept(settings: Settings, tmp_path: Path) -> None:
    for name in ("media/videos", "media"):
        (settings.home / name).rename(tmp_path / name.replace("/", "-"))
        (settings.home / name).symlink_to(tmp_path / name.replace("/", "-"))
    made = backup.make(settings, tmp_path / "b", 0, quiet)
    assert (made.folder / "media/videos/000001/source").exists() and not (made.folder / "media/videos").is_symlink()
    assert backup.verify(made.folder, quiet) == []
