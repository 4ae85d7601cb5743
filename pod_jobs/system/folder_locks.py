"""Whether locks (flock) of files in a folder keep others out, also those on other hosts that share it."""

import errno
import fcntl
import re
import tempfile
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
OF_THIS_HOST = {"nolock", "local_lock=all", "local_lock=flock"}  # mount options of NFS


def check(folder: Path) -> None:
    """Lock a file twice. Errors: OSError when the file system cannot, or lets both have the lock."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".lock-") as first, open(first.name, "ab") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    raise OSError(errno.ENOLCK, "they keep nobody out")


def option_of_this_host(folder: Path, mounts: Path = MOUNTS) -> str:
    """The mount option by which locks in the folder hold on this host alone; "" when there is none, or nobody knows."""
    folder = folder.resolve()
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    found, kind, said = Path("/"), "", ""
    for line in lines:
        fields, _, of_file_system = (part.split() for part in line.partition(" - "))
        place = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        if folder.is_relative_to(place) and place.is_relative_to(found):  # of two at one place, the later one counts
            found, kind, said = place, of_file_system[0], f"{fields[5]},{of_file_system[2]}"
    return next((option for option in said.split(",") if option in OF_THIS_HOST), "") if kind.startswith("nfs") else ""
