"""A worker's client for lanes: it claims a lane, renews the lease and reports outcomes by the catalog's REST API."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Parcel:
    """A statement to send; store.lanes.Parcel explains the fields."""

    number: int
    id: str
    body: str
    suspect: bool
    again: bool
    tries: int
    upsets: int
    alone: bool = False


@dataclass(frozen=True)
class Claim:
    """A lease of `lease_s` seconds; without statements it has ended already. `witnesses` are newer statements; the worker
    reports nothing about them (store.lanes.newest). `failures`: runs that failed since the last success."""

    fence: int
    lease_s: float
    statements: tuple[Parcel, ...]
    witnesses: tuple[Parcel, ...]
    failures: int = 0
    halvings: int = 0  # store.lanes.sizes
    batch_bytes: int | None = None


@dataclass(frozen=True)
class Settlement:
    """What became of the statements; store.lanes.Settlement explains the fields."""

    fence: int
    through: int = 0
    stored: int = 0
    gone: list[int] = field(default_factory=list)
    leftovers: list[dict[str, Any]] = field(default_factory=list)
    state: str = "open"
    reason: str = ""
    wait_s: float | None = None
    server_error: bool = False
    busy_s: float | None = None
    in_doubt: bool = False
    batch_bytes: int | None = None


class LanesClient:
    """The calls for lanes. `post(path, body)` is that of CatalogClient. Errors of each call: NotFound; ServiceUnavailable: try
    again later."""

    def __init__(self, post: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._post = post

    def claim(self, lane: str, holder: str, limit: int) -> Claim:
        """Lease a lane. `limit`: the most statements at a time. Errors: Refused: another worker has it, or it has to wait."""
        answer = self._post(f"/xapi/lanes/{lane}/claim", {"holder": holder, "limit": limit})
        statements, witnesses = _parcels(answer["statements"]), _parcels(answer["witnesses"])
        sizes = answer.get("halvings", 0), answer.get("batch_bytes")
        return Claim(answer["fence"], answer["lease_s"], statements, witnesses, answer.get("failures", 0), *sizes)

    def renew(self, lane: str, fence: int) -> None:
        """Prolong the lease. Errors: Superseded: another worker has the lane."""
        self._post(f"/xapi/lanes/{lane}/renew", {"fence": fence})

    def settle(self, lane: str, settlement: Settlement, limit: int, in_hand: Sequence[int]) -> tuple[Parcel, ...]:
        """Report outcomes, and get the next statements: at most `limit`, without those `in_hand`, which will be reported
        later. The lease ends if there are none and none is in hand, or if the limit is 0. Errors: Superseded."""
        body = {**asdict(settlement), "limit": limit, "in_hand": in_hand}
        return _parcels(self._post(f"/xapi/lanes/{lane}/outcomes", body)["statements"])


def _parcels(documents: list[dict[str, Any]]) -> tuple[Parcel, ...]:
    names = Parcel.__dataclass_fields__
    return tuple(Parcel(**{name: document[name] for name in names}) for document in documents)
