"""A store for Ralph in the tests: one SQLite file with an index on the id. Runs inside Ralph, not inside our tests.

Ralph's own file store can be written once only (5.1.0 opens the file to create it), and its others need a database server.
Everything else of Ralph stays as it is: addresses, log-in, validation, comparison of resends, answers.
"""

import json
import os
import sqlite3

from ralph.backends.data.base import DataBackendStatus
from ralph.backends.lrs.base import BaseLRSBackend, BaseLRSBackendSettings, StatementQueryResult


class SqliteStore(BaseLRSBackend[BaseLRSBackendSettings]):
    name = "sqlite-store"
    settings_class = BaseLRSBackendSettings

    def __init__(self, settings=None):
        super().__init__(settings)
        path = os.environ["RALPH_TEST_STORE"]
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self.connection.execute("PRAGMA journal_mode = wal")
        self.connection.execute("PRAGMA synchronous = normal")
        # no unique key, as in Ralph's own stores: what is sent twice at the same time is there twice, and can be counted
        self.connection.execute("CREATE TABLE IF NOT EXISTS statement (id TEXT, body TEXT)")
        self.connection.execute("CREATE INDEX IF NOT EXISTS by_id ON statement (id)")

    def status(self):
        return DataBackendStatus.OK

    def write(self, data, target=None, chunk_size=None, ignore_errors=False, operation_type=None):
        rows = [(statement["id"], json.dumps(statement)) for statement in data]
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany("INSERT INTO statement VALUES (?, ?)", rows)
        return len(rows)

    def query_statements_by_ids(self, ids, target=None):
        ids = list(ids)
        marks = ",".join("?" * len(ids))
        found = self.connection.execute(f"SELECT body FROM statement WHERE id IN ({marks})", ids)  # noqa: S608
        return [json.loads(body) for (body,) in found]

    def query_statements(self, params, target=None):
        return StatementQueryResult(statements=self.query_statements_by_ids([params.statement_id]))

    def read(self, *args, **kwargs):
        raise NotImplementedError  # not asked for by the statements resource

    _read_bytes = _read_dicts = read

    def close(self):
        self.connection.close()
