"""The base class of every section of the settings, and types of values that several sections use."""

import json
import re
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


def _listed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


Listed = BeforeValidator(_listed)  # a list, or a list as JSON text, as a variable of the environment holds it


MOST_WORKERS = 256


class Range(NamedTuple):
    """How many there are: at least, and at most."""

    fewest: int
    most: int

    def __str__(self) -> str:
        return str(self.fewest) if self.fewest == self.most else f"{self.fewest}..{self.most}"


def read_range(value: object) -> Range:
    """3, "3" or "1..4" as a range. Errors: ValueError."""
    if isinstance(value, Range):
        return value
    match = re.fullmatch(r"([0-9]{1,3})(?:\.\.([0-9]{1,3}))?", "" if isinstance(value, bool) else str(value))
    limits = Range(int(match[1]), int(match[2] or match[1])) if match else Range(1, 0)
    if not limits.fewest <= limits.most <= MOST_WORKERS or (limits.most > limits.fewest == 0):
        raise ValueError('a number is needed, or a range that begins with 1 or more, such as "1..4"')
    return limits


Workers = Annotated[Range, BeforeValidator(read_range)]


class Section(BaseModel):
    """Sections cannot be changed, and refuse unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def as_toml(value: str | int | float | bool) -> str:
    """A plain value as TOML writes it: as JSON does, except for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
