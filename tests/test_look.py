"""`show` and `explain`: on copies of the real package, also where it is spoilt."""

from __future__ import annotations

import ast
import json
import re
import sqlite3

import pytest
from conftest import ROOT, problems, run
from test_mistakes import change_cell, edit

from scripts.descriptor import Rule
from scripts.look.explain import Explanation, explain, listed
from scripts.look.explain import text as explained
from scripts.look.show import Rows, Shown
from scripts.package import load
from scripts.problem import BUILT_IN, Broken


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows(load(ROOT))


def test_a_row_with_all_that_is_known_of_it(rows):
    shown = rows.show("joint_patrols", "air-9")
    assert (shown.label, shown.file) == ("Ninth Joint Strategic Air Patrol", "tables/joint_patrols.csv")
    line = (ROOT / shown.file).read_text("utf-8").splitlines()[shown.line - 1]
    assert line.startswith("air-9,")
    cells = {cell.column: cell for cell in (*shown.cells, *shown.provenance)}
    assert cells["source_id"].label and cells["source_id"].refers_to == "sources"
    assert cells["certainty"].definition == "The text states it in its own voice, without a hedge."
    assert cells["aircraft_total_min"].unit == "aircraft" and all(cell.meaning for cell in cells.values())
    assert set(shown.belonging) >= {"citations", "discrepancies"}
    assert any(cell.label == "NHK, November 30" for row in shown.belonging["citations"] for cell in row)
    groups = {f"{group.table}.{group.column}": group for group in shown.referring}
    assert groups["patrol_flights.joint_patrol_id"].number == 11
    assert ("patrol_days", "air-9-2024-11-29") in {row[:2] for row in groups["patrol_days.joint_patrol_id"].rows}


def test_every_kind_of_row_can_be_shown(rows):
    """The first row of every table; each cell of the file is there once, as written."""
    for name, table in rows.tables.items():
        shown = rows.show(name, table.row_id(0))
        written = {column: cell for column, cell in table.frame.row(0, named=True).items() if cell is not None}
        assert {cell.column: cell.value for cell in (*shown.cells, *shown.provenance)} == written
        for cell in shown.cells:
            assert cell.label != "no such row"


def test_other_names_and_what_a_row_is_about(rows):
    assert {cell.value for row in rows.show("organizations", "adani-ports-group").belonging["name_variants"] for cell in row} >= {"Adani Ports"}  # fmt: skip
    about = rows.show("citations", "activity_days/taiwan-2024-12-09/rcda-compilation-mnd").about
    assert about == ("activity_days", "taiwan-2024-12-09", "2024-12-09")


def test_all_counts_are_those_of_the_files(rows):
    shown: Shown = rows.show("places", "tashkent")
    for group in shown.referring:
        frame = rows.tables[group.table].frame
        assert group.number == frame[group.column].eq("tashkent").sum()


@pytest.mark.parametrize(
    "table, wanted, near",
    [
        ("places", "tashkentt", "tashkent (Tashkent)"),
        ("places", "Tashkent", "tashkent"),
        ("organizations", "安洵", "isoon"),
        ("organizations", "Adani Ports", "adani-ports-group"),
        ("citations", "activity_days/taiwan-2024-12-09", "activity_days/taiwan-2024-12-09/rcda-compilation-mnd"),
    ],
)
def test_a_wrong_id_gets_the_nearest(rows, table, wanted, near):
    with pytest.raises(Broken) as raised:
        rows.show(table, wanted)
    assert near in raised.value.problems[0].hint


def test_a_traditional_name_finds_what_is_written_in_simplified_characters(rows):
    label = rows.show("joint_patrols", "air-9").cells[2].value
    assert label == "联合空中战略巡航"
    with pytest.raises(Broken) as raised:
        rows.show("joint_patrols", "聯合空中戰略巡航")
    assert "air-9" in raised.value.problems[0].hint


def test_the_command(package):
    key = ["activity_days", "taiwan-2024-12-09", "rcda-compilation-mnd"]
    apart, joined = run("show", "citations", *key), run("show", "citations", "/".join(key))
    assert apart.returncode == 0 and apart.stdout == joined.stdout
    assert "· The outside source that the text cites for it." in run("show", "citations", *key, "-m").stdout
    content = json.loads(run("show", "places", "tashkent", "--format", "json").stdout)
    assert content["label"] == "Tashkent" and content["referring"]
    for arguments in (["places", "nowhere-at-all"], ["placs", "tashkent"], ["places", ""], ["places", "\x1b[31m"]):
        result = run("show", *arguments, folder=package)
        assert result.returncode == 2 and "Traceback" not in result.stderr


