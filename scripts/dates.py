"""Partial dates: the subset of EDTF (ISO 8601-2) that the package uses.

A year, month or day, `2017`, `2017-07` or `2017-07-14`, and `~` behind it where it is approximate.
A field of this kind declares `"rdfType": EDTF`.
"""

from __future__ import annotations

import polars as pl

EDTF = "http://id.loc.gov/datatypes/edtf/EDTF-level1"
# Real calendar dates only: days by the length of the month, 29 February in leap years. Each schema
# repeats it, so that any Table Schema tool checks dates as we do; `descriptor` sees that it is this one.
_DAYS = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
_LEAP_YEAR = "[0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00"
PATTERN = f"^([0-9]{{4}}(-(0[1-9]|1[0-2]))?|[0-9]{{4}}-({_DAYS})|({_LEAP_YEAR})-02-29)~?$"


def derived_names(name: str) -> tuple[str, str, str]:
    """The names of the columns that `derived` makes of the partial date in column `name`."""
    return f"{name}_first_day", f"{name}_last_day", f"{name}_year"


def derived(name: str) -> list[pl.Expr]:
    """Three columns from the partial date in column `name`, for sorting and faceting.

    `<name>_first_day` and `<name>_last_day` (text, ISO 8601) bound the days that it may mean,
    `<name>_year` (integer) is its year. Null where the date is null or not a date.
    """
    date = pl.col(name).str.strip_chars_end("~")
    first = pl.concat_str(date, pl.lit("-01-01").str.slice(date.str.len_bytes().cast(pl.Int64) - 4)).str.to_date(
        "%Y-%m-%d", strict=False
    )
    last = (
        pl.when(date.str.len_bytes() == 4)
        .then(first.dt.offset_by("1y").dt.offset_by("-1d"))
        .when(date.str.len_bytes() == 7)
        .then(first.dt.month_end())
        .otherwise(first)
    )
    columns = (first.dt.to_string("%Y-%m-%d"), last.dt.to_string("%Y-%m-%d"), first.dt.year().cast(pl.Int64))
    return [column.alias(each) for column, each in zip(columns, derived_names(name))]
