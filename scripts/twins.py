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
    if further or len(names) == 1 or table.frame.height < 2:
        return
    alone = pl.col(key).is_not_null() & pl.col(key).is_unique()  # else the key itself is the problem
    rest = pl.struct(name for name in names if name != key)
    for first, later in _again(table, rest.is_duplicated() & alone, rest):
        message = f"says in every other column what {_named(table, first)} says"
        hint = "take one of them out, or give what tells the two apart"
        yield table.problem(later, "duplicate-row", message, key, value=table.frame[key][later], hint=hint)
    if table.schema.field(key).type == "string":
        read = pl.col(key).str.to_lowercase().str.replace_many(list(_READ_AS), list(_READ_AS.values()))
        for first, later in _again(table, read.is_duplicated() & alone, read):
            message = f"is easily read as the key of {_named(table, first)}"
            hint = "give one of the two another key, or take one out if they are the same"
            yield table.problem(later, "look-alike-key", message, key, value=table.frame[key][later], hint=hint)


def _again(table: Table, doubtful: pl.Expr, what: pl.Expr) -> Iterator[tuple[int, int]]:
    """Pairs of rows, counted from 0, of which the later says `what` the first says; looked for among the `doubtful`."""
    first: dict = {}
    found = table.frame.select(pl.int_range(pl.len()).alias("at"), doubtful.alias("doubtful"), what.alias("what"))
    for index, said in found.filter("doubtful").select("at", "what").iter_rows():
        said = tuple(said.values()) if isinstance(said, dict) else said
        if said in first:
            yield first[said], index
        first.setdefault(said, index)


def _named(table: Table, index: int) -> str:
    return f"{table.row_id(index)!r} on line {int(table.lines[index])}"
