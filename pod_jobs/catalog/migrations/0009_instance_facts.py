"""Which media folder belongs to this catalog. A frozen copy, as in 0002_statements.py."""

from peewee import CharField, Database, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class InstanceFact(Model):
        name = CharField(40, primary_key=True)
        value = CharField(200)

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([InstanceFact])
