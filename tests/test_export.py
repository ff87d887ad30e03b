"""The export: each form holds what the tables hold, each standard's own tool accepts it, and it is never half."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import frictionless
import pytest
from conftest import ROOT, copied, problems, read_by, reader, run
from test_mistakes import change_cell

from scripts import atomic
from scripts.atomic import replacing_folder
from scripts.check import read_tables
from scripts.dictionary import PARTIAL_DATE, dictionary
from scripts.export import TEXTS, export, workbook
from scripts.package import LINKS, RECORDS, load
from scripts.problem import Broken

# What a user runs, without the check before it.
UNCHECKED = (
    "from pathlib import Path; from scripts.check import read_tables; from scripts.export import export; "
    "from scripts.package import load; package = load(Path('.')); "
    "export(package, read_tables(package), package.folder / 'dist')"
)


def export_unchecked(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", UNCHECKED], cwd=folder, env=environment, check=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("readers") / "home"


@pytest.fixture(scope="module")
def written(declared) -> dict[str, list[list[str]]]:
    """The cells of each table as its CSV file has them, by Python's own reader."""
    found = {}
    for name, resource in declared.resources.items():
        with open(ROOT / resource.path, newline="", encoding="utf-8") as file:
            found[name] = list(csv.reader(file))[1:]
    return found


def value_of(field, cell: str):
    """What a program must find for a cell that is written so."""
    if cell == "":
        return None
    kinds = {"integer": int, "year": int, "number": float, "boolean": field.trueValues.__contains__}
    return kinds.get(field.type, str)(cell)


def expected(schema, rows: list[list[str]]) -> list[list]:
    return [[value_of(field, cell) for field, cell in zip(schema.fields, row)] for row in rows]


def same(found: list[list], wanted: list[list]) -> bool:
    """Equal in value and, where it is no matter of whole numbers, in type: true is not 1, and "1" is neither."""
    kinds = {int: float}
    return [[(kinds.get(type(each), type(each)), each) for each in row] for row in found] == [
        [(kinds.get(type(each), type(each)), each) for each in row] for row in wanted
    ]


# Each form has the tables' values


def test_workbook_has_every_cell_and_nothing_that_runs(exported, declared, written, home):
    pages = read_by("workbook", exported / "prc-reach.xlsx", home)
    assert list(pages) == ["README", "Dictionary", *declared.schemas]
    assert [name for name, page in pages.items() if page["live"]] == []
    for name, schema in declared.schemas.items():
        header, *rows = pages[name]["rows"]
        assert header == schema.names
        assert same(rows, expected(schema, written[name])), name
        assert pages[name]["frozen"] == "A2" and all(pages[name]["bold"])
        assert pages[name]["filtered"].startswith("A1:") and pages[name]["filtered"].endswith(str(len(rows) + 1))
        assert all(8 <= width <= 62 for width in pages[name]["widths"])
    assert "苏州工业园区" in {row[2] for row in pages["places"]["rows"]}


def test_workbook_tells_what_it_is_and_how_to_read_it(exported, declared, home):
    pages = read_by("workbook", exported / "prc-reach.xlsx", home)
    text = " ".join(cell for row in pages["README"]["rows"] for cell in row if cell)
    for words in (
        "0.1.0",
        "2026-11-26",
        "Creative Commons",
        "PRC Reach contributors (2026)",
        "lower and an upper bound",
    ):
        assert words in text
    for words in ("not zero", "as precise as the text", "how surely", "~"):
        assert words in text
    header, *rows = pages["Dictionary"]["rows"]
    assert pages["Dictionary"]["frozen"] == "A2"
    entries = [dict(zip(header, row)) for row in rows]
    for name, schema in declared.schemas.items():
        own = [entry for entry in entries if entry["table"] == name]
        columns = [entry["column"] for entry in own if entry["type"] not in ("table", "rule")]
        assert columns == schema.names
        assert [entry["column"] for entry in own if entry["type"] == "rule"] == [rule.id for rule in schema.rules]


