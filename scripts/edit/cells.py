"""What a spreadsheet makes of values, undone where that is certain and told where it is not."""

from __future__ import annotations

import re
from datetime import datetime, time
from decimal import Decimal
from math import isfinite

from openpyxl.utils.datetime import from_excel

from ..descriptor import Field, matches
from ..text import cleaned
from .spreadsheets import ErrorValue, Formula, ShownDate

AS_TEXT = "format the column as text and type the value again"
_PLAIN = str.maketrans({**dict.fromkeys("‘’‚′", "'"), **dict.fromkeys("“”„″", '"'), **dict.fromkeys("‐‑–—−", "-")})
_CUT = re.compile(r"[+-]?[0-9](\.[0-9]+)?E[+-]?[0-9]+")
_YEAR_FIRST = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2})?日?)?(?:[ T]0{1,2}:00(?::00(?:\.0+)?)?)?(~?)"
)
_YEAR_LAST = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4}|[0-9]{2})")
_WITH_MONTH = re.compile(r"[0-9]{1,4}[- /][A-Za-zéû]{3,9}\.?([- /][0-9]{2,4})?|[A-Za-zéû]{3,9}\.?[- /][0-9]{1,4}")
_DIGITS = 15  # so many Excel keeps of a number
_SERIALS = range(10_000, 80_000)  # days from 1900 or 1904 to dates that anybody writes about, and no years
_WIDEST = 20  # a code of digits is not longer


