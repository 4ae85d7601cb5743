"""Orders for many tasks, as long as they can be taken back: who gave them, and what each task was before."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import User
from pod_jobs.catalog.team_models import ManyOrder, OrderSlice
from pod_jobs.errors import NotFound, Refused

ACTIONS = ("requeue", "stop", "prioritise", "delete")
UNDO = timedelta(seconds=60)  # how long an order can be taken back
GOES_ON = timedelta(minutes=30)  # how long what was begun to be taken back can be finished, if the process died

Row = list[Any]  # [id of a task, its generation since, what it was before]


def keep(order_id: int | None, user: User, action: str, changed: Iterable[Row], now: datetime) -> int:
    """Note what a slice of an order changed; without an id, of a new one. Returns its id. Call in the transaction of the change.
    Errors: NotFound for an order of somebody else, of another kind, or that is taken back by now."""
    rows = list(changed)
    if order_id is None:
        order_id = int(ManyOrder.create(user=user, action=action, at=now).id)
    same = (ManyOrder.id == order_id, ManyOrder.user == user, ManyOrder.action == action)
    counted = ManyOrder.update(tasks=ManyOrder.tasks + len(rows), at=now)
    if not counted.where(*same, ManyOrder.undone_by.is_null(), ManyOrder.at > now - UNDO).execute():
        raise NotFound(f"order {order_id} that can be continued")
    OrderSlice.create(order=order_id, changed=rows)
    return order_id


def recent(now: datetime) -> list[ManyOrder]:
    """The orders that can still be taken back, with who gave them, the latest first."""
    query = ManyOrder.select(ManyOrder, User).join(User)
    return list(query.where(ManyOrder.at > now - UNDO, ManyOrder.undone_by.is_null()).order_by(ManyOrder.id.desc()))


def get(order_id: int) -> ManyOrder:
    """Errors: NotFound."""
    order: ManyOrder | None = ManyOrder.get_or_none(ManyOrder.id == order_id)
    if order is None:
        raise NotFound(f"order {order_id}")
    return order


def begin_to_undo(order_id: int, who: str, now: datetime) -> list[int]:
    """The slices that are to be taken back, the last first. If taking an order back was broken off, these are the rest of them.
    Errors: NotFound; Refused when that was done already (undo-done), or its time is over (undo-late)."""
    with transaction():
        order = get(order_id)
        if order.undone_by is None and now - order.at > UNDO or now - order.at > GOES_ON:
            raise Refused(f"order {order_id} is of {order.at}", code="undo-late")
        ManyOrder.update(undone_by=who[:100]).where(ManyOrder.id == order_id, ManyOrder.undone_by.is_null()).execute()
        slices = [row.id for row in OrderSlice.select(OrderSlice.id).where(OrderSlice.order == order_id)]
        if not slices:
            raise Refused(f"order {order_id} was taken back by {order.undone_by}", code="undo-done")
    return sorted(slices, reverse=True)


def take(slice_id: int) -> list[Row]:
    """What the slice changed, which is taken back now and never again. Call inside the transaction that does it."""
    order_slice = OrderSlice.get_or_none(OrderSlice.id == slice_id)
    if order_slice is None or not OrderSlice.delete().where(OrderSlice.id == slice_id).execute():
        return []  # somebody else does it
    rows: list[Row] = order_slice.changed
    return rows


def forget_old(now: datetime) -> int:
    """Delete what nobody can take back any more. Returns how many orders."""
    return int(ManyOrder.delete().where(ManyOrder.at < now - GOES_ON).execute())
