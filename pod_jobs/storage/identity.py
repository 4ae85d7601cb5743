"""The identity of the media folder, because a share that is not mounted leaves an empty local folder at the same path.

The media folder has a random id, which is written once, and which the catalog stores too. A folder with another id or none is
not the right one: work that needs it waits and is tried again, and nothing is written to it.
"""

import os
import secrets
from pathlib import Path

from pod_jobs.errors import ServiceUnavailable
from pod_jobs.media_folder import IDENTITY
from pod_jobs.system import plain_files
from pod_jobs.system.plain_files import sync


def new() -> str:
    return secrets.token_hex(16)


def read(media: Path) -> str:
    """The id in the folder; "" if the folder has none or does not exist. Errors: OSError when it does not answer."""
    try:
        return plain_files.read_bytes(media / IDENTITY).decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write(media: Path, identity: str) -> None:
    """Write the id durably. Errors: OSError."""
    plain_files.write_text(media / IDENTITY, f"{identity}\n")
    os.chmod(media / IDENTITY, plain_files.NEW_FILE_MODE)
    sync(media / IDENTITY)
    sync(media)


def check(media: Path, identity: str) -> None:
    """Check that `media` is the folder with this identity; "" = any folder is right. Errors: ServiceUnavailable."""
    if not identity:
        return
    try:
        present = read(media)
    except OSError as error:
        raise ServiceUnavailable(f"the media folder {media} does not answer: {error}") from error
    if present != identity:
        fault = f"is another one ({present})" if present else "is not mounted, or empty"
        raise ServiceUnavailable(f"the media folder {media} {fault}; the catalog means {identity}")
