"""Read the sheets of a workbook (Office Open XML) or a CSV file as a person saved it: cells with their places.

Nothing is calculated and nothing guessed: what was told wrongly apart, an encoding or a merged cell, is a problem.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from datetime import datetime
from pathlib import Path

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import CALENDAR_WINDOWS_1900
from openpyxl.xml.functions import iterparse

from ..decoding import contents
from ..problem import Broken, Problem
from ..text import cleaned
from ..zips import swollen

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_ERRORS = frozenset(("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"))
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_LARGEST = 50_000_000  # bytes of a file, and of all that a workbook unpacks to
_WIDEST, _LONGEST = 16_384, 1_048_576  # columns and rows of a sheet of Excel
_MOST = 2_000_000  # cells, empty ones between the others among them
_HIGH = re.compile(rb"[\x80-\xff]+")


@dataclass(frozen=True)
class Formula:
    """A cell that holds a formula, `text`; its value is not known."""

    text: str


@dataclass(frozen=True)
class ErrorValue:
    """A cell that shows an error of the spreadsheet."""

    text: str


@dataclass(frozen=True)
class ShownDate:
    """A date cell, with whether the sheet shows its day and its year: what it does not show nobody wrote."""

    moment: datetime
    day: bool
    year: bool


@dataclass
class Sheet:
    """The filled rows of a sheet, by their numbers in it, the header first; cells are None where empty.

    `name` is None for a CSV file. `notes` say what was noticed. Its dates count from `epoch`.
    """

    file: str
    name: str | None
    rows: list[tuple[int, list[object]]]
    notes: list[str] = attribute(default_factory=list)
    problems: list[Problem] = attribute(default_factory=list)
    epoch: datetime = CALENDAR_WINDOWS_1900

    def fill(self, rows: Iterable[list[object]]) -> None:
        """Take those of the rows that hold something. Raises `Broken` where they are more than can be held."""
        cells = 0
        for number, row in enumerate(rows, 1):
            cells += len(row)
            if number > _LONGEST or len(row) > _WIDEST or cells > _MOST:
                most = f"{_LONGEST:,} rows, {_WIDEST:,} columns or {_MOST:,} cells"
                raise Broken([_too_large(self.file, f"has more than {most}")])
            if any(cell is not None for cell in row):
                self.rows.append((number, row))

    def at(self, problem: Problem, row: int | None, index: int | None) -> Problem:
        """The problem told of a cell, a row or the sheet, which its message names as the spreadsheet does."""
        named = f" ({problem.column})" if problem.column else ""
        cell = None if index is None else f"cell {get_column_letter(index + 1)}{row}{named}"
        place = [f"sheet {self.name}" if self.name else None, cell or (f"row {row}" if row else None)]
        where = ", ".join(filter(None, place))
        message = f"{where}: {problem.message}" if where else problem.message
        return replace(problem, file=self.file, line=row, message=message, found_by=())


def read(path: Path) -> list[Sheet]:
    """The sheets of the file. Raises `Broken` where it is neither a workbook nor a CSV file that can be read."""
    data = contents(path, str(path), _LARGEST)
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return _workbook(path.name, data)
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return [_csv(path.name, data)]
    hint = "save it as an Excel workbook (.xlsx) or as “CSV UTF-8”"
    raise Broken([Problem(str(path), "unreadable-file", "is neither an .xlsx nor a .csv file", hint=hint)])


def _workbook(file: str, data: bytes) -> list[Sheet]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the library leaves out: charts, styles, lists of choices
            archive = zipfile.ZipFile(io.BytesIO(data))
            members = archive.infolist()
            if any(map(swollen, members)) or sum(each.file_size for each in members) > _LARGEST:
                raise Broken([_too_large(file, "unpacks to more than can be read")])
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=False)
            return [_sheet(file, page, book.epoch, archive) for page in book.worksheets]
    except Broken:
        raise
    except Exception:  # the library raises whatever its parts do, zlib's errors and TypeErrors among them
        hint = "open it in the spreadsheet program and save it as .xlsx, without a password"
        raise Broken([Problem(file, "unreadable-file", "is no Excel workbook that can be read", hint=hint)]) from None


def _too_large(file: str, message: str) -> Problem:
    return Problem(file, "unreadable-file", message, hint="import it in several parts, without empty rows and columns")


def _sheet(file: str, page, epoch: datetime, archive: zipfile.ZipFile) -> Sheet:
    page.reset_dimensions()  # what some programs write there is wrong
    sheet = Sheet(file, page.title, [], epoch=epoch)
    sheet.fill([_cell(cell) for cell in row] for row in page.iter_rows())
    if page.sheet_state != "visible":
        sheet.notes.append("the sheet is hidden; it was read like the others")
    with archive.open(page._worksheet_path) as source:  # openpyxl's reader of rows leaves the layout out
        _look_at_layout(sheet, source)
    return sheet


def _cell(cell) -> object:
    value = cell.value
    if cell.data_type == "f":
        return Formula(str(getattr(value, "text", value)))
    if cell.data_type == "e":
        return ErrorValue(str(value))
    if isinstance(value, str):
        return value if cleaned(value) else None
    if isinstance(value, datetime):
        shown = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", cell.number_format.lower())
        return ShownDate(value, "d" in shown, "y" in shown)
    return value


def _look_at_layout(sheet: Sheet, source) -> None:
    """Note what is hidden, and refuse merged cells: all but the first would be read as empty."""
    first, hidden = sheet.rows[0][0] if sheet.rows else 0, 0
    for _, element in iterparse(source):
        tag = element.tag.rpartition("}")[2]
        if tag == "col" and element.get("hidden") in ("1", "true"):
            ends = [get_column_letter(int(element.get(end))) for end in ("min", "max")]
            sheet.notes.append(f"hidden columns were read too: {'–'.join(dict.fromkeys(ends))}")
        elif tag == "row":
            hidden += element.get("hidden") in ("1", "true")
            element.clear()
        elif tag == "mergeCell" and int(re.search("[0-9]+$", element.get("ref"))[0]) >= first:
            message, hint = f"the cells {element.get('ref')} are merged", "unmerge them and fill each"
            sheet.problems.append(sheet.at(Problem(sheet.file, "merged-cells", message, hint=hint), None, None))
    if hidden:
        sheet.notes.append(f"hidden rows were read too: {hidden}")


def _csv(file: str, data: bytes) -> Sheet:
    sheet = Sheet(file, None, [])
    text = _decoded(sheet, data)
    first, _, rest = text.partition("\n")
    skipped = bool(re.fullmatch("sep=.\r?", first))  # Excel's own line
    text = rest if skipped else text
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    if delimiter != ",":
        sheet.notes.append(f"its cells are parted by {DELIMITERS[delimiter]}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        sheet.fill(list(map(_written, cells)) for cells in reader)
    except csv.Error as error:
        hint = "open it in the spreadsheet program and save it anew"
        line = reader.line_num + skipped
        raise Broken([Problem(file, "quote", f"cannot be read: {error}", line=line, hint=hint)]) from None
    return sheet


def _written(cell: str) -> object:
    """The cell of a CSV file as that of a workbook would be."""
    if not cleaned(cell):
        return None
    return ErrorValue(cell) if cell.strip() in _ERRORS else cell


def _decoded(sheet: Sheet, data: bytes) -> str:
    """The file's text; an encoding other than UTF-8 is noted, and refused where two are as likely."""
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            if encoding != "utf-8":
                sheet.notes.append("it is in UTF-16 and was read so")
            return _as(sheet, data[len(mark) :], encoding)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        likely = {name: text for name, text in _readings(data).items() if text}
        if len(likely) == 1:
            ((name, text),) = likely.items()
            line = data[: error.start].count(b"\n")
            shown = text.split("\n")[line].strip()[:60] if line < text.count("\n") + 1 else ""
            sheet.notes.append(f"it is not in UTF-8; read as {name}, as in {shown!r}")
            return text
        hint = "save it as “CSV UTF-8”, or as .xlsx"
        message = f"is not UTF-8 text, and may be {' or '.join(likely)}" if likely else "is not UTF-8 text"
        line = data.count(b"\n", 0, error.start) + 1
        raise Broken([Problem(sheet.file, "encoding", message, line=line, hint=hint)]) from None
    if "\0" in text:
        hint = "save it as “CSV UTF-8”, or as .xlsx"
        raise Broken(
            [Problem(sheet.file, "encoding", "holds NUL characters: perhaps UTF-16 without its mark", hint=hint)]
        )
    return text


def _as(sheet: Sheet, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        hint = "save it as “CSV UTF-8”, or as .xlsx"
        raise Broken([Problem(sheet.file, "encoding", f"begins as {encoding.upper()} and is not", hint=hint)]) from None


def _readings(data: bytes) -> dict[str, str | None]:
    """The text as the encodings of Western and of Chinese Windows would have it, None where it cannot be that.

    Chinese text is pairs of high bytes, mostly several in a row; in Western text such bytes stand alone or by two.
    """
    runs = [len(run) for run in _HIGH.findall(data)]
    chinese = all(length % 2 == 0 for length in runs) and _decodes(data, "gb2312")
    western = max(runs) < 4 and _decodes(data, "cp1252")
    return {
        "Windows-1252": data.decode("cp1252") if western else None,
        "GB18030": data.decode("gb18030") if chinese else None,
    }


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        return bool(data.decode(encoding))
    except UnicodeDecodeError:
        return False
