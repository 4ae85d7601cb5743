"""The queues of a worker's token, and the token that each attempt was given to."""

from peewee import CharField, Database, IntegerField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("api_token", "queues", CharField(200, default="")),
        migrator.add_column("attempt", "token_id", IntegerField(null=True)),
    )
