"""The real package: sound by the standard's own tool, by both engines, and by its own declaration."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import frictionless
import pytest
from conftest import ROOT, copied, run

from scripts import frames, queries, standard
from scripts.check import read_tables
from scripts.outside import Outside
from scripts.package import DESCRIPTOR, load
from scripts.tables import read

SCHEMAS = sorted((ROOT / "schemas").glob("*.json"))


def test_an_outsiders_plain_frictionless_accepts_it():
    command = [Path(sys.executable).with_name("frictionless"), "validate", "datapackage.json"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert "INVALID" not in result.stdout


def test_check_finds_no_problem():
    result = run("check")
    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith("no problems in")


def test_it_is_in_canonical_form():
    result = run("fmt", "--check")
    assert result.returncode == 0, result.stdout


def test_both_engines_find_the_real_tables_sound(declared):
    tables = read_tables(declared)
    with Outside() as outside:
        outside.job(ROOT / DESCRIPTOR, declared.resources, [])
        assert standard.problems(outside, tables) == []
    assert [problem for table in tables.values() for problem in frames.problems(table, tables)] == []


def test_every_table_has_rows(declared):
    """An empty table would make every test of its rows pass without testing anything."""
    assert [name for name, table in read_tables(declared).items() if not table.frame.height] == []


def test_every_declared_example_is_right_and_every_bad_one_wrong(declared):
    for table, schema in declared.schemas.items():
        for field in schema.fields:
            standards = frictionless.Field.from_descriptor(
                {"name": field.name, "type": field.type, "constraints": field.constraints.model_dump(exclude_none=True)}
                | (
                    {"trueValues": field.trueValues, "falseValues": field.falseValues}
                    if field.type == "boolean"
                    else {}
                )
            )
            assert standards.read_cell(field.example)[1] is None, (table, field.name, field.example)
            if field.bad_example is not None and not any(key.column == field.name for key in schema.foreignKeys):
                assert standards.read_cell(field.bad_example)[1], (table, field.name, field.bad_example)


def test_every_fact_says_where_it_was_read_and_how_surely(declared):
    """Tables of facts carry source, place in it, and certainty, all required; entities at least the first two."""
    without = {"certainty_levels", "countries", "publications", "sources", "source_authors", "citations", "indicators"}
    for table, schema in declared.schemas.items():
        if table not in without:
            required = {field.name for field in schema.fields if field.constraints.required}
            assert "source_id" in required, table
            assert {"locator", "locator_a"} & required, table


def test_tables_are_written_with_the_schemas_header(declared):
    for name, resource in declared.resources.items():
        with open(ROOT / resource.path, newline="", encoding="utf-8") as file:
            assert next(csv.reader(file)) == declared.schemas[name].names


def _rules():
    rules = [(name, rule) for name, schema in load(ROOT).schemas.items() for rule in schema.rules]
    return [pytest.param(name, rule, id=f"{name}: {rule.id}") for name, rule in rules]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and its tables as read, for tests that spoil one table and put it back."""
    package = load(copied(tmp_path_factory.mktemp("rules") / "package"))
    return package, read_tables(package)


@pytest.mark.parametrize("name, rule", _rules())
def test_every_declared_rule_finds_its_bad_example(copy, name, rule):
    """A copy of the table's first row, with another key and the values of the bad example, breaks the rule."""
    package, tables = copy
    assert rule.bad_example, "the rule has no bad example"
    schema, path = package.schemas[name], package.folder / package.resources[name].path
    sound = path.read_text("utf-8")
    row = next(csv.DictReader(sound.splitlines()))
    if len(schema.primaryKey) == 1:
        row[schema.primaryKey[0]] = "bad-example"
    with open(path, "a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, schema.names, lineterminator="\n").writerow(
            row | {key: value or "" for key, value in rule.bad_example.items()}
        )
    spoilt = tables | {name: read(package, name)}
    path.write_text(sound, "utf-8")
    told = queries.problems(package, spoilt, [name]) + frames.problems(spoilt[name], spoilt)
    assert rule.id in [problem.rule for problem in told], told
