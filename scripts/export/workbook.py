"""Excel workbooks (Office Open XML, ISO/IEC 29500) that show what is in the tables and run nothing.

Text is written as text: no cell becomes a formula, a link or a number by the way it begins. Numbers
and truth values are written as such, save a number that Excel's arithmetic (double precision, 16
digits) would change: that stays text. The same input gives the same bytes.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from ..dictionary import Entry, dictionary
from ..package import Package
from ..problem import Broken, Problem
from ..tables import Table
from . import citation

Cell = str | int | float | bool | None

EPOCH = datetime(
    1980, 1, 1, tzinfo=UTC
)  # the date of a file where the package has none: the first that a zip file knows
_ROWS, _COLUMNS, _CHARACTERS, _NAME = 1_048_576, 16_384, 32_767, 31  # what Excel holds
_FORBIDDEN = "[]:*?/\\"  # in the name of a sheet
_NARROW, _WIDE = 8, 60  # columns' widths, in characters
_LOOKED_AT = 200  # so many rows are looked at for the widths
_README, _DICTIONARY = "README", "Dictionary"


def sheet(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A workbook of one sheet: `columns` as its header, and `rows`.

    Raises `Broken` for what Excel cannot hold: nothing is cut.
    """
    rows = list(rows)
    _refuse([*_name_problems(title, title, []), *_grid_problems(title, columns, rows)])
    out = io.BytesIO()
    with _Workbook(out, EPOCH) as workbook:
        workbook.table(title, columns, rows)
    return out.getvalue()


def book(
    package: Package, tables: dict[str, Table], reading: str = "", done: Callable[[str], None] = lambda name: None
) -> bytes:
    """The workbook of the package: what it is and how to read it (`reading`, plain text), its dictionary, each table.

    `done` is called with each table's name. Raises `Broken` for what Excel cannot hold: nothing is cut.
    """
    grids = {_DICTIONARY: (_DICTIONARY_COLUMNS, list(_dictionary_rows(dictionary(package, tables))))}
    grids |= {name: (table.schema.names, _Rows(table)) for name, table in tables.items()}
    taken, found = [_README], []
    for name, (columns, rows) in grids.items():
        place = package.resources[name].path if name in package.resources else name
        found += [*_name_problems(name, place, taken), *_grid_problems(place, columns, rows)]
        taken.append(name)
    _refuse(found)
    out = io.BytesIO()
    with _Workbook(out, package.descriptor.moment or EPOCH, package.descriptor.title) as workbook:
        workbook.text(_README, _about(package, reading))
        for name, (columns, rows) in grids.items():
            workbook.table(name, columns, rows)
            if name in tables:
                done(name)
    return out.getvalue()


class _Rows:
    """The rows of a table: numbers and truth values as such, everything else as the file has it."""

    def __init__(self, table: Table):
        typed = [field.name for field in table.schema.fields if field.type in ("integer", "number", "year", "boolean")]
        self._frame = table.frame.with_columns(table.typed[name] for name in typed)

    def __len__(self) -> int:
        return self._frame.height

    def __iter__(self) -> Iterator[tuple[Cell, ...]]:
        return self._frame.iter_rows()


class _Workbook:
    """A workbook that is written to `out` when the context ends."""

    def __init__(self, out: io.BytesIO, created: datetime, title: str | None = None):
        off = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
        self._book = xlsxwriter.Workbook(out, {"in_memory": True, **off})
        self._book.set_properties({"created": created.replace(tzinfo=None), **({"title": title} if title else {})})
        self._head = self._book.add_format({"bold": True, "bottom": 1})
        self._wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._plain = self._book.add_format({"valign": "top"})

    def __enter__(self) -> _Workbook:
        return self

    def __exit__(self, *_: object) -> None:
        self._book.close()

    def table(self, name: str, columns: Sequence[str], rows) -> None:
        """A sheet with a header that stays in sight, filters, and columns as wide as what is in them."""
        page = self._book.add_worksheet(name)
        for column, (title, width) in enumerate(zip(columns, _widths(columns, rows))):
            page.set_column(column, column, min(width, _WIDE), self._wrapped if width > _WIDE else self._plain)
            _write(page, 0, column, title, self._head)
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                if value is not None:
                    _write(page, number, column, value)
        page.freeze_panes(1, 0)
        if columns:
            page.autofilter(0, 0, len(rows), len(columns) - 1)

    def text(self, name: str, lines: Iterable[tuple[str, str]]) -> None:
        """A sheet to read: on each line what it is about, and the text."""
        page = self._book.add_worksheet(name)
        page.set_column(0, 0, 18)
        page.set_column(1, 1, 100)
        for row, (about, text) in enumerate(lines):
            _write(page, row, 0, about, self._head)
            _write(page, row, 1, text, self._wrapped)


