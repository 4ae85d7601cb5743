"""What a process that has taken ffmpeg over could still do behind bubblewrap; also when the service runs as root."""

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pod_jobs.media.process import guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.media.process.tools import Tools
from pod_jobs.system import seccomp
from tests.servers import need

Run = Callable[[str], str]


@pytest.fixture
def locked_in(tools: Tools, tmp_path: Path) -> Run:
    """Run a Python program in the sandbox, in the folder `out`. Returns what it prints."""
    need(tools.sandbox.kind == "bwrap", "bubblewrap")
    folder, source = tmp_path / "out", tmp_path / "source"
    folder.mkdir()
    source.write_text("a recording")

    def run(program: str) -> str:
        argv = guard.sandboxed(tools.sandbox, [sys.executable, "-c", program], [source], folder)
        end, words = capture(argv, folder, Bounds(20, 2000), lambda: None)
        assert end.returncode == 0, end.stderr
        return words

    return run


def test_only_the_folder_can_be_written(locked_in: Run, tmp_path: Path) -> None:
    """This includes /proc/sys: root without any capability still owns the settings of the kernel."""
    places = ["/x", "/usr/x", "/dev/x", "/dev/shm/x", "/etc/x", f"{tmp_path}/x", f"{tmp_path}/source"]
    places += ["/proc/sys/kernel/domainname", "/proc/sys/kernel/core_pattern"]
    program = f"""
open("made", "w").write("yes")
for place in {places}:
    try:
        open(place, "a").close()
        print(place)
    except OSError:
        pass
"""
    assert locked_in(program) == ""
    assert (tmp_path / "out" / "made").read_text() == "yes"


def test_no_capability_no_network_and_no_terminal_are_left(locked_in: Run) -> None:
    lines = locked_in("print(open('/proc/self/status').read())").splitlines()
    status = dict(line.split(":\t") for line in lines if ":\t" in line)
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert locked_in("print(open('/proc/net/dev').read())").count(":") == 1, "only the loopback"
    unreadable = """
import glob
for place in ["/dev/tty", "/etc/passwd", *glob.glob("/home/*/.*"), *glob.glob("/root/.*")]:
    try:
        open(place, "rb").read(1)
        print(place)
    except OSError:
        pass
"""
    assert locked_in(unreadable) == ""


SYSTEM_CALLS = """
import ctypes, errno, os, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    ctypes.set_errno(0)
    result = libc.syscall(*map(ctypes.c_long, arguments))
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]
def refused(act):
    try:
        return f"done {act()}"
    except OSError as error:
        return errno.errorcode[error.errno]
"""


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        ("refused(os.fork)", "EPERM"),
        ("refused(lambda: os.posix_spawn('/usr/bin/true', ['true'], {}))", "EPERM"),
        ("call(numbers['clone'], 17, 0, 0, 0, 0)", "EPERM"),
        ("call(numbers['clone'], 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),  # a namespace of users
        ("call(numbers['clone3'], 0, 0)", "ENOSYS"),
        ("'done' if libc.unshare(0x10000000) == 0 else errno.errorcode[ctypes.get_errno()]", "EPERM"),
        ("'done' if libc.ptrace(0, 0, 0, 0) == 0 else errno.errorcode[ctypes.get_errno()]", "EPERM"),
        ("call(425, 1, 0)", "EPERM"),  # io_uring_setup
        ("refused(lambda: socket.socket(socket.AF_INET))", "EAFNOSUPPORT"),
        ("refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))", "EAFNOSUPPORT"),
        ("refused(lambda: socket.socket(socket.AF_UNIX).close())", "done None"),
        ("call(numbers['ioctl'], 0, 0x5412, 0)", "EPERM"),  # types on the terminal of whoever started it
    ],
)
def test_what_ffmpeg_never_does_is_refused(locked_in: Run, tools: Tools, act: str, answer: str) -> None:
    need(tools.sandbox.filters, "a filter of system calls")
    numbers = seccomp.LOOKED_AT[platform.machine()]
    assert locked_in(f"{SYSTEM_CALLS}\nnumbers = {numbers}\nprint({act})") == answer


def test_threads_work(locked_in: Run) -> None:
    program = """
import threading
heard = []
threads = [threading.Thread(target=heard.append, args=(1,)) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(heard))
"""
    assert locked_in(program) == "20"
