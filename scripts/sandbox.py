"""SQL of a stranger's own, run in processes that can be ended and have little memory.

SQLite's own limits are not enough. Measured on SQLite 3.40, with a limit of 100 kB for a string and the
time limited by a progress handler: `printf('%.*c', 2000000000, 'x')` goes on for 13 s, since within one
function nobody asks the handler, and `json_group_array` over a query without end takes 690 MB in 2 s,
since its string is measured when it is whole. So each query runs in a process of its own kind, which the
kernel ends (SIGALRM) when it goes on for too long, and which cannot have more memory than `ADDRESSES`.

This module is also the program of such a process, so it imports little: it starts in a fifth of a second.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

if __name__ == "__main__":  # the package above need not be installed, but for its own folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.phrases import phrased

ANSWER = 4_000_000  # bytes of an answer's values, as Python holds them
HEAP = 64_000_000  # bytes that SQLite may take in such a process: sorting every row of the package takes 8
ADDRESSES = 256_000_000  # bytes of all its memory, with the program itself
_GRACE = 0.2  # seconds after a query's time is over until its process is ended
_LENGTH = 1_000_000  # bytes of a string, blob or row; the export refuses a cell of 32,768 characters
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _LENGTH,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,  # more than fits into an address
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,  # over a string of a million bytes it takes a second
}
_COLUMNS = 100  # of an answer, or as many as the widest table has
_ACTIONS = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE)
_FUNCTIONS = frozenset(["load_extension", "fts3_tokenizer", "sqlite_log"])  # that do more than compute
# What is asked for itself or by Datasette and FTS5. `database_list` would tell where the file is.
_PRAGMAS = frozenset(
    ["data_version", "foreign_key_list", "index_info", "index_list", "index_xinfo", "table_info", "table_xinfo"]
)
_TOLD = frozenset(["page_count", "page_size", "schema_version"])  # without an argument, which would set them
# Tables that are always there: those that compute. Others tell of other readers' queries, or of the file.
_COMPUTED = frozenset(["json_each", "json_tree"])


class Interrupted(Exception):
    """The query took longer than it may."""


class Row(tuple):
    """A row whose values are found by place or, as in `sqlite3.Row`, by column."""

    columns: list[str]

    def __getitem__(self, key):
        return super().__getitem__(self.columns.index(key) if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        return self.columns


class Answer(NamedTuple):
    """The rows of a query and their columns; `truncated` where there were more."""

    columns: list[str]
    rows: list[tuple]
    truncated: bool


def guard(connection: sqlite3.Connection) -> None:
    """Let the connection only read what the database holds, and compute within limits.

    Everything else is refused when a statement is prepared, whatever asks for it: a write, ATTACH, a pragma
    that sets or tells of the machine, a function that loads, a table that shows the statements of others.
    """
    modules = {name for (name,) in connection.execute("SELECT name FROM pragma_module_list")}
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    widest = """SELECT coalesce(max(columns), 0) FROM (SELECT count(*) AS columns
        FROM sqlite_master AS made, pragma_table_info(made.name) WHERE made.type IN ('table', 'view') GROUP BY made.name)"""
    columns = max(_COLUMNS, *connection.execute(widest).fetchone())
    for limit, value in {**_LIMITS, sqlite3.SQLITE_LIMIT_COLUMN: columns}.items():
        connection.setlimit(limit, value)
    closed = modules - names - _COMPUTED

    def allowed(action: int, first: str | None, second: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ:
            fine = first not in closed or first.startswith("pragma_")
        elif action == sqlite3.SQLITE_FUNCTION:
            fine = second not in _FUNCTIONS
        elif action == sqlite3.SQLITE_PRAGMA:
            fine = first in _PRAGMAS or (first in _TOLD and second is None)
        else:
            fine = action in _ACTIONS
        return sqlite3.SQLITE_OK if fine else sqlite3.SQLITE_DENY

    connection.set_authorizer(allowed)


class Sandbox:
    """A process that runs queries on the database file at `path`, started when it is needed and again when it ended."""

    def __init__(self, path: Path):
        self._path, self._process = path, None

    def ask(self, sql: str, values: Any, seconds: float, most: int) -> Answer:
        """The answer to a query, of at most `most` rows, within `seconds`.

        Raises `Interrupted` when it takes longer, and `sqlite3.OperationalError` when it is wrong, writes,
        or takes too much memory.
        """
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-P", __file__, str(self._path)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            pickle.dump((sql, values, seconds, most), self._process.stdin)
            self._process.stdin.flush()
            kind, told = pickle.load(self._process.stdout)
        except (OSError, EOFError):  # the kernel ended it
            self.close()
            kind, told = "interrupted", ""
        if kind == "answer":
            return Answer(*told)
        if kind == "interrupted":
            raise Interrupted
        raise sqlite3.OperationalError(told)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def main(path: str) -> None:
    """Answer the queries that come on the standard input, until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    os.nice(10)  # ordinary pages first
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, with whom the input ends
    connection = sqlite3.connect(f"file:{quote(path)}?immutable=1", uri=True)
    connection.text_factory = lambda text: str(text, "utf-8", "replace")
    connection.create_function("escape_fts", 1, phrased, deterministic=True)
    connection.execute(f"PRAGMA hard_heap_limit = {HEAP}")
    connection.execute("PRAGMA temp_store = MEMORY")  # a sort may not fill the disk
    guard(connection)
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            sql, values, seconds, most = pickle.load(asked)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE)
        pickle.dump(_answered(connection, sql, values, seconds, most), answers)
        answers.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answered(connection: sqlite3.Connection, sql: str, values: Any, seconds: float, most: int) -> tuple[str, Any]:
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 1_000)
    try:
        cursor = connection.execute(sql, values)
        rows, truncated = _within(cursor, most)
        return "answer", ([column for column, *_ in cursor.description or ()], rows, truncated)
    except MemoryError:
        return "error", f"it takes more than {HEAP // 1_000_000} MB of memory: ask for fewer or shorter values"
    except sqlite3.OperationalError as error:
        return ("interrupted", "") if str(error) == "interrupted" else ("error", str(error))
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:  # of its text, or of a value
        return "error", str(error)


def _within(rows: Iterable[tuple], most: int) -> tuple[list[tuple], bool]:
    """At most `most` of the rows, and whether there are more. Raises `sqlite3.OperationalError` if they are too large."""
    taken, size = [], 0
    for row in rows:
        if len(taken) == most:
            return taken, True
        size += sum(map(sys.getsizeof, row))
        if size > ANSWER:
            told = f"the answer has more than {ANSWER // 1_000_000} MB: ask for fewer columns, rows or shorter texts"
            raise sqlite3.OperationalError(told)
        taken.append(row)
    return taken, False


if __name__ == "__main__":
    main(sys.argv[1])
