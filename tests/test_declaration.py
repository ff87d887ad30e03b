"""Mistakes in the declaration: told with file and line, exit status 2, and no table is touched."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from conftest import problems, run
from pydantic import ValidationError

from scripts import settings
from scripts.database import empty, in_order
from scripts.descriptor import Constraints, Field
from scripts.package import _stray_files, load
from scripts.problem import Broken

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


@pytest.mark.parametrize("name", ["records", "links", "sqlite_x", "places_fts", "places_fts_idx", "places_readable"])
def test_a_table_that_the_database_has_already(package, name):
    """The build ended with SQLite's error."""
    line = edit(package, "datapackage.json", '"name": "sco_bodies"', f'"name": "{name}"')
    assert (
        problems(package)[0]["line"] == line and f"no table can be called '{name}'" in problems(package)[0]["message"]
    )


def test_an_index_is_called_as_no_table_is(package):
    """Two indexes of one name, or one of a table's, ended the build."""
    with empty(load(package)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")]
    assert all("." in name or name.startswith("sqlite_autoindex_") for name in names) and len(names) > 200


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


@pytest.mark.parametrize("folder", ["tables", "schemas"])
def test_a_folder_that_may_not_be_listed(package, folder):
    """Looked at by somebody who is not root, whom nothing keeps out."""
    descriptor = load(package).descriptor
    (package / folder).chmod(0o111)
    if not (child := os.fork()):
        try:
            os.chdir(package)
            os.getuid() or os.setresuid(65534, 65534, 65534)
            [told] = _stray_files(Path("."), descriptor)
            os._exit(0 if (told.file, told.rule) == (folder, "unreadable-file") else 3)
        finally:
            os._exit(4)
    ended = os.waitpid(child, 0)[1]
    (package / folder).chmod(0o755)
    assert os.waitstatus_to_exitcode(ended) == 0


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


COMMON = {"id": "short-names", "columns": ["latitude", "name"], "message": "{name} is long", "column": "name"}


def common(package: Path, **rule: object) -> int:
    """Give the package one rule more for many tables; the line on which it stands."""
    text = json.dumps(COMMON | rule)
    return edit(package, "datapackage.json", '"rules": [', f'"rules": [\n{text},') + 1


@pytest.mark.parametrize(
    "rule", [{"check": "name <> 'Tashkent'"}, {"select": "SELECT * FROM {table} WHERE name = 'Tashkent'"}], ids=list
)
def test_a_rule_of_many_tables(package, rule):
    common(package, **rule)
    having = [name for name, schema in load(package).schemas.items() if "short-names" in [r.id for r in schema.rules]]
    assert having == [name for name, each in load(package).schemas.items() if {"latitude", "name"} <= {*each.names}]
    assert [(each["file"], each["row_id"], each["rule"]) for each in problems(package)] == [
        ("tables/places.csv", "tashkent", "short-names")
    ]
    edit(package, "datapackage.json", '"columns": ["latitude", "name"]', '"columns": ["name"], "without": ["latitude"]')
    assert all(each["file"] != "tables/places.csv" for each in problems(package))


@pytest.mark.parametrize(
    "rule, words",
    [
        ({"check": "TRUE", "columns": ["colour"]}, "is for tables with colour, and there is none"),
        (
            {
                "check": "people_max > 0",
                "id": "people-bounds",
                "columns": ["people_max"],
                "column": None,
                "message": "no",
            },
            "has another rule 'people-bounds'",
        ),
        ({"check": "colour = 'red'"}, "is not a valid SQL expression"),
        ({"check": "latitude < 100", "column": "colour"}, "points at 'colour'"),
        ({"select": "SELECT * FROM {table} WHERE colour = 'red'", "column": None}, "no such column: colour"),
        ({"select": "SELECT 1 AS name FROM {table}"}, "must return the primary key"),
    ],
)
def test_a_rule_of_many_tables_that_cannot_be_is_told_once(package, rule, words):
    line = common(package, **rule)
    found = problems(package)
    assert {(each["file"], each["line"]) for each in found} == {("datapackage.json", line)}
    assert [words in each["message"] for each in found] == [True]


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


def refused(package: Path) -> list[str]:
    """What is wrong in the declaration, as it is loaded."""
    with pytest.raises(Broken) as told:
        load(package)
    return [each.message for each in told.value.problems]


def test_json_that_is_whole_and_deep(package):
    """json reads what is nested some hundred levels deep, and whoever walks it then does not."""
    edit(package, BODIES, '"title"', f'"deep": {"[" * 400}{"]" * 400}, "title"')
    assert refused(package) == ["is nested too deeply"]


def test_many_mistakes_are_told_in_good_time(package):
    """Each has its line, for which the file must not be walked anew."""
    edit(package, BODIES, '"title"', "".join(f'"k{number}": 1,\n' for number in range(5_000)) + '"title"')
    start = time.process_time()
    assert len(refused(package)) == 5_000
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    "path, words",
    [
        ("tables/" + "a" * 300 + ".csv", "is longer than a file's can be"),
        ("a/" * 3000 + "b.csv", "is longer than a file's can be"),
        ("tables/a\\nb.csv", "characters that cannot be seen"),
        ("tables/sco_bodies.**", None),
        ("tab[les/sco_bodies.[c", None),
    ],
)
def test_a_path_that_no_file_has(package, path, words):
    edit(package, "datapackage.json", "tables/sco_bodies.csv", path)
    if words:
        assert words in refused(package)[0]
    else:
        assert [each["rule"] for each in problems(package, "sco_bodies")] == ["unlisted-file"]


