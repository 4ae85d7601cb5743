"""The newest orders of a site are read without sorting all of them."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_index("site_order", ("site", "task_id")))
