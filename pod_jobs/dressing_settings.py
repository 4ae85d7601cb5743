"""[[dressing]] of settings.toml: what the video team offers to put around and over recordings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pod_jobs.section import Section
from pod_jobs.sniff import SNIFF_BYTES, sniff

Percent = Annotated[float, Field(gt=0, le=100)]


class DressingSettings(Section):
    """Files are relative to the instance folder; "" is none."""

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

    def faults(self, home: Path) -> Iterator[str]:
        """What is wrong with the files; looked at from outside only."""
        for key, nature in (("watermark", "image"), ("opening", "media"), ("ending", "media")):
            name = getattr(self, key)
            fault = _fault(home / name, nature) if name else ""
            if fault:
                yield f"dressing {self.name}: {key}: {name} {fault}"


def _fault(path: Path, nature: str) -> str:
    if path.is_symlink() or not path.is_file():
        return f"is no file in {path.parent}"
    with path.open("rb") as file:
        found = sniff(file.read(SNIFF_BYTES))
    return "" if found == nature else f"is no {'PNG or JPEG picture' if nature == 'image' else 'video'}"