@pytest.mark.parametrize("pattern", ["^[[a]$", "^" + "(" * 3000 + "a" + ")" * 3000 + "$", "^a{99999999999999999999}$"])
def test_a_pattern_that_python_warns_of_or_cannot_take(package, recwarn, pattern):
    edit(package, BODIES, "^[a-z0-9]+(-[a-z0-9]+)*$", pattern)
    assert "is not a regular expression that both engines know" in refused(package)[0]
    assert not recwarn.list


def tables(package: Path, schemas: list[dict]) -> None:
    """Add tables t0, t1 … without rows to the package."""
    descriptor = json.loads((package / "datapackage.json").read_text("utf-8"))
    for number, schema in enumerate(schemas):
        names = [field["name"] for field in schema["fields"]]
        (package / f"schemas/t{number}.json").write_text(
            json.dumps({"title": "T", "description": "T.", "primaryKey": names[0]} | schema)
        )
        (package / f"tables/t{number}.csv").write_text(",".join(names) + "\n")
        resource = {"name": f"t{number}", "path": f"tables/t{number}.csv", "schema": f"schemas/t{number}.json"}
        descriptor["resources"].append(resource)
    (package / "datapackage.json").write_text(json.dumps(descriptor))


def columns(*names: str) -> list[dict]:
    key, *others = [{"name": name, "type": "string", "description": "D."} for name in names]
    return [key | {"constraints": {"required": True}}, *others]


def to(column: str, table: str) -> dict:
    return {"fields": column, "reference": {"resource": table, "fields": "id"}}


@pytest.mark.parametrize(
    "keys, last, words", [(2, 24, "has more than 50 parts"), (1, 12, "leads through more than 8 tables")]
)
def test_a_label_that_no_select_could_hold(package, keys, last, words):
    """Of two labels each of which has two parts … it doubles with each table."""
    schemas = []
    for number in range(last):
        names = [f"to_{key}_{number}" for key in range(keys)]
        links = [to(name, f"t{number + 1}") for name in names]
        schemas.append({"fields": columns("id", *names), "label": names, "foreignKeys": links})
    tables(package, [*schemas, {"fields": columns("id")}])
    assert any(words in message for message in refused(package))


def test_tables_that_all_refer_to_one_another_are_put_in_order(package):
    """The ways through twelve of them are more than anybody could walk."""
    names = [f"to_{number}" for number in range(12)]
    schema = {
        "fields": columns("id", *names),
        "foreignKeys": [to(f"to_{number}", f"t{number}") for number in range(12)],
    }
    tables(package, [schema] * 12)
    order = in_order(load(package))
    assert sorted(order) == sorted(load(package).resources) and len(order) == len(set(order))


