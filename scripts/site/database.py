"""The published database as Datasette sees it: read only, and a stranger's SQL in a sandbox."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path

from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted, Results
from datasette.views.base import DatasetteError

from ..sandbox import Answer, Interrupted, Row, Sandbox
from .turns import Turn

QUICK = 0.3  # seconds that a query may take at first; one that takes longer begins again in the slow ones' queue
SMALL = 2_000  # cells of an answer that is made at once
# The turn of a request with SQL of the reader's own.
OWN_SQL: ContextVar[Turn | None] = ContextVar("own_sql", default=None)


class Published(Database):
    """An immutable database; what is executed for a request with SQL of the reader's own goes to a sandbox.

    So a slow query takes neither the threads that ordinary pages need nor the interpreter's lock. There are
    two sandboxes, each with its queue, so that quick queries do not wait behind slow ones.
    """

    def __init__(self, datasette: Datasette, path: Path):
        super().__init__(datasette, str(path), is_mutable=False)
        self._quick, self._slow = (Queued(path) for _ in range(2))

    async def execute(
        self, sql, params=None, truncate=False, custom_time_limit=None, page_size=None, log_sql_errors=True
    ) -> Results:
        if (turn := OWN_SQL.get()) is None:
            return await super().execute(sql, params, truncate, custom_time_limit, page_size, log_sql_errors)
        seconds = min(filter(None, (custom_time_limit, self.ds.sql_time_limit_ms))) / 1000
        most = self.ds.max_returned_rows
        most += most == (page_size or self.ds.page_size)  # Datasette asks for one more to know whether there is one
        values = dict(params) if isinstance(params, dict) else params or ()
        try:
            try:
                answer = await self._quick.ask(sql, values, min(QUICK, seconds), most)
            except Interrupted:
                if seconds <= QUICK:
                    raise
                answer = await self._slow.ask(sql, values, seconds, most)
        except Interrupted as error:
            raise QueryInterrupted(error, sql, params) from None
        except sqlite3.OperationalError as error:
            if turn.status:  # Datasette answers with an empty CSV file, and status 200
                raise DatasetteError(str(error), title="Invalid SQL", status=400) from None
            raise
        if len(answer.rows) * len(answer.columns) > SMALL:
            await turn.take()
        rows = [Row(row) for row in answer.rows]
        for row in rows:
            row.columns = answer.columns
        return Results(rows, answer.truncated, [(column, *[None] * 6) for column in answer.columns])

    async def attached_databases(self) -> list:
        """None: nothing can be attached, and to ask would tell where the file is."""
        return []

    def close(self) -> None:
        self._quick.close()
        self._slow.close()
        super().close()


class Queued:
    """A sandbox and the queue of those who ask it."""

    def __init__(self, path: Path):
        self._sandbox, self._thread = Sandbox(path), ThreadPoolExecutor(1, "sandbox")

    async def ask(self, *query) -> Answer:
        """As `Sandbox.ask`, when it is this query's turn."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._sandbox.ask, *query)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._sandbox.close()
