"""The supervisor with real processes: each test runs a small script that supervises."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pod_jobs.processes.supervisor import FIRST_WAIT_S, LONGEST_WAIT_S, RENEW, STABLE_S, Slot
from tests.servers import wait_until

ROOT = Path(__file__).parents[3]
SCRIPT = """
import os, pathlib, signal, sys, time
from pod_jobs.processes.supervisor import Line, supervise
folder = pathlib.Path(sys.argv[1])
def run():
    (folder / f"{{os.getpid()}}.child").touch()
{body}
{prelude}
supervise(Line("test", run, {options}))
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(body, options): a process that supervises children with that body; its folder is tmp_path."""
    started = []

    def _start(
        body: str, options: str = "", before: tuple[str, ...] = (), prelude: str = ""
    ) -> "subprocess.Popen[str]":
        script = SCRIPT.format(
            body=textwrap.indent(textwrap.dedent(body), "    "), options=options, prelude=textwrap.dedent(prelude)
        )
        process = subprocess.Popen(
            [*before, sys.executable, "-c", script, str(tmp_path)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield _start
    for process in started:
        process.terminate()
        process.communicate(timeout=10)
    wait_until(lambda: not any(lives(pid) for pid in children(tmp_path)), what="the children are gone")


def children(folder: Path) -> list[int]:
    """The pids of all children so far, in no order."""
    return [int(path.stem) for path in folder.glob("*.child")]


def lives(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_wait_doubles_up_to_a_limit_and_a_minute_of_life_resets_it() -> None:
    slot = Slot()
    waits = []
    for _ in range(10):
        slot.started_at = 100.0
        slot.vacate(100.0 + STABLE_S - 1)
        waits.append(slot.due_at - 100.0 - STABLE_S + 1)
    assert waits[:3] == pytest.approx([FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S])
    assert waits[-1] == LONGEST_WAIT_S
    slot.vacate(100.0 + STABLE_S)
    assert slot.due_at == pytest.approx(100.0 + STABLE_S + FIRST_WAIT_S)


def test_a_child_that_ends_is_started_again(start: Start, tmp_path: Path) -> None:
    start("sys.exit(3)")
    wait_until(lambda: len(children(tmp_path)) >= 3, what="three children, one after the other")


def test_each_of_several_children_is_kept(start: Start, tmp_path: Path) -> None:
    start("time.sleep(60)", "count=3")
    wait_until(lambda: len(children(tmp_path)) == 3, what="three children at once")
    victim = children(tmp_path)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(children(tmp_path)) == 4, what="another one in its place")
    assert sum(map(lives, children(tmp_path))) == 3


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_the_children_in_order_and_quietly(start: Start, tmp_path: Path, signum: int) -> None:
    supervisor = start("time.sleep(60)", "count=2")
    wait_until(lambda: len(children(tmp_path)) == 2)
    supervisor.send_signal(signum)
    _, words = supervisor.communicate(timeout=10)
    assert supervisor.returncode == 0
    assert words == ""
    assert not any(map(lives, children(tmp_path)))


def test_a_deaf_child_and_what_it_started_are_killed_in_time(start: Start, tmp_path: Path) -> None:
    supervisor = start(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            (folder / f"{os.getpid()}.child").touch()
        time.sleep(60)
        """,
        "stop_s=0.3",
    )
    wait_until(lambda: len(children(tmp_path)) == 2)
    supervisor.terminate()
    _, words = supervisor.communicate(timeout=5)
    assert supervisor.returncode == 0
    assert "did not end within 0.3 s" in words
    wait_until(lambda: not any(map(lives, children(tmp_path))), 5)


def test_what_a_killed_child_leaves_is_killed_before_the_next_one_starts(start: Start, tmp_path: Path) -> None:
    start(
        """
        if os.fork() == 0:
            (folder / f"{os.getpid()}.child").touch()
        time.sleep(60)
        """
    )
    wait_until(lambda: len(children(tmp_path)) == 2)
    leader = os.getpgid(children(tmp_path)[0])
    (follower,) = {*children(tmp_path)} - {leader}
    os.kill(leader, signal.SIGKILL)
    wait_until(lambda: len(children(tmp_path)) == 4, what="the next child and its follower")
    wait_until(lambda: not lives(follower), 5, "the kernel got round to it")


