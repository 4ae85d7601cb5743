"""[[dressing]] of settings.toml: watermarks and credits that the video team offers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pod_jobs.media.facts.file_type import SNIFF_BYTES, picture_format, sniff
from pod_jobs.settings.section import Section

FILES = ("watermark", "opening", "ending")  # the keys that name files
Percent = Annotated[float, Field(gt=0, le=100)]


class DressingSettings(Section):
    """Paths of files are relative to the instance folder; "" means no file."""

    name: Annotated[str, Field(pattern=r"^[^\s,/][^\n,/]{0,39}$")]
    automatic: bool = False
    watermark: str = ""
    corner: Literal["top-left", "top-right", "bottom-left", "bottom-right"] = "top-right"
    opacity_percent: Percent = 80.0
    width_percent: Percent = 12.0
    opening: str = ""
    ending: str = ""

    @model_validator(mode="after")
    def _is_something(self) -> "DressingSettings":
        if not (self.watermark or self.opening or self.ending):
            raise ValueError("give a watermark, an opening or an ending")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(filter(None, (getattr(self, key) for key in FILES)))

    def moved(self, paths: Mapping[str, Path]) -> "DressingSettings":
        """With absolute paths in place of the names of files that have one in `paths`."""
        names = {key: getattr(self, key) for key in FILES}
        return self.model_copy(update={key: str(paths.get(name, name)) for key, name in names.items()})


def dressing_faults(dressings: Sequence[DressingSettings], home: Path) -> Iterator[str]:
    """One line for each fault of these entries and their files. Only the first bytes of a file are checked."""
    for dressing in dressings:
        for key in FILES:
            name = getattr(dressing, key)
            fault = _fault(home / name, still=key == "watermark") if name else ""
            if fault:
                yield f"dressing {dressing.name}: {key}: {name} {fault}"
    if sum(dressing.automatic for dressing in dressings) > 1:
        yield "dressing: only one can be automatic"


def _fault(path: Path, *, still: bool) -> str:
    if path.is_symlink() or not path.is_file():
        return f"is no file in {path.parent}"
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    if still:
        return "" if picture_format(head) else "is no PNG or JPEG picture"
    return "" if sniff(head) == "media" else "is no video"
