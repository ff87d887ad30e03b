"""The one way in which a table is written, so that a change shows what changed and nothing else.

UTF-8 without byte-order mark, LF, the schema's columns in the schema's order, rows sorted by key,
quotes only where RFC 4180 needs them, text in NFC without stray or invisible space. Writing a
table so never changes what a value means, and what was done is told in words.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .atomic import replacing
from .decoding import BYTE_ORDER_MARK, decoded
from .descriptor import Schema
from .journal import locked
from .package import Package
from .problem import Broken, Problem
from .text import cleaned, mended

_CONTEXT = 3  # lines of a diff before and behind what differs
_COMPARED = 10**9  # lines times lines, up to which it is looked for those that stayed; the time grows with it


@dataclass(frozen=True)
class Form:
    """A table's file as it is and in canonical form; `done` says in words what makes the difference, empty where there is none."""

    path: str
    before: str
    after: str
    done: list[str]

    def difference(self) -> str:
        """The unified diff that makes the file canonical, as `git apply` takes it."""
        names = f"a/{self.path}", f"b/{self.path}"
        before, after = _lines(self.before), _lines(self.after)
        compare = difflib.unified_diff if len(before) * len(after) < _COMPARED else _replaced
        lines = compare(before, after, *names)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    @property
    def first_line(self) -> int:
        """The first line that differs."""
        pairs = enumerate(zip(_lines(self.before), _lines(self.after)), 1)
        return next((number for number, (old, new) in pairs if old != new), len(_lines(self.after)) + 1)


def form(package: Package, name: str) -> Form:
    """The table called `name` in canonical form. Raises `Broken` where its file cannot be read safely."""
    path = package.resources[name].path
    before = decoded(package.folder / path, path)
    try:
        after, done = formatted(before, package.schemas[name])
    except ValueError as error:
        hint = "run `prc-reach check` and mend what it tells first"
        raise Broken([Problem(path, "format", f"left as it is: {error}", table=name, hint=hint)]) from None
    return Form(path, before, after, done)


def not_canonical(package: Package, name: str) -> Problem | None:
    """The problem that the table called `name` is not in canonical form. Raises as `form`."""
    found = form(package, name)
    if not found.done:
        return None
    hint = f"run `prc-reach fmt`: {', '.join(found.done)}"
    return Problem(found.path, "format", "is not in canonical form", line=found.first_line, table=name, hint=hint)


def rewrite(package: Package, name: str) -> list[str]:
    """Write the table called `name` in canonical form, and say in words what was done. Raises as `form`, and OSError."""
    with locked(package.folder):  # lest a row be lost that is added between reading and writing
        found = form(package, name)
        if found.done:
            with replacing(package.folder / found.path) as partial:
                partial.write_text(found.after, "utf-8", newline="\n")
    return found.done


def formatted(text: str, schema: Schema) -> tuple[str, list[str]]:
    """The text of a table's file in canonical form, and what was done in words.

    Raises ValueError, with the reason, where it cannot be told for sure what the rows are.
    """
    done = _Done()
    body = text.removeprefix(BYTE_ORDER_MARK)
    done.note(body != text, "byte-order mark removed")
    done.count(body.count("\r"), "line end", "made LF")
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    done.note(not body.endswith("\n"), "missing line end added at the end")
    lines = {number: line for number, line in enumerate(body.removesuffix("\n").split("\n"), 1) if line}
    done.count(body.count("\n") + (not body.endswith("\n")) - len(lines), "blank line", "removed")
    if not lines:
        raise ValueError("it is empty")
    rows = [_cells(number, line) for number, line in lines.items()]
    done.count(sum(written(row) != line for row, line in zip(rows, lines.values())), "row", "quoted anew")
    header, *rows = _without_surplus(rows, done) or [[]]
    header = [done.clean(name) for name in header]
    if sorted(header) != sorted(schema.names):
        raise ValueError("its header does not have the schema's columns")
    if uneven := sum(len(row) != len(header) for row in rows):
        raise ValueError(f"{uneven:,} {'row has' if uneven == 1 else 'rows have'} too many or too few cells")
    done.note(header != schema.names, "columns put in order")
    order = [header.index(name) for name in schema.names]
    rows = [[done.clean(row[index]) for index in order] for row in rows]
    keys = [(index, schema.fields[index].type) for index in map(schema.names.index, schema.primaryKey)]
    sorting = [tuple(_sort_key(row[index], kind) for index, kind in keys) for row in rows]
    done.count(_moved(sorting), "row", "sorted")
    rows = [row for _, row in sorted(zip(sorting, rows), key=lambda pair: pair[0])]
    return "".join(f"{written(row)}\n" for row in [schema.names, *rows]), done.words


