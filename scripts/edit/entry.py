"""A row in the making: what its answers break so far, which key a text may mean, which id it could have."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from dataclasses import replace
from itertools import count

import polars as pl
from slugify import slugify

from .. import database, frames
from ..descriptor import matches
from ..labels import BETWEEN, label, quoted
from ..package import Package
from ..problem import Problem, merged, nearest, without_followers
from ..records import other_names
from ..tables import Table
from ..text import cleaned, simplified
from .changes import Row

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DATE = re.compile(rf"\b({'|'.join(_MONTHS)}) ([1-9]|[12][0-9]|3[01]), ([0-9]{{4}})\b")  # as sources are cited
_LONGEST = 60  # characters of an id that is proposed
_WORDS = 6  # words of one text in it


class Keys:
    """The rows that keys may refer to, found by their ids, labels and other names."""

    def __init__(self, package: Package, tables: dict[str, Table]):
        self._package, self._known = package, {}
        self._connection = sqlite3.connect(":memory:")
        database.load(self._connection, package, tables)

    def label(self, table: str, row_id: str) -> str | None:
        """What names the row to a reader; None where there is no such row."""
        return self._rows(table).get(row_id, (None, None))[0]

    def matching(self, table: str, text: str) -> list[tuple[str, str]]:
        """Ids and labels of the rows of `table` that `text` may mean, the likeliest first."""
        wanted = _folded(text)
        found = []
        for row_id, (name, others) in self._rows(table).items():
            names = [_folded(each) for each in (row_id, name, *(others or "").split(BETWEEN))]
            whole = " ".join(names)
            if wanted in names:
                rank = 0
            elif any(each.startswith(wanted) for each in names):
                rank = 1
            elif wanted in whole:
                rank = 2
            elif all(word in whole for word in wanted.split()):
                rank = 3
            else:
                continue
            found.append((rank, row_id, name))
        return [(row_id, name) for _, row_id, name in sorted(found)]

    def nearest(self, table: str, text: str) -> str | None:
        """The id or label that `text` was probably meant to be, if any is near."""
        names = {_folded(each): each for row_id, (name, _) in self._rows(table).items() for each in (row_id, name)}
        near = nearest(_folded(text), list(names))
        return near and names[near]

    def _rows(self, table: str) -> dict[str, tuple[str, str | None]]:
        if table not in self._known:
            key = f"t.{quoted(self._package.schemas[table].primaryKey[0])}"
            name = f"coalesce({label(self._package, table, 't')}, {key})"
            select = f"SELECT {key}, {name}, {other_names(self._package, table)} FROM {quoted(table)} AS t ORDER BY 1"
            self._known[table] = {
                str(row_id): (str(name), more) for row_id, name, more in self._connection.execute(select)
            }
        return self._known[table]


class Entry:
    """A new row of the table called `name`: `values` has what was answered so far, "" where a cell stays empty."""

    def __init__(self, package: Package, tables: dict[str, Table], name: str):
        self.package, self.tables, self.name = package, tables, name
        self.schema = package.schemas[name]
        self.values: Row = {}
        self.keys = Keys(package, tables)

    def answer(self, column: str, text: str) -> None:
        self.values[column] = cleaned(text)

    def target(self, column: str) -> str | None:
        """The table whose key the column holds: by a foreign key, or as the row that this one is about."""
        if column in self.schema.targets:
            return self.schema.targets[column].resource
        about = self.schema.about
        table = self.values.get(about.table) if about and column == about.row else None
        return table if table in self.package.resources else None

    def problems(self) -> list[Problem]:
        """What the columns that are answered break of the schema and of the row rules that read no other column."""
        row = {name: [self.values.get(name) or None] for name in self.schema.names}
        before = self.tables[self.name]
        frame = before.frame.vstack(pl.DataFrame(row, schema=dict.fromkeys(self.schema.names, pl.String)))
        line = (before.lines.max() or 1) + 1
        lines = pl.concat([before.lines, pl.Series([line], dtype=pl.Int64)])
        table = Table(before.resource, self.schema, frame, lines)
        found = frames.problems(table, self.tables | {self.name: table})
        ours = [each for each in found if each.line == line and self._read(each) <= set(self.values)]
        return [replace(each, line=None) for each in without_followers(merged(ours))]

    def _read(self, problem: Problem) -> set[str]:
        """The columns that the broken rule reads."""
        for rule in self.schema.rules:
            if rule.id == problem.rule:
                return set(pl.sql_expr(rule.check).meta.root_names())
        return {problem.column} if problem.column else set(self.schema.primaryKey)

    @property
    def id_column(self) -> str | None:
        """The column of the row's own id, if it has one that can be proposed."""
        column = self.schema.id
        given = column is None or column in (*self.schema.targets, *self.schema.label)
        return None if given or self.schema.field(column).type != "string" else column

    def proposed_id(self) -> str | None:
        """A readable id that no row has: of what names the row, and of what else tells it from its like.

        A counter comes last, when nothing else is left: two contributors would take the same.
        """
        if not self.id_column:
            return None
        taken, schema = set(self.tables[self.name].frame[self.id_column]), self.schema
        pattern = schema.field(self.id_column).constraints.pattern
        base = [self._word(column) for column in schema.label]
        more = [self._word(column) for column in (*schema.when[:1], schema.where, *schema.targets) if column]
        ways = [base, [self._word(schema.country), *base], *([*base, each] for each in more if each not in base)]
        ways = [slug for way in ways if (slug := _short("-".join(filter(None, way))))]
        numbered = (f"{ways[0]}-{number}" for number in count(2)) if ways else ()
        fitting = (slug for each in (ways, numbered) for slug in each if slug not in taken)
        proposed = next(fitting, None)
        return proposed if proposed and (not pattern or matches(pattern, proposed)) else None

    def _word(self, column: str | None) -> str:
        """The column's part in an id: of a key that is a readable id itself, that; else of the label behind it."""
        value = self.values.get(column or "", "")
        target = self.target(column) if value else None
        if target and value != slugify(value):
            value = self.keys.label(target, value) or value
        words = slugify(_DATE.sub(_iso, value).replace("'", "").replace("’", "")).split("-")
        return "-".join(words if target else words[:_WORDS])


def _folded(text: str) -> str:
    """The text for comparison: without case and accents, Chinese in simplified characters."""
    plain = unicodedata.normalize("NFKD", simplified(text)).casefold()
    return " ".join("".join(each for each in plain if not unicodedata.combining(each)).split())


def _iso(date: re.Match) -> str:
    return f"{date[3]}-{_MONTHS.index(date[1]) + 1:02}-{int(date[2]):02}"


def _short(slug: str) -> str:
    return slug if len(slug) <= _LONGEST else slug[: _LONGEST + 1].rpartition("-")[0] or slug[:_LONGEST]
