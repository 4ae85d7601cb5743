"""What says the settings, as trees of sections: the files, the environment's variables; and one over another."""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

PREFIX = "POD_JOBS_"


def read_document(path: Path) -> dict[str, Any]:
    """Of a TOML file; empty when it is not there. Errors: TOMLDecodeError, UnicodeDecodeError, OSError."""
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def tree_of(variables: Mapping[str, str], sections: Collection[str]) -> dict[str, Any]:
    """POD_JOBS_WEB__PORT=9000 as {"web": {"port": "9000"}}: text, which pydantic reads as what the field wants."""
    tree: dict[str, Any] = {}
    for name in sorted(variables):  # a whole section before its keys
        section, *keys = name.removeprefix(PREFIX).lower().split("__")
        if name.startswith(PREFIX) and section in sections:
            value: Any = variables[name]
            for key in (*reversed(keys), section):
                value = {key: value}
            tree = over(tree, value)
    return tree


def over(lower: Any, upper: Any) -> Any:
    """Sections are merged key by key; of anything else, also of lists, the `upper` one counts."""
    if isinstance(lower, dict) and isinstance(upper, dict):
        return lower | {key: over(lower.get(key), value) for key, value in upper.items()}
    return upper
