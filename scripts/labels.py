"""Labels: what a reader sees in place of a row's key, as expressions of SQL."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from .dates import derived_names
from .descriptor import Field, Reference
from .package import Package

BETWEEN = " · "  # stands between the parts of a label


def quoted(name: str) -> str:
    return f'"{name}"'  # names are [a-z][a-z0-9_]*, see descriptor.TableName


def listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


def joined(parts: Iterable[str]) -> str:
    """The parts that are not null with `BETWEEN` between them; null where all are. Plain SQL of every SQLite."""
    pieces = [f"coalesce('{BETWEEN}' || {part}, '')" for part in parts]
    return f"nullif(substr({' || '.join(pieces)}, {len(BETWEEN) + 1}), '')" if pieces else "NULL"


def label(package: Package, table: str, row: str) -> str:
    """The label of the row of `table` that is called `row` in the query: its own columns, keys by their labels.

    What is the same twice is told once. A table without a declared label shows the first column of its key.
    """
    schema = package.schemas[table]
    parts = [target_label(package, table, row, column) for column in schema.label]
    if not parts:
        return f"{row}.{quoted(schema.primaryKey[0])}"
    return parts[0] if len(parts) == 1 else joined([parts[0], *(f"nullif({b}, {a})" for a, b in pairwise(parts))])


def target_label(package: Package, table: str, row: str, column: str) -> str:
    """The label of what the column refers to, or the column itself where it is no key."""
    target = package.schemas[table].targets.get(column)
    if target is None:
        return f"{row}.{quoted(column)}"
    other = quoted(f"{row.strip(chr(34))}_{column}")
    found = label(package, target.resource, other)
    return f"(SELECT {found} FROM {quoted(target.resource)} AS {other} WHERE {other}.{quoted(target.fields[0])} = {row}.{quoted(column)})"


def readable(package: Package, name: str) -> dict[str, tuple[Field, Reference | None]]:
    """The columns of the table's readable view: each with its field and, where a label replaces a key, what it refers to.

    The year of what the row tells, for faceting, comes last. Empty where no label replaces a key.
    """
    schema = package.schemas[name]
    columns: dict[str, tuple[Field, Reference | None]] = {}
    for field in schema.fields:
        target = schema.targets.get(field.name)
        if target is None or package.schemas[target.resource].label_column in target.fields:
            columns[field.name] = (field, None)
        else:
            short = field.name.removesuffix("_id")
            columns[field.name if short in schema.names else short] = (field, target)
    if not any(target for _, target in columns.values()):
        return {}
    return columns | {year: (schema.field(column), None) for column, year in year_column(package, name)}


def year_column(package: Package, name: str) -> list[tuple[str, str]]:
    """The column that says when the row's matter began, with the derived column of its year; empty where none does."""
    schema = package.schemas[name]
    return [(column, derived_names(column)[2]) for column in schema.when[:1] if schema.field(column).partial_date]


def view(package: Package, name: str) -> str | None:
    """The SELECT of the table's readable view, with the labels of the rows that it refers to in place of their keys."""
    columns = readable(package, name)
    if not columns:
        return None
    years = {year for _, year in year_column(package, name)}
    shown = [
        f"{target_label(package, name, 't', field.name) if target else 't.' + quoted(column if column in years else field.name)} AS {quoted(column)}"
        for column, (field, target) in columns.items()
    ]
    return "SELECT\n  " + ",\n  ".join(shown) + f"\nFROM {quoted(name)} AS t"
