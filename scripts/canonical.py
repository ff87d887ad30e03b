"""The one way in which a table is written, so that a change shows what changed and nothing else.

UTF-8 without byte-order mark, LF, the schema's columns in the schema's order, rows sorted by key,
quotes only where RFC 4180 needs them, text in NFC without stray or invisible space. Writing a
table so never changes what a value means.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io

from .atomic import replacing
from .descriptor import Schema
from .package import Package
from .problem import Problem
from .text import cleaned

_DIFF_LINES = 12


def formatted(data: bytes, schema: Schema) -> bytes:
    """The table's file in canonical form. Raises ValueError, with the reason, where it cannot be read safely."""
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        if "\0" in text:
            raise ValueError("it holds a NUL character")
        rows = [
            row for row in csv.reader(io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n")), strict=True) if row
        ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(str(error)) from None
    if not rows:
        raise ValueError("it is empty")
    if any("\n" in cell for row in rows for cell in row):
        raise ValueError("a quoted cell goes on over a line's end; its quote may not be closed")
    header = [cleaned(name) for name in rows[0]]
    if sorted(header) != sorted(schema.names):
        raise ValueError("its header does not have the schema's columns")
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row has too many or too few cells")
    order = [header.index(name) for name in schema.names]
    body = [[cleaned(row[index]) for index in order] for row in rows[1:]]
    keys = [schema.names.index(name) for name in schema.primaryKey]
    body.sort(key=lambda row: [_sort_key(row[index], schema.fields[index].type) for index in keys])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([schema.names, *body])
    return out.getvalue().encode()


def not_canonical(package: Package, name: str) -> Problem | None:
    """The problem that the table called `name` is not in canonical form, with the difference as hint."""
    schema, path = package.schemas[name], package.resources[name].path
    data = (package.folder / path).read_bytes()
    try:
        wanted = formatted(data, schema)
    except ValueError as error:
        return Problem(
            path,
            "format",
            f"cannot be formatted: {error}",
            table=name,
            hint="run `prc-reach check` and mend what it tells first",
        )
    if data == wanted:
        return None
    before, after = data.decode("utf-8").split("\n"), wanted.decode().split("\n")
    first = next(
        (number for number, (old, new) in enumerate(zip(before, after), 1) if old != new),
        min(len(before), len(after)) + 1,
    )
    return Problem(
        path,
        "format",
        "is not in canonical form",
        line=first,
        table=name,
        hint=f"run `prc-reach fmt`; it would change:\n{_difference(before, after)}",
    )


def rewrite(package: Package, name: str) -> bool:
    """Write the table called `name` in canonical form; whether that changed the file. ValueError as in `formatted`."""
    path = package.folder / package.resources[name].path
    data = path.read_bytes()
    wanted = formatted(data, package.schemas[name])
    if data == wanted:
        return False
    with replacing(path) as partial:
        partial.write_bytes(wanted)
    return True


def _sort_key(value: str, kind: str) -> tuple:
    try:
        return (0, float(value), value) if kind in ("integer", "number", "year") else (1, 0.0, value)
    except ValueError:
        return (1, 0.0, value)


def _difference(before: list[str], after: list[str]) -> str:
    lines = [
        line.rstrip("\n").replace("\r", "␍")
        for line in difflib.unified_diff(before, after, "as it is", "canonical", n=0)
    ]
    more = [f"… {len(lines) - _DIFF_LINES} more lines"] if len(lines) > _DIFF_LINES else []
    return "\n".join(f"      {line}" for line in [*lines[:_DIFF_LINES], *more])
