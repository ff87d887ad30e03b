"""frictionless and our compilation to pandera agree on packages drawn at random; SQLite takes what both call sound."""

from __future__ import annotations

import csv
import io
import sqlite3
import time
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import differences
import frictionless
import opinions
import packages
import polars as pl
import pytest
from conftest import SEED
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import ValidationError

from scripts import database, outside
from scripts.descriptor import Constraints, Field, Schema
from scripts.tables import Table

_FEW, _MANY = 400, 10_000


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
        assert {each for each in said.differences if each[3] == "type"} == {(*place, "type") for place in read}, _told(
            said
        )
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


@pytest.mark.parametrize("kind", ["integer", "number", "year", "date", "boolean"])
def test_every_form_of_a_value_is_read_alike_or_known(kind, full, figure):
    """Cell by cell, many more than packages can hold: whether it is a value for each of the two, and which."""
    random = Random(f"{SEED} {kind}")
    texts = sorted({packages.form(random, kind) for _ in range(200_000 if full else 10_000)} - {""})
    field = Field(name="value", type=kind, description="A value.")
    reads = frictionless.Field.from_descriptor({"name": "value", "type": kind}).create_cell_reader()
    schema = Schema(title="Things", description="Things.", fields=[field], primaryKey=["value"])
    frame = pl.DataFrame({"value": texts})
    table = Table(None, schema, frame, pl.Series([], dtype=pl.Int64))
    ours = dict(
        zip(texts, table.typed.select(pl.col("value").dt.to_string() if kind == "date" else "value").to_series())
    )
    theirs = {text for text in texts if not (reads(text)[1] or {}).get("type")}
    apart = [text for text in texts if (text in theirs) != (ours[text] is not None)]
    known = [text for text in texts if any(each.applies(field, text) for each in differences.CELLS)]
    assert apart == known
    values = {text: _value(field, text) for text in texts if ours[text] is not None}
    assert values == {text: ours[text] for text in values}
    figure(
        f"{len(texts):,} forms of {kind}: {len(values):,} are values for both, and the same; {len(known):,} for frictionless alone, as known"
    )


def test_a_pattern_that_is_allowed_means_the_same_to_both(full, figure):
    """To Python's re, as frictionless asks it, and to Rust's regex, by which polars does."""
    random, allowed = Random(SEED), 0
    for _ in range(200_000 if full else 10_000):
        pattern = packages.pattern(random)
        try:
            Constraints.model_validate({"pattern": pattern})
        except ValidationError:
            continue
        allowed += 1
        texts = [packages.short(random) for _ in range(30)]
        reads = frictionless.fields.StringField(name="value", constraints={"pattern": pattern}).create_cell_reader()
        theirs = [reads(text)[1] is None for text in texts]
        assert theirs == pl.Series(texts).replace("", None).str.contains(pattern).fill_null(True).to_list(), (
            pattern,
            texts,
        )
    assert allowed > 1_000
    figure(f"{allowed:,} patterns that the descriptor allows, each on 30 texts: all mean the same to both")


KNOWN = [(each, kind, text) for each in differences.CELLS for kind, text in each.planted]


@pytest.mark.parametrize("known, kind, text", KNOWN, ids=[f"{kind} {text[:20]!r}" for _, kind, text in KNOWN])
def test_a_known_difference_is_still_there(engine, tmp_path, known, kind, text):
    """When this fails, frictionless reads the cell as we do: take the cell out of the list, and the difference with its last."""
    said = _said(engine, tmp_path, {"id": {"type": "string"}, "value": {"type": kind}}, ["id"], [["a", text]])
    assert known.applies(said.package.schemas["things"].field("value"), text), "the list does not know its own example"
    assert (said.frictionless, said.ours) == (set(), {("things", 2, "value", "type")})


@pytest.mark.parametrize("limits", [{"minimum": 0}, {"maximum": 0}, {"enum": [1]}, {"unique": True}], ids=str)
def test_frictionless_still_fails_on_a_signalling_nan(engine, tmp_path, limits):
    """When this fails, `SIGNALLING` can go: the cell is then one that is not finite like others."""
    fields = {"id": {"type": "string"}, "value": {"type": "number", "constraints": limits}}
    said = _said(engine, tmp_path, fields, ["id"], [["a", differences.SIGNALLING]])
    assert {each[3] for each in said.frictionless} == {outside.FAILED}
    assert said.ours == {("things", 2, "value", "type")}


@pytest.mark.parametrize("limits, key", [({"unique": True}, "id"), ({}, "value")])
def test_digits_behind_the_64th_bit_still_make_another_key_for_frictionless(engine, tmp_path, limits, key):
    """When this fails, `more_digits` can go."""
    fields = {"id": {"type": "string"}, "value": {"type": "number", "constraints": limits}}
    said = _said(engine, tmp_path, fields, [key], [["a", "0.1"], ["b", "0.10000000000000000001"]])
    assert said.frictionless == set()
    column, rule = ("value", "unique") if key == "id" else (None, "primary-key")
    assert said.ours == {("things", 3, column, rule)}