@pytest.mark.parametrize("tool", ["duckdb_parquet", "polars_parquet"])
def test_parquet_has_every_cell_in_its_type(exported, declared, written, home, tool):
    found = read_by(tool, exported, home)
    types = {"duckdb_parquet": ("BIGINT", "DOUBLE", "BOOLEAN"), "polars_parquet": ("Int64", "Float64", "Boolean")}[tool]
    text = {"duckdb_parquet": "VARCHAR", "polars_parquet": "String"}[tool]
    kinds = dict(zip(("integer", "number", "boolean"), types))
    assert set(found) == set(declared.schemas)
    for name, schema in declared.schemas.items():
        assert found[name]["columns"] == {field.name: kinds.get(field.type, text) for field in schema.fields}
        assert same(found[name]["rows"], expected(schema, written[name])), name


def test_database_has_every_cell(exported, declared, written, home):
    found = read_by("duckdb_sqlite", exported / "prc-reach.db", home)
    assert set(found) - {RECORDS, LINKS} == set(declared.schemas)
    for name, schema in declared.schemas.items():
        columns = list(found[name]["columns"])
        places = [columns.index(column) for column in schema.names]
        rows = [[row[place] for place in places] for row in found[name]["rows"]]
        wanted = [
            [int(each) if isinstance(each, bool) else each for each in row] for row in expected(schema, written[name])
        ]
        assert same(rows, wanted), name


def test_a_column_of_calendar_dates_has_that_type(package, home):
    """No table of the real package has one; a column of partial dates that are all days is made one."""
    path = package / "schemas/activity_days.json"
    schema = json.loads(path.read_text("utf-8"))
    field = next(field for field in schema["fields"] if field["name"] == "activity_date")
    field["type"] = "date"
    del field["rdfType"], field["constraints"]["pattern"]
    path.write_text(json.dumps(schema), "utf-8")
    export_unchecked(package)
    with open(package / "tables/activity_days.csv", newline="", encoding="utf-8") as file:
        days = [row["activity_date"] for row in csv.DictReader(file)]
    found = {
        "workbook": read_by("workbook", package / "dist/prc-reach.xlsx", home)["activity_days"]["rows"][1:],
        "parquet": read_by("duckdb_parquet", package / "dist", home)["activity_days"]["rows"],
        "sqlite": read_by("duckdb_sqlite", package / "dist/prc-reach.db", home)["activity_days"]["rows"],
    }
    column = [field["name"] for field in schema["fields"]].index("activity_date")
    assert {name: [row[column] for row in rows] for name, rows in found.items()} == dict.fromkeys(found, days)
    types = read_by("polars_parquet", package / "dist", home)["activity_days"]["columns"]
    assert types["activity_date"] == "Date"
    rows = read_by("croissant", package / "dist/croissant.json", home)["rows"]["activity_days"]
    assert [str(row[column])[:10] for row in rows] == days


# Each standard's own tool accepts it, and finds a mistake that is planted


def validated(descriptor: Path) -> list[str]:
    report = frictionless.validate(str(descriptor))
    tasks = [error.type for task in report.tasks for error in task.errors]
    return [*(error.type for error in report.errors), *tasks]


def test_an_outsiders_plain_frictionless_accepts_the_folder(exported):
    command = [Path(sys.executable).with_name("frictionless"), "validate", "datapackage.json"]
    result = subprocess.run(command, cwd=exported, capture_output=True, text=True)
    assert result.returncode == 0 and "INVALID" not in result.stdout, result.stdout


def test_the_export_is_itself_a_package_in_which_a_changed_byte_is_seen(exported, tmp_path):
    copy = shutil.copytree(exported, tmp_path / "copy")
    path = copy / "tables/places.csv"
    path.write_bytes(path.read_bytes().replace(b"Tashkent", b"Taschkent", 1))
    assert {each["rule"] for each in problems(copy)} == {"hash-count", "byte-count"}


def test_the_descriptor_tells_size_hash_and_rows(exported, declared, written):
    found = json.loads((exported / "datapackage.json").read_text("utf-8"))
    source = json.loads((ROOT / "datapackage.json").read_text("utf-8"))
    assert {**found, "resources": 0} == {**source, "resources": 0}
    for resource, original in zip(found["resources"], source["resources"], strict=True):
        assert resource.items() >= original.items()
        assert resource["rows"] == len(written[resource["name"]])
        assert resource["bytes"] == (ROOT / resource["path"]).stat().st_size
        assert (exported / resource["path"]).read_bytes() == (ROOT / resource["path"]).read_bytes()
        assert resource["mediatype"] == "text/csv" and resource["encoding"] == "utf-8"


