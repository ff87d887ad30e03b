"""`make bench`: speed and memory, measured side by side in one run.

Machines differ and are noisy, so what counts are the ratios: each line's time is the median of
several whole processes, taken in turn with those it is compared with.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import httpx

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
BENCH = ROOT / ".bench/bin"
SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "10000,100000,1000000").split(",")]
ROUNDS = 5
PANDERA_ALONE = "import sys, time; from pathlib import Path; from scripts import frames; from scripts.check import read_tables; from scripts.package import load; tables = read_tables(load(Path(sys.argv[1]))); start = time.perf_counter(); found = frames.problems(tables['events'], tables); assert not found, found[:3]; print(time.perf_counter() - start)"


def measured(command: list, folder: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of one run; a failure ends the benchmark."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen([str(each) for each in command], cwd=folder, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            output.seek(0)
            sys.exit(f"{command} failed:\n{output.read().decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024


def in_turn(
    commands: dict[str, list], folder: Path, rounds: int, before=lambda: None
) -> dict[str, tuple[float, float]]:
    """Median seconds and memory of each command, run in turn after one run that warms the caches."""
    taken: dict[str, list] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            before()
            result = measured(command, folder)
            if turn:
                taken[name].append(result)
    return {name: tuple(map(statistics.median, zip(*runs))) for name, runs in taken.items()}


def show(title: str, results: dict[str, tuple[float, float]], base: str) -> None:
    print(f"\n{title}")
    for name, (seconds, memory) in results.items():
        print(f"  {name:44} {seconds:8.2f} s {memory:8.0f} MB {seconds / results[base][0]:7.2f} times {base}")


def generated(folder: Path, rows: int) -> Path:
    """A package of one table with eight columns, two of them words, and a small table that it refers to."""
    (folder / "schemas").mkdir(parents=True)
    (folder / "tables").mkdir()
    text = {"type": "string", "description": "Text."}
    key = {"constraints": {"required": True, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}}
    fields = [
        {"name": "event_id", **text, **key},
        {"name": "country_id", **text, "constraints": {"pattern": "^[A-Z]{3}$"}},
        {"name": "kind", **text, "constraints": {"enum": ["visit", "call", "summit"]}},
        {"name": "name", **text},
        {"name": "people_min", "type": "integer", "description": "A bound.", "constraints": {"minimum": 0}},
        {"name": "people_max", "type": "integer", "description": "A bound.", "constraints": {"minimum": 0}},
        {"name": "share", "type": "number", "description": "A share.", "constraints": {"minimum": 0, "maximum": 100}},
        {"name": "done", "type": "boolean", "description": "Whether.", "trueValues": ["1"], "falseValues": ["0"]},
    ]
    rule = {"id": "bounds", "check": "people_min <= people_max", "message": "{people_min} is above {people_max}"}
    reference = {"fields": "country_id", "reference": {"resource": "countries", "fields": "country_id"}}
    tables = {
        "countries": {
            "fields": [
                {"name": "country_id", **text, "constraints": {"required": True, "pattern": "^[A-Z]{3}$"}},
                {"name": "name", **text},
            ],
            "primaryKey": "country_id",
        },
        "events": {"fields": fields, "primaryKey": "event_id", "foreignKeys": [reference], "rules": [rule]},
    }
    for name, schema in tables.items():
        (folder / f"schemas/{name}.json").write_text(json.dumps({"title": name, "description": name} | schema))
    resources = [{"name": name, "path": f"tables/{name}.csv", "schema": f"schemas/{name}.json"} for name in tables]
    descriptor = {
        "name": "bench",
        "title": "Bench",
        "description": "Generated.",
        "version": "1",
        "licenses": [{"name": "CC0-1.0"}],
        "resources": resources,
    }
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    codes = ["CHN", "KAZ", "UZB", "RUS"]
    (folder / "tables/countries.csv").write_text(
        "country_id,name\n" + "".join(f"{code},Country {code}\n" for code in codes)
    )
    kinds = ["visit", "call", "summit"]
    with open(folder / "tables/events.csv", "w") as file:
        file.write(",".join(field["name"] for field in fields) + "\n")
        for number in range(rows):
            file.write(
                f"event-{number:07},{codes[number % 4]},{kinds[number % 3]},{kinds[number % 3]} number {number} in {2000 + number % 25},{number % 50},{number % 50 + 3},{number % 100}.5,{number % 2}\n"
            )
    return folder


def same_work(folder: Path, csv: Path) -> list[str]:
    """Commands for the sqlite3 shell that make the same table of `csv`: types, key, index, full-text index."""
    path = folder / "model.db"
    measured([BIN / "prc-reach", "build", "--no-check", "--output", path], folder)
    with sqlite3.connect(path) as database:
        made = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name IN ('events', 'events_fts')"))
    path.unlink()
    index = made["events_country_id"]
    words = made["events_fts"].split("fts5(")[1].split(", tokenize")[0]
    fill = f"INSERT INTO events_fts (rowid, {words}) SELECT rowid, {words} FROM events"
    load = f".import --skip 1 {csv} events"
    settings = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    return [settings, made["events"] + ";", ".mode csv", load, index + ";", made["events_fts"] + ";", fill + ";"]


def edited(folder: Path, table: str) -> Path:
    """A copy of the real package in a repository of its own, in which the last cell of a table's first row was edited since."""
    folder.mkdir()
    for name in ("datapackage.json", "schemas", "tables"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    git = ["git", "-C", folder, "-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "as it was"]):
        subprocess.run([*git, *arguments], check=True)
    path = folder / f"tables/{table}.csv"
    header, first, rest = path.read_text("utf-8").split("\n", 2)
    path.write_text(
        "\n".join([header, f"{first.rpartition(',')[0]},Edited." if first[-1] != '"' else first, rest]), "utf-8"
    )
    return folder


def real_package() -> None:
    check = [BIN / "prc-reach", "check"]
    alone = [BIN / "frictionless", "validate", "datapackage.json"]
    libraries = [sys.executable, "-c", "import frictionless, pandera.polars, polars, pydantic, typer"]
    with tempfile.TemporaryDirectory() as parent:
        few, most = (edited(Path(parent) / table, table) for table in ("legal_provisions", "sources"))
        results = in_turn(
            {
                "frictionless alone": alone,
                "importing the libraries": libraries,
                "prc-reach check": check,
                "prc-reach check --changed, few refer to it": [*check, "--changed", "--package", few],
                "prc-reach check --changed, most refer to it": [*check, "--changed", "--package", most],
            },
            ROOT,
            ROUNDS,
        )
    title = "The real package, from saving to the verdict: both engines and all rules"
    show(f"{title} (aim: 1.3 times frictionless alone)", results, "frictionless alone")
    show(f"{title} (aim: 1.5 times)", results, "importing the libraries")


def of_size(rows: int) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = generated(Path(parent) / "package", rows)
        csv, size = folder / "tables/events.csv", (folder / "tables/events.csv").stat().st_size / 1e6
        output = Path(parent) / "out.db"
        commands = {"prc-reach build": [BIN / "prc-reach", "build", "--no-check", "--output", output]}
        shell = shutil.which("sqlite3")
        if shell:
            commands["sqlite3 .import"] = [shell, output, *same_work(folder, csv)]
            commands["sqlite3 .import, no types, keys, indexes"] = [shell, output, ".mode csv", f".import {csv} events"]
        commands["sqlite-utils insert"] = [BENCH / "sqlite-utils", "insert", output, "events", csv, "--csv"]
        commands["csvs-to-sqlite"] = [BENCH / "csvs-to-sqlite", csv, output]
        rounds = 1 if rows >= 1_000_000 else 3
        results = in_turn(commands, folder, rounds, lambda: output.unlink(missing_ok=True))
        base = "sqlite3 .import" if shell else "prc-reach build"
        show(
            f"{rows:,} rows, {size:.1f} MB (aim: build within 2 times .import, 5 times faster than sqlite-utils)",
            results,
            base,
        )
        alone = subprocess.run(
            [sys.executable, "-c", PANDERA_ALONE, folder], cwd=ROOT, capture_output=True, text=True, check=True
        )
        print(f"  {'pandera pass alone, tables read':44} {float(alone.stdout):8.2f} s")
    if not shell:
        print("  the sqlite3 shell is not installed: no .import to compare with (apt-get install sqlite3)")


READERS = 10
PAGES = (
    "/",
    "/prc-reach",
    "/prc-reach/events",
    "/prc-reach/events_readable",
    "/prc-reach/organizations?_search=china",
    "/prc-reach/places/tashkent",
    "/prc-reach/places.json",
    "/prc-reach?sql=SELECT+*+FROM+places+LIMIT+20",
)


def pages() -> None:
    """The site's pages against plain Datasette's of the same file, in turn, for ten readers at once."""
    with tempfile.TemporaryDirectory() as parent:
        export = Path(parent) / "dist"
        measured([BIN / "prc-reach", "export", "--output", export], ROOT)
        commands = {
            "ours": [BIN / "prc-reach", "serve", "--exported", "--output", export, "--port", "0"],
            "plain": [BIN / "datasette", "--immutable", export / "prc-reach.db", "--port", "0"],
        }
        with ExitStack() as stack:
            addresses = {name: stack.enter_context(served(command)) for name, command in commands.items()}
            print(f"\nPages for {READERS} readers at once, milliseconds an answer (aim: 1.5 times plain datasette)")
            for page in PAGES:
                taken: dict[str, list[float]] = {"ours": [], "plain": []}
                for turn in range(ROUNDS + 1):
                    for name, address in addresses.items():
                        times = asyncio.run(read_at_once(address + page))
                        taken[name] += times if turn else []
                ours, plain = (statistics.median(taken[name]) * 1000 for name in ("ours", "plain"))
                worst = statistics.quantiles(taken["ours"], n=20)[-1] * 1000
                print(
                    f"  {page:48} ours {ours:7.1f} (p95 {worst:7.1f})  plain {plain:7.1f}  {ours / plain:5.2f} times plain"
                )


async def read_at_once(address: str) -> list[float]:
    """Seconds that each of many readers waits for the page, all of them at the same time."""
    async with httpx.AsyncClient(timeout=60) as client:

        async def one() -> float:
            start = time.perf_counter()
            (await client.get(address)).raise_for_status()
            return time.perf_counter() - start

        return await asyncio.gather(*(one() for _ in range(READERS)))


@contextmanager
def served(command: list) -> Iterator[str]:
    """The address at which the command serves, until the context ends."""
    line = [str(each) for each in command]
    process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for told in process.stdout:
            if address := re.search(r"http://127\.0\.0\.1:\d+", told):
                break
        else:
            sys.exit(f"{line} did not serve")
        Thread(target=process.stdout.read, daemon=True).start()  # so that its log never blocks it
        yield address[0]
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    real_package()
    pages()
    for size in SIZES:
        of_size(size)
