"""Processes: ends, limits, signals; with small real programs."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pod_jobs.errors import Cancelled, FfmpegFailed, SettingsError
from pod_jobs.media.process import run as run_module
from pod_jobs.media.process.run import Bounds, capture, run
from tests.servers import wait_until

BOUNDS = Bounds(wall_s=20, memory_mb=4000)
PYTHON = sys.executable


def nothing(line: str = "") -> None:
    pass


def python(code: str, folder: Path, bounds: Bounds = BOUNDS) -> tuple[int, str, str]:
    finished, text = capture([PYTHON, "-I", "-c", code], folder, bounds, nothing)
    return finished.returncode, text, finished.stderr


def gone(pid: int, within_s: float = 5) -> bool:
    """True once no such process runs; a zombie counts as gone."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_lines_exit_code_and_the_tail_of_stderr(tmp_path: Path) -> None:
    code = "import sys; print('a=1'); print('b=2', end=''); sys.stderr.write('x' * 50_000 + 'the end'); sys.exit(7)"
    returncode, text, stderr = python(code, tmp_path)
    assert (returncode, text) == (7, "a=1\nb=2")
    assert stderr.endswith("the end")
    assert len(stderr) < 20_000


def test_a_long_line_arrives_whole(tmp_path: Path) -> None:
    assert (
        len(
            python(
                "import time; print('x' * 60_000, end='', flush=True); time.sleep(0.3); print('x' * 40_000)", tmp_path
            )[1]
        )
        == 100_000
    )


def test_the_longest_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "LINE_BYTES", 1000)
    assert python("print('x' * 1000, end='')", tmp_path)[1] == "x" * 1000
    with pytest.raises(FfmpegFailed, match="a line of its output"):
        python("print('x' * 1001, end='')", tmp_path)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_without_an_end_fills_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    """As a process writes that a hostile file has taken over."""
    monkeypatch.setattr(run_module, "LINE_BYTES", 1_000_000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = f"import sys\nfor _ in range(100): sys.{stream}.write('x' * 1_000_000)"
    if stream == "stdout":
        with pytest.raises(FfmpegFailed, match="a line of its output"):
            python(code, tmp_path)
    else:
        assert python(code, tmp_path)[0] == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 30_000


def test_lines_without_an_end_fill_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "WHOLE_BYTES", 1_000_000)
    with pytest.raises(FfmpegFailed, match="said more than"):
        python("for _ in range(200): print('x' * 10_000)", tmp_path)
    assert len(python("for _ in range(90): print('x' * 10_000)", tmp_path)[1]) == 90 * 10_001 - 1


