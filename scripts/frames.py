"""The fast opinion: pandera (on polars) validates a table from its schema, and runs its row rules.

Each table's schema is compiled to a `DataFrameSchema` of one check that all is well, and where it is
not to one whose checks are named after the rule that they hold. Compiled here and not by pandera's own reader of Table Schema, which leaves dates
unchecked, refuses empty integers and lets `A|B` patterns through half-matched.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.errors import SchemaErrors

from .codes import codes
from .descriptor import Field, Rule, Schema
from .problem import Broken, Problem
from .tables import Table, lexical
from .wording import broken

ENGINE = "pandera"


def _written(field: Field) -> str:
    """The column that holds the field's cells as written, beside the one with its values."""
    return field.name if field.type == "string" else f"{field.name} as written"


def problems(table: Table, tables: dict[str, Table]) -> list[Problem]:
    """All problems of `table`, by its schema and its row rules, every failing row among them.

    `tables` are all tables by name, for foreign keys. Those into a table that could not be read
    whole are left out: that table's own problem is told. Raises `Broken` where a rule fails on the data.
    """
    frame, checks = _frame(table), list(_checks(table.schema, tables))
    if not any(_failures(_at_once(checks), frame)):
        return []
    rules = {f"rule:{rule.id}": rule for rule in table.schema.rules}
    found = []
    for name, column, index in _failures(_each(checks), frame):
        if index is None:
            message = f"{name.removeprefix('rule:')!r} cannot be run on the data of this table"
            raise Broken([Problem(table.resource.schema_path, "declaration", message, table=table.name)])
        if rule := rules.get(name):
            if _unread(table, index, rule):
                continue  # it fails on a cell that is no value: that is told
            row = table.frame.row(index, named=True)
            value = table.frame[rule.column][index] if rule.column else None
            found.append(
                table.problem(
                    index, rule.id, rule.message.format_map(row), rule.column, value=value, found_by=(ENGINE,)
                )
            )
        else:
            found.append(broken(table, index, name, column, tables, ENGINE))
    return found


def _unread(table: Table, index: int, rule: Rule) -> bool:
    """Whether a cell that the rule reads in row `index` is written but not of its type."""
    columns = pl.sql_expr(rule.check).meta.root_names()
    return any(table.frame[name][index] is not None and table.typed[name][index] is None for name in columns)


def _checks(schema: Schema, tables: dict[str, Table]) -> Iterator[tuple[str | None, str, pl.Expr]]:
    """Each check of a table: its column (None for one over the row), its name, and what passes."""
    for field in schema.fields:
        for rule, passes in (*_field_checks(field), *_key_checks(schema, field, tables)):
            yield field.name, rule, passes
    key = pl.struct(schema.primaryKey)
    complete = pl.all_horizontal(pl.col(name).is_not_null() for name in schema.primaryKey)
    yield None, "primary-key", key.is_first_distinct() | ~complete
    yield from ((None, f"rule:{rule.id}", pl.sql_expr(rule.check)) for rule in schema.rules if rule.check)


def _each(checks: list[tuple[str | None, str, pl.Expr]]) -> pa.DataFrameSchema:
    """The pandera schema that tells for every check which rows fail it."""
    columns: dict[str, list[pa.Check]] = {}
    for column, rule, passes in checks:
        if column:
            columns.setdefault(column, []).append(_check(rule, passes))
    rows = [_check(rule, passes) for column, rule, passes in checks if column is None]
    return pa.DataFrameSchema(
        {name: pa.Column(nullable=True, checks=each) for name, each in columns.items()}, checks=rows
    )


def _at_once(checks: list[tuple[str | None, str, pl.Expr]]) -> pa.DataFrameSchema:
    """The pandera schema that tells whether any row fails any check: one pass, which is enough for a sound table."""
    passes = pl.all_horizontal(passes.fill_null(True) for _, _, passes in checks)
    return pa.DataFrameSchema(checks=[_check("all is well", passes)])


def _frame(table: Table) -> pl.DataFrame:
    written = [pl.col(field.name).alias(_written(field)) for field in table.schema.fields if field.type != "string"]
    return table.typed.hstack(table.frame.select(written))


def _failures(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> Iterator[tuple[str, str | None, int]]:
    """Name of the check, column (None for a check over the row) and row of every failure."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        for case in error.failure_cases.iter_rows(named=True):
            yield case["check"], case["column"], case["index"]


def _check(rule: str, passes: pl.Expr) -> pa.Check:
    """A check called `rule` that fails where `passes` is false; null passes, as in SQL's CHECK."""

    def over(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(passes.fill_null(True).alias("passes"))

    return pa.Check(over, name=rule, error=rule)


def _field_checks(field: Field) -> Iterator[tuple[str, pl.Expr]]:
    """The checks of a field's constraints, by name; the bounds are in the field's own type."""
    limits, value = field.constraints, pl.col(field.name)
    if limits.required:
        yield ("required", pl.col(_written(field)).is_not_null())
    if field.type != "string":
        yield ("type", lexical(field, _written(field)))
    if limits.unique:
        yield ("unique", value.is_first_distinct() | value.is_null())
    if limits.enum:
        yield ("enum", _listed(field, limits.enum))
    if limits.pattern:
        yield ("pattern", value.str.contains(limits.pattern))
    if limits.minimum is not None:
        yield ("minimum", _within(field, limits.minimum, operator.ge))
    if limits.maximum is not None:
        yield ("maximum", _within(field, limits.maximum, operator.le))
    if limits.minLength is not None:
        yield ("min-length", value.str.len_chars() >= limits.minLength)
    if limits.maxLength is not None:
        yield ("max-length", value.str.len_chars() <= limits.maxLength)
    if field.codelist:
        yield ("codelist", value.is_in(sorted(codes(field.codelist))))


def _within(field: Field, limit: int | float | str, holds: Callable) -> pl.Expr:
    passes = holds(pl.col(field.name), _typed(field, [limit])[0])
    return _exact(field, [limit], passes, lambda number: holds(number, Decimal(str(limit))))


def _listed(field: Field, values: list) -> pl.Expr:
    passes = pl.col(field.name).is_in(_typed(field, values))
    return _exact(field, values, passes, lambda number: number in [Decimal(str(each)) for each in values])


def _exact(field: Field, limits: list, passes: pl.Expr, passes_exactly: Callable[[Decimal], bool]) -> pl.Expr:
    """`passes`, save where a number in 64 bits is the same as one of the `limits` and its further digits decide."""
    if field.type != "number":
        return passes
    alike = pl.col(field.name).is_in(_typed(field, limits))
    written = pl.when(alike).then(pl.col(_written(field)))
    exactly = written.map_elements(lambda text: passes_exactly(Decimal(text)), return_dtype=pl.Boolean)
    return pl.when(alike).then(exactly).otherwise(passes)


def _typed(field: Field, values: list) -> list:
    if field.type == "date":
        return [date.fromisoformat(value) for value in values]
    return [float(value) for value in values] if field.type == "number" else values


def _key_checks(schema: Schema, field: Field, tables: dict[str, Table]) -> Iterator[tuple[str, pl.Expr]]:
    for key in schema.foreignKeys:
        target = tables[key.reference.resource]
        if key.column == field.name and target.whole:
            keys = target.typed[key.reference.fields[0]].drop_nulls().unique()
            yield ("foreign-key", pl.col(field.name).is_in(keys.implode()))
