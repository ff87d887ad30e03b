"""The words of the commonest mistakes, exactly; what is one mistake is told once; the first line suffices."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from conftest import ROOT, problems, run
from pydantic import ValidationError
from test_mistakes import change_cell, edit, line_of

from scripts import descriptor, settings, tables
from scripts.faults import validated
from scripts.package import load
from scripts.problem import Broken, nearest

BODY, PLEDGE = "regional-anti-terrorist-structure", "china-sco-2022"
BODIES, PLACES, PLEDGES = "tables/sco_bodies.csv", "tables/places.csv", "tables/training_pledges.csv"
ABOUT = "tables/sco_bodies.csv:2: sco_bodies/regional-anti-terrorist-structure"
PLEDGED = "tables/training_pledges.csv:{line}: training_pledges/china-sco-2022"
TOWN = "tables/places.csv:{line}: places/tashkent"
DATE = "is not a year, month or day like 2017, 2017-07 or 2017-07-14, with ~ behind it if approximate"
SLUG = "is not of small letters a-z and digits, with single hyphens between them"
SAVE = "save it as “CSV UTF-8”, or in an editor with the encoding UTF-8"


def first_line(folder: Path, *tables: str) -> str:
    result = run("check", *tables, folder=folder)
    assert "Traceback" not in result.stderr and result.returncode in (1, 2), result
    return result.stdout.splitlines()[0]


def spoilt(package: Path, file: str, spoil) -> None:
    path = package / file
    path.write_bytes(spoil(path.read_bytes()))


def rewritten(package: Path, file: str, change) -> None:
    """Let `change` have the rows of a table as lists, the header among them, and write what it returns."""
    path, out = package / file, io.StringIO()
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    csv.writer(out, lineterminator="\n").writerows(change(rows))
    path.write_text(out.getvalue(), "utf-8")


CELLS = [
    # table, row, column, what is written, the line that tells it
    ("sco_bodies", BODY, "as_of", "9/12/2024", f"{ABOUT}, as_of: '9/12/2024' {DATE}; did you mean '2024-12-09' (day first) or '2024-09-12' (month first)? (pattern)"),
    ("sco_bodies", BODY, "as_of", "09-Dec-24", f"{ABOUT}, as_of: '09-Dec-24' {DATE}; did you mean '2024-12-09'? (pattern)"),
    ("sco_bodies", BODY, "as_of", "45635", f"{ABOUT}, as_of: '45635' {DATE}; did you mean '2024-12-09', the day that Excel counts so? (pattern)"),
    ("sco_bodies", BODY, "seat_country_id", "Uzbekistan", f"{ABOUT}, seat_country_id: 'Uzbekistan' is not a code of ISO 3166-1 alpha-3; did you mean 'UZB' (Uzbekistan)? (pattern)"),
    ("sco_bodies", BODY, "seat_place_id", "Tashkent", f"{ABOUT}, seat_place_id: 'Tashkent' {SLUG}; did you mean 'tashkent'? (pattern)"),
    ("sco_bodies", BODY, "seat_place_id", "tashkentt", f"{ABOUT}, seat_place_id: there is no 'tashkentt' in places; did you mean 'tashkent'? (foreign-key)"),
    ("sco_bodies", BODY, "source_id", "masuo–2023–police–satellites", f"{ABOUT}, source_id: 'masuo–2023–police–satellites' {SLUG}; did you mean 'masuo-2023-police-satellites'? (pattern)"),
    ("sco_bodies", BODY, "source_id", "Masuo 2023", f"{ABOUT}, source_id: 'Masuo 2023' {SLUG}; did you mean 'masuo-2023-police-satellites'? (pattern)"),
    ("sco_bodies", BODY, "certainty", "certain", f"{ABOUT}, certainty: there is no 'certain' in certainty_levels; write one of {{levels}}, or add the row to tables/certainty_levels.csv first (foreign-key)"),
    ("places", "tashkent", "longitude", "69.2401° E", f"{TOWN}, longitude: '69.2401° E' is not a number, of digits with a point before decimals; did you mean '69.2401'? (type)"),
    ("places", "tashkent", "latitude", "41°18′N", f"{TOWN}, latitude: '41°18′N' is not a number, of digits with a point before decimals; write it like 22.55 (degrees north) (type)"),
    ("sco_bodies", BODY, "permanent", "TRUE", f"{ABOUT}, permanent: 'TRUE' is not true or false; did you mean 'true'? (type)"),
    ("sco_bodies", BODY, "permanent", "yes", f"{ABOUT}, permanent: 'yes' is not true or false; did you mean 'true'? (type)"),
    ("sco_bodies", BODY, "status", "Operating", f"{ABOUT}, status: 'Operating' is not one of proposed, planned, under-way, operating, done, suspended, failed, cancelled, ended; did you mean 'operating'? (enum)"),
    ("sco_bodies", BODY, "locator", "", f"{ABOUT}, locator: is empty; every row needs it: {{description}} (required)"),
    ("training_pledges", PLEDGE, "people_min", "2,000", f"{PLEDGED}, people_min: '2,000' is not a whole number, of digits alone; did you mean '2000'? (type)"),
    ("training_pledges", PLEDGE, "people_min", "about 60", f"{PLEDGED}, people_min: 'about 60' is not a whole number, of digits alone; did you mean '60'? (type)"),
    ("places", "tashkent", "latitude", "41,3", f"{TOWN}, latitude: '41,3' is not a number, of digits with a point before decimals; did you mean '41.3' or '413'? (type)"),
    ("places", "tashkent", "name", "Tashkent ", f"{TOWN}, name 'Tashkent ': ends with a space; run `prc-reach fmt`, it mends this (stray-space)"),
]  # fmt: skip


@pytest.mark.parametrize("table, row, column, value, line", CELLS, ids=[f"{cell[2]}={cell[3]!r}" for cell in CELLS])
def test_the_first_line_of_a_mistake_in_a_cell(package, declared, table, row, column, value, line):
    number = change_cell(package, table, row, column, value)
    levels = ", ".join(row.split(",")[0] for row in (ROOT / "tables/certainty_levels.csv").read_text().splitlines()[1:])
    wanted = line.format(line=number, levels=levels, description=declared.schemas[table].field(column).description)
    assert first_line(package, table) == wanted


def shorter(data: bytes) -> bytes:
    return re.sub(rb"\ntashkent,[^\n]*", b"\ntashkent,Tashkent,,,", data)


FILES = [
    # what was done, to which file, how, the line that tells it
    ("semicolons", PLACES, lambda data: data.replace(b",", b";"), "tables/places.csv:1: this file separates its columns with semicolons; save it as CSV with commas between the columns (header)"),
    ("tabs", PLACES, lambda data: data.replace(b",", b"\t"), "tables/places.csv:1: this file separates its columns with tabs; save it as CSV with commas between the columns (header)"),
    ("UTF-16", PLACES, lambda data: data.decode().encode("utf-16"), f"tables/places.csv:1: this file is saved as UTF-16; {SAVE} (encoding)"),
    ("UTF-16 without mark", PLACES, lambda data: data.decode().encode("utf-16-le"), f"tables/places.csv:1: this file is saved as UTF-16; {SAVE} (encoding)"),
    ("Windows-1252", PLACES, lambda data: data.replace(b"\ntashkent,Tashkent", b"\ntashkent,Tashk\xe9nt"), f"tables/places.csv:{{tashkent}}: this file is saved as Windows-1252 or the like, not as UTF-8: behind 'tashkent,Tashk' a byte stands for 'é'; {SAVE} (encoding)"),
    ("byte-order mark", PLACES, lambda data: b"\xef\xbb\xbf" + data, "tables/places.csv:1: starts with a byte-order mark; run `prc-reach fmt`, it takes it out (byte-order-mark)"),
    ("conflict", PLACES, lambda data: data.replace(b"\ntashkent,", b"\n<<<<<<< HEAD\ntashkent,").replace(b"\ntatarstan,", b"\n=======\n>>>>>>> theirs\ntatarstan,"), "tables/places.csv:{tashkent}: holds two versions that git could not merge, from this line{upto}; keep the right lines of both, and take out those that begin with <<<<<<<, ======= and >>>>>>> (merge-conflict)"),
    ("line break in a cell", PLACES, lambda data: data.replace(b"\ntashkent,Tashkent,", b'\ntashkent,"Tash\nkent",'), "tables/places.csv:{tashkent}: a quoted cell goes on from this line to line {next}; write it on one line, with a space in place of the line break, or close the quote that was left open (quote)"),
    ("short row", PLACES, shorter, "tables/places.csv:{tashkent}: places/tashkent: the row has 5 cells, the table has 14 columns; it ends with '': put a comma for each empty cell, 9 more in all (row-length)"),
    ("comma not quoted", PLACES, lambda data: data.replace(b"\ntashkent,Tashkent,", b"\ntashkent,Tashkent, Uzbekistan,"), 'tables/places.csv:{tashkent}: places/tashkent: the row has 15 cells, the table has 14 columns; quote a cell that holds a comma: "Tashkent, Uzbekistan" (row-length)'),
    ("Chinese comma", PLACES, lambda data: data.replace(b"\ntashkent,Tashkent,", "\ntashkent，Tashkent,".encode()), "tables/places.csv:{tashkent}: places/tashkent，Tashkent: the row has 13 cells, the table has 14 columns; separate the cells with commas, not with Chinese commas (row-length)"),
    ("misspelt column", PLACES, lambda data: data.replace(b"latitude", b"lattitude", 1), "tables/places.csv:1: places, latitude: the header has 'lattitude' where the schema has 'latitude'; the first line must be {header} (header)"),
    ("duplicate key", PLACES, lambda data: data + b"tashkent" + data.split(b"\ntashkent")[1].split(b"\n")[0] + b"\n", "tables/places.csv:{last}: places/tashkent: the key 'tashkent' is taken by line {tashkent}; give this row a key of its own, or merge the two rows (primary-key)"),
]  # fmt: skip


@pytest.mark.parametrize("file, spoil, line", [each[1:] for each in FILES], ids=[each[0] for each in FILES])
def test_the_first_line_of_a_mistake_in_a_file(package, file, spoil, line):
    lines, at = (package / file).read_text("utf-8").splitlines(), line_of(package, file, "tashkent,")
    spoilt(package, file, spoil)
    text = (package / file).read_bytes().decode("utf-8", "ignore").splitlines()
    end = next((number for number, each in enumerate(text, 1) if each.startswith(">>>>>>>")), None)
    more = {"upto": f" up to line {end}" if end else "", "header": lines[0], "last": len(lines) + 1}
    assert first_line(package, "places") == line.format(tashkent=at, next=at + 1, **more)


def test_a_conflict_in_json_and_in_yaml(package):
    for file, start in (("schemas/places.json", '  "title"'), ("metadata.yml", "settings:")):
        edit(package, file, f"\n{start}", f"\n<<<<<<< HEAD\n{start}")
        line = line_of(package, file, "<<<<<<<")
        assert first_line(package).startswith(f"{file}:{line}: holds two versions that git could not merge")
        edit(package, file, "\n<<<<<<< HEAD", "")


# What follows from another mistake, or is the same


def mistakes(folder: Path, *tables: str) -> tuple[list[dict], list[dict]]:
    told = json.loads(run("check", *tables, "--format", "json", folder=folder).stdout)
    return told["mistakes"], told["problems"]


def test_a_key_that_is_gone_is_one_mistake_with_a_count_and_examples(package):
    edit(package, "tables/certainty_levels.csv", "\nreported,", "\nreportd,")
    line = line_of(package, "tables/certainty_levels.csv", "reportd,")
    one, all_of_them = mistakes(package)
    assert [(each["file"], each["line"], each["rule"]) for each in one] == [
        ("tables/certainty_levels.csv", line, "foreign-key")
    ]
    assert one[0]["problems"] == len(all_of_them) > 200 and {each["value"] for each in all_of_them} == {"reported"}
    assert one[0]["text"].startswith(
        f"tables/certainty_levels.csv:{line}: certainty_levels, certainty_level_id: no row has the key 'reported', to which "
        f"others refer; this line has 'reportd': if it was renamed, name it again as it was, since "
        f"an id never changes (foreign-key; {len(all_of_them)} follow from it: tables/activity_days.csv:"
    )  # fmt: skip


def test_what_is_said_about_a_row_that_is_gone_follows_from_it_too(package, declared):
    """Citations and name variants name their row by table and id, and a declared rule finds that it is not there."""
    rewritten(package, "tables/organizations.csv", lambda rows: [row for row in rows if row[0] != "china-coast-guard"])
    one, all_of_them = mistakes(package)
    assert [(each["file"], each["line"]) for each in one] == [("tables/organizations.csv", None)]
    assert {"foreign-key", "names-an-existing-row"} <= {each["rule"] for each in all_of_them}


def test_a_row_that_breaks_a_key_is_not_missed_by_the_rules(package):
    """It stays in the database of the rules, where what refers to it is looked for."""
    change_cell(package, "countries", "KAZ", "alpha_2", "CN")
    assert [(each["rule"], each["row_id"]) for each in problems(package)] == [("unique", "KAZ")]


DECLARED = [
    # file, old, new, the file that is told, words of the one problem
    ("schemas/places.json", '"primaryKey": "place_id"', '"primaryKey": "plac_id"', "did you mean 'place_id'?"),
    ("schemas/places.json", '"primaryKey": "place_id"', '"primaryKey": "name"', "is not what the foreign keys of other tables refer to"),
    ("schemas/places.json", '"name": "place_id"', '"name": "plac_id"', "did you mean 'plac_id'?"),
    ("datapackage.json", '"name": "places"', '"name": "plases"', "did you mean 'plases'?"),
]  # fmt: skip


@pytest.mark.parametrize("file, old, new, words", DECLARED, ids=[each[2] for each in DECLARED])
def test_a_mistake_in_a_declaration_that_others_use_is_told_once(package, file, old, new, words):
    edit(package, file, old, new)
    result = run("check", folder=package)
    lines = result.stdout.splitlines()
    assert result.returncode == 2 and len(lines) == 1 and lines[0].startswith(file) and words in lines[0]


def test_a_column_declared_otherwise_is_told_where_it_differs_from_most(package):
    """Also where that is the first table that has the column."""
    path = package / "schemas/activity_days.json"
    schema = json.loads(path.read_text("utf-8"))
    field = next(field for field in schema["fields"] if field["name"] == "certainty")
    field["constraints"]["pattern"] = "^[a-z]+$"
    path.write_text(json.dumps(schema, indent=2), "utf-8")
    found = problems(package)
    assert [each["file"] for each in found] == ["schemas/activity_days.json"]
    assert found[0]["hint"] == "make its pattern the same as in the other tables, or give the column another name"


def small_countries(rows):
    at = rows[0].index("country_id")
    return [rows[0], *([*row[:at], row[at].lower(), *row[at + 1 :]] for row in rows[1:])]


def test_many_values_wrong_in_one_way_are_one_mistake(package):
    rewritten(package, PLACES, small_countries)
    one, all_of_them = mistakes(package, "places")
    assert len(one) == 1 and one[0]["problems"] == len(all_of_them) > 50
    assert len({each["value"] for each in all_of_them}) > 5
    first = all_of_them[0]
    assert (
        f"did you mean {first['value'].upper()!r}? (pattern; {len(all_of_them)} lines: {first['line']}, "
        in one[0]["text"]
    )


def test_github_gets_ten_annotations_and_the_log_has_the_rest(package):
    names = [f"tables/{name}.csv" for name in ("places", "countries", "people", "events", "vessels", "exercises",
             "launches", "projects", "documents", "agreements", "spacecraft", "sources")]  # fmt: skip
    for name in names:
        spoilt(package, name, lambda data: data.replace(b"\n", b"\r\n"))
    lines = run("check", "--format", "github", folder=package).stdout.splitlines()
    annotations = [line for line in lines if line.startswith("::")]
    assert (
        len(annotations) == 10
        and annotations[9] == "::error title=more::3 more mistakes are listed in the log of this step"
    )
    told = {line.split("file=")[-1].split(",")[0].split(":1:")[0] for line in lines if "line-ending" in line}
    assert told == set(names)


# The declaration's own faults

WRONG = [date(2024, 12, 9), None, True, 7, 7.5, "", "No Such!", "{x", "^(", [], ["x"], {}, {"x": 1}]
PYDANTIC = re.compile(
    r"Input|should be|valid (string|list|dict|boolean|integer|number)|Value error|at least 1 (item|character)"
)


def places(value, path=()):
    """The path of every value in a JSON document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def planted(value, path, wrong):
    if not path:
        return wrong
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = planted(copy[path[0]], path[1:], wrong)
    return copy


