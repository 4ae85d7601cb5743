"""The table of what other sites ordered. Its queries are in catalog/store/site_orders.py and site_callbacks.py."""

from typing import Any

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, Model, TextField, fn

from pod_jobs.catalog.models import InstantField, JsonField, Table, Task

CALLBACKS = ("none", "waiting", "delivered", "given-up")


class SiteOrder(Table):
    """A task that a site ordered: how the site calls it, and whether the site has been told how it ended.

    `notify_url` and `token` are sealed (system/sealing.py): the address may hold a secret, and the token is the site's.
    """

    task_id: int
    task = ForeignKeyField(Task, primary_key=True, on_delete="CASCADE", backref="site_orders")
    public_id = CharField(36, unique=True)  # random UUID, the task_id of the Runner Manager API
    site = CharField(20)  # of [[site]]
    fingerprint = CharField(64)  # of the six fields that make two orders the same
    asked = JsonField()  # etab_name, app_name, app_version, task_type, source_url, affiliation, parameters
    notify_url = TextField()  # sealed; "" = no callback is wanted
    token = TextField()  # sealed: what the site proved itself with, which the callback carries
    plain_manifest = BooleanField()  # the manifest of the result is a list of names (Pod V5)
    created_at = InstantField()
    answered_at = InstantField(null=True)  # when the answer with the id had left
    ends = IntegerField(default=0)  # how often the task has ended; an attempt to tell belongs to one of them
    callback = CharField(10, default="none")  # one of CALLBACKS: what is owed for the latest end
    due_at = InstantField(null=True, index=True)  # of a waiting callback: when to try
    claimed_until = InstantField(null=True)  # while a try is under way, of whatever end: until when no other one begins
    claimed_by = CharField(60, default="")  # the process that tries, by its name (system/process_identity.py)
    tries = IntegerField(default=0)
    is_unclear = BooleanField(default=False)  # the last try got no answer in time: the site may know already
    reason = TextField(default="")  # why the last try failed
    tried_at = InstantField(null=True)
    delivered_at = InstantField(null=True)
    fetched_at = InstantField(null=True)  # when the site last asked for the result

    class Meta:
        indexes = (
            (("site", "fingerprint"), False),
            (("callback", "due_at"), False),
            (("site", "task"), False),  # the newest of a site without sorting all of them
        )

    @classmethod
    def of_task(cls, site: str = "", callback: str = "") -> Any:
        """The condition of a query for tasks: a site ordered it. `site`: which one, `callback`: what is owed; "" = any."""
        query = cls.select(cls.task).where(cls.task == Task.id)
        for column, value in ((cls.site, site), (cls.callback, callback)):
            if value:
                query = query.where(column == value)
        return fn.EXISTS(query)


TABLES: tuple[type[Model], ...] = (SiteOrder,)
