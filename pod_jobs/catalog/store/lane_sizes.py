"""How large the batches of a lane may be, by what became of the earlier ones."""

from datetime import datetime

from pod_jobs.catalog.trace_models import Lane
from pod_jobs.errors import NotFound

LOSSES_BEFORE_HALVING = 2  # batches without an answer of the LRS itself, after which smaller ones are tried
MOST_HALVINGS = 10


def sizes(name: str, now: datetime) -> tuple[int, int | None]:
    """How often the size of a batch is to be halved, because nothing got through in so many tries; and the most bytes in one, if
    larger ones were lost lately. Errors: NotFound."""
    lane = Lane.get_or_none(Lane.name == name)
    if lane is None:
        raise NotFound(f"lane {name}")
    lost = lane.failures - lane.upsets if lane.state == "hold" else 0
    recent = lane.batch_until is not None and lane.batch_until > now
    return min(max(0, lost - LOSSES_BEFORE_HALVING), MOST_HALVINGS), lane.batch_bytes if recent else None