def whole_declarations():
    """Each model with a value that has every key."""
    schema = json.loads((ROOT / "schemas/sco_bodies.json").read_text("utf-8"))
    name_variants = json.loads((ROOT / "schemas/name_variants.json").read_text("utf-8"))
    full = schema | {"about": name_variants["about"], "when": "as_of"}
    limits = {"minimum": 1, "maximum": 2, "unique": True, "required": True}
    texts = {"minLength": 1, "maxLength": 2, "enum": ["a"]}
    full["fields"] = [
        *schema["fields"][:6],
        {"name": "n", "type": "number", "title": "n", "format": "default", "unit": "u", "description": "n", "constraints": limits},
        {"name": "t", "type": "string", "description": "t", "constraints": texts},
    ]  # fmt: skip
    package = json.loads((ROOT / "datapackage.json").read_text("utf-8"))
    package["resources"] = [package["resources"][0] | {"bytes": 1, "rows": 1, "encoding": "utf-8", "format": "csv"}]
    site = settings.read(ROOT)
    queries = site["databases"]["prc-reach"]["queries"]
    some = {name: queries[name] for name in ("timeline", "partners_of_a_base")}
    return [(descriptor.Schema, full), (descriptor.Descriptor, package), (settings.Settings, site | {"databases": {"prc-reach": {"queries": some}}})]  # fmt: skip


