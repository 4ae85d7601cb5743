"""The error code worker-died-twice becomes worker-died: how many deaths or losses stop a task is a setting."""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    for table in ("task", "attempt"):
        db.execute_sql(f"UPDATE {table} SET error_code = 'worker-died' WHERE error_code = 'worker-died-twice'")  # noqa: S608  # two fixed names
