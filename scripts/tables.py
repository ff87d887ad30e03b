"""Read a table's CSV file (RFC 4180) into a frame of text, and tell what is wrong with the file.

In the package one line is one row, so a row's number is its line's number: a quoted line break is
a problem, and so is whatever else would make two CSV readers disagree.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import cached_property
from itertools import islice, pairwise

import polars as pl

from . import suspect
from .decoding import BYTE_ORDER_MARK, decoded
from .descriptor import POLARS_TYPES, Field, Resource, Schema
from .package import Package
from .problem import Broken, Problem, named, nearest
from .text import INVISIBLE, ODD_SPACES, cleaned

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
    """The table called `name`. Never raises for what the file holds: that is in `problems`.

    What is wrong with the text of its cells is looked for only if `thorough`.
    """
    table = no_rows(package, name)
    resource, schema = table.resource, table.schema
    try:
        text = decoded(package.folder / resource.path, resource.path)
    except Broken as broken:
        table.sound = False
        create = f"create it with the line {','.join(schema.names)}"
        table.problems += [replace(each, table=name, hint=each.hint or create) for each in broken.problems]
        return table
    if text.startswith(BYTE_ORDER_MARK):
        text = text.removeprefix(BYTE_ORDER_MARK)
        hint = "run `prc-reach fmt`, it takes it out"
        table.problems.append(_of_file(table, "byte-order-mark", "starts with a byte-order mark", 1, hint))
    if not text.strip():
        return _unsound(table, "empty-file", "is empty", hint=f"its first line must be {','.join(schema.names)}")
    if (at := text.find("\r")) >= 0:
        hint = "run `prc-reach fmt`, it mends the line ends"
        message = "has Windows line ends (CR LF), and the package uses LF"
        table.problems.append(_of_file(table, "line-ending", message, text.count("\n", 0, at) + 1, hint))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _read_text(table, text, thorough)


def no_rows(package: Package, name: str) -> Table:
    """The table called `name` as if it had no rows; its file is not looked at."""
    resource, schema = package.resources[name], package.schemas[name]
    frame = pl.DataFrame(schema=dict.fromkeys(schema.names, pl.String))
    return Table(resource, schema, frame, pl.Series([], dtype=pl.Int64))


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
    "number": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?0*[0-9]{1,18})?$",  # Python's Decimal holds no longer exponent
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
        if bad := dict(islice(_bad_lines(table, lines), _MOST_BAD + 1)):
            table.problems += filter(None, bad.values())
            if len(bad) > _MOST_BAD:
                return _another_file(table)
            table.lines = table.lines.filter(~table.lines.is_in(list(bad)))
            text = "\n".join([lines[0], *lines.gather(table.lines - 1)]) + "\n"
        if len(table.lines):
            table.frame = _frame(table.schema, text)
    if table.frame.select(pl.all_horizontal(pl.all().is_null()).sum()).item() > _MOST_BAD:
        return _another_file(table)
    if thorough:
        plain = text.isascii() and text.replace("\n", "").isprintable()
        table.problems += _text_problems(table, _OF_ASCII if plain else _FAULTS)
    return table


def _another_file(table: Table) -> Table:
    table.frame, table.lines = table.frame.clear(), table.lines.clear()
    message = f"more than {_MOST_BAD:,} lines are no rows of this table, so it was read no further"
    return _unsound(table, "row-length", message, hint="look whether it is the right file")


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


_MOST_BAD = 10_000  # lines: a file with more that are no rows, or have nothing but commas, is another file
_FEW = 8  # so many wrong columns of a header are told one by one
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def _header_problem(table: Table, line: str) -> Problem | None:
    names, expected = next(csv.reader([line]), []), table.schema.names
    if names == expected:
        return None
    told = _separator_told(line, expected) or _header_told(names, expected, table.resource.schema_path)
    column, message, hint = told
    return Problem(table.resource.path, "header", message, line=1, table=table.name, column=column, hint=hint)


def _separator_told(line: str, expected: list[str]) -> tuple[None, str, str] | None:
    """What is wrong where the line is the header with something else between the names than commas."""
    for separator, called in _SEPARATORS.items():
        if len(set(line.split(separator)) & set(expected)) > len(expected) / 2:
            return (
                None,
                f"this file separates its columns with {called}",
                "save it as CSV with commas between the columns",
            )
    return None


def _header_told(names: list[str], expected: list[str], schema_path: str) -> tuple[str | None, str, str]:
    """The column, what is wrong and what would be right of a header that does not have the `expected` names."""
    there, wanted = set(names), set(expected)
    missing = [name for name in expected if name not in there]
    extra = [name for name in names if name not in wanted]
    whole = f"the first line must be {','.join(expected)}"
    if not set(names) & set(expected):
        return None, f"the first line is no header: it begins with {names[0] if names else ''!r}", whole
    if missing and extra:
        first = extra[:_FEW]
        pairs = [f"{each!r} where the schema has {nearest(each, missing) or missing[0]!r}" for each in first]
        pairs += [f"{len(extra) - _FEW:,} more"] if len(extra) > _FEW else []
        return missing[0], f"the header has {', '.join(pairs)}", whole
    if missing:
        return missing[0], f"the header lacks the column {named(missing)}", whole
    if extra and not any(extra):
        return None, "the header ends with empty cells", "run `prc-reach fmt`, it takes them out of every row"
    if extra:
        message = f"the header has the column {named(extra)}, which the schema does not have"
        return extra[0], message, f"take it out, or declare it in {schema_path}"
    if len(names) > len(expected):
        twice = next(name for name in expected if names.count(name) > 1)
        return twice, f"the header has the column {twice!r} twice", f"take one out; {whole}"
    wrong, right = next((name, there) for name, there in zip(names, expected) if name != there)
    message = f"the header's columns are in another order than the schema's: {wrong!r} stands where {right!r} belongs"
    return wrong, message, "run `prc-reach fmt`, it puts the columns in order"


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
            message, hint = _open_quote(broken, number) if inside else _INNER_QUOTE
            yield number, _of_file(table, "quote", message, number, hint)
        elif line == "" and width > 1:
            yield (
                number,
                _of_file(table, "row-length", "the line is blank", number, "run `prc-reach fmt`, it takes it out"),
            )
        elif len(cells := next(csv.reader([line]))) != width:
            message = f"the row has {len(cells)} cells, the table has {width} columns"
            problem = _of_file(table, "row-length", message, number, _uneven(line, cells, width))
            yield number, replace(problem, row_id=cells[0] or None)


_INNER_QUOTE = (
    "a quote stands inside a cell that is not quoted",
    'quote the whole cell and double the quotes inside: "say ""yes"""',
)


