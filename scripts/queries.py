"""Rules across tables: SELECTs that return the offending rows, run by SQLite in memory.

Beside the package's tables a rule may read `records`, which lists every row that has an id, and call
`han_script(text)` (see `text.han_script`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from threading import Thread

import polars as pl

from . import database
from .descriptor import Rule
from .package import Package
from .problem import Broken, Problem, nearest
from .tables import Table
from .text import han_script
from .wording import missing_key

ENGINE = "sqlite"
_MILLIONS_OF_STEPS = 300  # of SQLite's machine, after which a rule goes on for ever; steps, not the clock
_SECONDS = 15  # of a processor, for any million of them: to look for a giant text in another is one step
_MOST = 100_000  # rows that a rule may return: one that returns more does not mean the rows of a table
_LARGEST = 50_000_000  # bytes of a value that a rule makes, and characters of all that it returns


def problems(
    package: Package, tables: dict[str, Table], names: Iterable[str], changed: Iterable[str] = ()
) -> list[Problem]:
    """The rows that the select rules of the tables called `names` return, and all rules that read a `changed` table.

    A rule that reads a table which could not be read whole is left out: that table's own problem is
    told. Raises `Broken` where a rule is not valid SQL for this package.
    """
    work = _Work()
    return work.done(lambda: _found(work, package, tables, set(names), set(changed)))


class _Work:
    """SQLite's work for the rules, in a thread that is left behind where a step of it has no end.

    Within a step nothing can stop SQLite, and one that looks for a giant text in another would hold the check.
    """

    def __init__(self) -> None:
        self._steps, self._since = 0, time.process_time()
        self._rule: Callable[[str], Broken] | None = None

    def begins(self, rule: Callable[[str], Broken]) -> None:
        """Go on to the next rule, of which `rule` says what is wrong."""
        self._rule, self._since = rule, time.process_time()

    def goes_on(self) -> bool:
        """Whether SQLite may go on; asked at every million of its steps."""
        self._steps, self._since = self._steps + 1, time.process_time()
        return self._steps <= _MILLIONS_OF_STEPS

    def done(self, work: Callable[[], list[Problem]]) -> list[Problem]:
        """What `work` returns or raises; raises `Broken` where a rule has no end."""
        answer: Future[list[Problem]] = Future()
        Thread(target=_answer, args=(answer, work), daemon=True).start()
        while not wait([answer], 0.5).done:
            if self._rule and time.process_time() - self._since > _SECONDS:
                raise self._rule("fails on the data: it looks for one giant text in another, and does not end")
        return answer.result()


def _answer(answer: Future, work: Callable[[], list[Problem]]) -> None:
    try:
        answer.set_result(work())
    except BaseException as error:
        answer.set_exception(error)


def _found(
    work: _Work, package: Package, tables: dict[str, Table], wanted: set[str], changed: set[str]
) -> list[Problem]:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.set_progress_handler(lambda: not work.goes_on(), 1_000_000)
    connection.create_function("han_script", 1, han_script, deterministic=True)
    try:
        database.load(connection, package, tables)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
        if wrong := _declaration_problems(connection, package):
            raise Broken(wrong)
        broken = {name for name, table in tables.items() if not table.whole}
        return [
            _problem(tables, name, rule, row)
            for name, schema in package.schemas.items()
            for rule in schema.rules
            if rule.select and (name in wanted or changed)
            for read in [_tables_read(connection, rule.select)]
            if not broken & read and (name in wanted or read & changed)
            for row in _rows(work, connection, partial(_broken, package, name, rule), rule)
        ]
    finally:
        connection.close()


def _rows(
    work: _Work, connection: sqlite3.Connection, broken: Callable[[str], Broken], rule: Rule
) -> list[sqlite3.Row]:
    rows, size = [], 0
    work.begins(broken)
    try:
        for row in connection.execute(rule.select):
            rows.append(row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(rows) > _MOST or size > _LARGEST:
                raise broken(f"returns more than {_MOST:,} rows or {_LARGEST:,} characters")
    except sqlite3.Error as error:
        raise broken(f"fails on the data: {error}") from None
    return rows


def _broken(package: Package, name: str, rule: Rule, told: str, hint: str | None = None) -> Broken:
    file, line = package.rule_place(name, rule)
    return Broken([Problem(file, "declaration", f"the rule {rule.id!r} {told}", line=line, table=name, hint=hint)])


def _declaration_problems(connection: sqlite3.Connection, package: Package) -> list[Problem]:
    """What is wrong with the SELECTs, once where several tables have the rule."""
    found: dict[tuple, Problem] = {}
    for name, schema in package.schemas.items():
        for rule in schema.rules:
            if rule.select and (told := _wrong(connection, rule, schema.primaryKey)):
                for each in _broken(package, name, rule, *told).problems:
                    found.setdefault((each.file, each.line, each.message), each)
    return list(found.values())


def _wrong(connection: sqlite3.Connection, rule: Rule, key: list[str]) -> tuple[str, str | None] | None:
    """What is wrong with a select rule and a hint, or None: it must parse, only read, and return the key."""
    try:
        connection.set_authorizer(_only_reading)
        columns = [column for column, *_ in connection.execute(f"SELECT * FROM ({rule.select}) LIMIT 0").description]
    except (sqlite3.Error, sqlite3.Warning) as error:
        return f"is not a valid SELECT: {error}", None
    finally:
        connection.set_authorizer(None)
    if missing := [name for name in key if name not in columns]:
        return f"must return the primary key: {', '.join(missing)} is missing", None
    if unknown := [name for name in rule.placeholders if name not in columns]:
        near = nearest(unknown[0], columns)
        return (
            f"names {unknown[0]!r} in its message, which its SELECT does not return",
            f"did you mean {near!r}?" if near else None,
        )
    return None


def _only_reading(action: int, *_: object) -> int:
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _tables_read(connection: sqlite3.Connection, select: str) -> set[str]:
    read: set[str] = set()

    def note(action: int, table: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ and table:
            read.add(table)
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    try:
        connection.execute(f"SELECT * FROM ({select}) LIMIT 0")
    finally:
        connection.set_authorizer(None)
    return read


def _problem(tables: dict[str, Table], name: str, rule: Rule, row: sqlite3.Row) -> Problem:
    table = tables[name]
    key = [str(row[name]) for name in table.schema.primaryKey]
    same = (pl.col(name).cast(pl.String) == value for name, value in zip(table.schema.primaryKey, key))
    index = next(iter(table.typed.select(pl.all_horizontal(same)).to_series().arg_true()), None)
    message = rule.message.format_map(dict(row))
    value = table.frame[rule.column][index] if rule.column and index is not None else None
    about = table.schema.about
    missing = about and index is not None and rule.column == about.row
    cause = _missing_subject(tables, table.frame[about.table][index], value) if missing else None
    return table.problem(index, rule.id, message, rule.column, value=value, found_by=(ENGINE,), cause=cause)


def _missing_subject(tables: dict[str, Table], name: str | None, key: str | None) -> Problem | None:
    """Where a row is about the row `key` of the table `name`, and there is none: that this is missing."""
    target = tables.get(name or "")
    known = target is None or key is None or target.schema.id is None or key in target.frame[target.schema.id]
    return None if known else missing_key(target, key)
