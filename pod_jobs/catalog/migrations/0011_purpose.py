"""What becomes of a task's result stands in its row; until now it was read off kind and template."""

from peewee import CharField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("task", "purpose", CharField(10, default="")))
    db.execute_sql("UPDATE task SET purpose = 'play' WHERE kind = 'encode' AND template = 'web'")
    db.execute_sql("UPDATE task SET purpose = 'offer' WHERE kind = 'encode' AND template <> 'web'")
