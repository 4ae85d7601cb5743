"""The tables of what the team's pages remember of people."""

from peewee import AutoField, CharField, ForeignKeyField, IntegerField

from pod_jobs.catalog.models import InstantField, JsonField, Table, User


class SavedFilter(Table):
    """A filter of the team's list of tasks that a person saved under a name."""

    id = AutoField()
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", backref="filters")
    name = CharField(60)
    name_hash = CharField(64)  # of the name as it is compared, because databases compare accents and emoji differently
    fields = JsonField()  # those of the list's address: {"state": "error", "text": "optics"}

    class Meta:
        indexes = ((("user", "name_hash"), True),)


class ManyOrder(Table):
    """An order for many tasks that somebody may still take back."""

    id = AutoField()
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", backref="many_orders")
    action = CharField(20)  # one of store/many_orders.ACTIONS
    tasks = IntegerField(default=0)  # how many it changed
    at = InstantField(index=True)
    undone_by = CharField(100, null=True)  # who takes it back, or has; null = nobody


class OrderSlice(Table):
    """What one transaction of such an order changed. Whoever takes it back deletes the row in the same transaction."""

    id = AutoField()
    order_id: int
    order = ForeignKeyField(ManyOrder, on_delete="CASCADE", backref="slices")
    changed = JsonField()  # [[id of a task, its generation since, what it was before], …]


class TeamVisit(Table):
    """When a person last opened the overview of the team."""

    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", primary_key=True)
    seen_at = InstantField()
    before_at = InstantField(null=True)  # when the visit before the present one ended; null = there was none


TABLES: tuple[type[Table], ...] = (SavedFilter, ManyOrder, OrderSlice, TeamVisit)