def _open_quote(broken: pl.Series, number: int) -> tuple[str, str]:
    """What is wrong with the quote that line `number` opens and does not close; `broken` are lines with an odd quote."""
    closing = broken.slice(number).arg_true()
    if not len(closing):
        return "a quoted cell is opened on this line and never closed", "close it with a second quote"
    message = f"a quoted cell goes on from this line to line {number + int(closing[0]) + 1}"
    return (
        message,
        "write it on one line, with a space in place of the line break, or close the quote that was left open",
    )


def _uneven(line: str, cells: list[str], width: int) -> str:
    """What would make a row of `cells` the table's width."""
    for separator, called in {**_SEPARATORS, "，": "Chinese commas"}.items():
        if len(cells) < width and len(next(csv.reader([line.replace(separator, ",")]))) == width:
            return f"separate the cells with commas, not with {called}"
    if len(cells) < width:
        return f"it ends with {cells[-1]!r}: put a comma for each empty cell, {width - len(cells)} more in all"
    if "“" in line or "”" in line:
        return 'cells are quoted with straight quotes: write " for “ and ”'
    parts = next((pair for pair in pairwise(cells) if pair[1].startswith(" ")), None)
    if not parts and not any(cells[width:]):
        return f"take out {len(cells) - width} of the commas at its end, or quote a cell that holds a comma"
    return f'quote a cell that holds a comma: "{",".join(parts or ("text", " with a comma"))}"'


