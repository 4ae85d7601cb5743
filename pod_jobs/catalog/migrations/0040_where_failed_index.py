"""Where the attempts of a group of errors failed is read from an index alone."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_index("attempt", ("error_group", "ended_at", "host", "version", "ffmpeg")),
        migrator.drop_index("attempt", "attempt_error_group_ended_at"),
    )
