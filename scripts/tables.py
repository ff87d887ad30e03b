"""Read a table's CSV file (RFC 4180) into a frame of text, and tell what is wrong with the file.

In the package one line is one row, so a row's number is its line's number: a quoted line break is
a problem, and so is whatever else would make two CSV readers disagree.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import cached_property

import polars as pl

from .descriptor import POLARS_TYPES, Field, Resource, Schema
from .package import Package
from .problem import Problem, nearest
from .text import INVISIBLE, ODD_SPACES

# One well-formed CSV record: cells that are quoted whole or hold no quote at all.
_RECORD = re.compile(r'(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*')


@dataclass(eq=False)
class Table:
    """A table as read: `frame` has one text column a field, null for an empty cell.

    `lines` gives each row's line in the file. `sound` is false where the rows cannot be read at
    all, and then `frame` is empty. `typed` has the values in their declared types, null where a
    cell is not of its type.
    """

    resource: Resource
    schema: Schema
    frame: pl.DataFrame
    lines: pl.Series
    sound: bool = True
    problems: list[Problem] = attribute(default_factory=list)

    @property
    def name(self) -> str:
        return self.resource.name

    @cached_property
    def typed(self) -> pl.DataFrame:
        return self.frame.select(map(_typed, self.schema.fields))

    @property
    def whole(self) -> bool:
        """Whether every line was read as a row: only then does a missing key mean what it says."""
        return self.sound and not any(problem.rule in ("quote", "row-length") for problem in self.problems)

    @cached_property
    def keys_by_text(self) -> dict[str, str]:
        """The first column of each row's key, by that key and by the row's label."""
        key, label = self.schema.primaryKey[0], self.schema.label_column
        frame = self.frame.head(20_000)  # what is used for a hint is not worth a long wait
        texts = (
            {text: each for text, each in frame.select(label, key).iter_rows() if text}
            if label and label != key
            else {}
        )
        return texts | {each: each for each in frame[key].drop_nulls()}

    def row_id(self, index: int) -> str | None:
        """The row's primary key as text, its parts joined with a slash."""
        parts = [self.frame[name][index] for name in self.schema.primaryKey]
        return "/".join(part or "" for part in parts) if any(parts) else None

    def problem(self, index: int | None, rule: str, message: str, column: str | None = None, **more) -> Problem:
        """A problem of row `index` (counted from 0 in `frame`), or of the whole table for None."""
        if index is None:
            return Problem(self.resource.path, rule, message, table=self.name, column=column, **more)
        line = int(self.lines[index])
        return Problem(
            self.resource.path,
            rule,
            message,
            line=line,
            table=self.name,
            row_id=self.row_id(index),
            column=column,
            **more,
        )


