"""What a cell was probably meant to say that a spreadsheet, or a habit of writing, put into another form.

Only proposals for a person: nothing here changes a value.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from .codes import code_of
from .descriptor import Field

_TRUE, _FALSE = ("true", "t", "yes", "y", "1", "x", "是"), ("false", "f", "no", "n", "0", "否")
_QUOTES_AND_DASHES = str.maketrans({**dict.fromkeys("‘’‚‛′", "'"), **dict.fromkeys("“”„″", '"'), **dict.fromkeys("‐‑‒–—−", "-")})  # fmt: skip
_ABOUT = re.compile(
    r"^(?:(?:about|approximately|approx|around|circa|ca|c|some|nearly|roughly)\b\.?|[~≈])\s*", re.IGNORECASE
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,3}(?:[,.' \u00a0\u202f，][0-9]{3})+(?![0-9])|[0-9]+)(?:[.,][0-9]+)?")
_TIMES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "万": 10**4, "亿": 10**8}  # fmt: skip
_MULTIPLE = re.compile("|".join(_TIMES), re.IGNORECASE)
# A bound or a span is no one number: it belongs into the columns of the lower and the upper bound.
_BOUND = re.compile(
    r"\b(over|more|least|most|up to|under|below|above|fewer|less|between)\b|[<>≤≥]|[0-9]\s*[-–—]\s*[0-9]", re.IGNORECASE
)
_MONTHS = {name.lower(): number for names in (calendar.month_name, calendar.month_abbr) for number, name in enumerate(names) if name}  # fmt: skip
_LONGEST = 200  # characters: nobody writes a number, a date or a code that long
_EXCEL_DAYS = range(10_000, 80_000)  # Excel's numbers of the days from 1927 to 2119
_EXCEL_BEGIN = date(1899, 12, 30)


def readings(field: Field, text: str) -> list[str]:
    """What `text`, which breaks the field's type or constraints, may have been meant as, the likeliest first.

    They are not held against the field's constraints: whoever proposes one does that.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if len(plain) > _LONGEST:
        return []
    if field.type == "boolean":
        found = _truth(field, plain)
    elif field.partial_date or field.type == "date":
        found = _dates(plain, field.partial_date)
    elif field.type in ("integer", "number", "year"):
        found = _numbers(plain, field.type)
    else:
        found = _texts(field, text, plain)
    return [each for each in dict.fromkeys(found) if each != text]


def _truth(field: Field, text: str) -> Iterator[str]:
    if text.lower() in _TRUE:
        yield field.trueValues[0]
    elif text.lower() in _FALSE:
        yield field.falseValues[0]


def _numbers(text: str, kind: str) -> Iterator[str]:
    """The one number in the text, without separators of thousands, unit and words; none for a bound or a span."""
    numbers = _NUMBER.findall(text)
    if len(numbers) != 1 or _BOUND.search(text):
        return
    number = re.sub(r"[' \u00a0\u202f]", "", numbers[0]).replace("，", ",")
    if multiple := _MULTIPLE.search(text):
        decimal = re.sub("^([+-]?[0-9]+),([0-9]{1,2})$", r"\1.\2", number).replace(",", "")
        if decimal.count(".") < 2 and (product := Decimal(decimal) * _TIMES[multiple[0].lower()]) == int(product):
            yield str(int(product))
        return
    if kind == "number":
        if number.count(",") == 1 and "." not in number and not re.search(r",[0-9]{3}$", number):
            yield number.replace(",", ".")  # a decimal comma
        yield number.replace(",", "")
    elif re.fullmatch(r"[+-]?[0-9]+[.,]0{1,2}", number):
        yield re.split("[.,]", number)[0]
    elif re.fullmatch(r"[+-]?[0-9]{1,3}([.,][0-9]{3})*", number) or number.isdigit():
        yield re.sub("[.,]", "", number)


def _dates(text: str, partial: bool) -> Iterator[str]:
    """ISO 8601 forms of a date, two where day and month can be taken for one another."""
    bare = _ABOUT.sub("", text).rstrip("?").strip()
    about = "~" if bare.rstrip("~") != text or text.endswith("~") else ""
    words = re.split(r"[\s,./年月日T-]+", re.sub("(?<=[0-9])(st|nd|rd|th)\\b", "", bare.rstrip("~").strip("年月日")))
    words = words[:3] if re.search(r"[0-9]{1,2}:[0-9]{2}", bare) else words  # a time of day
    forms: list[str] = []
    if len(words) == 1 and words[0].isdecimal():
        number = int(words[0])
        if len(words[0]) == 8:
            forms = _day(words[0][:4], words[0][4:6], words[0][6:])
        elif number in _EXCEL_DAYS:
            forms = [(_EXCEL_BEGIN + timedelta(days=number)).isoformat()]
        elif len(words[0]) == 4:
            forms = [words[0]]
    elif len(words) == 2:
        forms = _month(*words) or _month(*reversed(words))
    elif len(words) == 3:
        first, second, third = words
        forms = _day(*words) if len(first) == 4 else [*_day(third, second, first), *_day(third, first, second)]
    yield from (form + (about if partial else "") for form in forms if partial or len(form) == 10)


def _month(year: str, month: str) -> list[str]:
    number = _number_of_month(month)
    return [f"{_year(year)}-{number:02}"] if number and _year(year) else []


def _day(year: str, month: str, day: str) -> list[str]:
    number = _number_of_month(month)
    try:
        return [date(int(_year(year)), number, int(day)).isoformat()]
    except (ValueError, TypeError):
        return []


def _number_of_month(text: str) -> int | None:
    number = int(text) if text.isdecimal() else _MONTHS.get(text.lower(), 0)
    return number if 1 <= number <= 12 else None


def _year(text: str) -> str | None:
    """The year of four digits; one of two digits as Excel takes it, from 1930 to 2029."""
    if not text.isdecimal() or len(text) not in (2, 4):
        return None
    return text if len(text) == 4 else f"{'20' if int(text) < 30 else '19'}{text}"


def _texts(field: Field, text: str, plain: str) -> Iterator[str]:
    """The text as a code of the field's list, in another case, with straight quotes and dashes, as a slug."""
    if field.codelist and (code := code_of(field.codelist, plain)):
        yield code
    straight = plain.translate(_QUOTES_AND_DASHES)
    yield from (straight, straight.lower(), straight.upper())
    yield slug(straight)


def slug(text: str) -> str:
    """The text in lower case without accents and with hyphens between its words, as ids are written."""
    letters = unicodedata.normalize("NFKD", text.replace("'", "")).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", letters.lower()))
