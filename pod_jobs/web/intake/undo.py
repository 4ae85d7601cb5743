"""Takes back an order for many tasks, for a minute: slice by slice, the last one first. Tasks that have moved on since stay.

Each slice is one transaction, which also deletes the note of what there is to take back. So if the process dies, only whole
slices are taken back, and asking again does the rest.
"""

from collections.abc import Callable, Sequence

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import many_orders as store
from pod_jobs.catalog.store import undone_tasks, users
from pod_jobs.catalog.store.many_orders import Row
from pod_jobs.catalog.store.many_tasks import Changed, Refusal
from pod_jobs.catalog.team_models import ManyOrder
from pod_jobs.errors import NotFound
from pod_jobs.web.intake import many_orders, orders, quotas
from pod_jobs.web.intake.many_orders import Outcome
from pod_jobs.web.services import now, services

# An action -> how a slice of it is taken back: what was changed, why a task must stay, and whether one more may wait
WAYS: dict[str, Callable[[Sequence[Row], Refusal, Refusal], Changed]] = {
    "requeue": lambda rows, forbid, _: undone_tasks.end_as_before(rows, now(), forbid),
    "stop": lambda rows, forbid, limit: undone_tasks.run_after_all(rows, now(), forbid, limit),
    "prioritise": lambda rows, forbid, _: undone_tasks.prioritise_as_before(rows, forbid),
    "delete": lambda rows, forbid, _: undone_tasks.show_again(rows, forbid),
}


def recent(user: User) -> list[ManyOrder]:
    """The orders that this person can still take back, the latest first."""
    return [order for order in store.recent(now()) if _may_undo(user, order)]


def undo(user: User, order_id: int) -> Outcome:
    """Errors: NotFound, also for an order that this person may not take back; Refused when it is too late, or when the order
    was taken back already."""
    order = store.get(order_id)
    if not _may_undo(user, order):
        raise NotFound(f"order {order_id}")
    outcome = Outcome()
    for slice_id in store.begin_to_undo(order_id, user.name, now()):
        changed = _slice(user, order.action, slice_id)
        outcome.done += [task.id for task in changed.tasks]
        outcome.refused |= changed.refused
    outcome.done.sort()
    return outcome


def _slice(user: User, action: str, slice_id: int) -> Changed:
    with transaction():
        users.lock(user)
        rows, room = store.take(slice_id), quotas.Room(services().settings, user)
        changed = WAYS[action](rows, many_orders.forbid(user), room.refuse) if rows else Changed()
        many_orders.note(user, f"undo-{action}", changed.tasks)
    if action == "requeue":
        orders.take_back(*changed.tasks)
    elif changed.tasks:
        orders.dispatch(*changed.tasks)
    return changed


def _may_undo(user: User, order: ManyOrder) -> bool:
    return order.user_id == user.id or may(user.role, "change-all-videos")
