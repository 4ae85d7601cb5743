"""Where bubblewrap does not work: what Landlock and its filter of system calls leave to a process that has taken ffmpeg over."""

import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pod_jobs.media.encode import encode
from pod_jobs.media.process import guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.media.process.tools import Tools
from pod_jobs.system import landlock, seccomp
from tests.integration.media.conftest import Clips
from tests.integration.media.process.test_sandbox import SYSTEM_CALLS, Run
from tests.integration.media.test_encode import PLAN, sizes
from tests.servers import need

pytestmark = pytest.mark.either_build
LANDLOCK = guard.Sandbox("landlock", filters=True)


@pytest.fixture
def locked_in(tmp_path: Path) -> Run:
    need(landlock.version() > 0, "Landlock")
    folder, source = tmp_path / "out", tmp_path / "source"
    folder.mkdir()
    source.write_text("a recording")

    def run(program: str) -> str:
        argv = guard.sandboxed(LANDLOCK, [sys.executable, "-c", program], [source], folder)
        end, words = capture(argv, folder, Bounds(20, 2000), lambda: None)
        assert end.returncode == 0, end.stderr
        return words

    return run


def test_only_the_folder_can_be_written_and_only_the_recording_read(
    locked_in: Run, tmp_path: Path, tools: Tools
) -> None:
    secret = tmp_path / "secrets"
    secret.mkdir()
    (secret / "token").write_text("a secret")
    places = ["/dev/shm/x", "/etc/x", "/proc/sys/kernel/domainname", f"{tmp_path}/x", f"{tmp_path}/source"]
    program = f"""
import os
def tried(act, *arguments):
    try:
        act(*arguments)
        print(act.__name__, *arguments)
    except OSError:
        pass
assert open("{tmp_path}/source").read() == "a recording"
open("made", "w").write("yes")
os.rename("made", "renamed")
for place in {places}:
    tried(open, place, "a")
for place in ["{secret}/token", "/etc/passwd", "/proc/{os.getpid()}/environ", "/proc/self/environ"]:
    tried(open, place)
tried(os.listdir, "{secret}")
tried(os.symlink, "{secret}/token", "link")
tried(os.link, "{secret}/token", "link")
tried(os.mkfifo, "pipe")
tried(os.rename, "{tmp_path}/source", "taken")
tried(os.chmod, "{secret}", 0o777)
tried(os.utime, "{secret}/token", (1, 1))
tried(os.truncate, "{secret}/token", 0)
tried(os.kill, {os.getpid()}, 0)
"""
    assert locked_in(program) == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["renamed"]
    assert (secret / "token").read_text() == "a secret"


OTHERS = """
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, number, *arguments):
    if libc.syscall(number, *arguments) >= 0:
        print(name)
limits = (ctypes.c_uint64 * 2)(100, 100)
tried("prlimit64", {prlimit64}, {pid}, resource.RLIMIT_NOFILE, limits, None)
tried("setpriority", {setpriority}, 0, {pid}, 19)
tried("ioprio_set", {ioprio_set}, 1, {pid}, 0x6000)
tried("sched_setaffinity", {sched_setaffinity}, {pid}, 8, (ctypes.c_uint64 * 1)(1))
tried("tgkill", {tgkill}, {pid}, {pid}, 0)
tried("pidfd_open", 434, {pid}, 0)
resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
os.sched_setaffinity(0, os.sched_getaffinity(0))
assert libc.syscall({tgkill}, os.getpid(), os.getpid(), 0) == 0
"""
NUMBERS = {
    "x86_64": {"prlimit64": 302, "setpriority": 141, "ioprio_set": 251, "sched_setaffinity": 203, "tgkill": 234},
    "aarch64": {"prlimit64": 261, "setpriority": 140, "ioprio_set": 30, "sched_setaffinity": 122, "tgkill": 131},
}


def test_nothing_is_done_to_other_processes(locked_in: Run, tools: Tools) -> None:
    """Not to the worker either, which is of the same user; to itself it may."""
    program = OTHERS.format(pid=os.getpid(), **NUMBERS[platform.machine()])
    assert locked_in(program) == ""


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        ("refused(os.fork)", "EPERM"),
        ("refused(lambda: socket.socket(socket.AF_INET))", "EPERM"),
        ("refused(lambda: socket.socket(socket.AF_UNIX))", "EPERM"),  # the key-value server's
        ("call(numbers['clone3'], 0, 0)", "ENOSYS"),
    ],
)
def test_no_process_and_no_socket_is_made(locked_in: Run, tools: Tools, act: str, answer: str) -> None:
    numbers = seccomp.LOOKED_AT[platform.machine()]
    assert locked_in(f"{SYSTEM_CALLS}\nnumbers = {numbers}\nprint({act})") == answer


def test_a_recording_is_encoded_as_without(tools: Tools, clips: Clips, tmp_path: Path) -> None:
    need(landlock.version() > 0, "Landlock")
    result = encode(clips.path("plain.mp4"), tmp_path, PLAN, replace(tools, sandbox=LANDLOCK), lambda progress: None)
    assert sizes(result) == {"90p": (160, 90), "180p": (320, 180), "360p": (640, 360)}
    assert "(sandbox: landlock)" in (tmp_path / "encoding.log").read_text()