@pytest.mark.parametrize("model, value", whole_declarations(), ids=["schema", "datapackage", "settings"])
def test_every_wrong_value_at_every_place_of_a_declaration_is_told_in_plain_words(model, value):
    model.model_validate(value)
    kinds, told = set(), 0
    for path in places(value):
        parents = {(*path[:-1], "nonsense")} if path and isinstance(path[-1], str) else set()
        for changed in [planted(value, path, wrong) for wrong in WRONG] + [with_key(value, each) for each in parents]:
            try:
                model.model_validate(changed)
            except ValidationError as error:
                kinds |= {item["type"] for item in error.errors()}
            try:
                validated(model, changed, "file", lambda place: 1)
            except Broken as broken:
                for problem in broken.problems:
                    text = f"{problem.message}; {problem.hint}"
                    assert not PYDANTIC.search(text) and "something else" not in text, (path, text)
                    assert problem.hint or text.startswith(("write ", "put ", "a field of partial dates has ")), text
                    told += 1
    assert told > 300 and {"extra_forbidden", "string_type"} <= kinds


def with_key(value, path):
    if len(path) == 1:
        return {**value, path[0]: 1}
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_key(copy[path[0]], path[1:])
    return copy


def test_a_key_that_belongs_inside_another_is_sent_there(package):
    edit(package, "schemas/sco_bodies.json", '"example": "regional', '"required": true,\n      "example": "regional')
    assert "there is no key 'required' here; put it into 'constraints' (declaration)" in first_line(package)


