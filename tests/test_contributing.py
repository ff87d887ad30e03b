"""CONTRIBUTING.md's three routes, walked through as written: each leads to the tables as they are here.

The examples are rows and a table of the package. They are taken out of a clone, the commands are run as the
text has them, what the text tells the reader to do by hand is done, and what was taken out is there again.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import openpyxl
import pytest
from conftest import ROOT, bash, cloned, committed, git, run

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BAR = "tables/positioning_accuracies.csv"


def blocks(title: str, language: str = "sh") -> list[str]:
    """The blocks of code below the heading that begins with `title`, down to the next heading of its level."""
    match = re.search(rf"^(#+) {re.escape(title)}.*?$(.*?)(?=^\1 |\Z)", TEXT, re.M | re.S)
    assert match, title
    return re.findall(rf"^```{language}\n(.*?)^```$", match[2], re.M | re.S)


def did(script: str, folder: Path) -> str:
    """Run a block in a terminal in which the environment was activated, as the text tells; what it said."""
    result = bash(script, folder, PATH=f"{folder / '.venv/bin'}:/usr/local/bin:/usr/bin:/bin")
    assert result.returncode == 0, (script, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr, result.stderr
    return result.stdout + result.stderr


def without(folder: Path, table: str, *keys: str) -> None:
    """Take the rows whose first cell is one of the keys out of a table."""
    path = folder / f"tables/{table}.csv"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.split(",")[0] not in keys]
    assert len(kept) < len(lines), keys
    path.write_text("".join(kept), "utf-8")


def rows(table: str) -> list[list[str]]:
    with open(ROOT / f"tables/{table}.csv", newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def as_here(folder: Path) -> None:
    """The tables and schemas of the folder are those of this project, byte for byte."""
    for kind in ("tables", "schemas"):
        names = sorted(path.name for path in (ROOT / kind).iterdir())
        assert sorted(path.name for path in (folder / kind).iterdir()) == names
        for name in names:
            assert (folder / kind / name).read_bytes() == (ROOT / kind / name).read_bytes(), name


def test_every_block_is_run_below():
    assert len(re.findall("^```", TEXT, re.M)) == 2 * (len(blocks("Route 2")) + len(blocks("Route 3")) + 3)
    assert (len(blocks("Route 2")), len(blocks("Route 3"))) == (8, 3)
    assert (len(blocks("Route 1", "text")), len(blocks("Route 3", "json"))) == (2, 1)


def test_route_1_a_cell_in_the_browser(package):
    """The wrong cell is where the text says, the change mends it, and the mistakes are told as the text quotes them."""
    path = package / BAR
    right = path.read_text("utf-8")
    number = int(re.search(r"`beidou-military`. It is on line (\d+)", TEXT)[1])
    line = right.splitlines()[number - 1]
    before, after = re.search(r"Change `([^`]+)` to `([^`]+)`", TEXT).groups()
    assert line.startswith("beidou-military,") and line.count(after) == 1
    wrong = right.replace(line, line.replace(after, before))
    path.write_text(wrong, "utf-8")
    assert run("check", "positioning_accuracies", folder=package).returncode == 0  # no program could have told
    path.write_text(wrong.replace(before, after), "utf-8")
    assert path.read_text("utf-8") == right
    comma, level = blocks("Route 1", "text")
    for spoilt, told in (
        (line.replace(",0.1,0.1,", ",0,1,0,1,", 1), comma),
        (line.replace(",reported,", ",report,"), level),
    ):
        path.write_text(right.replace(line, spoilt), "utf-8")
        result = run("check", "positioning_accuracies", folder=package)
        assert result.returncode == 1 and told.strip() in result.stdout.splitlines(), result.stdout
    assert "did you mean 'reported'?" in result.stdout


@pytest.mark.parametrize("table", ["memberships"])
def test_route_2_rows_with_a_spreadsheet(tmp_path, table):
    folder = cloned(tmp_path / "project")
    shown = re.findall(
        r"^\| (brics-\w+) \| (\w+) \| (\w+) \| (\w+) \| ([\w-]+) \| (note \[2\]) \| (\w+) \|$", TEXT, re.M
    )
    columns = re.search(r"^\| (membership_id \|.*) \|$", TEXT, re.M)[1].split(" | ")
    assert len(shown) == 3
    without(folder, table, *(row[0] for row in shown), "brics-united-arab-emirates")
    committed(folder, "Four members are missing")
    setting_up, export, look, bring, one, judge, explain, send = blocks("Route 2")

    did(setting_up, folder)
    did(export, folder)
    book = openpyxl.load_workbook(folder / "dist/prc-reach.xlsx")
    for name in set(book.sheetnames) - {table}:
        del book[name]
    sheet = book[table]
    header = [cell.value for cell in sheet[1]]
    assert header == rows(table)[0]
    for row in shown:
        sheet.append([dict(zip(columns, row)).get(column) for column in header])
    book.save(folder / "memberships.xlsx")

    before = (folder / f"tables/{table}.csv").read_bytes()
    told = did(look, folder)
    assert all(row[0] in told for row in shown), told
    assert (folder / f"tables/{table}.csv").read_bytes() == before
    did(bring, folder)
    did(one, folder)
    as_here(folder)
    told = did(judge, folder)
    assert "no problems" in told
    assert all(
        name in told for name in ("brics-egypt", "brics-ethiopia", "brics-iran", "brics-united-arab-emirates")
    ), told
    told = did(explain, folder)
    assert "one-standing-at-a-time" in told and "Egypt" in told
    did(send, folder)
    assert git("show", "--stat", "--format=%s", folder=folder).startswith("Members of BRICS")
    assert git("diff", "--numstat", "main", folder=folder).split() == ["4", "0", f"tables/{table}.csv"]


def test_route_3_a_document(tmp_path):
    folder = cloned(tmp_path / "project")
    without(folder, "sources", "masuo-2023-police-satellites")
    without(folder, "source_authors", "masuo-2023-police-satellites")
    committed(folder, "A paper is missing")
    did(blocks("A document")[0], folder)
    as_here(folder)


def test_route_3_a_table(tmp_path):
    folder = cloned(tmp_path / "project")
    name = "base_requirements"
    header, *lines = rows(name)
    for path in (f"tables/{name}.csv", f"schemas/{name}.json"):
        (folder / path).unlink()
    descriptor = folder / "datapackage.json"
    text, number = re.subn(rf'\n *{{"name": "{name}",[^\n]*', "", descriptor.read_text("utf-8"))
    assert number == 1
    descriptor.write_text(text, "utf-8")
    committed(folder, "A table is missing")
    make, fill = blocks("A table")

    did(make, folder)
    skeleton = json.loads((folder / f"schemas/{name}.json").read_text("utf-8"))
    finished = json.loads((ROOT / f"schemas/{name}.json").read_text("utf-8"))
    usual = {field["name"] for field in finished["fields"]} - {"requirement", "quantity_min", "quantity_max", "counted"}
    assert usual <= {field["name"] for field in skeleton["fields"]}
    assert json.loads(blocks("A table", "json")[0]) in finished["rules"]
    # By hand: the columns of its own, with their meanings and rules.
    shutil.copy(ROOT / f"schemas/{name}.json", folder / f"schemas/{name}.json")
    (folder / f"tables/{name}.csv").write_text(",".join(header) + "\n", "utf-8")
    book = openpyxl.Workbook()
    book.active.title = name
    for row in (header, *lines):
        book.active.append([int(cell) if cell.isdigit() else cell or None for cell in row])
    book.save(folder / f"{name}.xlsx")

    told = did(fill, folder)
    assert "no problems" in told and "quantity-bounds" in told
    as_here(folder)
    here, there = (json.loads((each / "datapackage.json").read_text("utf-8")) for each in (ROOT, folder))
    assert sorted(here.pop("resources"), key=str) == sorted(there.pop("resources"), key=str) and here == there
