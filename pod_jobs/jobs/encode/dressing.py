"""The watermark and the credits of an encoding: which ones its order means, and where their files are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pod_jobs.errors import BadSource, SettingsError
from pod_jobs.media.encode import EncodePlan
from pod_jobs.media.planning.dressing import Dressing, Studio, Watermark
from pod_jobs.settings import Settings
from pod_jobs.settings.dressing import DressingSettings


def files_of_order(settings: Settings, template: str, options: Mapping[str, Any]) -> Sequence[str]:
    """The files that an order needs, relative to the instance folder of the web host. They are sent to its worker."""
    try:
        dressing = _chosen(settings, template, options)
    except BadSource:
        return ()  # the run itself says that there is no such dressing
    return dressing.files if dressing else ()


def with_fetched(settings: Settings, template: str, options: Mapping[str, Any], files: Mapping[str, Path]) -> Settings:
    """`settings` whose dressings name the local paths `files` (by the names of `files_of_order`). Errors: SettingsError when
    one is missing."""
    for name in files_of_order(settings, template, options):
        if name not in files:
            raise SettingsError(f"dressing: there is no file {name} in the instance folder of the web host")
    return settings.model_copy(update={"dressing": tuple(dressing.moved(files) for dressing in settings.dressing)})


def dressed(
    plan: EncodePlan, settings: Settings, template: str, options: dict[str, Any], others: dict[str, Path]
) -> EncodePlan:
    """`plan` with what the `options` of the order say; `others`: where the videos are that the options name.

    Without the option `dressing`, an encoding by the template `web` gets the automatic one.
    Errors: BadSource when there is no such dressing.
    """
    chosen = _chosen(settings, template, options)
    dressing = _read(settings.home, chosen) if chosen else Dressing()
    opening, ending = others.get("opening", dressing.opening), others.get("ending", dressing.ending)
    plan = replace(plan, dressing=replace(dressing, opening=opening, ending=ending))
    if "second" in others:
        plan = replace(plan, studio=Studio(others["second"], options.get("layout", "side")))
    return plan


def _chosen(settings: Settings, template: str, options: Mapping[str, Any]) -> DressingSettings | None:
    """None for no dressing. Errors: BadSource when there is none of the ordered name."""
    is_web = template in settings.templates and settings.templates[template].is_web
    automatic = next((dressing.name for dressing in settings.dressing if dressing.automatic and is_web), "")
    name = options.get("dressing", automatic)
    if not name:
        return None
    for dressing in settings.dressing:
        if dressing.name == name:
            return dressing
    raise BadSource(f"the settings have no dressing {name!r}", code="source-no-dressing", name=name)


def _read(home: Path, settings: DressingSettings) -> Dressing:
    watermark = None
    if settings.watermark:
        shares = (settings.opacity_percent / 100, settings.width_percent / 100)
        watermark = Watermark(home / settings.watermark, settings.corner, *shares)
    opening, ending = (home / name if name else None for name in (settings.opening, settings.ending))
    return Dressing(watermark, opening, ending)