def test_the_zip_file_is_a_data_package_and_a_crate_by_itself(exported, tmp_path, home):
    with zipfile.ZipFile(exported / "prc-reach.zip") as archive:
        members = archive.infolist()
        archive.extractall(tmp_path / "elsewhere")
    assert [member.filename for member in members] == sorted(member.filename for member in members)
    assert {member.date_time for member in members} == {(2026, 11, 26, 0, 0, 0)}
    assert {member.external_attr >> 16 for member in members} == {0o100644}
    names = {member.filename for member in members}
    assert names >= {*TEXTS, "datapackage.json", "CITATION.cff", "croissant.json", "ro-crate-metadata.json"}
    assert validated(tmp_path / "elsewhere/datapackage.json") == []
    assert crate_errors(tmp_path / "elsewhere", home) == []
    for name in names - {"ro-crate-metadata.json"}:
        assert (tmp_path / "elsewhere" / name).read_bytes() == (exported / name).read_bytes()


def test_the_sums_are_right_and_complete(exported):
    result = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=exported, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    files = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert len(result.stdout.splitlines()) == len(files) - 1


def test_citation_file_is_valid_by_the_formats_schema(exported, home, tmp_path):
    result = reader("cffconvert", "--validate", "-i", exported / "CITATION.cff", folder=tmp_path, home=home)
    assert result.returncode == 0 and "valid according to schema version 1.2.0" in result.stdout, result
    bad = tmp_path / "CITATION.cff"
    bad.write_text((exported / "CITATION.cff").read_text("utf-8").replace("type: dataset", "type: data"), "utf-8")
    assert reader("cffconvert", "--validate", "-i", bad, folder=tmp_path, home=home).returncode != 0
    words = reader("cffconvert", "-f", "apalike", "-i", exported / "CITATION.cff", folder=tmp_path, home=home).stdout
    assert words.startswith("PRC Reach contributors (2026). PRC Reach (version 0.1.0)"), words


def test_zenodos_metadata_keep_to_its_vocabulary(exported, home, tmp_path):
    """Zenodo publishes no schema; this asks the model of a client of its API.

    The model wants of every creator a family name and a comma, which a group does not have, and does not know
    the key `publication_date`, which Zenodo documents. Both are checked here by hand instead.
    """
    known = [
        ["creators.0.name", "Value error, name should be in format Family name, given names"],
        "publication_date",
    ]
    assert read_by("zenodo", exported / "zenodo.json", home) == known
    content = json.loads((exported / "zenodo.json").read_text("utf-8"))
    assert content["creators"] == [{"name": "PRC Reach contributors"}]
    assert datetime.strptime(content["publication_date"], "%Y-%m-%d")
    assert (content["upload_type"], content["access_right"], content["license"]) == ("dataset", "open", "cc-by-4.0")
    bad = tmp_path / "zenodo.json"
    bad.write_text(json.dumps(content | {"upload_type": "data"}), "utf-8")
    assert "upload_type" in str(read_by("zenodo", bad, home))


def test_croissant_is_valid_and_its_reader_finds_every_cell(exported, declared, written, home, tmp_path):
    """mlcroissant lets pandas guess types: a text column of nothing but numbers and blanks, like one of mere years,
    comes out as numbers (`2020.0`). That, and nothing else, is let pass."""
    command = ["validate", "--jsonld", exported / "croissant.json"]
    assert reader("mlcroissant", *command, folder=tmp_path, home=home).returncode == 0
    found = read_by("croissant", exported / "croissant.json", home)
    assert found["problems"] == []
    assert set(found["rows"]) == set(declared.schemas)
    for name, schema in declared.schemas.items():
        for index, field in enumerate(schema.fields):
            cells = [row[index] for row in written[name]]
            values = [row[index] for row in found["rows"][name]]
            wanted = [value_of(field, cell) for cell in cells]
            if field.type == "string" and all(cell.isdigit() for cell in cells if cell):
                values = [value and float(value) for value in values]
                wanted = [value and float(value) for value in wanted]
            assert values == wanted, (name, field.name)


