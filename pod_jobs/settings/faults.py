"""Describes faults in the settings, one line each: the key, what is wrong, and the file or variable that sets it."""

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
    error: ValidationError,
    given: Mapping[str, Any],
    variables: Collection[str],
    files: Sequence[Path],
    queues: Collection[str],
) -> Iterator[str]:
    """Lines such as "web.port: Input should be … (/srv/pod/settings.toml)". The place is the source that wins: one of the
    names of `variables`, or the last of the `files` that sets the key. A value that is `given` by the command line has no
    place. The files must be readable TOML. `queues`: the names of all."""
    documents = {path: read_document(path) for path in reversed(files)}
    errors = error.errors()
    for fault in errors:
        location = fault["loc"]
        if _is_echo(location, fault["type"], [other["loc"] for other in errors]):
            continue
        words = _unknown(location, fault["input"], queues) if fault["type"] == "extra_forbidden" else fault["msg"]
        place = "" if _holds(given, location) else _variable(location, variables) or _file(location, documents)
        yield f"{_key(location)}: {words}" + (f" ({place})" if place else "")


def unreadable(files: Sequence[Path]) -> Iterator[str]:
    """A line for each file that is not valid TOML or cannot be read."""
    for path in files:
        try:
            read_document(path)
        except UNREADABLE as error:
            yield f"{path}: {error.strerror if isinstance(error, OSError) else error}"


def _is_echo(location: Location, kind: str, locations: Sequence[Location]) -> bool:
    """Is this fault only a consequence of another? pydantic calls a list too short when its only entry has a fault."""
    return kind == "too_short" and any(len(other) > len(location) == 1 and other[:1] == location for other in locations)


def _unknown(location: Location, value: Any, queues: Collection[str]) -> str:
    """What is said of a key that no setting has. Celery knows a database per queue, so that people look for one here: by the
    name of a queue, or in a table of queues."""
    more = "; redis.url is that of all queues, and docs/key-value-server.md says what to do instead of one for each"
    names = {location[-1], *(value if isinstance(value, dict) else ())}
    return "no such setting" + (more if location[0] == "redis" and not names.isdisjoint(queues) else "")


def _key(location: Location) -> str:
    return ".".join(map(str, location)) or "settings"


def _holds(document: Any, location: Location) -> bool:
    """Does `document` have a value at this place?"""
    for key in location:
        try:
            document = document[key]
        except (LookupError, TypeError):
            return False
    return True


def _variable(location: Location, variables: Collection[str]) -> str:
    """The variable that sets this value or a section with it; "" when there is none."""
    names = (PREFIX + "__".join(map(str, location[:depth])).upper() for depth in range(len(location), 0, -1))
    return next((name for name in names if name in variables), "")


def _file(location: Location, documents: Mapping[Path, Any]) -> str:
    """The file that sets this value. For a missing key, the file that sets its section or list; lists come from one file,
    because they are not merged."""
    keys = tuple(takewhile(lambda key: isinstance(key, str), location))
    for depth in range(len(keys), -1, -1):
        for path, document in documents.items():
            if _holds(document, keys[:depth]):
                return str(path)
    return ""
