"""frictionless and our compilation to pandera agree on packages drawn at random; SQLite takes what both call sound."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from datetime import date
from pathlib import Path

import differences
import opinions
import packages
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from scripts import database
from scripts.descriptor import Field, Schema
from scripts.tables import Table

_FEW, _MANY = 500, 10_000


@pytest.fixture(scope="module")
def engine():
    with opinions.frictionless() as process:
        yield process


def test_the_engines_agree_on_packages_drawn_at_random(engine, full, figure, tmp_path):
    counts = _Counts()

    @settings(
        max_examples=_MANY if full else _FEW,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(packages.packages())
    def agree(case: packages.Case) -> None:
        said = _agreed(engine, case, tmp_path, counts)
        counts.note(case, said)
        if not said.ours and all(table.whole for table in said.tables.values()):
            _built_and_read_back(said, tmp_path)
            counts.built += 1

    agree()
    counts.enough()
    for line in counts.lines():
        figure(line)


def _agreed(engine: opinions.Frictionless, case: packages.Case, folder: Path, counts: _Counts) -> opinions.Opinions:
    """What both engines say of the case, which is the same.

    Where a cell is one of the known differences, it is first seen that they differ on that cell as is known, and
    on no other; then the cell is given a value on which they do not differ, and all that they say must be alike.
    """
    case.write(folder)
    said = opinions.opinions(engine, folder)
    known = dict(_known(said))
    if not known:
        assert not said.differences, _told(said)
        return said
    counts.known.update(name for name, _ in known.values())
    if not any(name == "signalling NaN" for name, _ in known.values()):
        read = {place for place, (_, value) in known.items() if value == differences.NO_VALUE}
        assert {each for each in said.differences if each[3] == "type"} == {(*place, "type") for place in read}, _told(said)
        apart = {each for each in said.differences if each[3] not in _OVER_ROWS and each[:3] not in read}
        assert not apart, _told(said)
    places = {name: {line: at for at, line in enumerate(table.lines)} for name, table in said.tables.items()}
    cells = {
        (name, places[name][line], said.tables[name].schema.names.index(column)): value
        for (name, line, column), (_, value) in known.items()
    }
    case.with_cells(cells).write(folder)
    again = opinions.opinions(engine, folder)
    assert not again.differences, _told(again)
    return again


_OVER_ROWS = ("unique", "primary-key", "foreign-key")  # the rules that compare a cell with others


def _known(said: opinions.Opinions):
    """The place of each cell on which the engines are known to differ, with the difference's name and the value to take instead."""
    for name, table in said.tables.items():
        if not table.whole:
            continue
        for field in table.schema.fields:
            for line, text in zip(table.lines, table.frame[field.name]):
                if text is None:
                    continue
                known = next((each for each in differences.CELLS if each.applies(field, text)), None)
                if differences.signalling(field, text):
                    yield (name, line, field.name), ("signalling NaN", differences.NO_VALUE)
                elif known:
                    yield (name, line, field.name), (known.name, differences.NO_VALUE)
                elif _compared_with_others(said, name, field) and differences.more_digits(field, text):
                    yield (name, line, field.name), ("more digits", repr(float(text)))


def _compared_with_others(said: opinions.Opinions, name: str, field: Field) -> bool:
    schema = said.package.schemas[name]
    return field.constraints.unique or field.name in (*schema.primaryKey, *schema.targets)


def _told(said: opinions.Opinions) -> str:
    alone = {"frictionless alone": said.frictionless - said.ours, "we alone": said.ours - said.frictionless}
    return "\n".join(f"{who}: {sorted(what, key=str)}" for who, what in alone.items() if what)


def _built_and_read_back(said: opinions.Opinions, folder: Path) -> None:
    """Build the package, in which nothing is wrong: what stands in the database is what the cells mean."""
    path = database.build(said.package, said.tables, folder / "built.db")
    connection = sqlite3.connect(path)
    try:
        for name, table in said.tables.items():
            columns = ", ".join(f'"{each}"' for each in table.schema.names)
            found = connection.execute(f'SELECT {columns} FROM "{name}"').fetchall()
            assert Counter(found) == Counter(_meant(table)), name
            assert {type(each) for row in found for each in row} <= {int, float, str, type(None)}
    finally:
        connection.close()
        path.unlink()


def _meant(table: Table):
    """Each row with what its cells mean, read by Python alone."""
    for row in table.frame.iter_rows():
        yield tuple(None if text is None else _value(field, text) for field, text in zip(table.schema.fields, row))


def _value(field: Field, text: str) -> object:
    match field.type:
        case "integer" | "year":
            return int(text)
        case "number":
            return float(text)
        case "boolean":
            return int(text in field.trueValues)
        case "date":
            return date.fromisoformat(text).isoformat()
    return text


class _Counts:
    """What was drawn, and what was found in it."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.packages = self.tables = self.rows = self.cells = self.built = self.formless = 0
        self.shares: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.constraints: Counter[str] = Counter()
        self.known: Counter[str] = Counter()

    def note(self, case: packages.Case, said: opinions.Opinions) -> None:
        self.packages += 1
        self.tables += len(case.tables)
        self.rows += sum(len(table.rows) for table in case.tables)
        self.cells += sum(len(row) for table in case.tables for row in table.rows)
        self.formless += sum(not table.whole for table in said.tables.values())
        self.shares[{0: "none", 1: "one"}.get(len(said.ours), "more")] += 1
        self.rules.update(rule for _, _, _, rule in said.ours)
        for schema in said.package.schemas.values():
            self._note_schema(schema)

    def _note_schema(self, schema: Schema) -> None:
        self.kinds.update(field.type for field in schema.fields)
        for field in schema.fields:
            self.constraints.update(name for name, limit in field.constraints if limit not in (None, False))
        self.constraints["primary key of several columns"] += len(schema.primaryKey) > 1
        self.constraints["foreign key"] += len(schema.foreignKeys)

    def enough(self) -> None:
        """Fail where what was drawn leaves a type, a constraint or a kind of problem out, or is all sound or all wrong."""
        assert set(self.kinds) == {"string", "integer", "number", "boolean", "year", "date"}
        assert {"required", "unique", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength"} <= set(self.constraints)
        told = {"type", "required", "unique", "enum", "pattern", "minimum", "maximum", "min-length", "max-length", "primary-key", "foreign-key"}
        assert told <= set(self.rules)
        assert min(self.shares[each] for each in ("none", "one", "more")) > self.packages / 20

    def lines(self):
        share = ", ".join(f"{what} {number / self.packages:.0%}" for what, number in sorted(self.shares.items()))
        yield (
            f"{self.packages:,} packages ({self.tables:,} tables, {self.rows:,} rows, {self.cells:,} cells) drawn, on none do frictionless "
            f"and pandera disagree; {self.built:,} sound ones built and read back from SQLite; {time.monotonic() - self.begin:.0f} s"
        )
        yield f"packages with problems: {share}; {self.formless:,} tables whose file has lost its form"
        yield f"problems on which both agree: {_listed(self.rules)}"
        yield f"columns: {_listed(self.kinds)}; constraints: {_listed(self.constraints)}"
        yield f"cells on which they are known to differ: {_listed(self.known)}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {number:,}" for what, number in counts.most_common() if number)