class _Done:
    """What was done to a file, in words with counts."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def words(self) -> list[str]:
        return [
            f"{number:,} {what if number == 1 else f'{what}s'} {how}" if how else what
            for (what, how), number in self._counts.items()
        ]

    def note(self, whether: bool, words: str) -> None:
        self.count(int(whether), words, "")

    def count(self, number: int, what: str, how: str) -> None:
        if number:
            self._counts[what, how] += number

    def clean(self, cell: str) -> str:
        """The cell as `text.mended` makes it."""
        clean, faults = mended(cell)
        for (what, how), number in faults.items():
            self.count(number, what, how)
        return clean


def _cells(number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        reason = f"a quoted cell goes on over the end of line {number}; its quote may not be closed"
        if "end of data" not in str(error):
            reason = f"text stands behind the closing quote of a cell on line {number}"
        raise ValueError(reason) from None


def _without_surplus(rows: list[list[str]], done: _Done) -> list[list[str]]:
    """The rows without what a spreadsheet adds: rows of nothing, and columns without name or content.

    A single row that is too long stays so, though its last cells be empty: a comma that should have been
    quoted makes it just as long, and what is cut off then would shift its cells.
    """
    full = [row for row in rows if any(map(cleaned, row))]
    done.count(len(rows) - len(full), "empty row", "removed")
    header = full[0] if full else []
    width = max((index for index, name in enumerate(header, 1) if cleaned(name)), default=0)
    cut = [row[:width] if len(row) == len(header) and not any(row[width:]) else row for row in full]
    done.count(sum(len(short) < len(row) for short, row in zip(cut, full)), "row", "freed of empty cells at the end")
    return cut


def written(row: Iterable[str]) -> str:
    """The row as RFC 4180 has it, with quotes only where they are needed, without a line end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(row)
    return out.getvalue()


def _moved(keys: list[tuple]) -> int:
    """How many rows must move for the keys to be in order: all but the longest run that is in order already."""
    ends: list[tuple] = []  # the least last key of a run of each length
    for key in keys:
        at = bisect_right(ends, key)
        ends[at : at + 1] = [key]
    return len(keys) - len(ends)


def _replaced(before: list[str], after: list[str], old: str, new: str) -> Iterator[str]:
    """The unified diff that replaces all between the first and the last line that differ."""
    first = next((n for n, pair in enumerate(zip(before, after)) if pair[0] != pair[1]), min(len(before), len(after)))
    rest = zip(reversed(before[first:]), reversed(after[first:]))
    same = next((n for n, pair in enumerate(rest) if pair[0] != pair[1]), min(len(before), len(after)) - first)
    start = max(0, first - _CONTEXT)
    ends = [len(lines) - max(0, same - _CONTEXT) for lines in (before, after)]
    yield from (
        f"--- {old}\n",
        f"+++ {new}\n",
        f"@@ -{start + 1},{ends[0] - start} +{start + 1},{ends[1] - start} @@\n",
    )
    yield from (f" {line}" for line in before[start:first])
    for mark, lines in (("-", before), ("+", after)):
        yield from (f"{mark}{line}" for line in lines[first : len(lines) - same])
    yield from (f" {line}" for line in before[len(before) - same : ends[0]])


def _lines(text: str) -> list[str]:
    """The lines with their ends; a line ends at LF alone."""
    return re.findall("[^\n]*\n|[^\n]+", text)


def _sort_key(value: str, kind: str) -> tuple:
    try:
        return (0, float(value), value) if kind in ("integer", "number", "year") else (1, 0.0, value)
    except ValueError:
        return (1, 0.0, value)
