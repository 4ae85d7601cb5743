"""Opening the catalog's database."""

from pathlib import Path

from pod_jobs.catalog import database


def test_a_connection_held_open_keeps_sqlites_log(tmp_path: Path) -> None:
    catalog = database.connect(f"sqlite:///{tmp_path}/catalog.sqlite3")
    database.migrate(catalog)
    log = tmp_path / "catalog.sqlite3-wal"
    assert not log.exists(), "the last connection has folded it in"
    with catalog.connection_context():
        let_go = database.hold_open(catalog)
    assert log.exists()
    with catalog.connection_context():
        assert database.pending(catalog) == []
    let_go()
    assert not log.exists()
