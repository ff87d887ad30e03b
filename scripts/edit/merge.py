"""Bring the rows of a spreadsheet into the tables, by key: what is added, what changes, what is wrong, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from pathlib import Path

from openpyxl.utils import get_column_letter

from ..descriptor import Schema
from ..package import Package
from ..problem import Broken, Problem, nearest
from ..text import cleaned
from . import cells, spreadsheets
from .changes import Change, Row, rows, written
from .spreadsheets import Sheet

_ENOUGH = 1_000  # problems of a sheet, after which its other rows are not looked at
_NAMED = 5  # so many cells that were mended alike are named; more are counted


@dataclass
class Difference:
    """What a sheet does to a table: rows by key; of a changed row each cell's old and new value."""

    table: str
    added: dict[str, Row] = attribute(default_factory=dict)
    changed: dict[str, dict[str, tuple[str, str]]] = attribute(default_factory=dict)
    unchanged: int = 0

    @property
    def empty(self) -> bool:
        return not self.added and not self.changed

    def summary(self) -> str:
        if self.empty:
            return f"{self.table}: no changes ({self.unchanged:,} rows)"
        cleared = sum(not new for row in self.changed.values() for _, new in row.values())
        told = (
            f"{self.table}: {len(self.added):,} added, {len(self.changed):,} changed, {self.unchanged:,} as they were"
        )
        return f"{told}; {cleared:,} cells are emptied, as the sheet leaves them empty" if cleared else told

    def lines(self) -> Iterator[str]:
        """The difference, cell by cell."""
        yield self.summary()
        for key, row in self.added.items():
            yield f"  + {key}"
            yield from (f"      {name}: {value}" for name, value in row.items() if value)
        for key, changes in self.changed.items():
            yield f"  ~ {key}"
            yield from (
                f"      {name}: {old or '(empty)'} → {new or '(empty)'}" for name, (old, new) in changes.items()
            )


class Merge:
    """The sheets of a file merged into the tables of `package`; nothing is written.

    `differences` and `notes` (what was mended or left out) are for a person; `change` has the new files.
    """

    def __init__(self, package: Package, file: Path, table: str | None = None):
        self.package, self.notes = package, []
        chosen = self._chosen(spreadsheets.read(file), file, table)
        self._parts = {name: _Part(package, name, sheet) for name, sheet in chosen.items()}
        self.notes += [note for part in self._parts.values() for note in part.notes()]
        self.differences = [part.difference for part in self._parts.values() if part.sound]
        self.change = Change(
            package,
            {
                package.resources[each.table].path: written(package.schemas[each.table], self._parts[each.table].rows)
                for each in self.differences
                if not each.empty
            },
        )

    def problems(self, done: Callable[[str], None] = lambda name: None) -> list[Problem]:
        """What is wrong in the sheets, and what `check` would tell of the result, at its place in the spreadsheet."""
        found = [problem for part in self._parts.values() for problem in part.problems]
        told = {(each.table, each.line, each.column) for each in found}
        placed = map(self._placed, self.change.problems(done) if self.change.files else [])
        return found + [each for each in placed if (each.table, each.line, each.column) not in told]

    def _placed(self, problem: Problem) -> Problem:
        """The problem of a row that a sheet has, told of the sheet; of another without its line, which may move."""
        part = self._parts.get(problem.table)
        if part and problem.row_id in part.numbers:
            return part.sheet.at(problem, part.numbers[problem.row_id], part.columns.get(problem.column))
        return replace(problem, line=None) if problem.file in self.change.files else problem

    def _chosen(self, sheets: list[Sheet], file: Path, table: str | None) -> dict[str, Sheet]:
        """The sheets to read, by the table that each belongs to. Raises `Broken` where none does."""
        tables = list(self.package.resources)
        named = {_name(sheet.name or file.stem): sheet for sheet in sheets}
        filled = [sheet for sheet in sheets if sheet.rows]
        if table in named or (table and len(filled) == 1):
            return {table: named.get(table) or filled[0]}
        chosen = {name: sheet for name, sheet in named.items() if name in tables and not table}
        others = {name: nearest(name, tables) for name, sheet in named.items() if name not in tables and sheet.rows}
        if not chosen:
            near = next(filter(None, others.values()), None)
            hint = f"say which with --table{f'; did you mean {near}?' if near else ' NAME'}"
            if table:
                hint = f"there are: {', '.join(named)}; call one of them {table}"
            message = "none of its sheets is called like " + (f"the table {table}" if table else "a table")
            raise Broken([Problem(file.name, "unknown-table", message, hint=hint)])
        for name, near in others.items():
            meant = f"; did you mean {near!r}?" if near else ""
            self.notes.append(f"sheet {named[name].name} is no table and was left out{meant}")
        return chosen


