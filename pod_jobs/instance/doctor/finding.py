"""The outcome of a check."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """What a check found. `check` is a key of CHECKS; `remedy` is the line to write or type, if there is one."""

    check: str
    state: State
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}" + (f" → {self.remedy}" if self.remedy else "")
