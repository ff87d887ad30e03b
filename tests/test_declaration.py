"""Mistakes in the declaration: told with file and line, exit status 2, and no table is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import problems, run
from pydantic import ValidationError

from scripts.descriptor import Constraints, Field

BODIES = "schemas/sco_bodies.json"


def edit(package: Path, file: str, old: str, new: str) -> int:
    """Replace `old` once; the line on which the new text starts."""
    path = package / file
    text = path.read_text("utf-8")
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return text[: text.index(old)].count("\n") + 1


SPOILT = [
    # file, old, new, rule, words
    (BODIES, '"constraints": {', '"constrains": {', "declaration", "did you mean 'constraints'?"),
    (
        BODIES,
        '"type": "string"',
        '"type": "strng"',
        "declaration",
        "'type' cannot be 'strng' did you mean 'string'? allowed: string, integer, number, boolean, date, year",
    ),
    (
        BODIES,
        '"label": "organization_id"',
        '"label": "organisation_id"',
        "declaration",
        "did you mean 'organization_id'?",
    ),
    (BODIES, '"domain": "sco"', '"domain": "scoo"', "declaration", "did you mean 'sco'?"),
    (BODIES, '"where": "seat_place_id"', '"where": "status"', "declaration", "which is no foreign key"),
    (BODIES, '"where": "seat_place_id"', '"where": "seat_country_id"', "declaration", "in other tables to"),
    (
        "schemas/events.json",
        '"when": [\n    "start_date"',
        '"when": [\n    "name"',
        "declaration",
        "which holds no dates",
    ),
    ("schemas/organizations.json", '"label": "name"', '"label": "parent_id"', "declaration", "go in a circle"),
    ("schemas/citations.json", '"row": "row_id"', '"row": "row"', "declaration", "did you mean 'row_id'?"),
    (BODIES, '"primaryKey": "sco_body_id"', '"primaryKey": "sco_body"', "declaration", "did you mean 'sco_body_id'?"),
    (BODIES, '"resource": "places"', '"resource": "palaces"', "declaration", "did you mean 'places'?"),
    (BODIES, '"fields": "place_id"', '"fields": "name"', "declaration", "must refer to the primary key of places"),
    (BODIES, "upgrade_of_id <> sco_body_id", "upgrade_of_id <> ", "declaration", "is not a valid SQL expression"),
    (
        BODIES,
        "upgrade_of_id <> sco_body_id",
        "upgrade_of <> sco_body_id",
        "declaration",
        "is not a valid SQL expression",
    ),
    (
        BODIES,
        "upgrade_of_id <> sco_body_id",
        "length(sco_body_id)",
        "declaration",
        "must give true or false for each row",
    ),
    (BODIES, "SELECT b.sco_body_id", "SELEC b.sco_body_id", "declaration", "is not a valid SELECT"),
    (BODIES, "JOIN places AS p", "JOIN palaces AS p", "declaration", "no such table: palaces"),
    (BODIES, "SELECT b.sco_body_id,", "SELECT", "declaration", "must return the primary key"),
    (BODIES, "lies in {country_id}", "lies in {country}", "declaration", "did you mean 'country_id'?"),
    (
        BODIES,
        '"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"',
        '"pattern": "^[a-z0-9+(-[a-z0-9]+)*$"',
        "declaration",
        "is not a regular expression",
    ),
    (BODIES, '"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"', '"pattern": "^a|b$"', "declaration", "in one group"),
    (BODIES, '"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"', '"pattern": "[a-z]+"', "declaration", "as ^…$"),
    *(
        (BODIES, '"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"', f'"pattern": {json.dumps(pattern)}', "declaration", words)
        for pattern, words in [
            (
                "^[[a-z]]$",
                "write '[' in the pattern '^[[a-z]]$' in another way, like [0-9] for \\d: engines differ on it",
            ),
            ("^[a-z[0-9]]$", "write '[' in the pattern"),
            (r"^[A-Z]{3}\$", "as ^…$"),
            ("^[a-z--b]$", "write '--' in the pattern"),
            ("^[a-z~~b]$", "write '~~' in the pattern"),
            ("^[a-z&&b]$", "write '&&' in the pattern"),
            ("^a++$", "write '++' in the pattern"),
            ("^a{1,2}+b$", "write '}+' in the pattern"),
            (r"^\<a$", r"write '\\<' in the pattern"),
            (r"^[\d-]+$", r"write '\\d' in the pattern"),
            ("^(?i:k)$", "write '(?i' in the pattern"),
        ]
    ),
    (
        BODIES,
        '"trueValues": [',
        '"trueValues": [\n"false",',
        "declaration",
        "'false' is among both trueValues and falseValues",
    ),
    ("schemas/places.json", '"minimum": -90', '"minimum": 1e999', "declaration", "a number that 64 bits can hold"),
    (
        "schemas/places.json",
        '"minimum": -90',
        f'"minimum": 1{"0" * 400}',
        "declaration",
        "a number that 64 bits can hold",
    ),
    (BODIES, '"title": "SCO bodies",', '"title": "SCO bodies" ', "json", "look for a missing comma"),
    (BODIES, '"title": "SCO bodies",', '"title": "SCO bodies", "title": "again",', "json", "has the key title twice"),
    (BODIES, "lies in {country_id}", "lies in {country_id:d}", "declaration", "only the names of columns"),
    (BODIES, '"id": "seat-in-its-country"', '"id": "foreign-key"', "declaration", "the name of a built-in rule"),
    ("schemas/places.json", '"minimum": -90', '"minimum": "five"', "declaration", "is not of the type number"),
    ("datapackage.json", '"title": "PRC Reach",', '"titel": "PRC Reach",', "declaration", "did you mean 'title'?"),
    (
        "datapackage.json",
        '"path": "tables/sco_bodies.csv"',
        '"path": "../sco_bodies.csv"',
        "unsafe-path",
        "leaves the package",
    ),
    (
        "datapackage.json",
        '"path": "tables/sco_bodies.csv"',
        '"path": "/etc/passwd"',
        "unsafe-path",
        "leaves the package",
    ),
    (
        "datapackage.json",
        '"path": "tables/sco_bodies.csv"',
        '"path": "https://example.org/t.csv"',
        "unsafe-path",
        "leaves the package",
    ),
    (
        "datapackage.json",
        '"schema": "schemas/sco_bodies.json"',
        '"schema": "../sco_bodies.json"',
        "unsafe-path",
        "leaves the package",
    ),
    ("datapackage.json", '"resources": [', '"resources": [,', "json", "is not JSON"),
]


@pytest.mark.parametrize("file, old, new, rule, words", SPOILT, ids=[f"{each[0]}: {each[2][:40]}" for each in SPOILT])
def test_a_spoilt_declaration_is_told_with_file_and_line(package, file, old, new, rule, words):
    line = edit(package, file, old, new)
    found = problems(package)
    here = [each for each in found if each["rule"] == rule and each["file"] == file]
    assert here, found
    assert words in f"{here[0]['message']} {here[0]['hint']}"
    assert 0 <= line - here[0]["line"] <= 12 or here[0]["line"] == line + 1  # the line, or that of the object around it
    assert run("check", folder=package).returncode == 2


@pytest.mark.parametrize(
    "pattern", [r"^[a\]\[]$", "^[]a]$", "^[^]a]$", "^[a^-]+?$", "^(?:a|b)*$", "^(?P<n>a)?$", r"^\+\+$", r"^[&|~+-]+$"]
)
def test_a_pattern_that_the_engines_read_alike_is_allowed(pattern):
    assert Constraints.model_validate({"pattern": pattern}).pattern == pattern


@pytest.mark.parametrize(
    "kind, bound",
    [
        ("date", "2024-W01-1"),
        ("date", "20240105"),
        ("date", "2023-02-29"),
        ("year", 20000),
        ("year", -1),
        ("integer", 2**63),
        ("integer", -(2**63) - 1),
        ("number", 10**400),
        ("number", float("inf")),
        ("number", float("nan")),
    ],
)
@pytest.mark.parametrize("limits", [lambda bound: {"minimum": bound}, lambda bound: {"enum": [bound]}])
def test_a_bound_that_no_value_of_the_type_can_have(kind, bound, limits):
    """On some of them frictionless, on others polars failed in the midst of a check."""
    with pytest.raises(ValidationError, match=f"is not of the type {kind}"):
        Field.model_validate({"name": "a", "type": kind, "description": "A.", "constraints": limits(bound)})


@pytest.mark.parametrize("name", ["rowid", "sco_bodies_fts"])
def test_a_column_that_the_database_has_already(package, name):
    edit(
        package, BODIES, '"fields": [', f'"fields": [{{"name": "{name}", "type": "string", "description": "A name."}},'
    )
    assert f"no column of this table can be called {name!r}" in problems(package)[0]["message"]


def test_columns_of_one_name_are_declared_alike(package):
    edit(package, "schemas/places.json", '"unit": "degrees north"', '"unit": "radians north"')
    path = package / "schemas/adiz_entries.json"
    schema = json.loads(path.read_text("utf-8"))
    schema["fields"][-1]["name"] = "latitude"
    path.write_text(json.dumps(schema), "utf-8")
    found = problems(package)
    assert any("'latitude' is declared otherwise in places" in each["message"] for each in found)


def test_a_datapackage_that_is_not_json(package):
    (package / "datapackage.json").write_text("name: prc-reach\n")
    found = problems(package)
    assert [(each["file"], each["line"], each["rule"]) for each in found] == [("datapackage.json", 1, "json")]


def test_a_folder_that_is_no_package(tmp_path):
    found = problems(tmp_path)
    assert [(each["file"], each["rule"]) for each in found] == [("datapackage.json", "missing-file")]


def test_a_missing_schema(package):
    (package / BODIES).unlink()
    assert [(each["file"], each["rule"]) for each in problems(package)] == [(BODIES, "missing-file")]


def test_a_link_that_leaves_the_package(package, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("secret\n")
    (package / "tables/sco_bodies.csv").unlink()
    (package / "tables/sco_bodies.csv").symlink_to(outside)
    found = problems(package)
    assert [each["rule"] for each in found] == ["unsafe-path"]
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize("folder, suffix", [("schemas", "json"), ("tables", "csv")])
def test_a_file_that_no_resource_lists(package, folder, suffix):
    (package / folder / f"forgotten.{suffix}").write_text("{}")
    found = problems(package)
    assert [(each["file"], each["rule"]) for each in found] == [(f"{folder}/forgotten.{suffix}", "unlisted-file")]
    assert '"name": "forgotten"' in found[0]["hint"]


@pytest.mark.parametrize("text", [r'"pattern": "^\uD83D$"', r'"enum": ["a", "\udc00"]'])
def test_half_a_character(package, text):
    """JSON can write one, and no UTF-8 can hold it."""
    line = edit(package, BODIES, '"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"', text)
    found = problems(package)
    assert [(each["file"], each["line"], each["rule"]) for each in found] == [(BODIES, line, "json")]
    assert "which is half of a character" in found[0]["message"]


def test_deeply_nested_json(package):
    (package / BODIES).write_text("[" * 100_000)
    assert [each["rule"] for each in problems(package)] == ["json"]


def test_a_rule_cannot_write(package):
    edit(package, BODIES, "SELECT b.sco_body_id", "DELETE FROM places RETURNING place_id AS sco_body_id -- ")
    found = problems(package)
    assert [each["rule"] for each in found] == ["declaration"]


def test_a_rule_that_fails_on_the_data(package):
    """It passes on nothing, and only the rows make it fail."""
    edit(package, "schemas/places.json", "(latitude IS NULL)", "(CAST(name AS INTEGER) IS NULL)")
    found = problems(package)
    assert [(each["file"], each["rule"]) for each in found] == [("schemas/places.json", "declaration")]
    assert "'both-coordinates' cannot be run on the data" in found[0]["message"]
    edit(package, "schemas/places.json", "(CAST(name AS INTEGER) IS NULL)", "(latitude IS NULL)")
    edit(
        package,
        "schemas/places.json",
        "WHERE p.latitude NOT",
        "WHERE abs(-9223372036854775807 - length(substr(p.name, 1, 1))) OR p.latitude NOT",
    )
    found = problems(package)
    assert "fails on the data: integer overflow" in found[0]["message"] and found[0]["line"]
