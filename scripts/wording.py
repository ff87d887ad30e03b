"""The words for a broken constraint: what is wrong, and what would be right.

Both engines report through `broken`, so that one mistake reads alike whoever finds it.
"""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from .codes import codes
from .descriptor import NAMED_PATTERNS, Field
from .problem import Problem, nearest
from .readings import readings, slug
from .tables import Table, lexical

_HINTS = 200  # so many keys are looked for among those that exist; more mistakes than that have one cause
_RENAMED = 0.8  # how like a key must be to what is missing to be taken for its new name
_FEW = 15  # so many keys of a table are listed
_LONG = 80  # characters of a value that a message repeats
_TYPES = {
    "integer": "a whole number, of digits alone",
    "number": "a number, of digits with a point before decimals",
    "date": "a calendar date like 2024-12-20",
    "year": "a year of four digits",
}
_DATE = "a year, month or day like 2017, 2017-07 or 2017-07-14, with ~ behind it if approximate"
_EXCEL = ", the day that Excel counts so"


def broken(table: Table, index: int, rule: str, column: str | None, tables: dict[str, Table], engine: str) -> Problem:
    """The problem that row `index` of `table` breaks `rule`, a constraint of the standard, in `column`.

    `tables` are all tables by name, for the keys that a foreign key may take.
    """
    key = column or table.schema.primaryKey[0]
    value = table.frame[key][index] if column else table.row_id(index)
    message, hint = _words(table, index, rule, key, value, tables)
    cause = missing_key(tables[table.schema.targets[key].resource], value) if rule == "foreign-key" else None
    return table.problem(index, rule, message, column, value=value, hint=hint, found_by=(engine,), cause=cause)


@lru_cache(maxsize=1024)
def missing_key(target: Table, value: str) -> Problem:
    """That `target` lacks the key `value`, to which rows refer: what is told once where many do."""
    key = target.schema.primaryKey[0]
    renamed = nearest(value, target.frame[key].drop_nulls(), _RENAMED)
    line = int(target.lines[int(target.frame[key].index_of(renamed))]) if renamed else None
    hint = "put its row back, or mend what refers to it: an id never changes"
    if renamed:
        hint = f"this line has {renamed!r}: if it was renamed, name it again as it was, since an id never changes"
    message = f"no row has the key {value!r}, to which others refer"
    return Problem(target.resource.path, "foreign-key", message, line, target.name, None, key, value, hint)


def _words(
    table: Table, index: int, rule: str, column: str, value: str | None, tables: dict[str, Table]
) -> tuple[str, str | None]:
    field = table.schema.field(column)
    limits, shown = field.constraints, repr(value if len(value or "") <= _LONG else f"{value[:_LONG]}…")
    match rule:
        case "required":
            return "is empty", f"every row needs it: {field.description}"
        case "type" | "pattern" | "enum" | "codelist":
            return f"{shown} is not {_allowed(field, rule)}", _meant(table, field, value, rule, tables)
        case "minimum":
            return f"{shown} is below the minimum", f"the least is {limits.minimum}"
        case "maximum":
            return f"{shown} is above the maximum", f"the most is {limits.maximum}"
        case "min-length":
            return f"{shown} is too short, with {len(value)} characters", f"the least is {limits.minLength}"
        case "max-length":
            return f"{shown} is too long, with {len(value):,} characters", f"the most is {limits.maxLength}"
        case "unique":
            return f"{shown} stands on line {_twin(table, index, [column])} too", "in this column a value stands once"
        case "primary-key":
            line = _twin(table, index, table.schema.primaryKey)
            return f"the key {shown} is taken by line {line}", "give this row a key of its own, or merge the two rows"
        case "foreign-key":
            target = tables[table.schema.targets[column].resource]
            return f"there is no {shown} in {target.name}", _key_hint(value, target)
    raise ValueError(f"no words for the rule {rule!r}")


def _allowed(field: Field, rule: str) -> str:
    match rule:
        case "type" if field.type == "boolean":
            return f"{field.trueValues[0]} or {field.falseValues[0]}"
        case "type":
            return _TYPES[field.type]
        case "enum":
            return f"one of {', '.join(map(str, field.constraints.enum))}"
        case "codelist":
            return f"a code of {field.codelist}"
        case "pattern" if field.partial_date:
            return _DATE
        case "pattern" if field.codelist:
            return f"a code of {field.codelist}"
    return NAMED_PATTERNS.get(field.constraints.pattern, "written as this column must be")


def _meant(table: Table, field: Field, value: str, rule: str, tables: dict[str, Table]) -> str | None:
    """What would be right in place of `value`: a key that it names, a reading of it that is allowed, the nearest, or the form."""
    if target := table.schema.targets.get(field.name):
        return _key_hint(value, tables[target.resource])
    proposed = fitting(field, readings(field, value))
    if field.constraints.enum and not proposed:
        proposed = list(filter(None, [nearest(value, map(str, field.constraints.enum))]))
    if len(proposed) == 2 and field.partial_date:
        return f"did you mean {proposed[0]!r} (day first) or {proposed[1]!r} (month first)?"
    if proposed:
        return f"did you mean {' or '.join(map(repr, proposed))}{_EXCEL if field.partial_date and value.isdigit() else ''}?"
    unit = f" ({field.unit})" if field.unit else ""
    return f"write it like {field.example}{unit}" if field.example and rule != "enum" else None


def fitting(field: Field, texts: list[str]) -> list[str]:
    """Those of the texts that have the field's type and keep its pattern, list and codes."""
    limits, cell = field.constraints, pl.col("cell")
    passes = [cell.str.len_chars() > 0]
    if field.type != "string":
        passes.append(lexical(field, "cell"))
    if limits.pattern:
        passes.append(cell.str.contains(limits.pattern))
    if limits.enum:
        passes.append(cell.is_in([str(each) for each in limits.enum]))
    if field.codelist:
        passes.append(cell.is_in(sorted(codes(field.codelist))))
    return pl.DataFrame({"cell": texts}, schema={"cell": pl.String}).filter(*passes)["cell"].to_list()


def _key_hint(value: str, target: Table) -> str:
    """What would be right in place of `value`, which is no key of the target."""
    near = _nearest_key(value, target) if _nearest_key.cache_info().misses <= _HINTS else None
    if near:
        return f"did you mean {near}?"
    keys = target.frame[target.schema.primaryKey[0]].drop_nulls()
    known = f"write one of {', '.join(keys)}, or " if len(keys) <= _FEW else ""
    return f"{known}add the row to {target.resource.path} first"


@lru_cache(maxsize=1024)
def _nearest_key(value: str, target: Table) -> str | None:
    """The key of the target that `value` was meant for, by its id, the begin of it or its label; both are shown."""
    keys, wanted = target.keys_by_text, slug(value)
    begun = [key for key in keys if wanted and key.startswith(f"{wanted}-")]
    near = wanted if wanted in keys else nearest(value, keys) or (begun[0] if len(begun) == 1 else None)
    if near is None:
        return None
    return repr(keys[near]) if near == keys[near] else f"{keys[near]!r} ({near})"


def _twin(table: Table, index: int, columns: list[str]) -> int:
    """The line of the first other row that has the same in `columns`."""
    same = pl.all_horizontal(pl.col(name) == table.frame[name][index] for name in columns)
    others = table.frame.select(same.fill_null(False)).to_series().arg_true()
    return next((int(table.lines[each]) for each in others if each != index), int(table.lines[index]))
