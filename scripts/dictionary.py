"""The data dictionary: what every table and column holds, in words, from the schemas alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .descriptor import Field, Schema
from .package import Package
from .tables import Table

PARTIAL_DATE = "partial date"
_KINDS = {"integer": "whole number", "string": "text", "boolean": "true or false"}


@dataclass(frozen=True)
class Column:
    """A column in words; `allowed` is what its constraints say, `refers_to` the table whose key it holds."""

    name: str
    type: str
    meaning: str
    key: bool
    required: bool
    unique: bool
    unit: str | None = None
    allowed: str | None = None
    refers_to: str | None = None
    example: str | None = None


@dataclass(frozen=True)
class Entry:
    """A table: what it holds, its columns in order, and its rules as pairs of id and message."""

    name: str
    title: str
    description: str
    rows: int | None
    columns: tuple[Column, ...]
    rules: tuple[tuple[str, str], ...]


def dictionary(package: Package, tables: Mapping[str, Table] | None = None) -> list[Entry]:
    """An entry a table, in the order of the descriptor; with `tables`, as read, also how many rows each has."""
    return [_entry(name, schema, tables[name] if tables else None) for name, schema in package.schemas.items()]


def _entry(name: str, schema: Schema, table: Table | None) -> Entry:
    targets = {key.column: key.reference.resource for key in schema.foreignKeys}
    columns = tuple(
        Column(
            name=field.name,
            type=PARTIAL_DATE if field.partial_date else _KINDS.get(field.type, field.type),
            meaning=field.description,
            key=field.name in schema.primaryKey,
            required=field.constraints.required,
            unique=field.constraints.unique or [field.name] == schema.primaryKey,
            unit=field.unit,
            allowed="; ".join(_allowed(field)) or None,
            refers_to=targets.get(field.name),
            example=field.example,
        )
        for field in schema.fields
    )
    rules = tuple((rule.id, rule.message) for rule in schema.rules)
    return Entry(name, schema.title, schema.description, table.frame.height if table else None, columns, rules)


def _allowed(field: Field):
    """What the field's values may be, a phrase for each of its constraints."""
    limits = field.constraints
    if limits.enum:
        yield f"one of: {', '.join(map(str, limits.enum))}"
    if field.codelist:
        yield f"a code of {field.codelist}"
    if field.partial_date:
        yield "a year, month or day, like 2017, 2017-07 or 2017-07-14, with ~ behind it where approximate"
    elif limits.pattern:
        yield f"of the form {limits.pattern}"
    if field.type == "boolean":
        yield f"{field.trueValues[0]} or {field.falseValues[0]}"
    for limit, words in ((limits.minimum, "at least {}"), (limits.maximum, "at most {}")):
        if limit is not None:
            yield words.format(limit)
    for limit, words in ((limits.minLength, "at least {} characters"), (limits.maxLength, "at most {} characters")):
        if limit is not None:
            yield words.format(limit)
