"""How many tasks waited is kept for each queue; so far, of encodings alone. A frozen copy, as in 0002_statements.py."""

from peewee import CharField, Database, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class DayFigure(Model):
        measure = CharField(20)
        part = CharField(100, default="")

        class Meta:
            database = db
            legacy_table_names = False

    DayFigure.update(part="encoding").where(DayFigure.measure == "waiting", DayFigure.part == "").execute()
