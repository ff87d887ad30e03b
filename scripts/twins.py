"""Rows that say what another row of their table says already, and keys that a reader would take for another's."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from .problem import Problem
from .tables import Table

# What is read for the other in small letters and digits.
_READ_AS = {"0": "o", "1": "l", "rn": "m", "vv": "w", "-": "", "_": ""}


def problems(table: Table) -> Iterator[Problem]:
    """Where a table's key is one column: rows that differ in it alone, and keys that differ only to the eye of a program."""
    (key, *further), names = table.schema.primaryKey, table.schema.names
    if further or len(names) == 1:
        return
    # A key that is missing, or taken twice, is the problem itself.
    with_key = table.frame.select(pl.col(key).is_not_null() & pl.col(key).is_unique()).to_series().arg_true()
    frame = table.frame[with_key]
    for first, later in _again(frame.drop(key)):
        message = f"says in every other column what {_named(table, with_key[first])} says"
        hint = "take one of them out, or give what tells the two apart"
        yield table.problem(with_key[later], "duplicate-row", message, key, value=frame[key][later], hint=hint)
    if table.schema.field(key).type == "string":
        read = pl.col(key).str.to_lowercase().str.replace_many(list(_READ_AS), list(_READ_AS.values()))
        for first, later in _again(frame.select(read)):
            message = f"is easily read as the key of {_named(table, with_key[first])}"
            hint = "give one of the two another key, or take one out if they are the same"
            yield table.problem(with_key[later], "look-alike-key", message, key, value=frame[key][later], hint=hint)


def _again(frame: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """Pairs of rows, counted from 0, of which the later is the first of its like once more."""
    first: dict[tuple, int] = {}
    for index in frame.is_duplicated().arg_true() if frame.height else ():
        said = frame.row(index)
        if said in first:
            yield first[said], index
        first.setdefault(said, index)


def _named(table: Table, index: int) -> str:
    return f"{table.row_id(index)!r} on line {int(table.lines[index])}"
