"""Connections to a database that a process keeps for its next requests: to open one takes longer than most requests do. A SQLite
file, too: it costs as much as a poll to open it and to set the pragmas; and when its last connection is closed, SQLite writes
the write-ahead log into it and syncs both, which takes 3 ms.
"""

import os
import select
import sqlite3
import time
from typing import Any
from weakref import WeakSet

from peewee import Database, MySQLDatabase, PostgresqlDatabase, SqliteDatabase
from psycopg.pq import TransactionStatus
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS

MOST = 8  # that are kept by a process, however many it needed at the same time
LONGEST_S = 60.0  # one that was not used for so long is not used again: a firewall may have forgotten it


class Keeping(Database):
    """To be inherited before one of peewee's classes. Whatever `close` closes is kept from `keep_open` to `let_go`, and the next
    thread that connects gets it, if it is still as good as a new one."""

    _kept: list[tuple[float, Any]] | None = None  # when each was closed, and the connection

    def keep_open(self) -> None:
        """Not to be called before a fork: two processes would use one connection."""
        self._kept = self._kept or []

    def let_go(self) -> None:
        """Close those that are kept, and keep no more."""
        kept, self._kept = self._kept or [], None
        for _, connection in kept:
            super()._close(connection)  # type: ignore[misc]

    def _connect(self) -> Any:
        while self._kept:
            closed_at, connection = self._kept.pop()
            if time.monotonic() - closed_at < LONGEST_S and self._is_as_new(connection):
                return connection
            super()._close(connection)  # type: ignore[misc]
        return self._open()

    def _open(self) -> Any:
        return super()._connect()  # type: ignore[misc]  # peewee's stubs lack both

    def _close(self, connection: Any) -> None:
        if self._kept is not None and len(self._kept) < MOST and self._is_as_new(connection):
            self._kept.append((time.monotonic(), connection))
        else:
            super()._close(connection)  # type: ignore[misc]

    def _is_as_new(self, connection: Any) -> bool:
        """Is it open, in no transaction, and has the server said nothing unasked, such as goodbye?"""
        raise NotImplementedError


class SqliteConnection(sqlite3.Connection):
    """A connection that knows which file it has open, and its queries."""

    file: os.stat_result

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self, *given: Any) -> Any:
        cursor = super().cursor(*given)
        self._cursors.add(cursor)
        return cursor

    def end_queries(self) -> None:
        """A query that is not read to its end holds the state of the file that it began to read, for all queries after it."""
        for cursor in list(self._cursors):
            cursor.close()


class KeepingSqlite(Keeping, SqliteDatabase):
    def __init__(self, path: str, **options: Any) -> None:
        # whoever closes it may be another thread than the one that opened it; no two use it at the same time
        super().__init__(path, check_same_thread=False, factory=SqliteConnection, **options)

    def _open(self) -> Any:
        connection = super()._open()
        connection.file = os.stat(self.database)
        return connection

    def _close(self, connection: Any) -> None:
        connection.end_queries()
        super()._close(connection)

    def _is_as_new(self, connection: Any) -> bool:
        """Also: is the file still at its path? Else what is written would be lost with the file that was there."""
        try:
            return not connection.in_transaction and os.path.samestat(os.stat(self.database), connection.file)
        except OSError:
            return False


class KeepingPostgresql(Keeping, PostgresqlDatabase):
    def _is_as_new(self, connection: Any) -> bool:
        is_idle = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        return is_idle and _is_quiet(connection.fileno())


class KeepingMariaDb(Keeping, MySQLDatabase):
    def _is_as_new(self, connection: Any) -> bool:
        is_idle = connection.open and not connection.server_status & SERVER_STATUS_IN_TRANS
        return is_idle and _is_quiet(connection._sock.fileno())


def _is_quiet(socket: int) -> bool:
    waiting = select.poll()
    waiting.register(socket, select.POLLIN)
    return not waiting.poll(0)
