"""Connections to a database server that a process keeps for its next requests: to open one takes longer than most requests do."""

import select
import time
from typing import Any

from peewee import Database, MySQLDatabase, PostgresqlDatabase
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
        return super()._connect()  # type: ignore[misc]  # peewee's stubs lack both

    def _close(self, connection: Any) -> None:
        if self._kept is not None and len(self._kept) < MOST and self._is_as_new(connection):
            self._kept.append((time.monotonic(), connection))
        else:
            super()._close(connection)  # type: ignore[misc]

    def _is_as_new(self, connection: Any) -> bool:
        """Is it open, in no transaction, and has the server said nothing unasked, such as goodbye?"""
        raise NotImplementedError


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
