"""What an encode can be ordered with, read strictly from a request.

{"keep": [[90, 720.5], …]}: the parts of the recording to keep, from and to, in seconds; without it, or empty: everything
"""

import math
from typing import Any

from pod_jobs.errors import Malformed

MOST_RANGES = 50


def read_options(document: Any) -> dict[str, Any]:
    """The options of a request's JSON body; {} for none. Errors: Malformed, also for an option that does not exist."""
    if document is None:
        return {}
    if not isinstance(document, dict) or set(document) - {"keep"}:
        raise Malformed('an object with nothing but "keep" is needed')
    keep = document.get("keep", [])
    if not isinstance(keep, list) or len(keep) > MOST_RANGES:
        raise Malformed(f"keep: a list of at most {MOST_RANGES} pairs is needed")
    ranges = [_range(pair) for pair in keep]
    return {"keep": ranges} if ranges else {}


def _range(pair: Any) -> list[float]:
    if (
        not isinstance(pair, list)
        or len(pair) != 2
        or not all(_is_second(value) for value in pair)
        or pair[0] >= pair[1]
    ):
        raise Malformed("keep: each pair is [from, to] in seconds, from before to")
    return [float(value) for value in pair]


def _is_second(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value < 1e7