# metadata.yml

SITE = [
    # old, new, the line that tells it
    ("default_page_size", "default_page_siz", "there is no key 'default_page_siz' here; did you mean 'default_page_size'? (declaration)"),
    ("allow_download: true", "allow_download: 1", "'allow_download' is a whole number; it must be true or false, without quotes (declaration)"),
    ("title: SCO bodies", "title: SCO: bodies", "is not YAML: mapping values are not allowed here; look at the spaces before this line, and quote a text that holds a colon (yaml)"),
    ("  prc-reach:", "  prc-rech:", "there is no database 'prc-rech'; it is called 'prc-reach' (declaration)"),
    ("o.name AS body", "o.nam AS body", "the question 'sco_bodies_and_seats': its SQL fails: no such column: o.nam; did you mean 'name'? (declaration)"),
    ("FROM sco_bodies AS", "FROM sco_bodis AS", "the question 'sco_bodies_and_seats': its SQL fails: no such table: sco_bodis; did you mean 'sco_bodies'? (declaration)"),
    ("ORDER BY b.status", "ORDER BYE b.status", "the question 'sco_bodies_and_seats': its SQL fails: near \"BYE\": syntax error; it must be one SELECT, in the SQL of SQLite (declaration)"),
    ("params: [base]", "params: [bas]", "the question 'partners_of_a_base': its SQL has no parameter 'bas'; did you mean 'base'? (declaration)"),
    ("example: {base:", "example: {bse:", "the question 'partners_of_a_base': its SQL has no parameter 'bse', for which example gives a value; did you mean 'base'? (declaration)"),
    ("{base: SELECT name FROM", "{base: SELECT nme FROM", "the question 'partners_of_a_base': the SQL of its choices for 'base' fails: no such column: nme; did you mean 'name'? (declaration)"),
    ("heights: [sorties,", "heights: [sortie,", "the question 'activity_around_taiwan_by_day': its chart has the column 'sortie', which its SQL does not return; did you mean 'sorties'? (declaration)"),
    ("isoon_prices:", "partners_of_a_base:", "has the key 'partners_of_a_base' twice, here and on line {first}; take one out, or rename it (yaml)"),
]  # fmt: skip


