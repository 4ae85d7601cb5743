"""Types for numbers that workers report, within the limits of every database."""

from typing import Annotated

from pydantic import Field

COUNT_LIMIT = 2**53  # exact in any JSON; below the largest integer of a database
Count = Annotated[int, Field(ge=0, le=COUNT_LIMIT)]
Amount = Annotated[float, Field(ge=0, le=1e9)]  # in seconds, up to 30 years; neither infinite nor NaN
