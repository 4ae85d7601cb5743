"""The instance folder, its locks, its preparation."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pod_jobs.catalog import database, models
from pod_jobs.catalog.store import users
from pod_jobs.errors import Refused, SettingsError
from pod_jobs.instance import home
from pod_jobs.instance.prepare import first_sign_in_link, prepare
from pod_jobs.settings import Settings, load

ROOT = Path(__file__).parents[3]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "a home, très long")


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
    assert {path.name for path in folder.iterdir()} == {"session_key", "xapi_key", "worker_token", "cli_token"}


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
    settings.redis_socket.parent.mkdir(mode=0o700)
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
