"""A third opinion on the package: what is wrong once some of its cells are changed, read off the declaration.

It shares no code with the engines that `prc-reach check` asks. Constraints are judged in plain Python,
rules by SQLite, row rules too, which the program gives to polars. Only the tables themselves are read
and loaded into SQLite by the program, and what letters look like is asked of `scripts.suspect`. A change is tried
in a few milliseconds and taken back, so that thousands can be tried; the tests then hold the command's own answer
against what is told here.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from scripts import database, suspect
from scripts.codes import codes
from scripts.descriptor import Field, Rule
from scripts.package import RECORDS, Package
from scripts.records import SOURCE
from scripts.tables import Table
from scripts.text import han_script

# The view of all records as a table, which is quicker to ask and is kept up with every change.
_RECORDS = f"""
CREATE TABLE kept AS SELECT * FROM {RECORDS}; DROP VIEW {RECORDS}; ALTER TABLE kept RENAME TO {RECORDS};
CREATE INDEX of_records ON {RECORDS} (table_name, row_id);
"""


class Told(NamedTuple):
    """A problem by its place: table, line of its file (0 for the whole file), column and rule."""

    table: str
    line: int
    column: str | None
    rule: str


@dataclass(frozen=True)
class Change:
    """Cells of row `index` of a table that get other texts; with `copied` those of a copy of it, put at the end."""

    table: str
    index: int
    cells: tuple[tuple[str, str], ...]
    copied: bool = False


# In a cell the first of these that is broken is told, and nothing that may only follow from it.
_FIRST = (
    {"stray-space", "invisible-character", "not-nfc", "formula", "look-alike", "mojibake"},
    {"type", "required"},
    {"enum", "pattern", "minimum", "maximum", "min-length", "max-length", "unique", "primary-key"},
    {"foreign-key", "codelist"},
)
_FORMS = {"integer": "[+-]?[0-9]+", "number": r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"}


def without_followers(found: Iterable[Told]) -> set[Told]:
    """What is told of all that was found: of a cell what comes first, in the order of what may follow from what."""
    cells: dict[tuple, list[Told]] = {}
    for each in found:
        cells.setdefault(each[:3], []).append(each)
    return {
        each
        for (_, _, column), several in cells.items()
        for each in several
        if column is None or _stage(each) == min(map(_stage, several))
    }


def _stage(told: Told) -> int:
    return next((stage for stage, rules in enumerate(_FIRST) if told.rule in rules), len(_FIRST))


def value(field: Field, cell: str) -> str | int | float | bool | None:
    """The value of a cell; None where it is empty or not of the field's type. Of the types that the package has."""
    if field.type == "string":
        return cell or None
    if field.type == "boolean":
        return True if cell in field.trueValues else False if cell in field.falseValues else None
    if not re.fullmatch(_FORMS[field.type], cell):
        return None
    number = {"integer": int, "number": float}[field.type](cell)
    return number if field.type == "number" or -(2**63) <= number < 2**63 else None


def broken(field: Field, cell: str) -> set[str]:
    """The constraints of the field, and of every text, that the cell breaks by itself, whatever stands in other cells."""
    limits, of_cell = field.constraints, value(field, cell)
    if of_cell is None:
        return {"type", *faults(field, cell)} if cell else {"required"} if limits.required else set()
    length = len(cell)
    tried = {
        "enum": limits.enum is not None and of_cell not in limits.enum,
        "pattern": limits.pattern is not None and not re.search(limits.pattern, cell),
        "minimum": limits.minimum is not None and of_cell < limits.minimum,
        "maximum": limits.maximum is not None and of_cell > limits.maximum,
        "min-length": limits.minLength is not None and length < limits.minLength,
        "max-length": limits.maxLength is not None and length > limits.maxLength,
        "codelist": field.codelist is not None and cell not in codes(field.codelist),
    }
    return {rule for rule, breaks in tried.items() if breaks} | faults(field, cell)


def faults(field: Field, cell: str) -> set[str]:
    """What is wrong with a text as such, of the faults that the tests make."""
    tried = {
        "stray-space": cell != cell.strip(" ") or "\u00a0" in cell,
        "invisible-character": "\u200b" in cell,
        "not-nfc": cell != unicodedata.normalize("NFC", cell),
        "formula": field.type == "string" and cell.startswith(("=", "+", "-")),
        "look-alike": suspect.disguised(cell) is not None,
        "mojibake": not cell.isascii() and suspect.undamaged(cell) is not None,
    }
    return {rule for rule, breaks in tried.items() if breaks}


