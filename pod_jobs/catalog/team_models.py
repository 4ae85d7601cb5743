"""The tables of what the team's pages remember of people."""

from peewee import AutoField, CharField, ForeignKeyField

from pod_jobs.catalog.models import JsonField, Table, User


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


TABLES: tuple[type[Table], ...] = (SavedFilter,)