def test_processes_and_threads_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without a filter of system calls; root itself is not, so another user forks here."""
    if os.geteuid() != 0:
        pytest.skip("needs the right to become another user")
    monkeypatch.setattr(run_module, "TASKS", 200)
    monkeypatch.setattr(run_module, "TASKS_PER_CPU", 0)
    forks = "i=0; while [ $i -lt 5000 ]; do sleep 2 & i=$((i+1)); done"
    finished, _ = capture(["setpriv", "--reuid=65533", "--clear-groups", "sh", "-c", forks], tmp_path, BOUNDS, nothing)
    assert finished.returncode != 0 and "fork" in finished.stderr


def test_words_are_heard_while_it_runs(tmp_path: Path) -> None:
    heard: list[str] = []
    code = "import sys; sys.stderr.write('one\\ntwo'); print('three')"
    run([PYTHON, "-I", "-c", code], tmp_path, BOUNDS, nothing, nothing, heard.append)
    assert heard == ["one", "two"]


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    assert python("import os; os.write(1, b'\\xff\\xfe\\n')", tmp_path)[1] == "\ufffd\ufffd"


def test_the_environment_is_bare_and_stdin_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_JOBS_SECRET", "geheim")
    code = "import os, sys; print(sorted(os.environ), os.getcwd(), repr(sys.stdin.read()))"
    text = python(code, tmp_path)[1]
    assert "POD_JOBS_SECRET" not in text
    assert "'PATH'" in text
    assert str(tmp_path) in text
    assert text.endswith("''")


def test_files_of_ours_are_not_inherited(tmp_path: Path) -> None:
    with open(tmp_path / "secret", "w") as secret:
        os.set_inheritable(secret.fileno(), True)
        text = python("import os; print(os.listdir('/proc/self/fd'))", tmp_path)[1]
        assert f"'{secret.fileno()}'" not in text or secret.fileno() < 4


def test_it_stays_in_the_group_of_its_caller(tmp_path: Path) -> None:
    assert python("import os; print(os.getpgrp())", tmp_path)[1] == str(os.getpgrp())


def test_cpu_and_memory_are_measured(tmp_path: Path) -> None:
    code = "x = bytearray(50_000_000)\nfor n in range(3_000_000): pass"
    finished, _ = capture([PYTHON, "-I", "-c", code], tmp_path, BOUNDS, nothing)
    assert 0.03 < finished.cpu_s < 10
    # the peak counts from the fork on, so that of this process is the least
    assert 50 < finished.peak_mb < 200 + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def test_memory_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    code = "bytearray(8_000_000_000)"
    returncode, _, stderr = python(code, tmp_path, Bounds(wall_s=20, memory_mb=500))
    assert returncode == 1
    assert "MemoryError" in stderr


def test_a_file_beyond_the_limit_ends_it(tmp_path: Path) -> None:
    code = "f = open('big', 'wb')\nfor n in range(100): f.write(bytes(1_000_000))"
    returncode, _, _ = python(code, tmp_path, Bounds(wall_s=20, memory_mb=4000, file_mb=5))
    assert returncode in (1, -signal.SIGXFSZ)
    assert (tmp_path / "big").stat().st_size <= 5_000_000


def test_processor_time_open_files_and_core_dumps_are_limited(tmp_path: Path) -> None:
    code = "import resource as r; print([r.getrlimit(what) for what in (r.RLIMIT_CPU, r.RLIMIT_NOFILE, r.RLIMIT_CORE)])"
    _, text, _ = python(code, tmp_path, Bounds(wall_s=7, memory_mb=4000))
    cpu_s = 7 * (os.cpu_count() or 1) + 1
    assert text == f"[({cpu_s}, {cpu_s}), (512, 512), (0, 0)]"


def test_the_wall_limit(tmp_path: Path) -> None:
    with pytest.raises(FfmpegFailed) as caught:
        run(["/bin/sleep", "60"], tmp_path, Bounds(wall_s=0.3, memory_mb=1000), nothing, nothing)
    assert caught.value.code == "encode-too-slow"


def test_ticks_come_twice_a_second_without_any_output(tmp_path: Path) -> None:
    ticks: list[float] = []
    run(["/bin/sleep", "1.5"], tmp_path, BOUNDS, nothing, lambda: ticks.append(time.monotonic()))
    assert len(ticks) >= 3
    assert max(b - a for a, b in zip(ticks, ticks[1:], strict=False)) < 1.0


@pytest.mark.parametrize("obeys", [True, False])
def test_what_tick_raises_ends_the_process(tmp_path: Path, obeys: bool) -> None:
    """SIGTERM is enough for a process that obeys it; another one gets SIGKILL after the grace."""
    ignore = "" if obeys else "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    code = f"import os, signal, time; {ignore} print(os.getpid(), flush=True); time.sleep(60)"
    pids: list[int] = []

    def tick() -> None:
        if pids:
            raise Cancelled("enough")

    started = time.monotonic()
    bounds = Bounds(wall_s=20, memory_mb=4000, grace_s=0.5)
    with pytest.raises(Cancelled):
        run([PYTHON, "-I", "-c", code], tmp_path, bounds, lambda line: pids.append(int(line)), tick)
    assert gone(pids[0])
    assert time.monotonic() - started < 10


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from pod_jobs.media.process.run import Bounds, run\n"
        "argv = ['/bin/sh', '-c', 'echo $$; exec sleep 60']\n"
        "run(argv, Path('/'), Bounds(60, 4000), lambda line: print(line, flush=True), lambda: None)"
    )
    parent = subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[4])
    assert parent.stdout
    with parent.stdout:
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert gone(child)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        run(["/no/such/ffmpeg"], tmp_path, BOUNDS, nothing, nothing)


@pytest.mark.parametrize("grace_s", [1.0, 0.0], ids=["asked", "killed"])
def test_a_process_that_ends_just_before_it_is_stopped_keeps_its_end(
    monkeypatch: pytest.MonkeyPatch, grace_s: float
) -> None:
    """Whoever polls in between takes the end away: the job would fail with ECHILD instead of what it was stopped for."""
    process = subprocess.Popen([PYTHON, "-I", "-c", "raise SystemExit(3)"])
    wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z", 10)
    real, calls = run_module._reap, []

    def blind_at_first(process: "subprocess.Popen[bytes]") -> object:
        calls.append(process)
        return real(process) if len(calls) > 1 else None

    monkeypatch.setattr(run_module, "_reap", blind_at_first)
    run_module._stop(process, grace_s)
    assert process.returncode == 3


def test_files_are_readable_by_whom_the_caller_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        python("open('file', 'w')", tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
