"""Build the SQLite database: strict tables, keys, indexes, search and readable views.

The file is the same, byte for byte, for the same package, and takes the place of the old one only
when it is whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from . import records
from .atomic import replacing
from .dates import derived, derived_names
from .descriptor import Field, Schema
from .labels import listed, quoted, view
from .package import READABLE, RECORDS, Package
from .problem import Broken, Problem
from .tables import Table, no_rows
from .text import spaced

_TYPES = {"integer": "INTEGER", "year": "INTEGER", "boolean": "INTEGER", "number": "REAL"}
_SLICE = 50_000  # rows a write, so that memory does not grow with the table
_TOKENS = "unicode61 remove_diacritics 2"


def build(
    package: Package, tables: dict[str, Table], output: Path, done: Callable[[str], None] = lambda name: None
) -> Path:
    """Write the database of `tables` to `output` and return it; `done` is called with each table.

    Raises `Broken` where the file cannot be written, a foreign key dangles, or the package was changed since
    it was loaded. `output` then is as it was.
    """
    try:
        if (output.exists() or output.is_symlink()) and not _is_database(output):
            raise Broken(
                [Problem(str(output), "output", "is not a database; it was not overwritten", hint="give another file")]
            )
        with replacing(output) as partial:
            _write(package, tables, partial, done)
            package.refuse_changed()
    except sqlite3.IntegrityError as error:
        raise Broken(
            [Problem(str(output), "output", f"was not built: {error}", hint="run `prc-reach check`")]
        ) from None
    except (OSError, sqlite3.OperationalError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "the old file, if there was one, is untouched"
        raise Broken([Problem(str(output), "output", f"cannot be written: {reason}", hint=hint)]) from None
    return output


def _is_database(path: Path) -> bool:
    """Whether it is a file that begins as SQLite's do, or is empty, which SQLite takes for a database too."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(16) in (b"", b"SQLite format 3\0")


def load(
    connection: sqlite3.Connection,
    package: Package,
    tables: dict[str, Table],
    with_derived: bool = False,
    done: Callable[[str], None] = lambda name: None,
    whole: bool = True,
) -> None:
    """Create every table in `connection` with its rows, and all records.

    `with_derived` adds the columns that `dates.derived` makes, for the database that is kept: there a
    row that breaks a key raises `sqlite3.IntegrityError`, unless `whole` is False, when it is left out.
    Without, for the rules of `check`, every row is there, since `check` tells a broken key anyway, and the
    records are a view of what the rules need.
    """
    for name in in_order(package):
        _create(connection, name, package.schemas[name], with_derived)
        _insert(connection, tables[name], with_derived, whole)
        done(name)
    if with_derived:
        records.create(connection, package)
    else:
        connection.execute(f"CREATE VIEW {RECORDS} AS {records.minimal(package)}")


def in_order(package: Package) -> list[str]:
    """The tables' names, each after the tables that it refers to; within a circle as declared."""
    placed: list[str] = []
    seen: set[str] = set()  # those that are placed, and those that wait for what they refer to

    def place(name: str) -> None:
        seen.add(name)
        for key in package.schemas[name].foreignKeys:
            if key.reference.resource not in seen:
                place(key.reference.resource)
        placed.append(name)

    for name in package.schemas:
        if name not in seen:
            place(name)
    return placed


def searchable(schema: Schema) -> list[Field]:
    """The fields whose words full-text search finds: text that is neither a key, a code nor a date."""
    keys = {*schema.primaryKey, *(key.column for key in schema.foreignKeys)}
    return [
        field
        for field in schema.fields
        if field.type == "string"
        and field.name not in keys
        and not (field.partial_date or field.codelist or field.constraints.enum)
        and field.name != "rank"  # FTS5 keeps this name for itself
    ]


@contextmanager
def empty(package: Package) -> Iterator[sqlite3.Connection]:
    """The database in memory without rows, to try queries on that only read."""
    connection = sqlite3.connect(":memory:")
    try:
        _fill(connection, package, {name: no_rows(package, name) for name in package.resources})
        connection.create_function("escape_fts", 1, str)  # Datasette's own, of which only the name is needed
        connection.execute("PRAGMA query_only = ON")
        yield connection
    finally:
        connection.close()


def _fill(
    connection: sqlite3.Connection,
    package: Package,
    tables: dict[str, Table],
    done: Callable[[str], None] = lambda name: None,
) -> None:
    """Make everything that the database has, in `connection`.

    Transactions are begun here: Python's own beginning of one looks for INSERT in a way that the locale
    decides, and a Turkish one knows no I that is an i.
    """
    connection.execute("BEGIN")
    load(connection, package, tables, with_derived=True, done=done)
    connection.commit()
    connection.execute("BEGIN")
    connection.create_function("spaced", 1, lambda text: spaced(text) if text else text, deterministic=True)
    for name, schema in package.schemas.items():
        _index(connection, name, schema)
        _search(connection, name, [field.name for field in searchable(schema)], _TOKENS, _plain(tables[name]))
        if select := view(package, name):
            connection.execute(f"CREATE VIEW {quoted(name + READABLE)} AS {select}")
    _search(connection, RECORDS, records.WORDS, f"porter {_TOKENS}")
    connection.commit()


