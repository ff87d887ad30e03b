"""The real package: sound by the standard's own tool, by both engines, and by its own declaration."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, run

from scripts import frames, standard
from scripts.check import read_tables
from scripts.outside import Outside
from scripts.package import DESCRIPTOR

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