class Unclear(Exception):
    """What a cell meant cannot be told: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str):
        super().__init__(message)
        self.hint = hint


def reading(field: Field, value: object, epoch: datetime) -> tuple[str, str | None]:
    """What a cell of `field` says, as the table writes it, and what was mended, None where nothing was.

    `epoch` is the first day of the sheet's calendar. Raises `Unclear` where two readings are possible.
    """
    match value:
        case None:
            return "", None
        case str():
            return _of_text(field, value, epoch)
        case Formula():
            raise Unclear(f"holds a formula, {value.text}", "copy the cells and paste them as values")
        case ErrorValue():
            raise Unclear(f"shows the error {value.text}", "put in the value, or empty the cell")
        case ShownDate():
            return _of_date(field, value)
        case bool():
            return _of_truth(field, value)
        case int() | float():
            return _of_number(field, value, epoch)
    kind = "a time of day" if isinstance(value, time) else "a length of time"
    raise Unclear(f"became {kind} in the spreadsheet, {value}", AS_TEXT)


def same(field: Field, one: str, other: str) -> bool:
    """Whether two cells of `field` mean the same value: 12.50 and 12.5, TRUE and true."""
    if one == other or not (one and other):
        return one == other
    try:
        return _value(field, one) == _value(field, other)
    except ArithmeticError:  # of a number that signals that it is none
        return False


def _value(field: Field, text: str) -> object:
    try:
        if field.type in ("integer", "year", "number"):
            return Decimal(text)
        if field.type == "boolean" and text in (*field.trueValues, *field.falseValues):
            return text in field.trueValues
    except ArithmeticError:
        pass
    return text


def _of_date(field: Field, value: ShownDate) -> tuple[str, str | None]:
    moment = value.moment
    if not (field.partial_date or field.type == "date"):
        raise Unclear(f"became a date in the spreadsheet, {moment:%Y-%m-%d}", AS_TEXT)
    if moment.time() != time():
        raise Unclear(f"has a time of day, {moment}", f"write {moment:%Y-%m-%d}, as text")
    if not (value.day and value.year):
        lacking = " and ".join([*["no day"] * (not value.day), *["no year"] * (not value.year)])
        hint = f"write what the text says, as text: {moment:%Y-%m-%d}, {moment:%Y-%m} or {moment:%Y}"
        raise Unclear(f"is {moment:%Y-%m-%d} for the spreadsheet but shows {lacking}, which it made up", hint)
    return f"{moment:%Y-%m-%d}", "a date cell became text"


def _of_truth(field: Field, value: bool) -> tuple[str, str | None]:
    if field.type != "boolean":
        raise Unclear(f"became the truth value {str(value).upper()} in the spreadsheet", AS_TEXT)
    return (field.trueValues if value else field.falseValues)[0], None


def _of_number(field: Field, value: int | float, epoch: datetime) -> tuple[str, str | None]:
    if not isfinite(value):
        raise Unclear(f"is {value} in the spreadsheet, which is no number", AS_TEXT)
    text = format(Decimal(repr(value)), "f")
    text = text.partition(".")[0] if value == int(value) else text
    if field.type != "number" and len(text.lstrip("-")) > _DIGITS and value == int(value):
        raise Unclear(f"has more than {_DIGITS} digits, of which a spreadsheet keeps {_DIGITS}", AS_TEXT)
    if field.partial_date or field.type == "date":
        if value in _SERIALS:
            return f"{from_excel(value, epoch):%Y-%m-%d}", "the serial number of a date became the date"
        if not (field.partial_date and len(text) == 4):
            raise Unclear(f"is the number {text}, which is no date", "write it like 2017-07-14, as text")
        return text, None
    if field.type == "boolean" and value in (0, 1):
        return _of_truth(field, bool(value))
    return (_with_zeros(field, text), None) if field.type == "string" else (text, None)


def _of_text(field: Field, value: str, epoch: datetime) -> tuple[str, str | None]:
    text = cleaned(value)
    mended = None if text == value else "stray spaces or characters that cannot be seen were taken out"
    if _CUT.fullmatch(text):
        raise Unclear(f"{text} is a number that the spreadsheet cut short", f"take it from the original; {AS_TEXT}")
    if field.partial_date or field.type == "date":
        other = _date(field, text, epoch)
        return other, mended if other == text else "a date was put into the form of the package"
    if field.type == "boolean":
        for values in (field.trueValues, field.falseValues):
            if text.casefold() in [each.casefold() for each in values]:
                return values[0], mended
    elif field.type in ("integer", "number", "year"):
        if re.fullmatch(r"[+-]?[0-9]{1,3}([., ']?[0-9]{3})*,[0-9]+|[+-]?[0-9]+,[0-9]+", text):
            comma = text.replace(".", "").replace(",", ".")
            raise Unclear(
                f"{text} has a comma", f"write {comma} if it parts the decimals, {text.replace(',', '')} if not"
            )
        if field.type != "number" and re.fullmatch(r"[+-]?[0-9]+\.0+", text):
            return text.partition(".")[0], "a whole number lost its .0"
    elif not _fits(field, text):
        if _fits(field, plain := text.translate(_PLAIN)):
            return plain, "smart quotes or dashes became plain ones"
        return _with_zeros(field, text), mended
    return text, mended


def _date(field: Field, text: str, epoch: datetime) -> str:
    """The partial date that the text is, if it is one and only one."""
    if re.fullmatch(r"[0-9]{4}(\.0+)?", text):
        return text[:4]
    if found := _YEAR_FIRST.fullmatch(text):
        parts = [found[1], *(f"{int(part):02}" for part in found.group(2, 3) if part)]
        return "-".join(parts) + found[4]
    if text.isdecimal() and len(text) < _WIDEST and int(text) in _SERIALS:
        date = f"{from_excel(int(text), epoch):%Y-%m-%d}"
        raise Unclear(f"{text} is the serial number of a date", f"write {date}, if the sheet counts days from 1900")
    if found := _YEAR_LAST.fullmatch(text):
        one, two, year = found.groups()
        year = year if len(year) == 4 else f"20{year}"
        dates = [
            f"{year}-{int(month):02}-{int(day):02}" for day, month in ((one, two), (two, one)) if 0 < int(month) < 13
        ]
        raise Unclear(
            f"{text} can be read in several ways", f"write {' or '.join(dict.fromkeys(dates)) or '2017-07-14'}"
        )
    if _WITH_MONTH.fullmatch(text):
        raise Unclear(f"{text} can be read in several ways", "write the year first, like 2017-07-14, 2017-07 or 2017")
    return text


def _with_zeros(field: Field, text: str) -> str:
    """The text; `Unclear` where its column's form shows that zeros in front of it were lost."""
    if field.constraints.pattern and text.isdecimal() and not _fits(field, text):
        for width in range(len(text) + 1, _WIDEST):
            if _fits(field, text.zfill(width)):
                raise Unclear(f"{text} lost zeros in front", f"write {text.zfill(width)} if that is meant; {AS_TEXT}")
    return text


def _fits(field: Field, text: str) -> bool:
    limits = field.constraints
    return (not limits.pattern or matches(limits.pattern, text)) and (not limits.enum or text in limits.enum)
