"""The outcome of a check, apart from the checks so that all of them can import it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """The outcome of a check. `check` is its name; `remedy` is a line to write or to type, or ""."""

    check: str
    state: State
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}" + (f" → {self.remedy}" if self.remedy else "")