@pytest.mark.parametrize("old, new, line", SITE, ids=[each[1] for each in SITE])
def test_a_mistake_in_the_sites_settings_is_told_with_its_line(package, declared, old, new, line):
    text = (package / "metadata.yml").read_text("utf-8")
    edit(package, "metadata.yml", old, new)
    number = text[: text.index(old)].count("\n") + 1
    first = text[: text.index(new)].count("\n") + 1 if new in text else None
    found = settings.problems(type(declared)(package, declared.descriptor, declared.schemas, {}))
    from scripts.render import text as rendered

    assert rendered(found) == f"metadata.yml:{number}: {line.format(first=first)}"


def test_check_tells_the_sites_settings_too(package):
    edit(package, "metadata.yml", "heights: [sorties,", "heights: [sortie,")
    assert "'sortie', which its SQL does not return" in first_line(package)


def test_the_known_settings_are_datasettes():
    from datasette.app import SETTINGS

    assert {setting.name: type(setting.default) for setting in SETTINGS} == settings.DATASETTE
    assert get_args(descriptor.Field.model_fields["type"].annotation)


# Streams, and what does not end


@pytest.mark.parametrize("arguments", [["check", "places"], ["check", "--format", "json", "places"], ["--help"]])
def test_a_closed_output_ends_it_without_a_traceback(package, arguments):
    change_cell(package, "places", "tashkent", "latitude", "x")
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "scripts", *arguments],
        cwd=package, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=writing, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writing)
    assert result.stderr == "" and result.returncode in (0, 1)


