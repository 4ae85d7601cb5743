"""Figures of each day, so that pages of a year need not read ten million tasks. A frozen copy, as in 0002_statements.py."""

from peewee import AutoField, CharField, Database, DoubleField, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class DayFigure(Model):
        id = AutoField()
        day = CharField(10)
        measure = CharField(20)
        part = CharField(100, default="")
        number = DoubleField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("day", "measure", "part"), True),)

    db.create_tables([DayFigure])
