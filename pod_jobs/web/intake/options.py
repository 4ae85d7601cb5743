"""What an encode can be ordered with, read strictly from a request.

{"keep": [[90, 720.5], …]}       the parts of the recording to keep, from and to, in seconds; without it, or empty: everything.
                                 At most 50, with a second recording 12
{"dressing": "name"}             a [[dressing]] of the settings; "" is none, without it: the automatic one
{"opening": 12, "ending": 13}    videos to play before and after, instead of the dressing's
{"second": 14, "layout": "side"} a video of the same time to be seen beside it, or with "pip-top-right" … in that corner
"""

from collections.abc import Sequence
from typing import Any

from pod_jobs.catalog.store.tasks import OTHERS
from pod_jobs.errors import Malformed
from pod_jobs.media.planning.layouts import LAYOUTS, POD_LAYOUTS, layout_named
from pod_jobs.media_folder import MOST_RANGES

MOST_RANGES_OF_TWO = 12  # each opens both recordings; at 1080p 25 outgrow the memory of an encode
KNOWN = {"keep", "dressing", "layout", *OTHERS}


def read_options(document: Any, dressings: Sequence[str] = ()) -> dict[str, Any]:
    """The options of a request's JSON body; {} for none. `dressings`: those of the settings. Whether the caller may use the
    videos that they name is to be asked. Errors: Malformed, also for an option that does not exist."""
    if document is None:
        return {}
    if not isinstance(document, dict) or set(document) - KNOWN:
        raise Malformed(f"an object with nothing but {', '.join(sorted(KNOWN))} is needed")
    options: dict[str, Any] = {}
    keep = document.get("keep", [])
    if not isinstance(keep, list) or len(keep) > MOST_RANGES:
        raise Malformed(f"keep: a list of at most {MOST_RANGES} pairs is needed")
    if ranges := [_range(pair) for pair in keep]:
        options["keep"] = ranges
    if "dressing" in document:
        options["dressing"] = _dressing(document["dressing"], dressings)
    options |= {name: _video(name, document[name]) for name in OTHERS if name in document}
    if "layout" in document or "second" in options:
        options["layout"] = _layout(document.get("layout", "side"), with_second="second" in options)
    if "second" in options and len(keep) > MOST_RANGES_OF_TWO:
        reason = f"keep: {len(keep)} ranges of two recordings"
        raise Malformed(reason, code="too-many-ranges", most=str(MOST_RANGES_OF_TWO))
    return options


def _dressing(name: Any, dressings: Sequence[str]) -> str:
    if name not in ("", *dressings):
        raise Malformed(f"dressing: there is {', '.join(map(repr, dressings)) or 'none'}, and no {name!r}")
    return str(name)


def _video(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise Malformed(f"{name}: the number of a video is needed")
    return value


def _layout(word: Any, *, with_second: bool) -> str:
    layout = layout_named(word) if isinstance(word, str) else None
    if layout is None or not with_second:
        raise Malformed(f"layout: goes with second, and is one of {', '.join((*LAYOUTS, *POD_LAYOUTS))}")
    return layout


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
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7  # no NaN either