def _spaced(value: str) -> str:
    if odd := next((each for each in value if each in ODD_SPACES), None):
        return f"holds {_called(odd, value)} in place of an ordinary space"
    return f"{'begins' if value.startswith(' ') else 'ends'} with a space"


def _hidden(value: str) -> str:
    return f"holds a character that cannot be seen: {_called(re.search(INVISIBLE, value)[0], value)}"


def _called(character: str, value: str) -> str:
    """A character that cannot be seen, by its name and where it stands in the value."""
    before = value[: value.index(character)][-20:]
    name = unicodedata.name(character, "a control character").lower()
    return f"{name} (U+{ord(character):04X}) {f'behind {before!r}' if before else 'at its begin'}"


_MENDED = "run `prc-reach fmt`, it mends this"


def _told_hidden(value: str) -> tuple[str, str]:
    stays = re.search(INVISIBLE, cleaned(value))
    return _hidden(value), "take it out by hand: fmt does not, since some scripts need it" if stays else _MENDED


def _told_look_alike(value: str) -> tuple[str, str] | None:
    if not (found := suspect.disguised(value)):
        return None
    letter, what = found
    better = suspect.plain(value)
    hint = f"write {better!r}" if better != value else "type the word anew, in the letters of one script"
    name = unicodedata.name(letter[0], "a letter").lower()
    return f"holds {letter[0]!r} ({name}, U+{ord(letter[0]):04X}) {what}", hint


def _told_mojibake(value: str) -> tuple[str, str] | None:
    if (better := suspect.undamaged(value)) is None:
        return None
    hint = f"write {better!r}" if better else "take the text anew from the source"
    return "was damaged by a program that read it in a wrong encoding", hint


def _told_formula(value: str) -> tuple[str, str]:
    return f"begins with {value[0]!r}, so a spreadsheet would compute it", "put a word before it, or quote it as “…”"


# Each rule for a cell's text: whether a cell may break it, and what then is wrong and would be right, if it does.
_FAULTS = {
    "stray-space": (
        lambda cell: cell.str.starts_with(" ") | cell.str.ends_with(" ") | cell.str.contains_any(ODD_SPACES),
        lambda value: (_spaced(value), _MENDED),
    ),
    "formula": (suspect.formula, _told_formula),
    "invisible-character": (lambda cell: cell.str.contains(INVISIBLE), _told_hidden),
    "not-nfc": (
        lambda cell: cell != cell.str.normalize("NFC"),
        lambda value: ("has a letter in two parts (it is not in Unicode normal form C)", _MENDED),
    ),
    "look-alike": (suspect.look_alike, _told_look_alike),
    "mojibake": (suspect.perhaps_mojibake, _told_mojibake),
}
_OF_ASCII = ("stray-space", "formula")  # the rules that plain ASCII can break


def _text_problems(table: Table, rules: Iterable[str]):
    """Cells that break one of the `rules` for text, keys of `_FAULTS`."""
    textual = [each.name for each in table.schema.fields if each.type == "string"]
    asked = {
        f"{rule} {name}": _FAULTS[rule][0](pl.col(name))
        for rule in rules
        for name in (textual if rule == "formula" else table.schema.names)  # a number may begin with its sign
    }
    present = table.frame.select(faulty.any().alias(key) for key, faulty in asked.items())
    for key in [key for key, faulty in present.row(0, named=True).items() if faulty] if table.frame.height else []:
        rule, name = key.split(" ")
        for index in table.frame.select(asked[key].fill_null(False)).to_series().arg_true():
            value = table.frame[name][index]
            if told := _FAULTS[rule][1](value):
                yield table.problem(index, rule, told[0], name, value=value, hint=told[1])