def endless(package: Path) -> None:
    """A pattern that takes for ever on the name of a place, in every table that has such a column."""
    for path in (package / "schemas").glob("*.json"):
        schema = json.loads(path.read_text("utf-8"))
        for field in schema["fields"]:
            if field["name"] == "name":
                field.setdefault("constraints", {})["pattern"] = "^(([A-Za-z]+)+)+$"
        path.write_text(json.dumps(schema, indent=2), "utf-8")
    change_cell(package, "places", "tashkent", "name", "a" * 60 + "!")


def test_a_pattern_without_end_is_told(package):
    endless(package)
    result = run("check", "places", folder=package)
    assert result.returncode == 2
    assert result.stdout.startswith(
        "schemas/places.json: frictionless does not come to an end with this table; mend the pattern of name: "
        "a repeated group in a repeated group, like (a+)+, takes endless time (endless)"
    )


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_frictionless_ends_when_its_parent_is_killed(package):
    """Even in the midst of a pattern without end, in which Python itself answers nothing."""
    endless(package)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-m", "scripts", "check", "places"], cwd=package, env=environment)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 60
    while not (child := children.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    while worked(child) < 3 and time.monotonic() < deadline:  # seconds of work: longer than it takes to come up
        time.sleep(0.1)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(child)


def state(process: str) -> list[str]:
    """What /proc tells of a process behind its name; empty where there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def worked(process: str) -> float:
    return sum(map(int, state(process)[11:13])) / os.sysconf("SC_CLK_TCK") if state(process) else 0


def runs(process: str) -> bool:
    return bool(state(process)) and state(process)[0] != "Z"


# What is giant, or moves a terminal's cursor


ODD = "\x1b[31mred\x9b2J\u202egnp\r"


def test_nothing_that_moves_the_cursor_is_told(package):
    """Names of files and ids of rows come from others too."""
    (package / f"tables/{ODD}.csv").write_text("x\n")
    change_cell(package, "places", "tashkent", "place_id", ODD.replace("\r", ""))
    for arguments in (
        ["check"],
        ["check", "-f", "github"],
        ["check", "-f", "json"],
        ["fmt", "--check"],
        ["show", "places", "x"],
    ):
        result = run(*arguments, folder=package)
        assert result.returncode in (1, 2)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stdout + result.stderr), arguments
    (package / f"tables/{ODD}.csv").unlink()
    result = run("check", "places", folder=package)
    assert "⟨U+001B⟩" in result.stdout and "⟨U+202E⟩" in result.stdout


def test_json_stays_what_it_is(package):
    change_cell(package, "places", "tashkent", "name", "a\x9b\u202eb\u00adc")
    found = json.loads(run("check", "places", "-f", "json", folder=package).stdout)["problems"]
    assert "a\x9b\u202eb\u00adc" in [each["value"] for each in found]


def test_a_giant_cell_makes_no_giant_message(package):
    change_cell(package, "places", "tashkent", "place_id", "Y" * 1_000_000)
    change_cell(package, "places", "beijing", "latitude", "1" * 1_000_000)
    result = run("check", "places", folder=package)
    assert result.returncode == 1 and max(map(len, result.stdout.splitlines())) < 5_000


def test_a_giant_header_is_told_in_good_time(package):
    path = package / "tables/places.csv"
    header = path.read_text("utf-8").split("\n")[0]
    for line in (",".join(f"place_{number}" for number in range(50_000)) + ",name", header + ",name" * 50_000):
        path.write_text(line + "\n", "utf-8")
        start = time.process_time()
        (found,) = tables.read(load(package), "places").problems
        assert found.rule == "header" and len(found.message) < 5_000 and time.process_time() - start < 20


def test_nothing_giant_is_taken_for_a_misspelt_name():
    """To compare two texts takes time with the square of their length."""
    start = time.process_time()
    assert nearest("ab" * 50_000, ["ab" * 50_000 + "x", "ab"]) is None
    assert nearest("places", ["x" * 10**6, "place"]) == "place"
    assert time.process_time() - start < 5