def read(package: Package, name: str, thorough: bool = True) -> Table:
    """The table called `name`. Never raises for what the file holds: that is in `problems`, what is wrong with the text of its cells only if `thorough`."""
    resource, schema = package.resources[name], package.schemas[name]
    table = Table(resource, schema, _no_rows(schema), pl.Series([], dtype=pl.Int64))
    path = package.folder / resource.path
    if path.exists() and not path.is_file():
        return _unsound(table, "unreadable-file", "is not an ordinary file")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        header = ",".join(schema.names)
        return _unsound(table, "missing-file", "there is no such file", hint=f"create it with the line {header}")
    except OSError as error:
        return _unsound(table, "unreadable-file", f"cannot be read: {error.strerror}")
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
        table.problems.append(
            _of_file(
                table, "byte-order-mark", "starts with a byte-order mark", 1, "run `prc-reach fmt`, it takes it out"
            )
        )
    if not data.strip():
        return _unsound(table, "empty-file", "is empty", hint=f"its first line must be {','.join(schema.names)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        shown = data[max(0, error.start - 20) : error.start].decode("utf-8", "ignore").split("\n")[-1]
        return _unsound(
            table,
            "encoding",
            f"is not UTF-8 text: there is a wrong byte behind {shown!r}",
            line,
            "save the file as “CSV UTF-8”",
        )
    if (at := text.find("\0")) >= 0:
        return _unsound(
            table,
            "nul",
            "holds a NUL character",
            text.count("\n", 0, at) + 1,
            "the file is damaged: take it anew from the last good version",
        )
    if (at := text.find("\r")) >= 0:
        hint = "run `prc-reach fmt`, it mends the line ends"
        table.problems.append(
            _of_file(
                table,
                "line-ending",
                "has Windows line ends (CR LF); the package uses LF",
                text.count("\n", 0, at) + 1,
                hint,
            )
        )
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _read_text(table, text, thorough)


def lexical(each: Field, column: str) -> pl.Expr:
    """For a field that is not a string: whether the cell as written, in `column`, has its type; null where it is empty.

    The forms are those of Table Schema, save that numbers are finite, integers have 64 bits and years
    begin with 1: what SQLite can hold. Python's looser readings (`1_000`, `2024-1-5`) are refused.
    """
    written = pl.col(column)
    if each.type == "boolean":
        return written.is_in([*each.trueValues, *each.falseValues])
    value = _cast(each, column)
    fits = value.is_finite() if each.type == "number" else value.is_not_null()
    return written.str.contains(_SHAPES[each.type]) & (written.is_null() | fits)


_SHAPES = {
    "number": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "integer": "^[+-]?[0-9]+$",
    "year": "^[0-9]{4}$",
    "date": "^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}$",
}


def _typed(each: Field) -> pl.Expr:
    """The field's values, null where a cell is not of its type."""
    if each.type == "string":
        return pl.col(each.name)
    return pl.when(lexical(each, each.name)).then(_cast(each, each.name)).alias(each.name)


def _cast(each: Field, column: str) -> pl.Expr:
    written = pl.col(column)
    if each.type == "boolean":
        return written.is_in(each.trueValues)
    if each.type == "date":
        return written.str.to_date("%Y-%m-%d", strict=False)
    return written.str.strip_prefix("+").cast(POLARS_TYPES[each.type], strict=False)


def _no_rows(schema: Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(schema.names, pl.String))


def _of_file(table: Table, rule: str, message: str, line: int | None = None, hint: str | None = None) -> Problem:
    return Problem(table.resource.path, rule, message, line=line, table=table.name, hint=hint)


def _unsound(table: Table, rule: str, message: str, line: int | None = None, hint: str | None = None) -> Table:
    table.sound = False
    table.problems.append(_of_file(table, rule, message, line, hint))
    return table


def _read_text(table: Table, text: str, thorough: bool) -> Table:
    text = text if text.endswith("\n") else text + "\n"
    if problem := _header_problem(table, text[: text.index("\n")]):
        table.sound = False
        table.problems.append(problem)
        return table
    if not _read_at_once(table, text):
        lines = pl.Series(text[:-1].split("\n"), dtype=pl.String)
        table.lines = pl.int_range(2, len(lines) + 1, dtype=pl.Int64, eager=True)
        if bad := dict(_bad_lines(table, lines)):
            table.problems += filter(None, bad.values())
            table.lines = table.lines.filter(~table.lines.is_in(list(bad)))
            text = "\n".join([lines[0], *lines.gather(table.lines - 1)]) + "\n"
        if len(table.lines):
            table.frame = _frame(table.schema, text)
    if thorough:
        plain = text.isascii() and text.replace("\n", "").isprintable()
        table.problems += _text_problems(table, ["stray-space"] if plain else list(_FAULTS))
    return table


def _read_at_once(table: Table, text: str) -> bool:
    """Read a file whose lines are told to be well formed without looking at each; False where that cannot be told.

    Without a quote a cell ends at each comma. If the commas sum to what even rows would have and
    polars, which refuses a row longer than the first, reads it, then every row has the width.
    """
    rows = text.count("\n") - 1
    if not rows or '"' in text or text.count(",") != (rows + 1) * (len(table.schema.fields) - 1):
        return False
    try:
        frame = _frame(table.schema, text)
    except pl.exceptions.PolarsError:
        return False
    if frame.height != rows:
        return False
    table.frame, table.lines = frame, pl.int_range(2, rows + 2, dtype=pl.Int64, eager=True)
    return True


def _frame(schema: Schema, text: str) -> pl.DataFrame:
    frame = pl.read_csv(
        io.BytesIO(text.encode()),
        has_header=False,
        skip_rows=1,
        new_columns=schema.names,
        infer_schema=False,
        raise_if_empty=False,
        quote_char='"',
    )
    return frame.with_columns(pl.col(name).replace("", None) for name in schema.names) if '""' in text else frame


def _header_problem(table: Table, line: str) -> Problem | None:
    names, expected = next(csv.reader([line]), []), table.schema.names
    if names == expected:
        return None
    missing = [name for name in expected if name not in names]
    extra = [name for name in names if name not in expected]
    hint = f"the first line must be {','.join(expected)}"
    column = None
    if missing and extra:
        column = missing[0]
        near = nearest(extra[0], missing)
        message = f"the header has {extra[0]!r} where the schema has {near or missing[0]!r}"
    elif missing:
        column, message = missing[0], f"the header lacks the column {', '.join(map(repr, missing))}"
    elif extra:
        column, message = (
            extra[0],
            f"the header has the column {', '.join(map(repr, extra))}, which the schema does not have",
        )
        hint = f"take it out, or declare it in {table.resource.schema_path}"
    elif len(names) > len(expected):
        twice = next(name for name in names if names.count(name) > 1)
        column, message = twice, f"the header has the column {twice!r} twice"
    else:
        wrong = next(index for index, name in enumerate(names) if name != expected[index])
        column, message = (
            names[wrong],
            f"the header's columns are in another order than the schema's: {names[wrong]!r} stands where {expected[wrong]!r} belongs",
        )
        hint = "run `prc-reach fmt`, it puts the columns in order"
    return Problem(table.resource.path, "header", message, line=1, table=table.name, column=column, hint=hint)


def _bad_lines(table: Table, lines: pl.Series):
    """The numbers of the lines that are no record of the table's width, each with its problem.

    A cell that goes on over several lines is one problem, on the line where it opens; None for the others.
    """
    inside = False  # a cell that an earlier line opened
    width = len(table.schema.fields)
    suspect = lines.str.contains('"', literal=True) | (lines.str.count_matches(",", literal=True) != width - 1)
    broken = lines.str.count_matches('"', literal=True) % 2 == 1  # opens or closes a cell of several lines
    within = broken.cum_sum() % 2 == 1
    for number in (suspect | within).slice(1).arg_true() + 2:
        line = lines[number - 1]
        if inside:
            inside = line.count('"') % 2 == 0
            yield number, None
        elif '"' in line and not _RECORD.fullmatch(line):
            inside = line.count('"') % 2 == 1
            message = (
                "a quoted cell is not closed on its line"
                if inside
                else "a quote stands inside a cell that is not quoted"
            )
            hint = (
                "close the quote, and write no line break into a cell"
                if inside
                else 'quote the whole cell and double the quotes inside: "say ""yes"""'
            )
            yield number, _of_file(table, "quote", message, number, hint)
        elif line == "" and width > 1:
            yield number, _of_file(table, "row-length", "the line is blank", number, "take it out")
        elif (cells := len(next(csv.reader([line])))) != width:
            message = f"the row has {cells} cells, the table has {width} columns"
            hint = (
                "quote a cell that holds a comma" if cells > width else "end the row with a comma for each empty cell"
            )
            yield number, _of_file(table, "row-length", message, number, hint)


_FAULTS = {
    "stray-space": (
        lambda cell: cell.str.starts_with(" ") | cell.str.ends_with(" ") | cell.str.contains_any(ODD_SPACES),
        "has a stray or odd space",
    ),
    "invisible-character": (lambda cell: cell.str.contains(INVISIBLE), "holds a character that cannot be seen"),
    "not-nfc": (lambda cell: cell != cell.str.normalize("NFC"), "is not in Unicode normal form C"),
}


def _text_problems(table: Table, rules: list[str]):
    """Cells that break one of the `rules` for text, keys of `_FAULTS`."""
    asked = {f"{rule} {name}": _FAULTS[rule][0](pl.col(name)) for rule in rules for name in table.schema.names}
    present = table.frame.select(faulty.any().alias(key) for key, faulty in asked.items())
    for key in [key for key, faulty in present.row(0, named=True).items() if faulty] if table.frame.height else []:
        rule, name = key.split(" ")
        for index in table.frame.select(asked[key].fill_null(False)).to_series().arg_true():
            value = table.frame[name][index]
            message = f"{name} {_FAULTS[rule][1]}"
            yield table.problem(index, rule, message, name, value=value, hint="run `prc-reach fmt`, it mends this")
