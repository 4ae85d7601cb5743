"""The activity log is filtered by who did something, and by what was done."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_index("audit", ("who",), False),
        migrator.add_index("audit", ("action",), False),
    )
