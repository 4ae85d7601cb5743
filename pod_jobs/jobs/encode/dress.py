"""Which dressing and which second recording an encoding gets: from the settings and from its order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pod_jobs.errors import BadSource
from pod_jobs.media.planning.dressing import Dressing, Studio, Watermark
from pod_jobs.media.planning.plan import EncodePlan
from pod_jobs.settings import Settings
from pod_jobs.settings.dressing import DressingSettings

Options = dict[str, Any]


def dressed(
    plan: EncodePlan, settings: Settings, template: str, options: Options, others: dict[str, Path]
) -> EncodePlan:
    """`plan` with what the `options` of the order say; `others`: where the videos are that the options name.

    Without the option `dressing`, an encoding by the template `web` gets the automatic one.
    Errors: BadSource when there is no such dressing.
    """
    automatic = next(
        (one.name for one in settings.dressing if one.automatic and settings.templates[template].is_web), ""
    )
    dressing = _named(settings, options.get("dressing", automatic))
    opening, ending = others.get("opening", dressing.opening), others.get("ending", dressing.ending)
    plan = replace(plan, dressing=replace(dressing, opening=opening, ending=ending))
    if "second" in others:
        plan = replace(plan, studio=Studio(others["second"], options.get("layout", "side")))
    return plan


def _named(settings: Settings, name: str) -> Dressing:
    if not name:
        return Dressing()
    for one in settings.dressing:
        if one.name == name:
            return _read(settings.home, one)
    raise BadSource(f"the settings of this worker have no dressing {name!r}", code="source-no-dressing", name=name)


def _read(home: Path, settings: DressingSettings) -> Dressing:
    watermark = None
    if settings.watermark:
        shares = (settings.opacity_percent / 100, settings.width_percent / 100)
        watermark = Watermark(home / settings.watermark, settings.corner, *shares)
    opening, ending = (home / name if name else None for name in (settings.opening, settings.ending))
    return Dressing(watermark, opening, ending)