def test_what_left_the_group_of_a_killed_child_is_killed_too(start: Start, tmp_path: Path) -> None:
    """Such as bubblewrap's inner process in a session of its own, if bubblewrap was killed before it asked for a signal."""
    start(
        """
        if not list(folder.glob("*.stray")) and os.fork() == 0:
            os.setsid()
            (folder / f"{os.getpid()}.stray").touch()
        time.sleep(60)
        """
    )
    wait_until(lambda: children(tmp_path) and list(tmp_path.glob("*.stray")))
    (stray,) = (int(path.stem) for path in tmp_path.glob("*.stray"))
    os.kill(children(tmp_path)[0], signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{stray}").exists(), 5, "killed and reaped")


def test_children_die_with_a_killed_supervisor(start: Start, tmp_path: Path) -> None:
    supervisor = start("time.sleep(60)", "count=2")
    wait_until(lambda: len(children(tmp_path)) == 2)
    supervisor.kill()
    wait_until(lambda: not any(map(lives, children(tmp_path))), 5, "the kernel tells the children")


def test_a_line_ends_when_its_starter_is_killed(start: Start, tmp_path: Path) -> None:
    starter = start("time.sleep(60)", "watch_starter=True", before=("sh", "-c", '"$@"; true', "sh"))
    wait_until(lambda: len(children(tmp_path)) == 1)
    starter.kill()
    wait_until(lambda: not any(map(lives, children(tmp_path))), 5, "the line noticed")


def test_a_line_without_children_waits_for_its_stop(start: Start, tmp_path: Path) -> None:
    idle = start("", "count=0, before_stop=(folder / 'stopping').touch")
    with pytest.raises(subprocess.TimeoutExpired):
        idle.wait(1)
    idle.terminate()
    assert idle.wait(5) == 0
    assert (tmp_path / "stopping").exists()


def test_the_terminals_ctrl_c_reaches_the_children_only_through_the_supervisor(start: Start, tmp_path: Path) -> None:
    supervisor = start(
        """
        signal.signal(signal.SIGINT, lambda *_: (folder / "interrupted").touch())
        while True:
            time.sleep(60)
        """
    )
    wait_until(lambda: len(children(tmp_path)) == 1)
    os.killpg(supervisor.pid, signal.SIGINT)
    assert supervisor.wait(10) == 0
    assert not (tmp_path / "interrupted").exists()


def test_new_settings_replace_all_children_at_once_and_change_their_number(start: Start, tmp_path: Path) -> None:
    supervisor = start(
        "time.sleep(60)",
        "count=2, renewed=lambda: Line('test', run, count=int((folder / 'count').read_text()), renewed=again)",
        prelude="again = lambda: Line('test', run, count=1)",
    )
    wait_until(lambda: len(children(tmp_path)) == 2)
    (tmp_path / "count").write_text("3")
    first = set(children(tmp_path))
    supervisor.send_signal(RENEW)
    wait_until(lambda: sum(map(lives, children(tmp_path))) == 3 and not any(map(lives, first)), FIRST_WAIT_S * 20)
    second = set(children(tmp_path)) - first
    supervisor.send_signal(RENEW)
    wait_until(lambda: sum(map(lives, children(tmp_path))) == 1 and not any(map(lives, second)))
    supervisor.terminate()
    _, words = supervisor.communicate(timeout=10)
    assert "the next one starts" not in words, "no child ended by itself"


def test_there_are_more_children_while_jobs_wait(start: Start, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    waiting.touch()
    supervisor = start(
        """
        while True:
            if (folder / "waiting").exists():
                board.say_busy()
                board.ask_for_another()
            elif board.number:  # the first one has work for ever
                board.say_idle()
            time.sleep(0.05)
        """,
        "most=3, board=board",
        prelude="""
        from pod_jobs.processes import supervisor
        from pod_jobs.system.crew_board import CrewBoard
        supervisor.SETTLE_S, supervisor.IDLE_S = 0.2, 0.4
        board = CrewBoard()
        """,
    )
    wait_until(lambda: sum(map(lives, children(tmp_path))) == 3, 20, "one more at a time, up to three")
    first = min(children(tmp_path), key=lambda pid: (tmp_path / f"{pid}.child").stat().st_mtime_ns)
    waiting.unlink()
    wait_until(lambda: sum(map(lives, children(tmp_path))) == 1, 20, "and down again")
    assert lives(first), "those that have nothing to do go first"
    waiting.touch()
    wait_until(lambda: sum(map(lives, children(tmp_path))) == 3, 20, "and up again")
    supervisor.terminate()
    _, words = supervisor.communicate(timeout=10)
    assert len(children(tmp_path)) == 5 and "the next one starts" not in words


def test_faulty_settings_change_nothing(start: Start, tmp_path: Path) -> None:
    supervisor = start(
        "time.sleep(60)",
        "renewed=faulty",
        prelude="""
        from pod_jobs.errors import SettingsError
        def faulty():
            (folder / "asked").touch()
            raise SettingsError("web.port: a number is needed")
        """,
    )
    wait_until(lambda: children(tmp_path))
    supervisor.send_signal(RENEW)
    wait_until((tmp_path / "asked").exists)
    supervisor.terminate()
    _, words = supervisor.communicate(timeout=10)
    assert "web.port: a number is needed" in words and supervisor.returncode == 0
    assert len(children(tmp_path)) == 1


def test_a_line_whose_launcher_is_gone_before_it_began_ends(start: Start, tmp_path: Path) -> None:
    supervisor = start("time.sleep(60)", "watch_starter=True, launcher=99999999")
    assert supervisor.wait(20) == 0
