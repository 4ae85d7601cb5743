"""Measures how deeply JSON from outside is nested. Deep JSON can be read and stored, and fails where it is written or shown."""

from typing import Any

MOST_DEPTH = 20  # levels of an order; Pod's have three


def depth_of(value: Any) -> int:
    """Objects and arrays inside each other: 0 for a text or a number, 1 for [], 2 for [{}]."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list | tuple)]:
        depth += 1
        level = [below for one in level for below in (one.values() if isinstance(one, dict) else one)]
    return depth
