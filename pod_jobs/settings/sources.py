"""Reads settings from files and from variables of the environment as nested dicts of sections, and merges them."""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

PREFIX = "POD_JOBS_"


def read_document(path: Path) -> dict[str, Any]:
    """The content of a TOML file; {} when there is no such file. Errors: TOMLDecodeError, UnicodeDecodeError, OSError."""
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def tree_of(variables: Mapping[str, str], sections: Collection[str]) -> dict[str, Any]:
    """The variables that set something, nested: POD_JOBS_WEB__PORT=9000 becomes {"web": {"port": "9000"}}. Values stay text;
    pydantic converts them to the types of the fields."""
    tree: dict[str, Any] = {}
    for name in sorted(variables):  # sorted: a variable for a whole section comes before those for its keys
        section, *keys = name.removeprefix(PREFIX).lower().split("__")
        if name.startswith(PREFIX) and section in sections:
            value: Any = variables[name]
            for key in (*reversed(keys), section):
                value = {key: value}
            tree = merge(tree, value)
    return tree


def merge(lower: Any, upper: Any) -> Any:
    """`lower` with the values of `upper`. Sections are merged key by key; any other value, also a list, is replaced."""
    if isinstance(lower, dict) and isinstance(upper, dict):
        return lower | {key: merge(lower.get(key), value) for key, value in upper.items()}
    return upper
