"""What the models say of their tables is what the migrations make."""

from typing import Any

import pytest
from peewee import Database

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog import revisions, trace_models


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    database = catalog_database.connect(f"sqlite:///{tmp_path_factory.mktemp('catalog') / 'catalog.sqlite3'}")
    catalog_database.migrate(database)
    with database.connection_context():
        yield database


TABLES = (*revisions.TABLES, *trace_models.TABLES, revisions.Revision)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_columns_and_indexes(migrated: Database, table: Any) -> None:
    name, fields = table._meta.table_name, table._meta.sorted_fields
    columns = {column.name: column.null for column in migrated.get_columns(name)}
    assert columns == {field.column_name: field.null for field in fields}
    key = tuple(field.column_name for field in table._meta.get_primary_keys())
    assert set(key) == set(migrated.get_primary_keys(name))
    made = {(tuple(index.columns), index.unique) for index in migrated.get_indexes(name)} - {(key, True)}
    own = {((field.column_name,), field.unique) for field in fields if field.index or field.unique} - {(key, True)}
    joint = {
        (tuple(table._meta.combined[one].column_name for one in names), unique) for names, unique in table._meta.indexes
    }
    begin_others = {((columns[0],), False) for columns in (key, *(columns for columns, _ in joint))}
    assert made - begin_others == (own | joint) - begin_others
