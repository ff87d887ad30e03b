"""Where the two engines are known to differ, each with its reason and, where there is one, the library's issue.

A difference is either a value that frictionless reads from a cell and we do not, on purpose (`CELLS`), or one
in how a file or a key is read (the rest). For each a test plants it and fails when it is no longer there.
Links are to what is reported already; "no issue found" where a search of the library's issues gave none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from scripts.descriptor import Field

# The lexical forms of Table Schema, as XML Schema has them; a year is four digits, save where it is negative or longer.
_FORMS = {
    "integer": r"[+-]?[0-9]+",
    "number": r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?",
    "year": r"[0-9]{4}",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
NO_VALUE = "never"  # of no type but a string


@dataclass(frozen=True)
class Difference:
    """A cell that frictionless reads as a value of the column's type, and we tell as a wrong type.

    `applies` is whether a cell of a field is one; `planted` are types with such cells.
    """

    name: str
    reason: str
    issue: str
    applies: Callable[[Field, str], bool]
    planted: tuple[tuple[str, str], ...]


def _by_python(field: Field, text: str) -> object | None:
    """The value that frictionless makes of the cell, with Python's own conversions; None for none."""
    with suppress(ValueError, InvalidOperation):
        match field.type:
            case "integer":
                return int(text.strip())
            case "number":
                return Decimal(text.strip())
            case "date":
                return datetime.strptime(text, "%Y-%m-%d").date()
            case "year" if len(text) == 4 and 0 <= int(text) <= 9999:
                return int(text)
    return None


def _in_form(field: Field, text: str) -> bool:
    return bool(re.fullmatch(_FORMS[field.type], text))


def _loose(field: Field, text: str) -> bool:
    value = _by_python(field, text) if field.type in _FORMS else None
    return value is not None and not _in_form(field, text) and not (field.type == "number" and not value.is_finite())


def _not_finite(field: Field, text: str) -> bool:
    return field.type == "number" and (value := _by_python(field, text)) is not None and not value.is_finite()


def _too_large(field: Field, text: str) -> bool:
    if field.type not in ("integer", "number") or not _in_form(field, text):
        return False
    value = _by_python(field, text)
    if field.type == "integer":
        return value is not None and not -(2**63) <= value < 2**63
    return value is not None and abs(float(value)) == float("inf")


LOOSE = Difference(
    "looser forms",
    "frictionless reads integers, numbers, years and dates with Python's int, Decimal and strptime, which take spaces "
    "round them, underscores, digits of every script and days of one digit; Table Schema has the forms of XML Schema",
    "no issue found",
    _loose,
    (
        ("integer", "1_000"), ("integer", " 12"), ("integer", "12\u00a0"), ("integer", "١٢"), ("integer", "１２"), ("integer", "１_२"),
        ("number", "1_000.5"), ("number", " 1.5"), ("number", "١.٥"), ("number", "１.５"), ("year", "+202"), ("year", "-000"),
        ("year", " 202"), ("year", "1_02"), ("year", "٢٠٢٤"), ("year", "２０２４"), ("date", "2024-1-5"), ("date", "2024-01- 5"),
        ("date", "٢٠٢٤-01-05"), ("date", "2024-01-1٣"),
    ),
)  # fmt: skip
NOT_FINITE = Difference(
    "numbers that are not finite",
    "Table Schema allows INF, -INF and NaN (frictionless: in every case, and with an accent of Python's own, like "
    "Infinity or nan12), and we do not: SQLite holds no NaN, and a figure in these tables is a figure",
    "none: it is we who are stricter",
    _not_finite,
    (
        ("number", "NaN"),
        ("number", "INF"),
        ("number", "-INF"),
        ("number", "inf"),
        ("number", "Infinity"),
        ("number", "nan12"),
    ),
)
TOO_LARGE = Difference(
    "beyond 64 bits",
    "Table Schema sets integers and numbers no bound, and we do: SQLite and polars hold 64 bits",
    "none: it is we who are stricter",
    _too_large,
    (
        ("integer", "9223372036854775808"), ("integer", "-9223372036854775809"), ("integer", "1" * 30), ("number", "1e400"),
        ("number", "-1e400"), ("number", "1" * 400), ("number", "1.7976931348623159e308"),
    ),
)  # fmt: skip
CELLS = (LOOSE, NOT_FINITE, TOO_LARGE)

SIGNALLING = (
    "sNaN"  # with it in a column of numbers that has a bound, a list or a key, frictionless fails (no issue found)
)


def signalling(field: Field, text: str) -> bool:
    """Whether frictionless may fail on the cell: Python's signalling NaN is read as a number and then cannot be compared."""
    return _not_finite(field, text) and _by_python(field, text).is_snan()


def more_digits(field: Field, text: str) -> bool:
    """Whether a number has more digits than 64 bits keep.

    In keys and columns without repetition they do not count for us, since SQLite holds 64 bits; to frictionless
    0.1 and 0.10000000000000000001 are two keys. Bounds and lists are held against all digits by both.
    """
    if field.type != "number" or not _in_form(field, text) or _too_large(field, text):
        return False
    value = _by_python(field, text)
    return value is not None and value != Decimal(repr(float(value)))


# frictionless takes an empty or wrong part of a key for a part like any other: two rows with the same rest have for it
# the same key, and one whose parts are all wrong has no key, as a problem of its own. We tell the empty or wrong cell.
EMPTY_KEY = "https://github.com/frictionlessdata/frictionless-py/issues/1623"
# frictionless reads CSV as Python does: a quote within a cell stands for itself, and a line break within quotes does not
# end the row. RFC 4180 has no quote within a cell without quotes, and in our packages one line is one row. No issue found.
QUOTES = "none: it is we who are stricter"
# frictionless says nothing of a file whose first line is empty, and takes its rows for those of the schema's columns.
# For us the first line has the names. No issue found.
NO_HEADER = "no issue found"
# What a descriptor does not say frictionless guesses from the file: its encoding
# (https://github.com/frictionlessdata/frictionless-py/issues/1376), the separator, whether a space behind it is skipped
# (Python's csv.Sniffer decides: https://github.com/python/cpython/issues/154744), and which line is the header (no issue
# found). `scripts.outside` spells out what the standard has.
GUESSES = "https://github.com/frictionlessdata/frictionless-py/issues/1376"