@pytest.mark.parametrize(
    "key, rows, line",
    [(["value"], [["a", "one"]], 2), (["id", "value"], [["a", ""], ["a", ""]], 3), (["id", "value"], [["a", "one"], ["a", "two"]], 3)],
)  # fmt: skip
def test_an_empty_or_wrong_part_of_a_key_is_still_a_key_for_frictionless(engine, tmp_path, key, rows, line):
    """When this fails, look at `EMPTY_KEY`: what `standard` and `opinions` leave out for it may be left in."""
    fields = {"id": {"type": "string"}, "value": {"type": "integer"}}
    said = _said(engine, tmp_path, fields, key, rows)
    told = engine.errors(tmp_path, said.tables)["things"]
    assert [each["row"] for each in told if each["type"] == "primary-key"] == [line]
    assert not said.differences


@pytest.mark.parametrize("line", ['a,x"y', 'a,"x\ny"'])
def test_quotes_are_still_taken_as_they_come_by_frictionless(engine, tmp_path, line):
    """When this fails, `QUOTES` can go, and what `opinions` leaves out for it."""
    case = _case({"id": {"type": "string"}, "value": {"type": "string"}}, ["id"], [["a", "x"]])
    replace(case, tables=[replace(case.tables[0], lines={2: line})]).write(tmp_path)
    said = opinions.opinions(engine, tmp_path)
    assert engine.errors(tmp_path, said.tables)["things"] == []
    assert {each.rule for each in said.tables["things"].problems} == {"quote"}


@pytest.mark.parametrize("fields", [["id"], ["id", "value"]])
def test_an_empty_first_line_is_still_a_header_for_frictionless(engine, tmp_path, fields):
    """When this fails, `NO_HEADER` can go, and what `opinions` leaves out for it."""
    case = _case({name: {"type": "string"} for name in fields}, ["id"], [["a", "x"][: len(fields)]])
    replace(case, tables=[replace(case.tables[0], lines={1: ""})]).write(tmp_path)
    said = opinions.opinions(engine, tmp_path)
    assert engine.errors(tmp_path, said.tables)["things"] == []
    assert {each.rule for each in said.tables["things"].problems} == {"header"}


@pytest.mark.parametrize(
    "columns, text",
    [
        (["id", "value"], f"id,value\n{'x' * 99_990}中,文\n"),  # the encoding, from the first 100,000 bytes
        (["id"], "id\n'x';'y';'z'\n"),  # the separator
        (["id", "value", "b2"], "id,value,b2\nx, 'y',z\nu, 'v',w\n"),  # whether to skip the space
        (["id", "value"], "id,value\n1,2,3,4,5\n6,7,8,9,0\n"),  # the line of the header
    ],
    ids=["encoding", "separator", "space", "header"],
)
def test_frictionless_still_guesses_what_a_descriptor_does_not_say(tmp_path, columns, text):
    """When this fails, what it no longer guesses can be taken out of `scripts.outside`."""
    (tmp_path / "things.csv").write_text(text, "utf-8")
    schema = {"fields": [{"name": name, "type": "string"} for name in columns]}
    resource = {"name": "things", "type": "table", "path": "things.csv", "schema": schema}

    def cells(**said) -> list | str:
        try:
            with frictionless.Resource.from_descriptor(resource | said, basepath=str(tmp_path)) as table:
                return [list(row.cells) for row in table.row_stream]
        except frictionless.FrictionlessException as error:
            return str(error)

    _, *rows = csv.reader(io.StringIO(text))
    assert cells() != rows
    assert cells(encoding="utf-8", dialect=dict(outside._DIALECT)) == rows


def _said(
    engine: opinions.Frictionless, folder: Path, fields: dict, key: list[str], rows: list[list[str]]
) -> opinions.Opinions:
    """What both say of a table `things` with these fields by name, key and rows."""
    _case(fields, key, rows).write(folder)
    return opinions.opinions(engine, folder)


def _case(fields: dict, key: list[str], rows: list[list[str]]) -> packages.Case:
    made = [{"name": name, "description": "A column."} | each for name, each in fields.items()]
    for each in made:
        if each["name"] in key:
            each["constraints"] = each.get("constraints", {}) | {"required": True}
    schema = {"title": "Things", "description": "Things.", "fields": made, "primaryKey": key}
    return packages.Case([packages.TableCase("things", schema, list(fields), rows)])


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
        assert {"required", "unique", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength"} <= set(
            self.constraints
        )
        told = {
            "type",
            "required",
            "unique",
            "enum",
            "pattern",
            "minimum",
            "maximum",
            "min-length",
            "max-length",
            "primary-key",
            "foreign-key",
        }
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
