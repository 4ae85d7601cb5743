"""A worker's client for lanes: claim one, renew the lease, report outcomes, by the catalog's REST API."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Parcel:
    """A statement to send: see store.lanes.Parcel."""

    number: int
    id: str
    body: str
    suspect: bool
    again: bool
    tries: int
    upsets: int


@dataclass(frozen=True)
class Claim:
    """A lease of `lease_s` seconds; without statements it has ended already. `witnesses` are newer statements, of which
    nothing is reported: see store.lanes.newest."""

    fence: int
    lease_s: float
    statements: tuple[Parcel, ...]
    witnesses: tuple[Parcel, ...]


@dataclass(frozen=True)
class Settlement:
    """What became of the statements: see store.lanes.Settlement."""

    fence: int
    through: int = 0
    stored: int = 0
    gone: list[int] = field(default_factory=list)
    leftovers: list[dict[str, Any]] = field(default_factory=list)
    state: str = "open"
    reason: str = ""
    wait_s: float | None = None
    server_error: bool = False


class LanesClient:
    """`post(path, body)` is that of CatalogClient. Errors of each call: NotFound; ServiceUnavailable: try again later."""

    def __init__(self, post: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._post = post

    def claim(self, lane: str, holder: str, limit: int) -> Claim:
        """Errors: Refused: another worker has it, or it has to wait."""
        answer = self._post(f"/xapi/lanes/{lane}/claim", {"holder": holder, "limit": limit})
        return Claim(answer["fence"], answer["lease_s"], _parcels(answer["statements"]), _parcels(answer["witnesses"]))

    def renew(self, lane: str, fence: int) -> None:
        """Errors: Superseded: another worker has it."""
        self._post(f"/xapi/lanes/{lane}/renew", {"fence": fence})

    def settle(self, lane: str, settlement: Settlement, limit: int, in_hand: Sequence[int]) -> tuple[Parcel, ...]:
        """The next statements, at most `limit`, without those `in_hand`, which are still to be reported. With none at all,
        or with the limit 0, the lane is let go. Errors: Superseded."""
        said = {**asdict(settlement), "limit": limit, "in_hand": in_hand}
        return _parcels(self._post(f"/xapi/lanes/{lane}/outcomes", said)["statements"])


def _parcels(listed: list[dict[str, Any]]) -> tuple[Parcel, ...]:
    names = Parcel.__dataclass_fields__
    return tuple(Parcel(**{name: one[name] for name in names}) for one in listed)