def test_what_sqlite_cannot_hold_is_refused(package):
    tables(package, [{"fields": columns("id", *(f"c{number}" for number in range(1000)))}])
    assert refused(package) == ["the table has 1,001 columns"]
    descriptor = json.loads((package / "datapackage.json").read_text("utf-8"))
    more = [{"name": f"n{n}", "path": f"tables/n{n}.csv", "schema": f"schemas/n{n}.json"} for n in range(400)]
    descriptor["resources"] += more
    (package / "datapackage.json").write_text(json.dumps(descriptor))
    assert "tables" in refused(package)[0] and "the package has" in refused(package)[0]


@pytest.mark.parametrize(
    "select, words",
    [
        ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS sco_body_id FROM c", "returns more than 100,000 rows"),
        ("SELECT hex(zeroblob(900000000)) AS sco_body_id", "string or blob too big"),
        ("SELECT hex(zeroblob(20000000)) AS sco_body_id FROM sco_bodies", "or 50,000,000 characters"),
    ],
)  # fmt: skip
def test_a_rule_that_returns_more_than_can_be_held(package, select, words):
    schema = json.loads((package / BODIES).read_text("utf-8"))
    schema["rules"].append({"id": "much", "select": select, "message": "much"})
    (package / BODIES).write_text(json.dumps(schema))
    (found,) = problems(package, "sco_bodies")
    assert found["rule"] == "declaration" and words in found["message"]


@pytest.mark.parametrize(
    "check, words",
    [(" AND ".join(["status <> 'x'"] * 20_000), "the check has 359,995 characters"), ("length(rpad(status, 4000000000, 'x')) > 0", "rpad")],
)  # fmt: skip
def test_a_row_rule_that_would_end_the_process(package, check, words):
    """Too deep a recursion, and more memory than there is, which polars answers by an abort."""
    schema = json.loads((package / BODIES).read_text("utf-8"))
    schema["rules"].append({"id": "much", "check": check, "message": "much"})
    (package / BODIES).write_text(json.dumps(schema))
    (message,) = refused(package)
    assert words in message


def test_a_question_that_gathers_for_ever_is_told(package):
    """Some SELECTs run before LIMIT 0 ends them, even where there is no row."""
    sql = "WITH RECURSIVE c(x) AS MATERIALIZED (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM c, c AS d"
    text = f"databases:\n  prc-reach:\n    queries:\n      q: {{sql: {json.dumps(sql)}}}\n"
    (package / "metadata.yml").write_text(text)
    (found,) = settings.problems(load(package))
    assert "the question 'q': its SQL fails: interrupted" in found.message


def aliases(levels: int) -> str:
    return "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, levels))


@pytest.mark.parametrize(
    "text, words",
    [
        (aliases(12), "holds more than 50,000 values, counting what aliases repeat"),
        ("a: &a {<<: [*b, *b]}\n".replace("*b", "{x: 1}") + aliases(12), "holds more than 50,000 values"),
        ("plugins: &a {b: *a}\n", "is nested too deeply"),
        ("plugins: {[a]: b}\n", "has a key that is a list or a mapping"),
        ("plugins: {a: !!bool x}\n", "a value is not what its tag says"),
        ("plugins: {a: !!int ''}\n", "a value is not what its tag says"),
        ("plugins: {a: !!timestamp x}\n", "a value is not what its tag says"),
        ("searches:\n" + "- word\n" * 200_000, "is too large to be read"),
    ],
    ids=["aliases", "merges", "holds itself", "a list as a key", "bool", "int", "timestamp", "large"],
)
def test_settings_that_would_not_end_or_are_not_what_they_say(tmp_path, text, words):
    (tmp_path / "metadata.yml").write_text(text)
    start = time.process_time()
    with pytest.raises(Broken, match=words):
        settings.read(tmp_path)
    assert time.process_time() - start < 20
