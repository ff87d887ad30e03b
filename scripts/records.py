"""Everything in one place: `records`, a row for each row of every table, and `links`, what refers to what.

They are derived, never declared, and serve search, the timeline, the map and a row's own page.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from .dates import derived_names
from .descriptor import OTHER_NAME, WEB_ADDRESS, Field, Schema
from .labels import BETWEEN, joined, label, listed, quoted, target_label
from .package import LINKS, RECORDS, Package

# The columns in which every table of facts says where a row was read, how sure it is and on whose word.
SOURCE, LOCATOR, CERTAINTY, SPEAKER = PROVENANCE = ("source_id", "locator", "certainty", "attributed_to")
STATUS, AS_OF = "status", "as_of"  # the columns that tell the planned from the done, and for when

WORDS = ("label", "names", "kind", "words")  # what is searched, the weightiest first
_COLUMNS = ("table_name", "row_id", "domain", "label", "date", "first_day", "last_day", "country_id", "place_id")
DESCRIPTIONS = {
    "table_name": "The table that the row stands in.",
    "row_id": "The row's id in that table.",
    "domain": "The part of the subject that the table belongs to.",
    "label": "What names the row to a reader.",
    "date": "When it happened or began, as precisely as the text says.",
    "first_day": "First day that it may have happened on.",
    "last_day": "Last day that it may have happened on, or ended.",
    "country_id": "The country that it is about, the place's where the row names only a place.",
    "place_id": "The place that it is about.",
    "status": "Whether it is proposed, planned, under way, done …",
    "as_of": "The date for which the source says so.",
    "certainty": "How surely the text states it.",
    "source_id": "The text that was read.",
    "url": "Its address on the web.",
    "names": "Its other names, in every language and spelling.",
    "kind": "What it is: the title of its table.",
    "words": "Its other words, for search.",
}


def minimal(package: Package) -> str:
    """SELECT of every row of every table that has an id: table, id, label and the source that was read."""
    selects = [
        f"SELECT '{name}' AS table_name, t.{quoted(schema.id)} AS row_id, {label(package, name, 't')} AS label, "
        f"{_own(schema, SOURCE)} AS source_id FROM {quoted(name)} AS t"
        for name, schema in package.schemas.items()
        if schema.id
    ]
    nothing = "SELECT NULL AS table_name, NULL AS row_id, NULL AS label, NULL AS source_id WHERE 0"
    return "\nUNION ALL ".join(selects) or nothing


def create(connection: sqlite3.Connection, package: Package) -> None:
    """Create and fill `records` and `links` in a database that has all tables with their derived columns."""
    keys = [
        f"FOREIGN KEY ({quoted(column)}) REFERENCES {quoted(target)} ({quoted(key)})"
        for column, target, key in _referred(package)
    ]
    columns = [f"{quoted(name)} TEXT" for name in (*_COLUMNS, STATUS, AS_OF, CERTAINTY, SOURCE, "url", *WORDS[1:])]
    body = ",\n  ".join([*columns, "PRIMARY KEY (table_name, row_id)", *keys])
    connection.execute(f"CREATE TABLE {RECORDS} (\n  {body}\n) STRICT")
    for name, schema in package.schemas.items():
        if schema.id:
            connection.execute(f"INSERT INTO {RECORDS} {_select(package, name)}")
    for column in ("domain", "first_day", STATUS, *(column for column, _, _ in _referred(package))):
        connection.execute(f"CREATE INDEX {quoted(f'{RECORDS}.{column}')} ON {RECORDS} ({quoted(column)})")
    columns = ("to_table", "to_id", "table_name", "row_id", "via")
    body = ", ".join(f"{column} TEXT NOT NULL" for column in columns)
    connection.execute(f"CREATE TABLE {LINKS} ({body}, PRIMARY KEY ({listed(columns)})) STRICT, WITHOUT ROWID")
    for select in _links(package):
        connection.execute(f"INSERT OR IGNORE INTO {LINKS} {select}")
    connection.execute(f"CREATE INDEX {quoted(f'{LINKS}.row')} ON {LINKS} (table_name, row_id)")


def _referred(package: Package) -> Iterator[tuple[str, str, str]]:
    """The columns of `records` that are keys, each with the table and column that it refers to."""
    for column, find in (
        ("country_id", lambda schema: schema.country),
        ("place_id", lambda schema: schema.where),
        (CERTAINTY, lambda schema: CERTAINTY),
        (SOURCE, lambda schema: SOURCE),
    ):
        targets = (
            schema.targets[find(schema)] for schema in package.schemas.values() if find(schema) in schema.targets
        )
        if target := next(targets, None):
            yield column, target.resource, target.fields[0]


def _select(package: Package, name: str) -> str:
    """The rows of `records` that come from the table `name`."""
    schema = package.schemas[name]
    domain = next((each.title for each in package.descriptor.domains if each.name == schema.domain), None)
    when = [f"t.{quoted(column)}" for column in schema.when]
    first = _day(schema, schema.when[0], 0) if when else "NULL"
    last = [_day(schema, column, 1) for column in reversed(schema.when)]
    values = [
        f"'{name}'",
        f"t.{quoted(schema.id)}",
        _text(domain) if domain else "NULL",
        f"coalesce({label(package, name, 't')}, t.{quoted(schema.id)})",
        when[0] if when else "NULL",
        first,
        _first(last),
        _first([f"t.{quoted(schema.country)}"] * bool(schema.country) + _country_of_place(package, schema)),
        f"t.{quoted(schema.where)}" if schema.where else "NULL",
        *(_own(schema, column) for column in (STATUS, AS_OF, CERTAINTY, SOURCE)),
        _first([f"t.{quoted(field.name)}" for field in schema.fields if field.rdfType == WEB_ADDRESS]),
        other_names(package, name),
        _text(schema.title),
        joined(_words(package, name, schema)),
    ]
    return f"SELECT {', '.join(values)} FROM {quoted(name)} AS t"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _day(schema: Schema, column: str, which: int) -> str:
    """The first (0) or last (1) day that the date in the column may mean."""
    return f"t.{quoted(derived_names(column)[which] if schema.field(column).partial_date else column)}"


def _first(values: list[str]) -> str:
    return f"coalesce({', '.join(values)})" if len(values) > 1 else values[0] if values else "NULL"


def _own(schema: Schema, column: str) -> str:
    """The column of the row `t`, where the table has it beside its key."""
    return f"t.{quoted(column)}" if column in schema.names and column not in schema.primaryKey else "NULL"


def _country_of_place(package: Package, schema: Schema) -> list[str]:
    if not schema.where:
        return []
    target = schema.targets[schema.where]
    country = package.schemas[target.resource].country
    where = f"p.{quoted(target.fields[0])} = t.{quoted(schema.where)}"
    return [f"(SELECT p.{quoted(country)} FROM {quoted(target.resource)} AS p WHERE {where})"] if country else []


def other_names(package: Package, name: str) -> str:
    """What else the row `t` of the table is called, all of it in one text; null where nothing is."""
    return joined(_names(package, name, package.schemas[name]))


def _names(package: Package, name: str, schema: Schema) -> Iterator[str]:
    """What else the row is called: by its own columns, and by rows of other tables that name it."""
    yield from (
        f"t.{quoted(each.name)}" for each in schema.fields if _another_name(each) and each.name not in schema.label
    )
    for other, there in package.schemas.items():
        if there.about and there.about.name:
            about = f"a.{quoted(there.about.table)} = '{name}' AND a.{quoted(there.about.row)} = t.{quoted(schema.id)}"
            yield f"(SELECT group_concat(a.{quoted(there.about.name)}, '{BETWEEN}') FROM {quoted(other)} AS a WHERE {about})"


def _another_name(field: Field) -> bool:
    return field.rdfType == OTHER_NAME


def _words(package: Package, name: str, schema: Schema) -> Iterator[str]:
    """The row's texts, dates and numbers, and the labels of what it refers to, save what names it or says where it was read."""
    about = (schema.about.table, schema.about.row) if schema.about else ()
    left_out = {*schema.label, SOURCE, LOCATOR, CERTAINTY, schema.id, *about}
    for field in schema.fields:
        if field.name in schema.targets and field.name not in left_out:
            yield target_label(package, name, "t", field.name)
        elif field.type == "string" and field.name not in left_out and not _another_name(field):
            yield f"t.{quoted(field.name)}"


