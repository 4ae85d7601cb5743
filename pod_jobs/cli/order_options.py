"""Options of the commands that order an encoding: parts to keep, dressing, second recording; and those for captions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from pod_jobs.media.planning.dressing import Watermark
from pod_jobs.media.planning.layouts import CORNERS, LAYOUTS, POD_LAYOUTS, layout_named
from pod_jobs.media.planning.plan import EncodePlan
from pod_jobs.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


class RegularFile(click.Path):
    """A file that is there. A pipe or a device, on which reading may wait for ever, is refused."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        return path if path.is_file() else self.fail(f"{value} is not a regular file.", param, ctx)


FILE = RegularFile()
PERCENT = click.FloatRange(0, 100, min_open=True)
LAYOUT = click.Choice((*LAYOUTS, *POD_LAYOUTS))

KEEP = click.option("--keep", multiple=True, metavar="FROM-TO", help="Keep only this part, for instance 1:30-12:00.")
DRESSING = click.option(
    "--dressing", help="Name of a [[dressing]] of the settings; '' = none. Default: the automatic one."
)
WHERE = click.option("--layout", type=LAYOUT, default="side", show_default=True, help="Where the second one is seen.")
OF_FILES = (
    KEEP,
    DRESSING,
    click.option("--watermark", type=FILE, help="PNG or JPEG over the recording."),
    click.option("--corner", type=click.Choice(CORNERS), default="top-right", show_default=True, help="Of the watermark."),
    click.option("--opacity", type=PERCENT, default=80.0, show_default=True, help="Of the watermark, in percent."),
    click.option("--width", type=PERCENT, default=12.0, show_default=True, help="Of the watermark, in percent of the picture's."),
    click.option("--opening", type=FILE, help="A recording to play before."),
    click.option("--ending", type=FILE, help="A recording to play after."),
    click.option("--second", type=FILE, help="A recording of the same time, to be seen beside the first."),
    WHERE,
)  # fmt: skip
OF_VIDEOS = (
    KEEP,
    DRESSING,
    click.option("--opening", type=int, metavar="ID", help="A video to play before."),
    click.option("--ending", type=int, metavar="ID", help="A video to play after."),
    click.option("--second", type=int, metavar="ID", help="A video of the same time, to be seen beside this one."),
    WHERE,
)

OF_SPEECH = (
    click.option("--language", metavar="CODE", help="The spoken language, for captions: fr. Without it: it is recognised."),
    click.option("--term", multiple=True, help="A name or term that may come up, in its right spelling. May be repeated."),
    click.option("--captions/--no-captions", "automatic", default=None, help="Without it: as speech.automatic says."),
    click.option("--translate", is_flag=True, help="Make English captions too, whatever is spoken."),
)  # fmt: skip


def with_options(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    """A decorator that adds `options` to a command, in this order."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def as_order(values: dict[str, Any]) -> dict[str, Any]:
    """The values of OF_VIDEOS as options of the API."""
    order = {name: values[name] for name in ("dressing", "opening", "ending", "second") if values[name] is not None}
    if values["keep"]:
        order["keep"] = [_range(words) for words in values["keep"]]
    return {**order, "layout": values["layout"]} if "second" in order else order


def as_wish(values: dict[str, Any]) -> dict[str, Any]:
    """The values of OF_SPEECH as options of an upload by the API."""
    fields = {
        "language": values["language"],
        "glossary": list(values["term"]) or None,
        "automatic": values["automatic"],
    }
    fields["translate"] = values["translate"] or None
    wish = {name: value for name, value in fields.items() if value is not None}
    return {"speech": wish} if wish else {}


def as_plan(plan: EncodePlan, settings: Settings, template: str, values: dict[str, Any]) -> EncodePlan:
    """`plan`, which is by `template`, with the values of OF_FILES. People may publish all that it makes."""
    from pod_jobs.jobs.encode.dressing import dressed

    files = {name: values[name].absolute() for name in ("opening", "ending", "second") if values[name]}
    options = {"layout": layout_named(values["layout"])}
    options |= {} if values["dressing"] is None else {"dressing": values["dressing"]}
    plan = dressed(plan, settings, template, options, files)
    plan = replace(plan, keep=tuple(_range(words) for words in values["keep"]), with_uncut=False)
    if values["watermark"]:
        mark = Watermark(
            values["watermark"].absolute(), values["corner"], values["opacity"] / 100, values["width"] / 100
        )
        plan = replace(plan, dressing=replace(plan.dressing, watermark=mark))
    return plan


def _range(words: str) -> tuple[float, float]:
    """ "1:30-12:00" -> (90.0, 720.0)."""
    start, _, end = words.partition("-")
    try:
        interval = _seconds(start), _seconds(end)
    except ValueError:
        raise click.BadParameter(f"{words} is not FROM-TO, like 1:30-12:00 or 90-720.5") from None
    if interval[0] >= interval[1]:
        raise click.BadParameter(f"{words} ends before it begins")
    return interval


def _seconds(words: str) -> float:
    total = 0.0
    for part in words.split(":"):
        total = total * 60 + float(part)
    return total