def test_rows_of_a_package_with_problems_are_shown(package):
    change_cell(package, "sco_bodies", "regional-anti-terrorist-structure", "locator", "")
    change_cell(package, "sco_bodies", "regional-anti-terrorist-structure", "seat_place_id", "no-such-place")
    change_cell(package, "sco_bodies", "regional-anti-terrorist-structure", "note", "red \x1b[31m text")
    (package / "tables/vessels.csv").unlink()
    change_cell(package, "countries", "KAZ", "alpha_2", "CN")
    result = run("show", "sco_bodies", "regional-anti-terrorist-structure", folder=package)
    assert result.returncode == 0 and "Traceback" not in result.stderr
    assert "no-such-place  → no such row" in result.stdout and "\x1b" not in result.stdout


def emitted() -> set[str]:
    """The names of rules in the program's own text: what is given to `Problem` and to those that make one."""
    names: set[str] = set()
    places = {"Problem": 1, "_of_file": 1, "_unsound": 1, "problem": 1, "_check": 0, "_problem": 1}
    for path in sorted((ROOT / "scripts").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                given = node.args[places[name] :][:1] if name in places else []
                names |= {
                    each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
                names |= {
                    each.value.value
                    for each in node.keywords
                    if each.arg == "rule" and isinstance(each.value, ast.Constant)
                }
            if isinstance(node, ast.Dict) and path.name in ("tables.py", "standard.py"):
                keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                names |= set(keys) if path.name == "tables.py" and "stray-space" in keys else set()
    return {name for name in names if re.fullmatch("[a-z]+(-[a-z]+)*", name)}


def test_every_rule_that_the_program_can_tell_is_explained(declared):
    known, told = set(listed(declared)), emitted() | BUILT_IN
    assert {"quote", "row-length", "missing-file", "unlisted-file", "enum", "stray-space", "unknown-row"} <= told
    assert told - known == set()


def test_every_rule_of_the_schemas_is_explained_once_with_its_tables(declared):
    for rule in listed(declared):
        explanation = explain(declared, rule)
        having = [name for name, schema in declared.schemas.items() if rule in [each.id for each in schema.rules]]
        assert sorted(table for variant in explanation.variants for table in variant.tables) == sorted(having)
        assert explanation.what and explanation.mend and rule in explained(explanation)
        assert all(variant.sql and variant.fails for variant in explanation.variants)


def planted(package, variant) -> list[dict]:
    """The problems of a table one of whose rows has the cells of the variant's failing example."""
    from scripts.check import read_tables

    table = read_tables(load(package))[variant.shown]
    for column, cell in variant.fails.items():
        change_cell(package, table.name, table.row_id(0).split("/")[0], column, cell or "")
    return problems(package, table.name)


@pytest.mark.parametrize(
    "rule", ["people-bounds", "both-coordinates", "end-not-before-start", "attributed-to-somebody-known"]
)
def test_the_failing_example_of_a_rule_fails_and_the_passing_one_passes(package, rule):
    variant = explain(load(package), rule).variants[0]
    assert variant.passes and set(variant.passes) == set(variant.fails)
    assert rule in {each["rule"] for each in planted(package, variant)}


@pytest.mark.parametrize("rule", ["type", "pattern", "enum", "minimum", "maximum"])
def test_the_examples_of_a_constraint_are_those_of_a_column_that_has_it(package, rule):
    explanation: Explanation = explain(load(package), rule)
    table, column = explanation.where.split(":")[0].split(".")
    key = (package / f"tables/{table}.csv").read_text("utf-8").split("\n")[1].split(",")[0]
    if column == load(package).schemas[table].primaryKey[0]:
        edit(package, f"tables/{table}.csv", f"\n{key},", f"\n{explanation.fails},")
    else:
        change_cell(package, table, key, column, explanation.fails)
    assert rule in {each["rule"] for each in problems(package, table) if each["column"] == column}


def test_the_command_explains_lists_and_offers_the_nearest():
    listing = run("explain").stdout.splitlines()
    assert any(line.startswith("foreign-key ") for line in listing)
    assert "people_min <= people_max" in run("explain", "people-bounds").stdout
    assert json.loads(run("explain", "enum", "--format", "json").stdout)["passes"]
    assert "an error of frictionless" in run("explain", "hash-count").stdout
    result = run("explain", "foriegn-key")
    assert result.returncode == 2 and "did you mean 'foreign-key'?" in result.stdout


def test_a_rule_of_its_own_can_be_as_odd_as_it_likes():
    rule = Rule(id="odd", check="a < b", message="{a} is {{odd}}")
    assert explained(Explanation(rule.id, rule.message, "Mend.")).startswith("odd\n")


def test_show_reads_the_files_and_no_database(package, tmp_path):
    (package / "build").mkdir()
    sqlite3.connect(package / "build/prc-reach.db").close()
    change_cell(package, "places", "tashkent", "name", "Changed just now")
    assert "Changed just now" in run("show", "places", "tashkent", folder=package).stdout
    assert [path.name for path in (package / "build").iterdir()] == ["prc-reach.db"]