def _links(package: Package) -> Iterator[str]:
    """SELECTs of (to_table, to_id, table_name, row_id, via): a row that refers to another, and by which column.

    A row without an id of its own stands for the row that it is about, or that its key begins with.
    """
    for name, schema in package.schemas.items():
        if schema.id:
            table, row = f"'{name}'", f"t.{quoted(schema.id)}"
        elif schema.about:
            table, row = f"t.{quoted(schema.about.table)}", f"t.{quoted(schema.about.row)}"
        elif schema.primaryKey[0] in schema.targets:
            owner = schema.targets[schema.primaryKey[0]].resource
            table, row = f"'{owner}'", f"t.{quoted(schema.primaryKey[0])}"
        else:
            continue
        ends = {column: (f"'{target.resource}'", f"t.{quoted(column)}") for column, target in schema.targets.items()}
        if schema.about and schema.id:
            ends[schema.about.row] = (f"t.{quoted(schema.about.table)}", f"t.{quoted(schema.about.row)}")
        for column, (to_table, to_id) in ends.items():
            if to_id != row:
                yield (
                    f"SELECT {to_table}, {to_id}, {table}, {row}, '{name}.{column}' FROM {quoted(name)} AS t "
                    f"WHERE {to_id} IS NOT NULL AND {to_table} IS NOT NULL"
                )
