"""Whose certificates are trusted: those of the system's list, to which an administrator may have added the own authority of a
university, and which the connections to the key-value server use too."""

import ssl
from pathlib import Path


def authorities() -> str | bool:
    """For `verify` of requests: the file or folder of the system's list (SSL_CERT_FILE and SSL_CERT_DIR may name others); True =
    there is none, and the list that comes with requests is used."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return paths.cafile
    folder = paths.capath
    return folder if folder and next(Path(folder).glob("*.0"), None) else True  # a folder without hashes has nobody
