"""The instance folder, its locks, its preparation."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pod_jobs.catalog import database, models
from pod_jobs.catalog.store import instance, users, videos
from pod_jobs.errors import Refused, SettingsError
from pod_jobs.instance import home
from pod_jobs.instance.prepare import first_sign_in_link, prepare
from pod_jobs.settings import Settings, load

ROOT = Path(__file__).parents[3]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = load(tmp_path / "a home, très long")
    yield made
    if made.home.exists():
        home.remove_socket_folder(made)


def test_preparing_twice_changes_nothing(settings: Settings) -> None:
    prepare(settings)
    before = {path: path.read_text() for path in (settings.home / "secrets").iterdir()}
    prepare(settings)
    assert {path: path.read_text() for path in (settings.home / "secrets").iterdir()} == before
    with database.connect(settings.database_url).connection_context():
        assert len(users.list_tokens()) == 2
        assert [user.name for user in users.list_users()] == ["command-line", "workers"]
        assert database.pending(models.database.obj) == []


def test_secrets_are_for_this_user_only(settings: Settings) -> None:
    prepare(settings)
    folder = settings.home / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.name for path in folder.iterdir()} == {
        "session_key",
        "site_key",
        "xapi_key",
        "worker_token",
        "cli_token",
    }


def test_the_tokens_work_again_after_the_database_was_replaced(settings: Settings) -> None:
    prepare(settings)
    token = settings.secret("worker_token")
    for path in settings.home.glob("catalog.sqlite3*"):
        path.unlink()
    prepare(settings)
    with database.connect(settings.database_url).connection_context():
        assert users.find_by_token(token, datetime.now(UTC)).name == "workers"


def test_several_processes_may_prepare_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pod_jobs import settings; from pod_jobs.instance.prepare import prepare;"
        "prepare(settings.load(sys.argv[1]))"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0] * 3
    with database.connect(load(tmp_path).database_url).connection_context():
        assert len(users.list_users()) == 2


def test_the_first_administrator_gets_links_until_one_was_used(settings: Settings) -> None:
    prepare(settings)
    first, second = first_sign_in_link(settings), first_sign_in_link(settings)
    assert first and second and first != second
    with database.connect(settings.database_url).connection_context():
        assert users.use_link(second.rpartition("/")[2], datetime.now(UTC)).name == "admin"
    assert first_sign_in_link(settings) is None


def test_no_link_for_an_administrator_with_a_password(settings: Settings) -> None:
    prepare(settings)
    with database.connect(settings.database_url).connection_context():
        users.create("ada", "admin", "a hash", datetime.now(UTC))
    assert first_sign_in_link(settings) is None


def test_an_instance_is_claimed_once(settings: Settings) -> None:
    home.make_folders(settings)
    held = home.claim(settings)
    assert held is not None
    with pytest.raises(Refused, match=f"in use by process {os.getpid()}") as refusal:
        home.claim(settings)
    assert refusal.value.sentence == "This instance is already running."
    assert home.claim(settings, family=(1, os.getpid())) is None
    held.close()
    again = home.claim(settings)
    assert again is not None
    again.close()


def test_the_server_waits_for_its_clients(settings: Settings) -> None:
    home.make_folders(settings)
    client = home.join_clients(settings)
    assert not home.wait_for_clients(settings, 0.1)
    client.close()
    assert home.wait_for_clients(settings, 0.1)


@pytest.mark.parametrize("name", ["plain", "a space", "é", "equals=sign", "per%20cent", "l" * 120])
def test_the_sockets_path_is_one_that_redis_py_can_take(tmp_path: Path, name: str) -> None:
    settings = load(tmp_path / name)
    home.make_folders(settings)
    socket = settings.redis_socket
    try:
        assert len(os.fsencode(socket)) < 108
        assert not set(str(socket)) & set(" =%?#é")
        assert socket.parent.is_dir()
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    finally:
        if not socket.is_relative_to(settings.home):
            socket.parent.rmdir()


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    settings = load(tmp_path / "a space")
    settings.home.mkdir()
    settings.redis_socket.parent.mkdir(mode=0o700, exist_ok=True)  # its number may have been that of another home
    settings.redis_socket.parent.chmod(0o777)
    try:
        with pytest.raises(SettingsError, match="belongs to somebody else"):
            home.make_folders(settings)
    finally:
        settings.redis_socket.parent.rmdir()


def test_a_place_that_cannot_be_written_is_a_setting_at_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="home: "):
        home.make_folders(load(tmp_path / "file" / "home"))


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_modes_do_not_depend_on_the_umask_even_in_a_folder_that_exists(settings: Settings, umask: int) -> None:
    before = os.umask(umask)
    try:
        settings.home.mkdir(mode=0o755)
        home.make_folders(settings)
        prepare(settings)
        settings.media.upload("x")
        (settings.home / "upload").write_text("x")
        settings.media.place(settings.home / "upload", "videos/000001/source")
        found = {
            name: stat.S_IMODE((settings.home / name).stat().st_mode) for name in (*home.FOLDERS, *home.PRIVATE_FOLDERS)
        }
        assert found == {"media": 0o750, "logs": 0o750, "redis": 0o700, "run": 0o700, "secrets": 0o700}
        below = [settings.home / "media" / name for name in ("uploads", "videos", "videos/000001")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in below} == {0o750}
        assert home.open_to_others(settings) == []
    finally:
        os.umask(before)


def test_folders_that_an_earlier_version_left_open_are_mended(settings: Settings) -> None:
    home.make_folders(settings)
    logs, media = settings.home / "logs", settings.home / "media"
    logs.chmod(0o777)
    media.chmod(0o2777)  # with its set-group-id bit: the group may write
    (settings.home / "secrets").chmod(0o755)
    assert {path.name for path in home.open_to_others(settings)} == {"logs", "media", "secrets"}
    home.make_folders(settings)
    assert stat.S_IMODE(logs.stat().st_mode) == 0o755 and stat.S_IMODE(media.stat().st_mode) == 0o2775
    assert home.open_to_others(settings) == []


def video(settings: Settings, *, with_file: bool) -> None:
    """A row, and its source of 4 bytes."""
    owner = users.create("léa", "lecturer", None, datetime.now(UTC))
    upload = settings.media.upload("x")
    upload.write_text("film")
    place = (lambda name: settings.media.place(upload, name)) if with_file else (lambda name: None)
    videos.create(owner, "t", videos.Source("a.mp4", 4), datetime.now(UTC), place, ())


def identities(settings: Settings) -> tuple[str, str]:
    """(the folder's, the catalog's) after a preparation."""
    prepare(settings)
    with database.connect(settings.database_url).connection_context():
        return settings.media.identity(), instance.media_identity()


def forget(settings: Settings) -> None:
    """As an instance of an earlier version."""
    (settings.home / "media" / ".identity").unlink(missing_ok=True)
    models.InstanceFact.delete().execute()


def test_a_new_media_folder_gets_an_identity_once_and_the_catalog_remembers_it(settings: Settings) -> None:
    folder, catalog = identities(settings)
    assert folder == catalog and len(folder) == 32
    assert identities(settings) == (folder, catalog)


def test_an_instance_of_an_earlier_version_gets_one_where_its_newest_recording_is(settings: Settings) -> None:
    prepare(settings)
    with database.connect(settings.database_url).connection_context():
        video(settings, with_file=True)
        forget(settings)
    folder, catalog = identities(settings)
    assert folder == catalog != ""


def test_an_empty_mount_point_gets_no_identity_and_the_right_folder_gets_it_later(settings: Settings) -> None:
    prepare(settings)
    with database.connect(settings.database_url).connection_context():
        video(settings, with_file=False)
        forget(settings)
    folder, catalog = identities(settings)
    assert folder == "" and catalog != "", "all that needs it waits"
    (settings.home / "media/videos/000001").mkdir(parents=True)
    (settings.home / "media/videos/000001/source").write_text("film")
    assert identities(settings) == (catalog, catalog)


def test_a_folder_with_another_identity_is_left_alone_once_there_are_recordings(settings: Settings) -> None:
    _, catalog = identities(settings)
    (settings.home / "media/.identity").write_text("another\n")
    assert identities(settings) == ("another", "another"), (
        "nothing can be lost yet: a share was mounted after the first start"
    )
    with database.connect(settings.database_url).connection_context():
        video(settings, with_file=True)
    (settings.home / "media/.identity").write_text("a third\n")
    assert identities(settings) == ("a third", "another")


def test_an_unmounted_share_before_the_first_recording_gets_a_mark_of_its_own(settings: Settings) -> None:
    first, _ = identities(settings)
    (settings.home / "media/.identity").unlink()
    second, catalog = identities(settings)
    assert second == catalog != first


def test_a_start_that_is_refused_leaves_no_new_folder(tmp_path: Path) -> None:
    """Refused before anything is made, and after."""
    for ffmpeg, port in (("", "1"), ("/nowhere/ffmpeg", "0")):
        new = tmp_path / "new home"
        variables = {
            **os.environ,
            "POD_JOBS_FFMPEG__PATH": ffmpeg,
            "POD_JOBS_WEB__HOST": "192.0.2.1" if port == "1" else "",
        }
        command = [sys.executable, "-m", "pod_jobs.cli", "up", "--home", str(new)]
        ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 1, ended.stderr
        assert not new.exists()


def test_the_folder_of_the_socket_goes_with_the_start(settings: Settings) -> None:
    home.make_folders(settings)
    folder = settings.redis_socket.parent
    assert folder.parent == Path("/tmp") and folder.exists()
    home.remove_socket_folder(settings)
    assert not folder.exists()


def test_a_key_value_server_of_ones_own_needs_no_folder_for_a_socket(tmp_path: Path) -> None:
    settings = load(tmp_path / "a space", redis={"url": "redis://127.0.0.1:9/"})
    settings.home.mkdir()
    home.remove_socket_folder(settings)  # its number may have been that of another home
    home.make_folders(settings)
    assert not settings.redis_socket.parent.exists() and (settings.home / "run").is_dir()


def test_processes_that_make_the_folders_at_the_same_moment_do_not_refuse_one_another(tmp_path: Path) -> None:
    for turn in range(20):
        settings = load(tmp_path / f"{turn}")
        barrier = threading.Barrier(4)

        def make(settings: Settings = settings, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            home.make_folders(settings)

        with ThreadPoolExecutor(4) as pool:
            for made in [pool.submit(make) for _ in range(4)]:
                made.result()