def test_croissants_reader_finds_planted_mistakes(exported, home, tmp_path):
    content = json.loads((exported / "croissant.json").read_text("utf-8"))
    content["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "tables/nothing.csv"
    bad = shutil.copytree(exported / "tables", tmp_path / "tables").parent / "croissant.json"
    bad.write_text(json.dumps(content), "utf-8")
    assert "nothing.csv" in str(read_by("croissant", bad, home)["error"])
    bad.write_bytes((exported / "croissant.json").read_bytes())
    (tmp_path / "tables/places.csv").write_bytes(b"place_id\nnowhere\n")
    result = reader("python", ROOT / "tests/readers.py", "croissant", bad, folder=tmp_path, home=home)
    assert result.returncode and "hash" in result.stderr.lower()


def test_croissant_has_the_keys_and_files(exported, declared):
    content = json.loads((exported / "croissant.json").read_text("utf-8"))
    sets = {each["@id"]: each for each in content["recordSet"]}
    for name, schema in declared.schemas.items():
        keys = sets[name]["key"]
        keys = keys if isinstance(keys, list) else [keys]
        assert [key["@id"] for key in keys] == [f"{name}/{column}" for column in schema.primaryKey]
        described = {field["name"]: field["description"] for field in sets[name]["field"]}
        for key in schema.foreignKeys:
            assert f"Key of a row of {key.reference.resource}." in described[key.column]
    assert len(content["distribution"]) == len(sets)


def crate_errors(folder: Path, home: Path) -> list:
    """What roc-validator finds against the crate, save that a contributor without a home page has no URL."""
    found = read_by("crate", folder, home)
    assert found["checks"] > 50 and found["skipped"] == 0
    return [issue for issue in found["issues"] if issue != ["RECOMMENDED", "The organization SHOULD have a URL."]]


def test_the_folder_is_a_research_object(exported, home, tmp_path):
    """By roc-validator, which works without a network: the context that it would fetch is put into its cache."""
    assert crate_errors(exported, home) == []
    content = json.loads((exported / "ro-crate-metadata.json").read_text("utf-8"))
    listed = {entity["@id"] for entity in content["@graph"] if entity["@type"] == "File"}
    files = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert listed == files - {"ro-crate-metadata.json"}
    copy = shutil.copytree(exported, tmp_path / "copy")
    (copy / "tables/places.csv").unlink()
    for entity in content["@graph"]:
        entity.pop("datePublished", None)
    (copy / "ro-crate-metadata.json").write_text(json.dumps(content), "utf-8")
    told = str(crate_errors(copy, home))
    assert "datePublished" in told and "places.csv" in told, told


# Nothing in a workbook runs, nothing is cut

DANGEROUS = [
    "=1+1",
    "@SUM(A1)",
    "+1+1",
    "-1+1",
    "{=1+1}",
    "=HYPERLINK(A1)",
    "http://localhost/",
    "mailto:a@b",
    "internal:README!A1",
    "007",
    "1e5",
    "TRUE",
    "<r><t>markup</t></r>",
    "_x0041_",
    "'quoted",
    " padded ",
    "two\nlines",
    "𠮷野家",
]


def test_a_planted_formula_is_text_in_the_workbook(package, home):
    change_cell(package, "places", "tashkent", "note", "=1+1")
    change_cell(package, "places", "beijing", "note", "@SUM(A1)")
    export_unchecked(package)
    page = read_by("workbook", package / "dist/prc-reach.xlsx", home)["places"]
    header, *rows = page["rows"]
    notes = {row[0]: row[header.index("note")] for row in rows}
    assert page["live"] == []
    assert (notes["tashkent"], notes["beijing"]) == ("=1+1", "@SUM(A1)")


def test_a_single_sheet_keeps_every_text_as_it_is(tmp_path, home):
    numbers = [1, -2.5, 0, 1e-7, 2**53, True, False, None, 45.123456789]
    rows = [[text, number] for text, number in zip(DANGEROUS, numbers * 2)]
    (tmp_path / "one.xlsx").write_bytes(workbook.sheet("An answer", ["=text", "number"], rows))
    page = read_by("workbook", tmp_path / "one.xlsx", home)["An answer"]
    assert page["live"] == [] and page["frozen"] == "A2"
    assert same(page["rows"], [["=text", "number"], *rows])


def test_a_number_that_excel_would_change_stays_text(tmp_path, home):
    rows = [[2**53 + 1], [0.1 + 0.2], [10**400]]
    (tmp_path / "one.xlsx").write_bytes(workbook.sheet("numbers", ["n"], rows))
    found = read_by("workbook", tmp_path / "one.xlsx", home)["numbers"]["rows"][1:]
    assert found == [["9007199254740993"], ["0.30000000000000004"], [str(10**400)]]


@pytest.mark.parametrize(
    "title, columns, rows, rule",
    [
        ("t" * 32, ["a"], [], "excel-sheet-name"),
        ("a/b", ["a"], [], "excel-sheet-name"),
        ("", ["a"], [], "excel-sheet-name"),
        ("History", ["a"], [], "excel-sheet-name"),
        ("t", ["a"], [["x" * 32_768]], "excel-cell-length"),
        ("t", ["a"], [["𠮷" * 16_384]], "excel-cell-length"),
        ("t", ["a"], [[1]] * 1_048_576, "excel-rows"),
        ("t", ["a"] * 16_385, [], "excel-columns"),
    ],
)
def test_what_excel_cannot_hold_is_told(title, columns, rows, rule):
    with pytest.raises(Broken) as caught:
        workbook.sheet(title, columns, rows)
    assert [problem.rule for problem in caught.value.problems] == [rule]


def test_what_excel_just_holds_is_whole(tmp_path, home):
    rows = [["x" * 32_767], ["𠮷" * 16_383]]
    (tmp_path / "one.xlsx").write_bytes(workbook.sheet("t" * 31, ["a"], rows))
    assert read_by("workbook", tmp_path / "one.xlsx", home)["t" * 31]["rows"] == [["a"], *rows]


def test_a_cell_too_long_for_excel_stops_the_export(package):
    line = change_cell(package, "places", "tashkent", "note", "x" * 40_000)
    loaded = load(package)
    with pytest.raises(Broken) as caught:
        export(loaded, read_tables(loaded), package / "dist")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("tables/places.csv", line, "note")
    assert "32,767" in problem.message and not list(package.glob("*dist*"))


@pytest.mark.parametrize("name", ["a_table_with_a_name_of_34_letters_", "dictionary", "readme", "history"])
def test_a_table_whose_name_excel_does_not_take_stops_the_export(package, name):
    path = package / "datapackage.json"
    content = json.loads(path.read_text("utf-8"))
    content["resources"].append({"name": name, "path": f"tables/{name}.csv", "schema": f"schemas/{name}.json"})
    path.write_text(json.dumps(content), "utf-8")
    shutil.copy(package / "tables/publications.csv", package / f"tables/{name}.csv")
    shutil.copy(package / "schemas/publications.json", package / f"schemas/{name}.json")
    loaded = load(package)
    with pytest.raises(Broken) as caught:
        export(loaded, read_tables(loaded), package / "dist")
    assert [problem.rule for problem in caught.value.problems] == ["excel-sheet-name"]
    assert not list(package.glob("*dist*"))


# Never half; the same every time: tests/stress


@pytest.fixture(scope="module")
def built(exported, tmp_path_factory) -> Path:
    """A copy of the package with its export, for tests that leave both as they are."""
    package = copied(tmp_path_factory.mktemp("exported") / "package")
    shutil.copytree(exported, package / "dist")
    return package


def whole(folder: Path) -> bool:
    command = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0


def test_a_broken_package_is_not_exported(package, built):
    (package / "tables/sco_bodies.csv").write_text("")
    result = run("export", folder=package)
    assert result.returncode == 1 and "is empty" in result.stdout and "nothing was exported" in result.stderr
    assert not list(package.glob("*dist*"))


def test_an_export_replaces_an_earlier_one_and_tells_what_it_wrote(built):
    (built / "dist/README.md").unlink()
    result = run("export", folder=built)
    assert result.returncode == 0 and "Traceback" not in result.stderr
    for words in ("exported to", "tables/ (72 files)", "prc-reach.xlsx", "in all"):
        assert words in result.stdout
    assert whole(built / "dist") and not list(built.glob(".dist*"))


@pytest.mark.parametrize("case", ["other files", "one more file", "a file", "another package", "itself", "above it"])
def test_a_folder_that_is_no_earlier_export_is_refused(built, tmp_path, case):
    target = tmp_path / "target"
    if case == "other files":
        target.mkdir()
        (target / "thesis.txt").write_text("years of work")
    elif case == "a file":
        target.write_text("years of work")
    elif case in ("one more file", "another package"):
        shutil.copytree(built / "dist", target)
        if case == "one more file":
            (target / "parquet/thesis.txt").write_text("years of work")
        else:
            path = target / "datapackage.json"
            path.write_text(path.read_text("utf-8").replace('"prc-reach"', '"another"'), "utf-8")
    elif case == "itself":
        target = shutil.copytree(built, target)
        shutil.copy(built / "dist/SHA256SUMS", target)
    before = sorted(tmp_path.rglob("*"))
    if case == "itself":
        result = run("export", "--output", ".", folder=target)
    elif case == "above it":
        before, target = sorted(built.parent.rglob("*")), built.parent
        result = run("export", "--output", "..", folder=built)
    else:
        result = run("export", "--output", target, folder=built)
    assert result.returncode == 2 and "it was not replaced" in result.stdout and "Traceback" not in result.stderr
    assert "give another folder" in result.stdout
    assert sorted((built.parent if case == "above it" else tmp_path).rglob("*")) == before


def test_a_folder_lost_between_two_renames_is_put_back(tmp_path, monkeypatch):
    """What a process leaves that is killed at the one moment at which the folder is not in its place.

    There is one where the system cannot swap two folders.
    """
    monkeypatch.setattr(atomic, "_swapped", lambda one, other: False)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for kind in ("old", "partial"):
        (tmp_path / f".dist.{gone.pid}.{kind}").mkdir()
        (tmp_path / f".dist.{gone.pid}.{kind}/file").write_text(kind)
    with pytest.raises(ZeroDivisionError), replacing_folder(tmp_path / "dist") as folder:
        (folder / "file").write_text("new")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["dist"] and (tmp_path / "dist/file").read_text() == "old"
    for content in ("new", "newer"):
        with replacing_folder(tmp_path / "dist") as folder:
            (folder / "file").write_text(content)
        assert os.listdir(tmp_path) == ["dist"] and (tmp_path / "dist/file").read_text() == content


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such call")
def test_a_folder_is_in_its_place_at_every_moment(tmp_path):
    """A reader that looks again and again while it is replaced never finds it missing."""
    looking = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    os.stat('dist/file')"
    with replacing_folder(tmp_path / "dist") as folder:
        (folder / "file").write_text("first")
    reader = subprocess.Popen([sys.executable, "-c", looking, str(os.getpid())], cwd=tmp_path, stderr=subprocess.PIPE)
    for _ in range(200):
        with replacing_folder(tmp_path / "dist") as folder:
            (folder / "file").write_text("another")
    reader.kill()
    assert reader.communicate()[1] == b""


def test_a_folder_whose_name_the_locale_cannot_tell(package):
    folder = package.rename(package.with_name("\u5305"))
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = run("export", folder=folder, env=settings)
    assert result.returncode == 0 and whole(folder / "dist"), result


# The date of the package


def test_without_a_date_everything_is_exported_without_dates(package, home):
    path = package / "datapackage.json"
    path.write_text(path.read_text("utf-8").replace('  "created": "2026-11-26T00:00:00Z",\n', ""), "utf-8")
    export_unchecked(package)
    dist = package / "dist"
    assert "date-released" not in (dist / "CITATION.cff").read_text("utf-8")
    assert "publication_date" not in json.loads((dist / "zenodo.json").read_text("utf-8"))
    for name in ("croissant.json", "ro-crate-metadata.json"):
        assert "datePublished" not in (dist / name).read_text("utf-8")
    with zipfile.ZipFile(dist / "prc-reach.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    result = reader("cffconvert", "--validate", "-i", dist / "CITATION.cff", folder=dist, home=home)
    assert result.returncode == 0, result
    assert whole(dist)


@pytest.mark.parametrize("date", ["yesterday", "2026-11-26", "2026-11-26T00:00:00", "2026-13-01T00:00:00Z"])
def test_a_date_that_is_none_is_told(package, date):
    path = package / "datapackage.json"
    path.write_text(path.read_text("utf-8").replace("2026-11-26T00:00:00Z", date), "utf-8")
    result = run("export", folder=package)
    assert result.returncode == 2 and "write it like 2026-11-26T00:00:00Z" in result.stdout, result


def test_a_path_may_be_written_with_a_dot(package):
    path = package / "datapackage.json"
    path.write_text(path.read_text("utf-8").replace('"tables/places.csv"', '"./tables//places.csv"'), "utf-8")
    export_unchecked(package)
    assert whole(package / "dist") and (package / "dist/tables/places.csv").is_file()


def test_the_date_is_told_in_utc(declared):
    moved = declared.descriptor.model_copy(update={"created": "2026-11-26T01:00:00+08:00"})
    assert moved.moment == datetime(2026, 11, 25, 17, tzinfo=UTC)


# The dictionary


def test_the_dictionary_tells_every_table_column_and_rule(declared):
    entries = {entry.name: entry for entry in dictionary(declared)}
    assert list(entries) == list(declared.schemas)
    for name, schema in declared.schemas.items():
        entry = entries[name]
        assert (entry.title, entry.description, entry.rows) == (schema.title, schema.description, None)
        assert [column.name for column in entry.columns] == schema.names
        assert [rule for rule, _ in entry.rules] == [rule.id for rule in schema.rules]
        targets = {key.column: key.reference.resource for key in schema.foreignKeys}
        for field, column in zip(schema.fields, entry.columns):
            assert column.meaning == field.description and column.example == field.example
            assert column.refers_to == targets.get(field.name)
            assert (column.type == PARTIAL_DATE) == field.partial_date
            limits = field.constraints
            for limit in (*(limits.enum or []), limits.minimum, limits.maximum, field.codelist):
                assert limit is None or str(limit) in column.allowed, (name, field.name)


def test_the_dictionary_in_words(declared):
    entries = {entry.name: {column.name: column for column in entry.columns} for entry in dictionary(declared)}
    place = entries["places"]
    assert place["latitude"].unit == "degrees north"
    assert place["latitude"].allowed == "at least -90; at most 90"
    assert place["country_id"].allowed == "a code of ISO 3166-1 alpha-3; of the form ^[A-Z]{3}$"
    assert place["place_id"].key and place["place_id"].required and place["place_id"].unique
    assert place["part_of_id"].refers_to == "places" and not place["part_of_id"].key


def test_links_in_the_package_lead_no_export_out_of_it(package, tmp_path):
    """Neither what is written, nor what is repeated: a README.md that is a link would publish any file."""
    (tmp_path / "secret").write_text("## Before you quote it\n\nnot yours\n")
    (package / "README.md").symlink_to(tmp_path / "secret")
    (package / "dist").symlink_to(tmp_path / "elsewhere")
    refused = run("export", folder=package)
    assert refused.returncode == 2 and "leads out of the package" in refused.stdout
    assert run("export", "--output", tmp_path / "there", folder=package).returncode == 0
    assert not (tmp_path / "there/README.md").exists() and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "name, what",
    [("datapackage.json", "pipe"), ("datapackage.json", "deep"), ("SHA256SUMS", "folder"), ("SHA256SUMS", "pipe")],
)
def test_what_no_export_can_have_written_is_told(package, name, what):
    folder = package / "dist"
    folder.mkdir()
    make = {"folder": Path.mkdir, "pipe": os.mkfifo, "deep": lambda path: path.write_text("[" * 100_000)}[what]
    (folder / "datapackage.json").write_text(
        f'{{"name": "{json.loads((package / "datapackage.json").read_text())["name"]}"}}'
    )
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    result = run("export", folder=package)
    assert result.returncode == 2 and "which no export of this package has written" in result.stdout
