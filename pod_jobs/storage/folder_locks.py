"""Whether locks (flock) in the media folder keep the runs of all hosts apart, as shared_folder.py needs it."""

import fcntl
import re
import tempfile
from pathlib import Path

from pod_jobs.errors import ServiceUnavailable

MOUNTS = Path("/proc/self/mountinfo")
OF_THIS_HOST = {"nolock", "local_lock=all", "local_lock=flock"}  # mount options of NFS


def check(media: Path) -> None:
    """Lock a file twice. Errors: ServiceUnavailable when the file system cannot, or lets both have the lock."""
    try:
        with tempfile.NamedTemporaryFile(dir=media, prefix=".lock-") as first, open(first.name, "ab") as second:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
    except OSError as error:
        raise ServiceUnavailable(f"{media}: files cannot be locked there (flock): {error.strerror}") from error
    raise ServiceUnavailable(f"{media}: locks (flock) keep nobody out there")


def option_of_this_host(media: Path, mounts: Path = MOUNTS) -> str:
    """The mount option by which locks in the folder hold on this host alone; "" when there is none, or nobody knows."""
    folder = media.resolve()
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
