"""The base class of every section of the settings, and types of values that several sections use."""

import json
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


def _listed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


Listed = BeforeValidator(_listed)  # a list, or a list as JSON text, as a variable of the environment holds it


class Section(BaseModel):
    """Sections cannot be changed, and refuse unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def as_toml(value: str | int | float | bool) -> str:
    """A plain value as TOML writes it: as JSON does, except for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
