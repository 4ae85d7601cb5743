"""A real systemd: process 1 of namespaces of its own, with a group of its own in the kernel's tree of cgroups. Only root can."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pod_jobs.system.process_tree import children_of
from tests.servers import wait_until

SYSTEMD = Path("/usr/lib/systemd/systemd")
PROGRAMS = ("systemctl", "nsenter", "unshare", "findmnt")
# Where units find the Python of the tests, as they do not see the home of who runs these: an environment of its own
PYTHON, BASE = Path("/opt/venv/bin/python3"), "opt/base"
PACKAGES = f"opt/venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
LIBRARIES = f"/{BASE}/lib"  # for LD_LIBRARY_PATH
# With nothing in them: only what is started shall run
TARGETS = ("tests", "sysinit", "basic", "shutdown", "network-online")
BOOT = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
folder=$1
shift
while [ $# -gt 0 ]; do mkdir -p "$folder/$2"; mount --rbind "$1" "$folder/$2"; shift 2; done
for name in opt srv run; do mkdir -p "$folder/$name"; mount --rbind "$folder/$name" "/$name"; done
for name in passwd group; do mount --bind "$folder/etc/$name" "/etc/$name"; done
export container=other SYSTEMD_UNIT_PATH=$folder/units
exec /usr/lib/systemd/systemd --system --unit=tests.target --log-target=console --show-status=no
"""


def can_be_made() -> bool:
    has_all = SYSTEMD.exists() and all(map(shutil.which, PROGRAMS))
    return os.geteuid() == 0 and has_all and os.access(_cgroups(), os.W_OK)


class Systemd:
    """`pid`: of process 1, as seen from here."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self.log = pid, log

    def ctl(self, *arguments: str, fails: bool = False) -> str:
        """What systemctl says. `fails`: it may."""
        inside = ["nsenter", "-t", str(self.pid), "--mount", "--pid", "--cgroup"]
        done = subprocess.run(
            [*inside, "systemctl", "--no-pager", *arguments], capture_output=True, text=True, timeout=60
        )
        assert fails or done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.words()[-4000:]}"
        return done.stdout.strip()

    def words(self) -> str:
        """What systemd and its units said."""
        return self.log.read_text(errors="replace")


@contextmanager
def booted(folder: Path, user: str, uid: int, seen: Mapping[Path, str]) -> Iterator[Systemd]:
    """`folder`/units has its units. Its processes see other folders under the names in `seen`, which begin with opt/ or srv/, the
    Python of the tests, and a `user`."""
    (folder / "etc").mkdir()
    for name, line in {"passwd": f"{user}:x:{uid}:{uid}::/:/bin/false\n", "group": f"{user}:x:{uid}:\n"}.items():
        (folder / "etc" / name).write_text(Path("/etc", name).read_text() + line)
    for name in TARGETS:
        (folder / "units" / f"{name}.target").write_text(f"[Unit]\nDescription={name}\nDefaultDependencies=no\n")
    (folder / "opt" / "venv" / "bin").mkdir(parents=True)
    (folder / "opt" / "venv" / "bin" / "python3").symlink_to(f"/{BASE}/bin/python3")
    (folder / "opt" / "venv" / "pyvenv.cfg").write_text(f"home = /{BASE}/bin\n")
    mine = {Path(sys.base_prefix): BASE, Path(sysconfig.get_path("purelib")): PACKAGES}
    mounts = [str(word) for pair in {**mine, **seen}.items() for word in pair]
    group, log = _cgroups() / folder.name, folder / "systemd.log"
    group.mkdir()
    apart = ["unshare", "--fork", "--pid", "--mount", "--cgroup", "--kill-child", "sh", "-c", BOOT, "boot", str(folder)]
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *apart, *mounts],
            stdout=said,
            stderr=said,
        )
    try:
        wait_until(lambda: children_of(process.pid), 10)
        made = Systemd(children_of(process.pid)[0], log)
        wait_until(lambda: made.ctl("is-system-running", fails=True) in ("running", "degraded"), 20, made.words())
        yield made
    finally:
        for child in children_of(process.pid):
            os.kill(child, signal.SIGKILL)  # and with process 1 all others of its namespace
        process.kill()
        process.wait(10)
        wait_until(lambda: _removed(group), 10)


def _cgroups() -> Path:
    found = subprocess.run(["findmnt", "-n", "-t", "cgroup2", "-o", "TARGET"], capture_output=True, text=True).stdout
    return Path(found.splitlines()[0] if found else "/nonexistent")


def _removed(group: Path) -> bool:
    """Remove a group and those below it; False while a process of it still ends."""
    with suppress(OSError):
        for path in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            path.rmdir()
        group.rmdir()
    return not group.exists()