def _write(page: Worksheet, row: int, column: int, value: Cell, form=None) -> None:
    if isinstance(value, bool):
        page.write_boolean(row, column, value, form)
    elif isinstance(value, (int, float)) and _exact(value):
        page.write_number(row, column, value, form)
    elif isinstance(value, str) and value.startswith("<r>") and value.endswith("</r>"):
        # the library takes such a text for its own markup; in three pieces it is what it is
        page.write_rich_string(row, column, value[0], value[1], value[2:], *([form] if form else []))
    else:
        page.write_string(row, column, str(value), form)


def _exact(number: int | float) -> bool:
    """Whether the number is the same after the way through the file, which has 16 digits."""
    try:
        return float(f"{number:.16G}") == number and abs(number) < 1e308
    except OverflowError:
        return False


def _widths(columns: Sequence[str], rows) -> list[int]:
    """A width for each column, in characters, with room for the header's filter button."""
    widths = [_shown(name) + 4 for name in columns]
    for row, _ in zip(rows, range(_LOOKED_AT)):
        widths = [max(width, _shown(value) + 1) for width, value in zip(widths, row)]
    return [max(_NARROW, width) for width in widths]


def _shown(value: Cell) -> int:
    """How wide the value is when shown; an East Asian character takes the place of two."""
    text = "" if value is None else str(value)
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Broken(problems)


def _name_problems(name: str, place: str, taken: list[str]) -> Iterator[Problem]:
    """Why no sheet can be called `name`."""
    wrong = None
    if not 0 < _units(name) <= _NAME:
        wrong = f"must have 1 to {_NAME} characters, this has {_units(name)}"
    elif set(name) & set(_FORBIDDEN) or name.startswith("'") or name.endswith("'"):
        wrong = f"may not hold any of {_FORBIDDEN}, nor begin or end with an apostrophe"
    elif name.casefold() in [each.casefold() for each in (*taken, "history")]:
        wrong = "is taken, by another sheet or by Excel itself"
    if wrong:
        yield Problem(place, "excel-sheet-name", f"the name of an Excel sheet {wrong}", value=name, hint="rename it")


def _grid_problems(place: str, columns: Sequence[str], rows) -> Iterator[Problem]:
    """What of the table Excel cannot hold."""
    if len(rows) + 1 > _ROWS:
        hint = "use the Parquet files or the database for tables of this size"
        yield Problem(
            place, "excel-rows", f"an Excel sheet holds {_ROWS:,} rows, this has {len(rows) + 1:,}", hint=hint
        )
        return
    if len(columns) > _COLUMNS:
        yield Problem(place, "excel-columns", f"an Excel sheet holds {_COLUMNS:,} columns, this has {len(columns):,}")
    for number, row in enumerate(rows, 2):
        for name, value in zip(columns, row):
            if isinstance(value, str) and len(value) > _CHARACTERS // 2 and _units(value) > _CHARACTERS:
                message = f"an Excel cell holds {_CHARACTERS:,} characters, this has {_units(value):,}"
                hint = "shorten the text, or divide it over rows"
                yield Problem(place, "excel-cell-length", message, line=number, column=name, hint=hint)


def _units(text: str) -> int:
    """The text's length as Excel counts it, in UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def _about(package: Package, reading: str) -> Iterator[tuple[str, str]]:
    declared = package.descriptor
    yield declared.title, declared.description
    yield "Version", declared.version
    if declared.moment:
        yield "Date", declared.moment.date().isoformat()
    for licence in declared.licenses:
        yield "Licence", ", ".join(filter(None, [licence.title or licence.name, licence.path]))
    yield "How to cite", citation.text(declared)
    for source in declared.sources:
        yield "Source", ", ".join(filter(None, [source.title, source.path]))
    for paragraph in filter(None, reading.split("\n")):
        yield "How to read it", paragraph
    yield "Cells", "An empty cell is a value that is not given. Text stands as in the tables, dates too."
    yield (
        _DICTIONARY,
        f"The sheet {_DICTIONARY} tells what each table and column holds, and the rules that the rows keep.",
    )
    for name, schema in package.schemas.items():
        yield f"Sheet {name}", f"{schema.title}. {schema.description}"


_DICTIONARY_COLUMNS = (
    "table",
    "column",
    "type",
    "unit",
    "meaning",
    "key",
    "required",
    "unique",
    "allowed",
    "refers_to",
    "example",
)


def _dictionary_rows(entries: Iterable[Entry]) -> Iterator[tuple[Cell, ...]]:
    """For each table a row of type `table`, a row a column, and a row a rule, of type `rule`."""
    rest = (None,) * 6
    for entry in entries:
        rows = "" if entry.rows is None else f" {entry.rows:,} rows."
        yield entry.name, None, "table", None, f"{entry.title}. {entry.description}{rows}", *rest
        for each in entry.columns:
            flags = (each.key, each.required, each.unique)
            about = (each.type, each.unit, each.meaning)
            yield entry.name, each.name, *about, *flags, each.allowed, each.refers_to, each.example
        for rule, message in entry.rules:
            yield entry.name, rule, "rule", None, message, *rest
