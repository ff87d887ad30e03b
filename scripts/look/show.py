"""One row with everything that it refers to, what refers to it, and its sources: from the CSV files, without a build."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass, field
from itertools import groupby

import polars as pl

from .. import database
from ..check import read_tables
from ..package import LINKS, RECORDS, Package
from ..problem import Broken, Problem, alike
from ..records import CERTAINTY, PROVENANCE, SOURCE
from ..tables import Table
from ..text import as_json as written
from ..text import simplified, visible

_NEAREST = 5  # rows that are offered for a wrong id
_SHOWN = 12  # rows of one kind that refer to the row are listed, the rest is counted


@dataclass(frozen=True)
class Cell:
    """A cell: as written, with what its column means and, where it is a key, the table and label that it stands for."""

    column: str
    value: str
    meaning: str
    unit: str | None = None
    refers_to: str | None = None
    label: str | None = None
    definition: str | None = None


@dataclass(frozen=True)
class Group:
    """Rows of `table` that name the row in `column`: `number` in all, the first as (table, id, label)."""

    table: str
    title: str
    column: str
    number: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Shown:
    """All that is known of a row. `belonging` are whole rows about it, by table: citations, other names, disagreements."""

    table: str
    title: str
    row_id: str
    label: str
    file: str
    line: int
    cells: list[Cell]
    provenance: list[Cell]
    about: tuple[str, str, str] | None
    belonging: dict[str, list[list[Cell]]]
    referring: list[Group]


class Rows:
    """The rows of a package, as its files are now: those that break a key are shown too, but nothing is known of them."""

    def __init__(self, package: Package):
        self.package, self.tables = package, read_tables(package, ())
        self.connection = sqlite3.connect(":memory:")
        self.connection.row_factory = sqlite3.Row
        database.load(self.connection, package, self.tables, with_derived=True, whole=False)

    def show(self, name: str, row_id: str) -> Shown:
        """The row of the table called `name` with that id, the parts of a key joined with a slash.

        Raises `Broken`, with the nearest rows, where there is none.
        """
        table, schema = self.tables[name], self.package.schemas[name]
        index = next(iter((_ids(table) == row_id).arg_true()), None)
        if index is None:
            raise Broken([self._unknown(table, row_id)])
        row = table.frame.row(index, named=True)
        cells = [self._cell(name, column, row[column]) for column in schema.names if row[column] is not None]
        about = (row[schema.about.table], row[schema.about.row]) if schema.about else (None, None)
        read = [each for each in cells if each.column in PROVENANCE and each.column not in schema.primaryKey]
        return Shown(
            name,
            schema.title,
            row_id,
            self._label(name, row_id) or row_id,
            table.resource.path,
            int(table.lines[index]),
            [each for each in cells if each not in read],
            read,
            (*about, self._label(*about) or "") if all(about) else None,
            self._belonging(name, row_id),
            self._referring(name, row_id),
        )

    def _record(self, table: str, row_id: str) -> sqlite3.Row | None:
        sql = f"SELECT * FROM {RECORDS} WHERE table_name = ? AND row_id = ?"
        return self.connection.execute(sql, (table, row_id)).fetchone()

    def _label(self, table: str, row_id: str) -> str | None:
        record = self._record(table, row_id)
        return record["label"] if record else None

    def _cell(self, table: str, column: str, value: str) -> Cell:
        schema = self.package.schemas[table]
        each, target = schema.field(column), schema.targets.get(column)
        record = self._record(target.resource, value) if target else None
        label = record["label"] if record else "no such row" if target else None
        definition = record["words"] if record and column == CERTAINTY else None
        return Cell(column, value, each.description, each.unit, target.resource if target else None, label, definition)

    def _belonging(self, table: str, row_id: str) -> dict[str, list[list[Cell]]]:
        """Rows of other tables that are about this one, or whose key begins with its id."""
        found = {}
        for name, schema in self.package.schemas.items():
            if schema.about:
                hidden = {schema.about.table: table, schema.about.row: row_id}
            elif not schema.id and name != table and self._owner(name) == table:
                hidden = {schema.primaryKey[0]: row_id}
            else:
                continue
            frame = self.tables[name].frame.filter(**hidden)
            columns = [column for column in schema.names if column not in hidden]
            rows = [
                [self._cell(name, column, row[column]) for column in columns if row[column] is not None]
                for row in frame.iter_rows(named=True)
            ]
            found |= {name: rows} if rows else {}
        return found

    def _owner(self, name: str) -> str | None:
        schema = self.package.schemas[name]
        target = schema.targets.get(schema.primaryKey[0])
        return target.resource if target else None

    def _referring(self, table: str, row_id: str) -> list[Group]:
        sql = f"""SELECT l.via, l.table_name, l.row_id, r.label FROM {LINKS} AS l JOIN {RECORDS} AS r USING (table_name, row_id)
            WHERE l.to_table = ? AND l.to_id = ? ORDER BY l.via, r.date, r.label, l.row_id"""
        groups = []
        for via, found in groupby(self.connection.execute(sql, (table, row_id)), lambda each: each["via"]):
            name, column = via.split(".")
            schema, rows = self.package.schemas[name], [tuple(each)[1:] for each in found]
            if not schema.about or (column in schema.targets):
                # What was read in a text, or is as sure, is only counted.
                counted = schema.id and column in (SOURCE, CERTAINTY)
                groups.append(Group(name, schema.title, column, len(rows), [] if counted else rows[:_SHOWN]))
        return groups

    def _unknown(self, table: Table, row_id: str) -> Problem:
        near = self._nearest(table, row_id)
        hint = f"did you mean {'; '.join(near)}?" if near else "look for its id in the first column of the file"
        message = f"there is no row {row_id!r} in {table.name}"
        return Problem(table.resource.path, "unknown-row", message, table=table.name, value=row_id, hint=hint)

    def _nearest(self, table: Table, wanted: str) -> list[str]:
        """The rows whose id, label or another name has what is wanted in it or is like it, in either Chinese script."""
        sought = simplified(wanted).casefold()
        names: dict[str, str] = {}
        for row_id in _ids(table):
            record = self._record(table.name, row_id) if table.schema.id else None
            for each in filter(None, (row_id, *((record["label"], record["names"]) if record else ()))):
                names.setdefault(simplified(each).casefold(), row_id)
        near = [text for text in names if sought and sought in text]
        near.sort(key=len)
        near += alike(sought, names, _NEAREST)
        found = list(dict.fromkeys(names[text] for text in near))[:_NEAREST]
        return [
            f"{each} ({label})" if (label := self._label(table.name, each)) not in (None, each) else each
            for each in found
        ]


def _ids(table: Table) -> pl.Series:
    """Each row's id, as `Table.row_id` makes it."""
    parts = [pl.col(name).fill_null("") for name in table.schema.primaryKey]
    return table.frame.select(pl.concat_str(parts, separator="/")).to_series()


