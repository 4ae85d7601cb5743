"""Encodes have a template now; those made so far are the web's."""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.execute_sql("UPDATE task SET template = 'web' WHERE kind = 'encode' AND template = ''")
