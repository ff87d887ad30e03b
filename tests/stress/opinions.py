"""What each of the two engines says of a package on disk, as sets of (table, line, column, rule).

frictionless runs as `scripts.outside` runs it, in one process that is given job after job, since it takes
a second to come up; pandera as `scripts.frames` compiles it. Nothing is hidden or merged here that `check`
hides or merges: only what is the same thing in other words is put into the same words, see `_frictionless_says`.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from scripts import frames, standard
from scripts.check import read_tables
from scripts.package import Package, load
from scripts.tables import Table

Said = set[tuple[str, int, str | None, str]]

_JOBS = """
import json, sys
from scripts.outside import _validated
for line in sys.stdin:
    try:
        answer = list(_validated(json.loads(line)))
    except Exception as error:
        answer = repr(error)
    print(json.dumps(answer), flush=True)
"""
# What is wrong with a file and not with a value; the package's own reader tells it too, in the words of `tables`.
_OF_THE_HEADER = (
    "source-error",
    "blank-header",
    "extra-label",
    "missing-label",
    "blank-label",
    "duplicate-label",
    "incorrect-label",
)
_OF_THE_ROW = ("missing-cell", "extra-cell")


class Failed(AssertionError):
    """frictionless raised an error of its own, or did not come to an end."""


class Frictionless:
    """The long-lived process."""

    def __init__(self, process: subprocess.Popen):
        self._process = process

    def errors(self, folder: Path, tables: dict[str, Table]) -> dict[str, list[dict]]:
        """All errors of each table, as `scripts.outside` gives them; foreign keys into tables not read whole are left out."""
        broken = [name for name, table in tables.items() if not table.whole]
        job = {"descriptor": str(folder / "datapackage.json"), "tables": list(tables), "unsound": broken}
        self._process.stdin.write(json.dumps(job | {"referred": None}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Failed("frictionless did not come to an end")
        answer = json.loads(line)
        if isinstance(answer, str):
            raise Failed(answer)
        return {each["table"]: each["errors"] for each in answer}


@contextmanager
def frictionless() -> Iterator[Frictionless]:
    """A frictionless that takes jobs, for as long as the context lasts."""
    process = subprocess.Popen(
        [sys.executable, "-c", _JOBS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        yield Frictionless(process)
    finally:
        process.kill()
        process.communicate()


@dataclass
class Opinions:
    """The package and its tables as read, and what `frictionless` and `ours` say of them."""

    package: Package
    tables: dict[str, Table]
    frictionless: Said
    ours: Said

    @property
    def differences(self) -> Said:
        """What one of them says and the other does not."""
        return self.frictionless ^ self.ours


def opinions(engine: Frictionless, folder: Path) -> Opinions:
    """Both opinions of the package in `folder`. Raises `Broken` where its declaration is wrong, and `Failed`."""
    package = load(folder)
    tables = read_tables(package, thorough=())  # stray spaces and the like are no matter of the standard
    errors = engine.errors(folder, tables)
    theirs: Said = set()
    ours: Said = set()
    for name, table in tables.items():
        said = _frictionless_says(table, errors[name], folder / table.resource.path)
        if table.whole:
            kept = {each for each in said if each[3] != "blank-row"}  # its empty key is told
            assert _as_told(table, tables, errors[name]) == kept, "check tells something else than frictionless said"
        theirs |= said
        ours |= _pandera_says(table, tables)
    return Opinions(package, tables, theirs, ours)


def _frictionless_says(table: Table, errors: list[dict], file: Path) -> Said:
    """What frictionless says, in our words.

    - Where the file has no table's form, each engine tells in its own way what is wrong with the form, and
      what they say of the values has no meaning: then only where the form is wrong is compared, see `_form`.
    - A key that is empty, or of another type, is no key: told as `required` or `type`, whatever else the key has.
      frictionless tells it as a wrong key too, and takes two such keys with the same rest for the same key
      (see `differences.EMPTY_KEY`).
    """
    if not table.whole:
        return _form(table, errors, file)
    rows = {int(line): index for index, line in enumerate(table.lines)}
    said = {(table.name, each["row"], each["column"], standard._rule(each) or each["type"]) for each in errors}
    return {each for each in said if not (each[3] == "primary-key" and not _has_key(table, rows[each[1]]))}


def _has_key(table: Table, index: int) -> bool:
    return all(table.typed[name][index] is not None for name in table.schema.primaryKey)


def _pandera_says(table: Table, tables: dict[str, Table]) -> Said:
    """What our compilation says, in frictionless's words where it has other ones.

    - For a row of empty cells it has `blank-row`, and says nothing of the columns that are required: what we say
      of each of these; where none is, in a table of one column, we say nothing of it.
    """
    if not table.whole:
        return _form_told(table)
    told = {(table.name, each.line, each.column, each.rule) for each in frames.problems(table, tables)}
    empty = table.lines.filter(table.frame.select(pl.all_horizontal(pl.all().is_null())).to_series()).to_list()
    assert all(any(each[1] == line and each[3] == "required" for each in told) for line in empty), "a key is required"
    kept = {each for each in told if each[1] not in empty or each[3] != "required"}
    return kept | {(table.name, line, None, "blank-row") for line in empty}


def _form(table: Table, errors: list[dict], file: Path) -> Said:
    """On which lines frictionless finds that the file has not the form of its table.

    - Of a row of nothing it says that it is blank, whether or not it has the right number of cells: Python counts them.
    - Where the header is wrong it reads on, and we do not: then nothing else is compared.
    - Where a quote stands wrong, which it takes as it comes (see `differences.QUOTES`), lines are no rows any more.
    - An empty first line is for it a header of no columns, as good as any (see `differences.NO_HEADER`).
    """
    if any(each.rule == "quote" for each in table.problems):
        return set()
    rows = list(csv.reader(io.StringIO(file.read_text("utf-8-sig"))))
    if rows and not rows[0]:
        return {(table.name, 1, None, "header")}
    if any(each["type"] in _OF_THE_HEADER for each in errors):
        return {(table.name, 1, None, "header")}
    uneven = {
        each["row"]
        for each in errors
        if each["type"] in _OF_THE_ROW
        or (each["type"] == "blank-row" and len(rows[each["row"] - 1]) != len(table.schema.fields))
    }
    return {(table.name, line, None, "row-length") for line in uneven}


def _form_told(table: Table) -> Said:
    """On which lines our reader finds the same."""
    if any(each.rule == "quote" for each in table.problems):
        return set()
    if any(each.rule in ("header", "empty-file") for each in table.problems):
        return {(table.name, 1, None, "header")}
    return {(table.name, each.line, None, "row-length") for each in table.problems if each.rule == "row-length"}


def _as_told(table: Table, tables: dict[str, Table], errors: list[dict]) -> Said:
    """What `check` makes of frictionless's errors: nothing may get lost on that way."""
    told = standard._of_table(errors, table, tables)
    return {(table.name, each.line, each.column, each.rule) for each in told}
