"""Whether a newer task made a failure good is found in an index, also where one video has thousands of tasks."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_index("task", ("video_id", "state", "id")))
