"""What differs: real git repositories with copies of the real package, and changes of each kind planted in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import run
from markdown_it import MarkdownIt
from test_mistakes import change_cell, edit

from scripts.look import diff_render, revision
from scripts.look.diff import Difference, diff
from scripts.problem import Broken

HOSTILE = "<script>alert(1)</script> | `x` @octocat #1 [a](http://b.example) **c**\\ ::error::d \x1b[31m\u202e"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", folder, *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a state")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(package: Path) -> Path:
    git(package, "init", "--quiet", "--initial-branch", "main")
    commit(package)
    return package


def compared(folder: Path, base: str | None = "HEAD") -> Difference:
    with revision.earlier(folder, base) as before:
        return diff(before, revision.folder(folder))


def only(difference: Difference):
    (table,) = difference.tables
    return table


def schema_edit(package: Path, table: str, change) -> None:
    path = package / f"schemas/{table}.json"
    schema = json.loads(path.read_text("utf-8"))
    change(schema)
    path.write_text(json.dumps(schema, ensure_ascii=False, indent=2), "utf-8")


def append(package: Path, table: str, **cells: str) -> None:
    path = package / f"tables/{table}.csv"
    text = path.read_text("utf-8")
    names = text.split("\n")[0].split(",")
    path.write_text(text + ",".join(cells.get(name, "") for name in names) + "\n", "utf-8")


def test_nothing_differs_at_first(repository):
    difference = compared(repository)
    assert difference == Difference([], [], {}, [])
    assert diff_render.summary(difference) == "nothing differs"


def test_an_added_a_changed_and_a_removed_row(repository):
    append(repository, "sco_bodies", sco_body_id="new-body", status="operating")
    change_cell(repository, "sco_bodies", "regional-anti-terrorist-structure", "as_of", "2023-01")
    path = repository / "tables/places.csv"
    lines = path.read_text("utf-8").splitlines()
    gone = lines.pop(3).split(",")[0]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    bodies, places = sorted(compared(repository).tables, key=lambda table: table.name != "sco_bodies")
    assert [(row.key, row.cells) for row in bodies.added] == [
        (("new-body",), {"sco_body_id": "new-body", "status": "operating"})
    ]
    ((key, cells),) = [(row.key, row.cells) for row in bodies.changed]
    assert key == ("regional-anti-terrorist-structure",)
    assert [(cell.column, cell.new) for cell in cells] == [("as_of", "2023-01")]
    assert [row.key for row in places.removed] == [(gone,)] and not (places.added or places.changed or places.renamed)
    assert diff_render.summary(compared(repository)) == "1 row added, 1 changed, 1 removed in 2 tables"


def test_a_renamed_id_is_no_removal(repository):
    edit(repository, "tables/places.csv", "\ntashkent,", "\ntaschkent,")
    table = only(compared(repository))
    assert [(row.old_key, row.key, row.label) for row in table.renamed] == [(("tashkent",), ("taschkent",), "Tashkent")]
    assert not (table.added or table.removed or table.changed)


def test_a_renamed_id_whose_row_changed_too_is_removed_and_added(repository):
    change_cell(repository, "places", "tashkent", "name", "Taschkent")
    edit(repository, "tables/places.csv", "\ntashkent,", "\ntaschkent,")
    table = only(compared(repository))
    assert (len(table.added), len(table.removed), len(table.renamed)) == (1, 1, 0)


def test_one_part_of_a_composite_key(repository):
    path = repository / "tables/citations.csv"
    header, first, *rest = path.read_text("utf-8").splitlines()
    assert first.startswith("activity_days,taiwan-2024-12-09,")
    changed = first.replace("activity_days,taiwan-2024-12-09", "activity_days,taiwan-2024-12-19")
    path.write_text("\n".join([header, changed, *rest]) + "\n", "utf-8")
    table = only(compared(repository))
    assert [row.key[1] for row in table.renamed] == ["taiwan-2024-12-19"] and table.rows == 1


def test_order_and_quotes_alone_are_no_change_of_a_row(repository):
    path = repository / "tables/places.csv"
    header, *rows = path.read_bytes().decode().splitlines()
    path.write_bytes("\r\n".join([header, *reversed(rows), ""]).encode())
    difference = compared(repository)
    assert difference.tables == [] and "written otherwise" in difference.notes[0]


def test_columns_added_removed_and_renamed(repository):
    def change(schema):
        names = [field["name"] for field in schema["fields"]]
        schema["fields"][names.index("seat_place_id")]["name"] = "home_place_id"
        for key in schema["foreignKeys"]:
            key["fields"] = "home_place_id" if key["fields"] == "seat_place_id" else key["fields"]
        del schema["fields"][names.index("note")]
        schema["fields"].append({"name": "colour", "type": "string", "description": "Its colour."})

    schema_edit(repository, "sco_bodies", change)
    path = repository / "tables/sco_bodies.csv"
    header, *rows = path.read_text("utf-8").splitlines()
    assert header.endswith(",note")
    header = header.replace("seat_place_id", "home_place_id").replace(",note", ",colour")
    path.write_text("\n".join([header, *(re.sub(r'("[^"]*"|[^,"]*)$', "", row) for row in rows)]) + "\n", "utf-8")
    table = only(compared(repository))
    assert "column seat_place_id is now called home_place_id" in table.schema
    assert "column colour added: Its colour." in table.schema and "column note removed" in table.schema
    assert not any("home_place_id refers to" in each for each in table.schema)
    assert table.rows == 0


def test_constraints_rules_and_keys_in_words(repository):
    def change(schema):
        status = next(field for field in schema["fields"] if field["name"] == "status")
        status["constraints"]["enum"] = [*status["constraints"]["enum"][1:], "dreamt-of"]
        next(field for field in schema["fields"] if field["name"] == "as_of")["constraints"]["required"] = True
        schema["foreignKeys"] = [key for key in schema["foreignKeys"] if key["fields"] != "seat_place_id"]
        schema["rules"][0]["message"] = "otherwise"
        schema["rules"].append({"id": "brand-new", "check": "TRUE", "message": "never"})

    schema_edit(repository, "sco_bodies", change)
    told = "\n".join(only(compared(repository)).schema)
    for words in (
        "column status: may be dreamt-of",
        "column status: may no longer be ",
        "column as_of: must be filled in every row",
        "column seat_place_id refers to no table, before to places",
        "→ otherwise",
        "rule brand-new added: never",
    ):
        assert words in told


def test_rules_of_many_tables_in_words(repository):
    """Two of them may have one id: each change is told, and of which it is."""
    path = repository / "datapackage.json"
    content = json.loads(path.read_text("utf-8"))
    first, second = [each for each in content["rules"] if each["id"] == "start-date-in-its-time"]
    first["column"], second["column"] = "note", "locator"
    content["rules"] = [each for each in content["rules"] if each["id"] != "approximate-or-empty"]
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), "utf-8")
    assert compared(repository).package == [
        "rule approximate-or-empty (with approximate) removed: leave approximate empty where the text does not hedge the figure",
        "rule start-date-in-its-time (with start_date, status, source_id): column start_date → note",
        "rule start-date-in-its-time (with start_date, source_id) (without status): column start_date → locator",
    ]


def test_tables_added_removed_and_renamed(repository):
    descriptor = (repository / "datapackage.json").read_text("utf-8")
    (repository / "tables/sco_bodies.csv").rename(repository / "tables/sco_organs.csv")
    (repository / "schemas/sco_bodies.json").rename(repository / "schemas/sco_organs.json")
    content = json.loads(descriptor.replace("sco_bodies", "sco_organs"))
    content["resources"] = [each for each in content["resources"] if each["name"] != "training_pledges"]
    content["resources"].append({"name": "notes", "path": "tables/notes.csv", "schema": "schemas/notes.json"})
    (repository / "datapackage.json").write_text(json.dumps(content), "utf-8")
    schema = {"title": "Notes", "fields": [{"name": "note_id"}], "primaryKey": "note_id"}
    (repository / "schemas/notes.json").write_text(json.dumps(schema))
    (repository / "tables/notes.csv").write_text("note_id\none\n")
    told = {table.name: (table.status, table.renamed_from, table.rows) for table in compared(repository).tables}
    assert told["sco_organs"] == ("changed", "sco_bodies", 0) and told["notes"] == ("added", None, 1)
    assert told["training_pledges"][0] == "removed" and "sco_bodies" not in told


def test_new_sources_are_told_apart(repository):
    append(repository, "sources", source_id="nhk-2030-01-01", title="A title")
    difference = compared(repository)
    assert {name: [row.key for row in rows] for name, rows in difference.sources.items()} == {
        "sources": [("nhk-2030-01-01",)]
    }
    assert "new in sources\n  + nhk-2030-01-01" in diff_render.text(difference)


def test_the_base_is_where_the_branch_left_the_default_one(repository):
    git(repository, "switch", "--quiet", "--create", "work")
    change_cell(repository, "places", "tashkent", "name", "Taschkent")
    commit(repository)
    git(repository, "switch", "--quiet", "main")
    change_cell(repository, "places", "moscow", "name", "Moskau")
    commit(repository)
    git(repository, "switch", "--quiet", "work")
    assert [row.key for row in only(compared(repository, None)).changed] == [("tashkent",)]
    assert {row.key for row in only(compared(repository, "main")).changed} == {("tashkent",), ("moscow",)}


def test_a_package_below_the_top_of_its_repository(tmp_path, package):
    inner = tmp_path / "top" / "data"
    shutil.copytree(package, inner)
    git(inner.parent, "init", "--quiet", "--initial-branch", "main")
    commit(inner.parent)
    change_cell(inner, "places", "tashkent", "name", "Taschkent")
    assert only(compared(inner)).rows == 1


def test_a_folder_and_an_exported_zip_as_base(repository, tmp_path, exported):
    change_cell(repository, "places", "tashkent", "name", "Taschkent")
    old = tmp_path / "old"
    shutil.copytree(repository, old)
    git(old, "checkout", "--quiet", "--", ".")
    (archive,) = exported.glob("*.zip")
    for base in (old, archive):
        table = next(table for table in compared(repository, str(base)).tables if table.rows)
        assert (table.name, [row.key for row in table.changed]) == ("places", [("tashkent",)])


@pytest.mark.parametrize(
    "base", ["no-such-branch", "--output=x", "-h", "HEAD:tables", "", "a" * 5000, "HEAD; id", "$(id)"]
)
def test_a_wrong_base_is_status_2(repository, base):
    result = run("diff", "--", base, folder=repository)
    assert result.returncode == 2 and "unknown-base" in result.stdout and "Traceback" not in result.stderr
    assert not (repository / "x").exists()


def test_no_repository(package):
    result = run("diff", folder=package, env={"GIT_CEILING_DIRECTORIES": str(package.parent)})
    assert result.returncode == 2 and "has no commit of git" in result.stdout


def test_a_base_that_is_no_package(repository, tmp_path):
    git(repository, "rm", "-r", "--quiet", "--cached", ".")
    git(repository, "commit", "--quiet", "--message", "nothing", "--allow-empty")
    with pytest.raises(Broken):
        compared(repository)


def test_hostile_cells_do_no_harm_in_any_format(repository):
    change_cell(repository, "places", "tashkent", "name", HOSTILE)
    change_cell(repository, "places", "moscow", "name", "x" * 3_000_000)
    difference = compared(repository)
    assert "\x1b" not in diff_render.text(difference) and "\u202e" not in diff_render.text(difference)
    markdown = diff_render.markdown(difference)
    html = MarkdownIt("commonmark").enable("table").render(markdown)
    assert "<script" not in markdown and "<script" not in html
    assert "href" not in html and "<strong>c" not in html and "@octocat" not in html.replace("&#64;", "@")
    assert "&lt;script&gt;" in html and "3,000,000 characters" in html and len(markdown) < 5_000
    assert html.count("<table>") == html.count("</table>") == 1
    cells = [
        cell for row in json.loads(diff_render.as_json(difference))["tables"][0]["changed"] for cell in row["cells"]
    ]
    assert {cell["new"] for cell in cells} == {HOSTILE, "x" * 3_000_000}


def test_markdown_is_cut_with_a_count(repository):
    path = repository / "tables/citations.csv"
    header, *rows = path.read_text("utf-8").splitlines()
    more = "".join(f"activity_days,row-{number},{'<&' * 100},,\n" for number in range(3000))
    path.write_text("\n".join([header, *rows]) + "\n" + more, "utf-8")
    markdown = diff_render.markdown(compared(repository))
    assert 50_000 < len(markdown) <= 60_000
    hidden = int(re.search(r"and ([0-9,]+) more lines", markdown)[1].replace(",", ""))
    shown = markdown.count("- added ")
    assert shown + hidden >= 3000 and markdown.count("<details>") == markdown.count("</details>")


SPOILT = {
    "no JSON": lambda old: "{",
    "another shape": lambda old: '{"resources": {"a": 1}, "name": []}',
    "odd resources": lambda old: json.dumps({"resources": [1, {"name": 5}, {"name": "a\n::error::", "path": "../../etc/passwd", "schema": "/etc/passwd"}]}),
    "deep": lambda old: "[" * 100_000,
    "deep enough to be read": lambda old: '{"resources": ' + "[" * 900 + "]" * 900 + "}",
    "a list": lambda old: "[]",
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_head_is_told_and_a_spoilt_base_does_not_crash(repository, name):
    path = repository / "datapackage.json"
    path.write_text(SPOILT[name](path.read_text("utf-8")), "utf-8")
    for format in ("text", "markdown", "json"):
        result = run("diff", "HEAD", "--format", format, folder=repository)
        assert result.returncode == 0 and "Traceback" not in result.stderr, result.stderr
        assert "root:" not in result.stdout and "\n::error::" not in result.stdout
    spoilt = commit(repository)
    git(repository, "checkout", "--quiet", "HEAD~1", "--", ".")
    result = run("diff", spoilt, folder=repository)
    assert result.returncode in (0, 2) and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"\xff\xfe\0\0"),
        lambda path: path.write_bytes(b'a,"unclosed\n' * 3),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"a,a,a\n1,2\n3,4,5,6\n\n"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
    ],
    ids=["bytes", "quote", "empty", "uneven", "missing", "folder", "link"],
)
@pytest.mark.parametrize("file", ["tables/places.csv", "schemas/places.json"])
def test_spoilt_files_on_either_side(repository, file, spoil):
    good = git(repository, "rev-parse", "HEAD")
    spoil(repository / file)
    forward = diff_render.text(compared(repository))
    assert "places" in forward and "root:" not in forward
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "spoilt")
    bad = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "--quiet", good)
    assert "root:" not in diff_render.text(compared(repository, bad))


def test_a_schema_of_odd_shapes(repository):
    odd = [[], {}, 5, None, "::error::x", {"a": ["b"]}]
    for position in range(len(odd)):
        value = odd[position]

        def change(schema, value=value):
            schema["fields"] = [{"name": value, "constraints": value}, value, *schema["fields"]]
            schema["foreignKeys"] = [{"fields": value, "reference": value}, value]
            schema["rules"] = [{"id": value, "message": value}, value]
            schema["primaryKey"], schema["label"], schema["::error::key"] = value, value, value

        schema_edit(repository, "places", change)
        edit(repository, "tables/places.csv", "place_id,", "::error::column,")
        difference = compared(repository)
        for renderer in (diff_render.text, diff_render.markdown, diff_render.as_json, diff_render.changelog):
            assert not re.search(r"^\s*::", renderer(difference), re.MULTILINE)
        git(repository, "checkout", "--quiet", "--", ".")


def test_an_object_that_the_clone_lacks(repository):
    blob = git(repository, "rev-parse", "HEAD:tables/places.csv")
    (repository / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    assert [len(table.added) > 100 for table in compared(repository).tables] == [True]


def test_a_zip_with_names_that_leave_it(repository, tmp_path):
    archive = tmp_path / "odd.zip"
    with zipfile.ZipFile(archive, "w") as file:
        resource = {"name": "places", "path": "../../../x.csv", "schema": "/etc/passwd"}
        file.writestr("datapackage.json", json.dumps({"resources": [resource]}))
        file.writestr("../../../x.csv", "place_id\nodd\n")
    difference = compared(repository, str(archive))
    assert difference.tables and not list(tmp_path.glob("**/x.csv"))


def test_the_lines_for_the_changelog(repository):
    change_cell(repository, "places", "tashkent", "name", "Tasch`kent")
    append(repository, "sources", source_id="nhk-2030-01-01", title="A title")
    result = run("diff", "HEAD", "--changelog", folder=repository)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert all(line.startswith("- ") and line.endswith(".") for line in lines)
    assert "1 row added, 1 changed in 2 tables" in lines[0]
    assert "- Corrected: `places/tashkent`, `name`: `Tashkent` → `Tasch'kent`." in lines


def test_the_same_difference_is_told_in_the_same_bytes(repository):
    append(repository, "sources", source_id="nhk-2030-01-01", title="A title")
    edit(repository, "tables/places.csv", "\ntashkent,", "\ntaschkent,")
    for format in ("text", "markdown", "json"):
        told = {
            run("diff", "HEAD", "-f", format, folder=repository, env={"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C.UTF-8"}).stdout
            for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
        }  # fmt: skip
        assert len(told) == 1


def checked(folder: Path, *base: str) -> tuple[set[tuple], str]:
    result = run("check", "--changed", *base, "--format", "json", folder=folder)
    assert "Traceback" not in result.stderr, result.stderr
    found = json.loads(result.stdout)["problems"]
    return {(each["file"], each["line"], each["column"], each["rule"]) for each in found}, result.stderr


def whole(folder: Path) -> set[tuple]:
    found = json.loads(run("check", "--format", "json", folder=folder).stdout)["problems"]
    return {(each["file"], each["line"], each["column"], each["rule"]) for each in found}


def test_check_changed_of_nothing(repository):
    assert checked(repository) == (set(), "0 of 72 tables differ from the main branch: nothing to check\n")


@pytest.mark.parametrize(
    "table, old, new",
    [
        ("places", "\ntashkent,", "\ntaschkent,"),
        ("sco_bodies", "operating", "operatin"),
        ("people", "\nsun-youshun,Sun Youshun", "\nsun-youshun,Sun You Shun"),
        ("joint_patrols", "\nair-9,", "\nair-99,"),
        ("sources", "\nnhk-2024-11-30,", "\nnhk-2024-11-31,"),
    ],
)
def test_check_changed_finds_all_that_a_whole_check_finds(repository, table, old, new):
    """A renamed key breaks foreign keys, and rules of tables that refer to it by no key: none is missed."""
    edit(repository, f"tables/{table}.csv", old, new)
    found, said = checked(repository)
    assert found and found == whole(repository)
    assert "1 of 72 tables differ from the main branch" in said and "left out" in said


def test_check_changed_of_the_schema_the_descriptor_and_an_older_base(repository):
    schema_edit(repository, "training_pledges", lambda schema: schema.update(title="Pledges of training"))
    assert "1 of 72 tables differ" in checked(repository)[1]
    commit(repository)
    assert "0 of 72 tables differ" in checked(repository)[1]
    assert "1 of 72 tables differ from HEAD~1" in checked(repository, "HEAD~1")[1]
    edit(repository, "datapackage.json", '"version": "0.1.0"', '"version": "0.1.1"')
    assert "72 of 72 tables differ" in checked(repository)[1]


def test_check_changed_takes_one_base(repository):
    for arguments in (["a", "b"], ["no-such-base"]):
        result = run("check", "--changed", *arguments, folder=repository)
        assert result.returncode == 2 and "Traceback" not in result.stderr


@pytest.mark.parametrize("spoil", ["directory", "member", "bomb", "pipe"])
def test_a_zip_that_cannot_be_read_or_held(repository, tmp_path, spoil):
    archive = tmp_path / "odd.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(repository / "datapackage.json", "datapackage.json")
        start = 30 + len("datapackage.json")
        if spoil == "bomb":
            file.writestr("datapackage.json", (repository / "datapackage.json").read_bytes() + b" " * 50_000_000)
    data = bytearray(archive.read_bytes())
    if spoil == "directory":
        at = data.rindex(b"PK\x01\x02")
        data[at : at + 4] = b"PK\x01\x09"
    elif spoil == "member":
        data[start : start + 40] = b"\xff" * 40
    archive.unlink()
    os.mkfifo(archive) if spoil == "pipe" else archive.write_bytes(data)
    result = run("diff", archive, folder=repository)
    assert result.returncode == 2 and "unknown-base" in result.stdout and "Traceback" not in result.stderr
