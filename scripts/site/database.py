"""The published database as Datasette sees it: read only, and a stranger's SQL in a sandbox."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from threading import local

from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted, Results

from ..sandbox import Interrupted, Row, Sandbox

SANDBOXES = 2  # processes for readers' own SQL, each on a core of its own if there is one
OWN_SQL: ContextVar[bool] = ContextVar("own_sql", default=False)  # whether the request has SQL of the reader's own


class Published(Database):
    """An immutable database; what is executed for a request with SQL of the reader's own goes to a sandbox.

    So a slow query takes neither the threads that ordinary pages need nor the interpreter's lock.
    """

    def __init__(self, datasette: Datasette, path: Path):
        super().__init__(datasette, str(path), is_mutable=False)
        self._threads = ThreadPoolExecutor(SANDBOXES, "sandbox")
        self._own, self._sandboxes = local(), [Sandbox(path) for _ in range(SANDBOXES)]
        self._free = list(self._sandboxes)

    async def execute(
        self, sql, params=None, truncate=False, custom_time_limit=None, page_size=None, log_sql_errors=True
    ) -> Results:
        if not OWN_SQL.get():
            return await super().execute(sql, params, truncate, custom_time_limit, page_size, log_sql_errors)
        limit = min(filter(None, (custom_time_limit, self.ds.sql_time_limit_ms)))
        most = self.ds.max_returned_rows
        most += most == (page_size or self.ds.page_size)  # Datasette asks for one more to know whether there is one
        values = dict(params) if isinstance(params, dict) else params or ()

        def asked() -> Results:
            if not hasattr(self._own, "sandbox"):
                self._own.sandbox = self._free.pop()
            return self._own.sandbox.ask(sql, values, limit / 1000, most)

        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, asked)
        except Interrupted as error:
            raise QueryInterrupted(error, sql, params) from None
        rows = [Row(row) for row in answer.rows]
        for row in rows:
            row.columns = answer.columns
        return Results(rows, answer.truncated, [(column, *[None] * 6) for column in answer.columns])

    async def attached_databases(self) -> list:
        """None: nothing can be attached, and to ask would tell where the file is."""
        return []

    def close(self) -> None:
        for sandbox in self._sandboxes:
            sandbox.close()
        super().close()
