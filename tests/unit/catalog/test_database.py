"""A database file that is only looked at."""

from pathlib import Path

import pytest
from peewee import InterfaceError, OperationalError

from pod_jobs.catalog import database as catalog_database


def test_a_file_that_is_only_read_is_not_written_and_opened_on_purpose(tmp_path: Path) -> None:
    path = tmp_path / "é ?#.sqlite3"
    made = catalog_database.connect(f"sqlite:///{path}")
    with made.connection_context():
        made.execute_sql("create table a (b)")
    database = catalog_database.build_read_only(path)
    with pytest.raises(InterfaceError):
        database.execute_sql("select * from a")
    with database.connection_context():
        assert database.execute_sql("select count(*) from a").fetchone() == (0,)
        with pytest.raises(OperationalError, match="readonly"):
            database.execute_sql("insert into a values (1)")
