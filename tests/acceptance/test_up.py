"""Starting, starting again, stopping, kill -9 of honcho, a plain `honcho start`. Each test ends with a look at /proc."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.instance import ROOT, START_S, STOP_S, Instance, clear_away
from tests.servers import short_folder, wait_until


@pytest.fixture
def instance() -> Iterator[Instance]:
    """An instance in a folder whose name is hard to quote."""
    with short_folder() as folder:
        made = Instance(folder / "une instance d'été", folder / "words.txt")
        yield made
        clear_away(made)


def test_a_second_start_and_ctrl_c_beside_another_instance(instance: Instance) -> None:
    other = Instance(instance.home.with_name("other"), instance.log.with_name("other.txt"))
    process = instance.up()
    other.up()
    try:
        instance.wait_until_up()
        other.wait_until_up()
        assert f"http://127.0.0.1:{instance.port}/sign-in/" in instance.words()
        second = subprocess.run(process.args, cwd=ROOT, capture_output=True, text=True, timeout=START_S)
        assert second.returncode == 1
        assert "This instance is already running." in second.stderr
        assert instance.is_up()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: honcho's readers of the lines get it too
        assert process.wait(STOP_S) == 0
        assert instance.processes() == {}
        assert other.is_up()
    finally:
        clear_away(other)
    assert "Traceback" not in instance.words()
    assert "did not end" not in instance.words()
    assert "the next one starts" not in instance.words()
    assert "SIGKILL" not in (instance.home / "logs" / "pod_jobs.log").read_text()


def test_a_stop_in_the_very_beginning(instance: Instance) -> None:
    process = instance.up()
    wait_until(lambda: "Ctrl-C" in instance.words(), START_S)
    process.terminate()
    assert process.wait(STOP_S) == 0
    assert instance.processes() == {}
    assert "Traceback" not in instance.words()


def test_a_plain_honcho_start(instance: Instance) -> None:
    process = instance.honcho()
    instance.wait_until_up()
    second = Instance(instance.home, instance.log.with_name("second.txt"))
    assert second.honcho().wait(START_S) != 0
    assert "This instance is already running." in second.words()
    assert instance.is_up()
    process.terminate()
    process.wait(STOP_S)
    assert instance.processes() == {}
    assert "SIGKILL" not in instance.words()


def test_nothing_is_left_when_honcho_is_killed(instance: Instance) -> None:
    instance.honcho()
    instance.wait_until_up()
    kill_the_starter(instance)


def test_a_killed_line_member_is_replaced_and_nothing_is_left_when_up_is_killed(instance: Instance) -> None:
    instance.up()
    instance.wait_until_up()
    others = {instance.one("web.py"), instance.one("processes janitor")}
    for words in ("worker.py encoding", "valkey-server"):
        victim = instance.one(words)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: instance.one(words) > victim, what=f"{words} is back")  # noqa: B023  # called in this round
    instance.wait_until_up()
    assert others <= set(instance.processes())
    janitors = {pid for pid, words in instance.processes().items() if "processes janitor" in words}
    os.kill(min(janitors), signal.SIGKILL)  # the supervisor of a line
    wait_until(lambda: instance.one("processes janitor") not in {0, *janitors}, what="the line is back")
    instance.wait_until_up()
    assert others - janitors <= set(instance.processes()), "the other lines go on"
    kill_the_starter(instance)


def kill_the_starter(instance: Instance) -> None:
    """Kill the starter. Everything that it started must end too."""
    instance.process.kill()
    instance.process.wait()
    wait_until(lambda: instance.processes() == {}, STOP_S, f"left: {instance.processes()}")


def test_a_taken_port_is_said_before_anything_starts(instance: Instance) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", instance.port))
        other.listen()
        assert instance.up().wait(START_S) == 1
    assert "another program listens there" in instance.words()


def test_all_faulty_settings_are_listed(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[web]\nport = 0\n[encode]\nsegment_s = 5\n")
    command = [sys.executable, "-m", "pod_jobs.cli", "up", "--home", str(tmp_path)]
    variables = {**os.environ, "POD_JOBS_UPLOAD__MAX_GB": "many"}
    refused = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=START_S)
    assert refused.returncode == 1
    assert "web.port: " in refused.stderr
    assert "upload.max_gb: " in refused.stderr
    assert "encode: " in refused.stderr
    assert not (tmp_path / "run").exists()