def text(shown: Shown, meanings: bool = False) -> str:
    """The row for a terminal; with `meanings` each column's meaning below its value."""
    lines = [f"{shown.title}: {shown.label}", f"{shown.table}/{shown.row_id}   {shown.file}:{shown.line}", ""]
    for title, cells in (("", shown.cells), ("Where it was read, and how sure it is", shown.provenance)):
        lines += ["", title] if title and cells else []
        width = max((len(cell.column) for cell in cells), default=0)
        for cell in cells:
            lines.append(f"  {cell.column:{width}}  {_value(cell)}")
            lines += [f"  {'':{width}}  · {cell.meaning}"] if meanings else []
    if shown.about:
        lines += ["", f"About {shown.about[0]}/{shown.about[1]}  {shown.about[2]}"]
    for name, rows in shown.belonging.items():
        lines += ["", f"{name} ({len(rows)})"]
        lines += [f"  - {'; '.join(f'{cell.column}: {_value(cell)}' for cell in row)}" for row in rows]
    lines += ["", "Referred to by"] if shown.referring else []
    for group in shown.referring:
        lines.append(f"  {group.table}.{group.column} ({group.number:,})")
        lines += [f"    {'/'.join(row[:2])}  {row[2]}" for row in group.rows]
        more = group.number - len(group.rows)
        lines += [f"    … and {more:,} more"] if more and group.rows else []
    return "\n".join(map(visible, lines))


def as_json(shown: Shown) -> str:
    """The row as an object, each cell with its meaning."""
    return written(asdict(shown))


def _value(cell: Cell) -> str:
    value = f"{cell.value} {cell.unit}" if cell.unit else cell.value
    more = [cell.label if cell.label != cell.value else None, cell.definition]
    told = ": ".join(filter(None, more))
    return f"{value}  → {told}" if told else value