def _write(package: Package, tables: dict[str, Table], path: Path, done: Callable[[str], None]) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 4096;")
        _fill(connection, package, tables, done)
        dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
        if found := next((row for row in dangling if row[0] in package.resources), None):  # not of what is derived
            table, _, target, _ = found
            raise Broken(
                [
                    Problem(
                        package.resources[table].path,
                        "foreign-key",
                        f"refers to rows of {target} that are not there",
                        table=table,
                        hint="run `prc-reach check`",
                    )
                ]
            )
        connection.execute("PRAGMA optimize")
        connection.commit()
    finally:
        connection.close()


def _create(connection: sqlite3.Connection, name: str, schema: Schema, with_derived: bool) -> None:
    """CREATE TABLE by hand: sqlite-utils refuses a foreign key to a table that comes later, and ours form circles."""
    lines = []
    for field in schema.fields:
        required = " NOT NULL" if with_derived and field.constraints.required else ""
        unique = " UNIQUE" if with_derived and field.constraints.unique else ""
        lines.append(f"{quoted(field.name)} {_TYPES.get(field.type, 'TEXT')}{required}{unique}")
        if with_derived and field.partial_date:
            lines += [
                f"{quoted(column)} {kind}"
                for column, kind in zip(derived_names(field.name), ("TEXT", "TEXT", "INTEGER"))
            ]
    if with_derived:
        lines.append(f"PRIMARY KEY ({listed(schema.primaryKey)})")
    for key in schema.foreignKeys:
        target = key.reference
        lines.append(
            f"FOREIGN KEY ({quoted(key.column)}) REFERENCES {quoted(target.resource)} ({listed(target.fields)})"
        )
    body = ",\n  ".join(lines)
    connection.execute(f"CREATE TABLE {quoted(name)} (\n  {body}\n) STRICT")
    if not with_derived:
        connection.execute(f"CREATE INDEX {quoted(f'{name}.key')} ON {quoted(name)} ({listed(schema.primaryKey)})")


def _insert(connection: sqlite3.Connection, table: Table, with_derived: bool, whole: bool) -> None:
    """Fill the table from its typed frame, in the order of the file, which `fmt` keeps sorted by key."""
    columns: list[pl.Expr] = []
    for field in table.schema.fields:
        columns.append(pl.col(field.name).dt.to_string() if field.type == "date" else pl.col(field.name))
        if with_derived and field.partial_date:
            columns += derived(field.name)
    frame = table.typed.lazy().select(columns).collect()
    places = ",".join("?" * frame.width)
    statement = f"INSERT{'' if whole else ' OR IGNORE'} INTO {quoted(table.name)} VALUES ({places})"
    for part in frame.iter_slices(_SLICE):
        connection.executemany(statement, part.iter_rows())


def _index(connection: sqlite3.Connection, name: str, schema: Schema) -> None:
    """An index on every foreign key and facet that the primary key does not already serve.

    Its name has a dot, which no table or column has, so that none of them is called as it is.
    """
    columns = dict.fromkeys([*(key.column for key in schema.foreignKeys), *schema.facets])
    for column in columns:
        if column != schema.primaryKey[0]:
            connection.execute(f"CREATE INDEX {quoted(f'{name}.{column}')} ON {quoted(name)} ({quoted(column)})")


def _search(
    connection: sqlite3.Connection, name: str, columns: Iterable[str], tokens: str, plain: Container[str] = ()
) -> None:
    """A full-text index of the columns' words, each Han character a word of its own; `plain` ones have none."""
    names = list(columns)
    if not names:
        return
    index = quoted(f"{name}_fts")
    connection.execute(
        f"CREATE VIRTUAL TABLE {index} USING fts5({listed(names)}, tokenize='{tokens}', content={quoted(name)})"
    )
    words = ", ".join(quoted(each) if each in plain else f"spaced({quoted(each)})" for each in names)
    connection.execute(f"INSERT INTO {index} (rowid, {listed(names)}) SELECT rowid, {words} FROM {quoted(name)}")


def _plain(table: Table) -> list[str]:
    """The table's columns in which all is ASCII."""
    length = pl.all().str.len_bytes() == pl.all().str.len_chars()
    return [name for name, plain in table.frame.select(length.all()).row(0, named=True).items() if plain]
