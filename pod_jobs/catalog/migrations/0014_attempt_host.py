"""An index for the team's list of tasks: which tasks ran on a machine."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_index("attempt", ("host", "task_id")))
