"""The outcome of a check."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """`check` is a key of CHECKS; `remedy` is the very line to write or type, where there is one."""

    check: str
    state: State
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}" + (f" → {self.remedy}" if self.remedy else "")
