"""What every section of the settings is: frozen, and without unknown keys; and kinds of values."""

import json
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


def _listed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


Listed = BeforeValidator(_listed)  # a list, or JSON of one: what a variable can hold


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
