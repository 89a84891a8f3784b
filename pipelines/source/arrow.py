"""Bulk reads from PostgreSQL as Arrow (COPY in binary underneath)."""

from __future__ import annotations

from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa

from pipelines.errors import SourceError


class ArrowReader:
    """One session for reading, opened at once."""

    def __init__(self, url: str) -> None:
        try:
            self._connection: Any = adbc_driver_postgresql.dbapi.connect(url, autocommit=True)
            with self._connection.cursor() as cursor:
                # Pages are read in the order of an index; a sort would read the window each time.
                cursor.execute("SET enable_sort = off")
        except adbc_driver_manager.Error as error:
            raise _source_error(error) from error

    def close(self) -> None:
        self._connection.close()

    def table(self, sql: str) -> pa.Table:
        """The whole result of one query; the caller bounds it."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetch_arrow_table()
        except adbc_driver_manager.Error as error:
            raise _source_error(error) from error


def _source_error(error: Exception) -> SourceError:
    return SourceError(f"PostgreSQL: {(str(error).splitlines() or [type(error).__name__])[0]}")
