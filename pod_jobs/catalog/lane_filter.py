"""Which statements a lane sends to its record store."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LaneFilter:
    """`verbs`: IRIs; empty = statements of any verb. `profile_only`: only statements made by a template of the Video Profile.
    `template_verbs`: if not empty, only those made by the profile's templates for these verbs (IRIs)."""

    verbs: tuple[str, ...] = ()
    profile_only: bool = False
    template_verbs: tuple[str, ...] = ()


EVERYTHING = LaneFilter()
