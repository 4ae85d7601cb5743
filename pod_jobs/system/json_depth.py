"""Measures how deeply JSON from outside is nested. Deep JSON can be read and stored, and fails where it is written or shown."""

from typing import Any

MOST_DEPTH = 20  # levels of an order; Pod's have three


def depth_of(value: Any) -> int:
    """Objects and arrays inside each other: 0 for a text or a number, 1 for [], 2 for [{}]."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list | tuple)]:
        depth += 1
        level = [below for item in level for below in (item.values() if isinstance(item, dict) else item)]
    return depth
