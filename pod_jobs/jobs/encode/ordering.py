"""How an encoding is ordered: by a template, and with options that are read strictly from a request.

{"keep": [[90, 720.5], …]}       the parts of the recording to keep, from and to, in seconds; without it, or empty: everything.
                                 At most 50, with a second recording 12
{"dressing": "name"}             a [[dressing]] of the settings; "" is none, without it: the automatic one
{"opening": 12, "ending": 13}    videos to play before and after, instead of the dressing's
{"second": 14, "layout": "side"} a video of the same time to be seen beside it, or with "pip-top-right" … in that corner
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pod_jobs.catalog.new_task import OTHERS, NewTask, Purpose
from pod_jobs.errors import BadSource, Malformed
from pod_jobs.jobs.job_type import Ordering, Recording
from pod_jobs.media.planning.layouts import LAYOUTS, POD_LAYOUTS, layout_named
from pod_jobs.media_folder import MOST_RANGES, WEB
from pod_jobs.settings import Settings
from pod_jobs.settings.encode import TemplateSettings

MOST_RANGES_OF_TWO = 12  # each opens both recordings; at 1080p 25 outgrow the memory of an encoding
KIND = "encode"
KNOWN = {"keep", "dressing", "layout", *OTHERS}


def read_order(settings: Settings, template: str, document: Any) -> NewTask:
    """An encoding by `template`; "" means `web`. Errors: Malformed, also for a template that does not exist."""
    known = settings.templates
    if (template or WEB) not in known:
        raise Malformed(f"template: {template!r} is none of {', '.join(known)}")
    return _order(known[template or WEB], read_options(document, [one.name for one in settings.dressing]))


def check_order(settings: Settings, new: NewTask, recording: Recording | None, others: Mapping[str, Recording]) -> None:
    """Errors: BadSource."""
    for name, other in others.items():
        if other.is_video is False:
            raise BadSource(
                f"video {new.options[name]} is sound alone", code=f"source-{name}", cause="source-no-picture"
            )
    if recording is None:
        return
    template = settings.templates[new.template]
    if recording.is_video is False and not template.is_web and not template.is_sound:
        raise BadSource(f"{template.name} is a template of pictures", code="source-no-picture")
    lasts = [recording.duration_s]
    if "second" in others:  # the picture lasts as long as the longer one
        lasts.append(others["second"].duration_s)
    known = [seconds for seconds in lasts if seconds is not None]
    keep = new.options.get("keep")
    if keep and len(known) == len(lasts) and all(start_s >= max(known) for start_s, _ in keep):
        raise BadSource(f"the recording lasts {max(known):.1f} s", code="source-cut-empty")


def order_at_upload(settings: Settings, options: Mapping[str, Any]) -> Sequence[NewTask]:
    """One encoding by each automatic template, the one by `web` first."""
    options = {name: value for name, value in options.items() if name in KNOWN}
    return [_order(template, options) for template in settings.templates.values() if template.automatic]


def _order(template: TemplateSettings, options: Mapping[str, Any]) -> NewTask:
    return NewTask(KIND, template.name, options, Purpose.PLAY if template.is_web else Purpose.OFFER)


def read_options(document: Any, dressings: Sequence[str] = ()) -> dict[str, Any]:
    """The options of a request's JSON body; {} for none. `dressings`: those of the settings. The caller still has to
    check who may use the videos that they name. Errors: Malformed, also for an option that does not exist."""
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


ORDERING = Ordering(read_order, check_order, order_at_upload)
