"""The words for a broken constraint: what is wrong, and what would be right.

Both engines report through `broken`, so that one mistake reads alike whoever finds it.
"""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from .descriptor import Field
from .problem import Problem, nearest
from .tables import Table

_HINTS = 200  # so many keys are looked for among those that exist; more mistakes than that have one cause
_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a calendar date like 2024-12-20",
    "year": "a year of four digits",
}


def broken(table: Table, index: int, rule: str, column: str | None, tables: dict[str, Table], engine: str) -> Problem:
    """The problem that row `index` of `table` breaks `rule`, a constraint of the standard, in `column`.

    `tables` are all tables by name, for the keys that a foreign key may take.
    """
    key = column or table.schema.primaryKey[0]
    value = table.frame[key][index] if column else table.row_id(index)
    message, hint = _words(table, rule, key, value, tables)
    if rule in ("unique", "primary-key") and (
        twin := _first_twin(table, index, [key] if column else table.schema.primaryKey)
    ):
        hint = f"it is also on line {twin}; {hint}"
    return table.problem(index, rule, message, column, value=value, hint=hint, found_by=(engine,))


def _words(table: Table, rule: str, column: str, value: str | None, tables: dict[str, Table]) -> tuple[str, str | None]:
    field = table.schema.field(column)
    limits = field.constraints
    match rule:
        case "required":
            return f"{column} is empty", f"every row needs it: {field.description}"
        case "type":
            kind = _TYPES[field.type]
            if field.type == "boolean":
                kind = f"{field.trueValues[0]} or {field.falseValues[0]}"
            return f"{value!r} is not {kind}", _like(field)
        case "pattern" if field.partial_date:
            return (
                f"{value!r} is not a date",
                "write a calendar day, month or year: 2017-07-14, 2017-07 or 2017, with ~ behind it if approximate",
            )
        case "pattern":
            return f"{value!r} is not written as {column} must be", _like(field)
        case "enum":
            near = nearest(value or "", [str(each) for each in limits.enum])
            allowed = f"allowed: {', '.join(map(str, limits.enum))}"
            return (
                f"{value!r} is not one of the allowed values",
                f"did you mean {near!r}? {allowed}" if near else allowed,
            )
        case "minimum":
            return f"{value} is below the minimum {limits.minimum}", None
        case "maximum":
            return f"{value} is above the maximum {limits.maximum}", None
        case "min-length":
            return f"{value!r} is shorter than {limits.minLength} characters", None
        case "max-length":
            return f"the value is longer than {limits.maxLength} characters", None
        case "codelist":
            return f"{value!r} is no code of {field.codelist}", _like(field)
        case "unique":
            return f"{value!r} stands in another row too", "a value of this column may stand in one row only"
        case "primary-key":
            return f"the key {value!r} is taken", "give this row a key of its own, or merge the two rows"
        case "foreign-key":
            return _dangling(table, column, value, tables)
    raise ValueError(f"no words for the rule {rule!r}")


def _like(field: Field) -> str | None:
    return f"write it like {field.example}" if field.example else None


def _dangling(table: Table, column: str, value: str | None, tables: dict[str, Table]) -> tuple[str, str]:
    target = next(key.reference.resource for key in table.schema.foreignKeys if key.column == column)
    enough = _nearest_key.cache_info().misses > _HINTS
    near = None if enough else _nearest_key(value or "", tables[target])
    return (
        f"there is no {value!r} in {target}",
        f"did you mean {near}?" if near else f"add the row to {tables[target].resource.path} first",
    )


@lru_cache(maxsize=1024)
def _nearest_key(value: str, target: Table) -> str | None:
    """The key of the target that `value` was meant for, by its id or its label; both are shown."""
    keys = target.keys_by_text
    near = nearest(value, list(keys))
    if near is None:
        return None
    return repr(keys[near]) if near == keys[near] else f"{keys[near]!r} ({near})"


def _first_twin(table: Table, index: int, columns: list[str]) -> int | None:
    same = table.frame.select(
        pl.all_horizontal(pl.col(name) == table.frame[name][index] for name in columns)
    ).to_series()
    first = same.fill_null(False).arg_true()
    return int(table.lines[int(first[0])]) if len(first) and first[0] != index else None
