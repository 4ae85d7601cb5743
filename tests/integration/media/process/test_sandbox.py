"""What a process that has taken ffmpeg over could still do behind bubblewrap; also when the service runs as root."""

from pathlib import Path

import pytest

from pod_jobs.media.process import guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.media.process.tools import Tools


@pytest.fixture
def locked_in(tools: Tools, tmp_path: Path):
    """Run a shell script in the sandbox, in the folder `out`. Returns what it prints."""
    if tools.sandbox.kind != "bwrap":
        pytest.skip("bubblewrap does not work here")
    folder, source = tmp_path / "out", tmp_path / "source"
    folder.mkdir()
    source.write_text("a recording")

    def run(script: str) -> str:
        argv = guard.sandboxed(tools.sandbox, ["/usr/bin/sh", "-c", script], [source], folder)
        return capture(argv, folder, Bounds(10, 2000), lambda: None)[1]

    return run


def test_only_the_folder_can_be_written(locked_in, tmp_path: Path) -> None:
    """This includes /proc/sys: root without any capability still owns the settings of the kernel."""
    places = ["/x", "/usr/x", "/dev/x", "/dev/shm/x", "/etc/x", f"{tmp_path}/x", f"{tmp_path}/source"]
    places += ["/proc/sys/kernel/domainname", "/proc/sys/kernel/core_pattern"]
    tries = [f"(true >> {place}) 2>/dev/null && echo {place}" for place in places]
    assert locked_in("; ".join([*tries, "echo yes > made"])) == ""
    assert (tmp_path / "out" / "made").read_text() == "yes\n"


def test_no_capability_no_network_and_no_terminal_are_left(locked_in) -> None:
    status = dict(line.split(":\t") for line in locked_in("cat /proc/self/status").splitlines() if ":\t" in line)
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert locked_in("cat /proc/net/dev").count(":") == 1, "only the loopback"
    assert locked_in("(true < /dev/tty) 2>/dev/null && echo there is one") == ""
    assert locked_in("cat /home/*/.* /root/.* /etc/passwd 2>/dev/null") == ""
