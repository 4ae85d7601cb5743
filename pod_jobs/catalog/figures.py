"""Types for numbers that workers report, within the limits of every database, and of what can be reckoned with."""

import sys
from typing import Annotated, Any

from pydantic import Field

COUNT_LIMIT = 2**53  # exact in any JSON; below the largest integer of a database
Count = Annotated[int, Field(ge=0, le=COUNT_LIMIT)]
AMOUNT_LIMIT = 1e9  # 30 years in seconds: of a much later instant there is no date
Amount = Annotated[float, Field(ge=0, le=AMOUNT_LIMIT)]  # neither infinite nor NaN


def is_figure(value: Any, most: float = sys.float_info.max) -> bool:
    """Is this a number from 0 to `most`? JSON also has integers that no float can hold."""
    return type(value) in (int, float) and 0 <= value <= most
