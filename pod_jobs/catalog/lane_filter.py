"""Which statements a lane sends to its record store."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LaneFilter:
    """`verbs`: IRIs; empty = statements of any verb. `profile_only`: only statements made by a template of the Video Profile."""

    verbs: tuple[str, ...] = ()
    profile_only: bool = False


EVERYTHING = LaneFilter()
