"""What is wrong with the settings, a line for each fault: its key, what is wrong, and which file or variable says it."""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pod_jobs.settings.sources import PREFIX, read_document

Location = tuple[int | str, ...]  # ("template", 0, "codec")
UNREADABLE = (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError)


def fault_lines(
    error: ValidationError, given: Mapping[str, Any], variables: Collection[str], files: Sequence[Path]
) -> Iterator[str]:
    """ "web.port: Input should be … (/srv/pod/settings.toml)". What is `given` by the command line names no place; of the
    variables' names and the `files`, which parse, the one that wins is named: the last file."""
    documents = {path: read_document(path) for path in reversed(files)}
    found = error.errors()
    for one in found:
        location = one["loc"]
        if _is_echo(location, one["type"], [other["loc"] for other in found]):
            continue
        words = "no such setting" if one["type"] == "extra_forbidden" else one["msg"]
        place = "" if _says(given, location) else _variable(location, variables) or _file(location, documents)
        yield f"{_key(location)}: {words}" + (f" ({place})" if place else "")


def unreadable(files: Sequence[Path]) -> Iterator[str]:
    """A line for each file that is no TOML, or not ours to read."""
    for path in files:
        try:
            read_document(path)
        except UNREADABLE as error:
            yield f"{path}: {error.strerror if isinstance(error, OSError) else error}"


def _is_echo(own: Location, kind: str, locations: Sequence[Location]) -> bool:
    """pydantic calls a list too short when its only entry has a fault of its own."""
    return kind == "too_short" and any(len(one) > len(own) == 1 and one[:1] == own for one in locations)


def _key(location: Location) -> str:
    return ".".join(map(str, location)) or "settings"


def _says(document: Any, location: Location) -> bool:
    for key in location:
        try:
            document = document[key]
        except (LookupError, TypeError):
            return False
    return True


def _variable(location: Location, variables: Collection[str]) -> str:
    """The one that sets it, or what it is a part of."""
    names = (PREFIX + "__".join(map(str, location[:depth])).upper() for depth in range(len(location), 0, -1))
    return next((name for name in names if name in variables), "")


def _file(location: Location, documents: Mapping[Path, Any]) -> str:
    """Where the key stands; of one that is missing, where it should. A list is one file's alone: they are not merged."""
    keys = tuple(takewhile(lambda key: isinstance(key, str), location))
    for depth in range(len(keys), -1, -1):
        for path, document in documents.items():
            if _says(document, keys[:depth]):
                return str(path)
    return ""