def read_as(key: str) -> str:
    """The key as a hurried reader takes it: those that are the same so are told."""
    for seen, taken in (("0", "o"), ("1", "l"), ("rn", "m"), ("vv", "w"), ("-", ""), ("_", "")):
        key = key.lower().replace(seen, taken)
    return key


class Reference:
    """The sound package `package` with its `tables` as read, to try changes on."""

    def __init__(self, package: Package, tables: dict[str, Table]):
        self.package = package
        self.rows = {name: [_row(row) for row in table.frame.iter_rows(named=True)] for name, table in tables.items()}
        self._heights = {name: len(rows) for name, rows in self.rows.items()}
        self._fields = {name: {each.name: each for each in schema.fields} for name, schema in package.schemas.items()}
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.create_function("han_script", 1, han_script, deterministic=True)
        database.load(self._connection, package, tables)
        self._connection.executescript(_RECORDS)
        self._keys = {name: self._key_counts(name) for name in self.rows}
        self._rules = {
            (name, rule.id): (rule, self._read_by(name, rule))
            for name, schema in package.schemas.items()
            for rule in schema.rules
        }
        self._referring = {
            name: [
                (other, key.column)
                for other, schema in package.schemas.items()
                for key in schema.foreignKeys
                if key.reference.resource == name
            ]
            for name in package.schemas
        }

    def referred(self, name: str, index: int) -> bool:
        """Whether a row refers to row `index` of the table, by a foreign key or by being about it."""
        key = self.rows[name][index][self.package.schemas[name].primaryKey[0]]
        if any(row[column] == key for other, column in self._referring[name] for row in self.rows[other]):
            return True
        about = {other: schema.about for other, schema in self.package.schemas.items() if schema.about}
        return any(
            (row[each.table], row[each.row]) == (name, key) for other, each in about.items() for row in self.rows[other]
        )

    def line(self, change: Change) -> int:
        """The line of the changed row; a table gets one copied row at most."""
        return (self._heights[change.table] if change.copied else change.index) + 2

    def read_by(self, name: str, rule: str) -> set[tuple[str, str]]:
        """Each table and column that the rule of the table reads."""
        return self._rules[name, rule][1]

    def found(self, changes: Iterable[Change]) -> set[Told]:
        """All that is wrong once these changes are made, followers too."""
        changes = list(changes)
        touched = {(each.table, column) for each in changes for column in self._columns(each)}
        with self._made(changes):
            found = {each for change in changes for each in self._of_cells(change)}
            for name in {each.table for each in changes}:
                found |= self._twins(name, touched)
            found |= self._dangling(touched)
            found |= {each for change in changes for each in self._of_row(change)}
            for (name, _), (rule, read) in self._rules.items():
                if rule.select and read & touched:
                    found |= self._of_select(name, rule)
        return found

    def _columns(self, change: Change) -> list[str]:
        return self.package.schemas[change.table].names if change.copied else [column for column, _ in change.cells]

    @contextmanager
    def _made(self, changes: list[Change]) -> Iterator[None]:
        before = {each.table: list(self.rows[each.table]) for each in changes}
        keys = {name: self._keys[name] for name in before}
        self._connection.execute("BEGIN")
        try:
            for change in sorted(changes, key=lambda each: not each.copied):  # copies are of the rows as they were
                self._make(change)
            self._keys |= {name: self._key_counts(name) for name in before}
            yield
        finally:
            self._connection.execute("ROLLBACK")
            self.rows |= before
            self._keys |= keys

    def _make(self, change: Change) -> None:
        name, rows = change.table, self.rows[change.table]
        if change.copied:
            self._connection.execute(f'INSERT INTO "{name}" SELECT * FROM "{name}" WHERE rowid = ?', [change.index + 1])
            rows.append(rows[change.index])
        at = len(rows) - 1 if change.copied else change.index
        before, rows[at] = rows[at], rows[at] | dict(change.cells)
        for column, cell in change.cells:
            given = value(self._fields[name][column], cell)
            self._connection.execute(f'UPDATE "{name}" SET "{column}" = ? WHERE rowid = ?', [given, at + 1])

        key = self.package.schemas[name].id
        if key and (change.copied or not {key, SOURCE}.isdisjoint(column for column, _ in change.cells)):
            ids = [name, before[key], rows[at][key]]
            source = SOURCE if SOURCE in self._fields[name] else "NULL"
            self._connection.execute(f"DELETE FROM {RECORDS} WHERE table_name = ? AND row_id IN (?, ?)", ids)
            select = f'SELECT ?, "{key}", NULL, {source} FROM "{name}" WHERE "{key}" IN (?, ?)'
            self._connection.execute(f"INSERT INTO {RECORDS} {select}", ids)

    def _of_cells(self, change: Change) -> Iterator[Told]:
        for column, cell in change.cells:
            for rule in broken(self._fields[change.table][column], cell):
                yield Told(change.table, self.line(change), column, rule)

    def _key_counts(self, name: str) -> Counter:
        key = self.package.schemas[name].primaryKey
        return Counter(row[key[0]] for row in self.rows[name])

    def _twins(self, name: str, touched: set[tuple[str, str]]) -> set[Told]:
        """Every row after the first that has the same in a column that is unique, or in the whole key."""
        schema = self.package.schemas[name]
        unique = [(each.name, [each.name], "unique") for each in schema.fields if each.constraints.unique]
        found = set()
        for column, columns, rule in [(None, schema.primaryKey, "primary-key"), *unique]:
            if not touched.isdisjoint((name, each) for each in columns):
                seen: set[tuple[str, ...]] = set()
                for index, row in enumerate(self.rows[name]):
                    key = tuple(row[each] for each in columns)
                    if key in seen and all(key):
                        found.add(Told(name, index + 2, column, rule))
                    seen.add(key)
        return found | set(self._twice_over(name))

    def _twice_over(self, name: str) -> Iterator[Told]:
        """Rows that differ from an earlier one in their key alone, and keys that are read as an earlier one."""
        (key, *further), rows = self.package.schemas[name].primaryKey, self.rows[name]
        alone = {each for each, number in self._keys[name].items() if number == 1 and each}
        if further:
            return
        for rule, said in (("duplicate-row", lambda row: tuple(row[each] for each in row if each != key)),
                           ("look-alike-key", lambda row: read_as(row[key]))):  # fmt: skip
            seen: set = set()
            for index, row in enumerate(rows):
                if row[key] in alone:
                    if said(row) in seen:
                        yield Told(name, index + 2, key, rule)
                    seen.add(said(row))

    def _dangling(self, touched: set[tuple[str, str]]) -> set[Told]:
        keys = {
            (name, column)
            for target, key in touched
            if key == self.package.schemas[target].primaryKey[0]
            for name, column in self._referring[target]
        }
        keys |= {(name, column) for name, column in touched if column in self.package.schemas[name].targets}
        return {
            Told(name, index + 2, column, "foreign-key")
            for name, column in keys
            for known in [self._keys[self.package.schemas[name].targets[column].resource]]
            for index, row in enumerate(self.rows[name])
            if row[column] and row[column] not in known
        }

    def _of_row(self, change: Change) -> Iterator[Told]:
        """The row rules that the changed row breaks, save those that fail on a cell that is no value."""
        name, columns = change.table, set(self._columns(change))
        row, fields = self.rows[name][self.line(change) - 2], self._fields[name]
        for rule in self.package.schemas[name].rules:
            read = {column for _, column in self._rules[name, rule.id][1]} if rule.check else set()
            if read & columns and not any(row[each] and value(fields[each], row[each]) is None for each in read):
                select = f'SELECT 1 FROM "{name}" WHERE rowid = ? AND NOT ({rule.check})'
                if self._connection.execute(select, [self.line(change) - 1]).fetchone():
                    yield Told(name, self.line(change), rule.column, rule.id)

    def _of_select(self, name: str, rule: Rule) -> set[Told]:
        key = self.package.schemas[name].primaryKey
        lines: dict[tuple[str, ...], int] = {}
        for index, row in enumerate(self.rows[name]):
            lines.setdefault(tuple(row[each] for each in key), index + 2)
        results = self._connection.execute(rule.select).fetchall()
        return {
            Told(name, lines.get(tuple(str(row[each]) for each in key), 0), rule.column, rule.id) for row in results
        }

    def _read_by(self, name: str, rule: Rule) -> set[tuple[str, str]]:
        """Each table and column that the rule reads, of every table where it reads the records."""
        read: set[tuple[str, str]] = set()

        def note(action: int, table: str | None, column: str | None, *_: object) -> int:
            if action == sqlite3.SQLITE_READ and table in self.package.schemas:
                read.add((table, column))
            elif action == sqlite3.SQLITE_READ and table == RECORDS:
                read.update((other, schema.id if column == "row_id" else column) for other, schema in schemas)
            return sqlite3.SQLITE_OK

        schemas = self.package.schemas.items()
        self._connection.set_authorizer(note)
        try:
            self._connection.execute("EXPLAIN " + (rule.select or f'SELECT {rule.check} FROM "{name}"'))
        finally:
            self._connection.set_authorizer(None)
        return read


def _row(row: dict[str, str | None]) -> dict[str, str]:
    return {name: cell or "" for name, cell in row.items()}
