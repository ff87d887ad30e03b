"""The real package: sound by the standard's own tool, by both engines, and by its own declaration."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import frictionless
import pytest
from conftest import ROOT, problems, run

from scripts import frames, standard
from scripts.check import read_tables
from scripts.outside import Outside
from scripts.package import DESCRIPTOR, load

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


def _mistaken_row(declared, name: str, rule) -> dict[str, str]:
    """A copy of a row of the table, with another key, that breaks the rule as its bad example says."""
    resource, schema = declared.resources[name], declared.schemas[name]
    with open(ROOT / resource.path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    row = rows[0]
    if len(schema.primaryKey) == 1:
        row[schema.primaryKey[0]] = "bad-example"
    return row | {column: value or "" for column, value in rule.bad_example.items()}


def _rules():
    package = load(ROOT)
    rules = [(name, rule) for name, schema in package.schemas.items() for rule in schema.rules]
    return [pytest.param(name, rule, id=f"{name}: {rule.id}") for name, rule in rules if rule.bad_example]


def test_every_rule_has_a_bad_example_here_or_a_test_of_its_own(declared):
    without = {rule.id for schema in declared.schemas.values() for rule in schema.rules if not rule.bad_example}
    assert without == {"percent-within-100"}  # test_a_share_lies_within_0_and_100_percent


def test_a_share_lies_within_0_and_100_percent(package):
    for name, values in (
        ("indicators", {"indicator_id": "a-share", "name": "A share", "unit": "percent", "definition": "A share."}),
        (
            "statistics",
            {"statistic_id": "bad-example", "indicator_id": "a-share", "value_min": "120", "value_max": "120"},
        ),
    ):
        path = package / "tables" / f"{name}.csv"
        with open(path, newline="", encoding="utf-8") as file:
            row = next(csv.DictReader(file))
        with open(path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, list(row), lineterminator="\n").writerow(row | values)
    assert [(problem["rule"], problem["row_id"]) for problem in problems(package, "statistics")] == [
        ("percent-within-100", "bad-example")
    ]


@pytest.mark.parametrize("name, rule", _rules())
def test_every_declared_rule_finds_its_bad_example(declared, package, name, rule):
    row = _mistaken_row(declared, name, rule)
    path = package / declared.resources[name].path
    with open(path, "a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, declared.schemas[name].names, lineterminator="\n").writerow(row)
    told = problems(package, name)
    assert rule.id in [problem["rule"] for problem in told], told
