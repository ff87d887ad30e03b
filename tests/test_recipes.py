"""Every block of code in docs/recipes.md runs against a real export and answers what the tables say."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import READERS, ROOT, copied, reader, serving

# Runs a block, as a person would, then tells the rows of what it calls `answer`.
TELL = """
import json
for rows in ("collect", "fetchall", "rows"):
    if hasattr(answer, rows):
        rows = getattr(answer, rows)()
        break
else:
    rows = answer.values.tolist()
print(json.dumps([list(row) for row in rows]))
"""


def blocks() -> list[tuple[str, str, str]]:
    """The heading, language and code of each block."""
    found, heading = [], ""
    text = (ROOT / "docs/recipes.md").read_text("utf-8")
    for match in re.finditer(r"^## (?P<heading>[^\n]*)$|^```(?P<language>\w+)\n(?P<code>.*?)^```$", text, re.M | re.S):
        heading = match["heading"] or heading
        if match["code"]:
            found.append((heading, match["language"], match["code"]))
    return found


def block(heading: str, index: int = 0) -> str:
    return [code for title, _, code in blocks() if title == heading][index]


def table(name: str) -> list[dict[str, str]]:
    with open(ROOT / f"tables/{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names(name: str, key: str, label: str = "name") -> dict[str, str]:
    return {row[key]: row[label] for row in table(name)}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home in which DuckDB's extension for SQLite lies where DuckDB would put it, and need not be fetched."""
    home = tmp_path_factory.mktemp("recipes") / "home"
    code = "import readers; readers.install_sqlite()"
    result = reader("python", "-c", code, folder=ROOT / "tests", home=home)
    assert result.returncode == 0, result.stderr
    return home


def answer(heading: str, exported: Path, home: Path) -> list[list]:
    result = reader("python", "-c", block(heading) + TELL, folder=exported, home=home)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) > 3, "the recipe shows nothing"
    return json.loads(result.stdout.splitlines()[-1])


def shell(code: str, folder: Path) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", code]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result
    return result.stdout


def test_every_block_is_tested():
    """Those of a further heading, or a further block below one, need a test below."""
    assert [(heading, language) for heading, language, _ in blocks()] == [
        ("See that it arrived whole", "sh"),
        ("DuckDB, on the Parquet files", "python"),
        ("DuckDB, on the database", "python"),
        ("polars", "python"),
        ("pandas", "python"),
        ("Spark", "python"),
        ("JSON from the site", "sh"),
        ("JSON from the site", "sh"),
    ]


def test_whole(exported):
    assert "VALID" in shell(block("See that it arrived whole"), exported)


def suzhou() -> list[list[str]]:
    organizations = names("organizations", "organization_id")
    return sorted(
        [organizations[row["organization_id"]], row["partner_kind"], row["relation"], row["certainty"]]
        for row in table("base_partners")
        if row["offshore_base_id"] == "suzhou"
    )


def test_duckdb_on_parquet(exported, home):
    found = answer("DuckDB, on the Parquet files", exported, home)
    assert found and sorted(found) == suzhou()


def test_duckdb_on_the_database(exported, home):
    types = names("aircraft_types", "aircraft_type_id")
    flights = [row for row in table("patrol_flights") if row["joint_patrol_id"] == "air-9"]
    wanted = {}
    for row in flights:
        groups, most = wanted.get(types[row["aircraft_type_id"]], (0, 0))
        wanted[types[row["aircraft_type_id"]]] = groups + 1, max(most, int(row["aircraft_min"] or 0))
    found = answer("DuckDB, on the database", exported, home)
    assert len(found) > 5 and found == [[name, *wanted[name]] for name in sorted(wanted)]


def test_polars(exported, home):
    rows = [row for row in table("drone_incursions") if len(row["start_date"].rstrip("~")) >= 7]
    count, least = Counter(), Counter()
    for row in rows:
        count[row["start_date"][:7]] += 1
        least[row["start_date"][:7]] += int(row["sorties_min"] or 0)
    found = answer("polars", exported, home)
    assert found and found == [[month, count[month], least[month]] for month in sorted(count)]


def test_pandas(exported, home):
    years = Counter(row["start_date"][:4] for row in table("events") if row["start_date"])
    found = answer("pandas", exported, home)
    assert found and found == [[year, years[year]] for year in sorted(years)]


def test_pandas_reads_every_table_as_declared(exported, home, declared):
    """The recipe's function, on every table: the types are the schemas', no value is lost or changed."""
    code = block("pandas").partition("events = ")[0]
    code += """
import sys
for name in sys.argv[1:]:
    frame = table(name)
    rows = frame.astype(object).where(frame.notna(), None).values.tolist()
    print(json.dumps([name, list(map(str, frame.dtypes)), rows]))
"""
    result = reader("python", "-c", code, *declared.schemas, folder=exported, home=home)
    assert result.returncode == 0, result.stderr
    kinds = {"integer": "Int64", "number": "Float64", "boolean": "boolean"}
    for line in result.stdout.splitlines():
        name, types, rows = json.loads(line)
        fields = declared.schemas[name].fields
        assert types == [kinds.get(field.type, "string") for field in fields]
        for row, cells in zip(rows, table(name), strict=True):
            for field, value, cell in zip(fields, row, cells.values()):
                if field.type in ("integer", "number"):
                    assert value == (float(cell) if cell else None)
                else:
                    assert ("" if value is None else str(value).lower() if field.type == "boolean" else value) == cell


@pytest.fixture(scope="module")
def java() -> None:
    """Java, which Spark runs on: where there is none it is installed in continuous integration, and told elsewhere."""
    if shutil.which("java"):
        return
    if not os.environ.get("CI"):
        pytest.skip("THE RECIPE FOR SPARK WAS NOT RUN: there is no Java on this machine (install a JRE, 17 or later)")
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*root, "apt-get", "-qq", "update"], check=True)
    subprocess.run([*root, "apt-get", "-qq", "-y", "install", "default-jre-headless"], check=True)


def test_spark(exported, home, java, monkeypatch):
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    cited, rows, tables = names("sources", "source_id", "cited_as"), Counter(), {}
    for row in table("citations"):
        rows[row["source_id"]] += 1
        tables.setdefault(row["source_id"], set()).add(row["table_name"])
    wanted = [[cited[source], number, len(tables[source])] for source, number in rows.items()]
    wanted.sort(key=lambda each: (-each[1], each[0]))
    assert answer("Spark", exported, home) == wanted[:10]


def test_json_from_the_site(tmp_path):
    with serving(copied(tmp_path / "served")) as client:
        address = str(client.base_url).rstrip("/")
        first, second = (
            json.loads(shell(block("JSON from the site", index).replace("http://127.0.0.1:8001", address), tmp_path))
            for index in (0, 1)
        )
    columns = ("organization", "partner_kind", "relation", "certainty")
    assert sorted([row[column] for column in columns] for row in first) == suzhou()
    wanted = [(row["start_date"], row["name"]) for row in table("joint_patrols")]
    assert sorted((row["start_date"], row["name"]) for row in second) == sorted(wanted)


def test_the_readers_are_those_of_the_lock():
    """The environment has what the recipes name, so that no test passes by an import from elsewhere."""
    modules = "duckdb, pandas, polars, pyspark"
    code = f"import {modules}; print(all('.readers' in each.__file__ for each in ({modules})))"
    assert subprocess.run([READERS / "python", "-c", code], capture_output=True, text=True).stdout == "True\n"