class _Part:
    """A sheet merged into its table: the `rows` then, the `difference`, and the `problems` of the sheet itself.

    `columns` has where each column stands in the sheet, and `numbers` in which row each key. `sound` is
    false where the header cannot be understood.
    """

    def __init__(self, package: Package, table: str, sheet: Sheet):
        self.schema, self.sheet, self.difference = package.schemas[table], sheet, Difference(table)
        self.problems = [replace(problem, table=table) for problem in sheet.problems]
        self.columns: dict[str, int] = {}
        self.numbers: dict[str, int] = {}
        self._mended: dict[tuple[str, str], list[str]] = {}
        self.sound = self._read_header()
        before = {_key(self.schema, row): row for row in rows(package, table)} if self.sound else {}
        self._known = {column: {row[column] for row in before.values()} for column in self.schema.primaryKey}
        after = dict(before)
        for number, values in sheet.rows[1:] if self.sound else ():
            if len(self.problems) > _ENOUGH:
                sheet.notes.append(f"from row {number} on it was not looked at, after so many problems")
                break
            self._merge(number, values, after)
        self.rows = list(after.values())
        self.difference.unchanged = len(after) - len(self.difference.added) - len(self.difference.changed)

    def notes(self) -> Iterator[str]:
        """What was noticed and mended, alike things in one line."""
        where = f"sheet {self.sheet.name}: " if self.sheet.name else ""
        yield from (f"{where}{note}" for note in self.sheet.notes)
        for (column, what), places in self._mended.items():
            more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
            yield f"{where}{column}: {what} ({', '.join(places[:_NAMED])}{more})"

    def _read_header(self) -> bool:
        """Find where each column stands, by its name; whether all is clear."""
        names, sound = self.schema.names, len(self.problems)
        number, header = self.sheet.rows[0] if self.sheet.rows else (None, [])
        for index, title in enumerate(header):
            if title is None:
                continue
            name = _name(str(title))
            if name not in names:
                near = nearest(name, names)
                hint = f"did you mean {near!r}?" if near else f"columns: {', '.join(names)}"
                self._wrong(number, index, "header", f"there is no column {str(title)!r} in the table", hint)
            elif name in self.columns:
                self._wrong(number, index, "header", f"the column {name!r} stands here twice", "leave one of them")
            else:
                self.columns[name] = index
                if name != title:
                    self._note(number, name, f"its header is written {title!r}")
        if missing := [column for column in self.schema.primaryKey if column not in self.columns]:
            message = f"the header lacks the key's column {', '.join(missing)}" if header else "the sheet is empty"
            self._wrong(number, None, "header", message, f"the first row must name {', '.join(self.schema.primaryKey)}")
        return len(self.problems) == sound

    def _merge(self, number: int, values: list[object], after: dict[str, Row]) -> None:
        """Put a row of the sheet among the rows, by its key."""
        named = set(self.columns.values())
        for index, value in enumerate(values):
            if value is not None and index not in named:
                hint = "name the column, or empty the cell"
                self._wrong(number, index, "header", "has a value, but its column has no name", hint)
        given = {name: values[index] if index < len(values) else None for name, index in self.columns.items()}
        parts = {name: self._read(number, name, given.pop(name), self._known[name]) for name in self.schema.primaryKey}
        for name, part in parts.items():
            if part == "":
                hint = f"each row needs its {name}, like {self.schema.field(name).example}"
                self._wrong(number, self.columns[name], "required", f"{name} is empty", hint)
        if not all(parts.values()):
            return
        key = _key(self.schema, parts)
        if key in self.numbers:
            message, hint = f"the key {key!r} stands in row {self.numbers[key]} too", "leave one of the two rows"
            self._wrong(number, self.columns[self.schema.primaryKey[0]], "primary-key", message, hint)
            return
        self.numbers[key] = number
        old = after.get(key)
        row = (old or dict.fromkeys(self.schema.names, "")) | parts
        changes = {}
        for name, value in given.items():
            text = self._read(number, name, value, {row[name]})
            if text is not None and not cells.same(self.schema.field(name), row[name], text):
                changes[name] = row[name], text
                row[name] = text
        after[key] = row
        if old is None:
            self.difference.added[key] = row
        elif changes:
            self.difference.changed[key] = changes

    def _read(self, number: int, name: str, value: object, known: set[str]) -> str | None:
        """What the cell says; None where that is a problem. What stands in the table already needs no mending."""
        if isinstance(value, str) and cleaned(value) in known:
            return cleaned(value)
        try:
            text, mended = cells.reading(self.schema.field(name), value, self.sheet.epoch)
        except cells.Unclear as unclear:
            self._wrong(number, self.columns[name], "spreadsheet", str(unclear), unclear.hint)
            return None
        if mended:
            self._note(number, name, mended)
        return text

    def _wrong(self, number: int | None, index: int | None, rule: str, message: str, hint: str) -> None:
        column = next((name for name, place in self.columns.items() if place == index), None)
        problem = Problem(self.sheet.file, rule, message, table=self.difference.table, column=column, hint=hint)
        self.problems.append(self.sheet.at(problem, number, index))

    def _note(self, number: int, name: str, what: str) -> None:
        place = f"{get_column_letter(self.columns[name] + 1)}{number}"
        self._mended.setdefault((name, what), []).append(place)


def _key(schema: Schema, row: Mapping[str, str]) -> str:
    """The row's key as `Table.row_id` writes it."""
    return "/".join(row[name] for name in schema.primaryKey)


def _name(title: str) -> str:
    """A table's or column's name as somebody may have typed it: case and spaces do not count."""
    return cleaned(title).casefold().replace(" ", "_")
