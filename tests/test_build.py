"""The database: strict, referentially whole, searchable, the same byte for byte, never half."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT, run

from scripts.dates import derived


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> sqlite3.Connection:
    path = tmp_path_factory.mktemp("build") / "prc-reach.db"
    assert run("build", "--output", path).returncode == 0
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def test_every_row_is_in_a_strict_table_with_its_keys(database, declared):
    strict = dict(database.execute("SELECT name, strict FROM pragma_table_list"))
    for name, schema in declared.schemas.items():
        rows = len((ROOT / declared.resources[name].path).read_text("utf-8").splitlines()) - 1
        assert database.execute(f"SELECT count(*) FROM {name}").fetchone() == (rows,)
        assert strict[name] == 1
        assert {key[3] for key in database.execute(f"PRAGMA foreign_key_list({name})")} == {
            key.column for key in schema.foreignKeys
        }
        columns = list(database.execute(f"PRAGMA table_info({name})"))
        assert [column[1] for column in sorted(columns, key=lambda c: c[5]) if column[5]] == schema.primaryKey
        assert {column[1] for column in columns if column[3]} == {
            field.name for field in schema.fields if field.constraints.required
        }


def test_it_is_whole(database):
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_every_foreign_key_is_indexed(database, declared):
    for name, schema in declared.schemas.items():
        indexed = {
            row[0]
            for row in database.execute(
                f"SELECT i.name FROM pragma_index_list('{name}') AS l, pragma_index_info(l.name) AS i WHERE i.seqno = 0"
            )
        }
        assert {key.column for key in schema.foreignKeys} <= indexed


def test_partial_dates_of_every_kind():
    dates = pl.DataFrame(
        {"d": ["2024-02", "2023-02~", "2017~", "2016-02-29", "9999-12", "last summer", "01/02/2017", None]}
    )
    assert dates.select(derived("d")).rows() == [
        ("2024-02-01", "2024-02-29", 2024),
        ("2023-02-01", "2023-02-28", 2023),
        ("2017-01-01", "2017-12-31", 2017),
        ("2016-02-29", "2016-02-29", 2016),
        ("9999-12-01", "9999-12-31", 9999),
        *[(None, None, None)] * 3,
    ]


@pytest.mark.parametrize(
    "date, first, last, year",
    [
        ("2023-01-09", "2023-01-09", "2023-01-09", 2023),
        ("2022-09", "2022-09-01", "2022-09-30", 2022),
        ("2017", "2017-01-01", "2017-12-31", 2017),
    ],
)
def test_partial_dates_have_first_and_last_day_and_year(database, date, first, last, year):
    tables = [
        ("publications", "date_updated"),
        ("memberships", "as_of"),
        ("memberships", "start_date"),
        ("events", "start_date"),
    ]
    found = {
        database.execute(f"SELECT {c}_first_day, {c}_last_day, {c}_year FROM {t} WHERE {c} = ?", [date]).fetchone()
        for t, c in tables
    }
    assert (first, last, year) in found


def test_readable_views_show_labels(database):
    row = database.execute(
        "SELECT organization, seat_place, seat_country FROM sco_bodies_readable WHERE sco_body_id = 'regional-anti-terrorist-structure'"
    ).fetchone()
    assert row == ("Regional Anti-Terrorist Structure", "Tashkent", "Uzbekistan")


def test_search_finds_parts_of_chinese_names(database):
    found = database.execute(
        "SELECT o.name FROM organizations_fts AS f JOIN organizations AS o ON o.rowid = f.rowid WHERE organizations_fts MATCH '\"安 洵\"'"
    ).fetchall()
    assert [name for (name,) in found] == ["iS00N Information Technology"]


def test_problems_leave_the_old_database_untouched(package):
    old = package / "build/prc-reach.db"
    old.parent.mkdir()
    old.write_bytes(b"SQLite format 3\0 the old one")
    (package / "tables/sco_bodies.csv").write_text("")
    result = run("build", folder=package)
    assert result.returncode == 1
    assert "is empty" in result.stdout and "nothing was built" in result.stderr
    assert old.read_bytes() == b"SQLite format 3\0 the old one"
    assert os.listdir(old.parent) == ["prc-reach.db"]


def test_a_dangling_key_cannot_be_built_even_unchecked(package):
    path = package / "tables/places.csv"
    path.write_text(path.read_text("utf-8").replace("\ntashkent,", "\ntaschkent,"), "utf-8")
    result = run("build", "--no-check", folder=package)
    assert result.returncode == 2 and "refers to rows of places" in result.stdout
    assert os.listdir(package / "build") == []


def test_a_killed_build_leaves_the_old_database_and_the_next_one_cleans_up(package):
    assert run("build", folder=package).returncode == 0
    database = package / "build/prc-reach.db"
    old = database.read_bytes()
    command = [sys.executable, "-m", "scripts", "build", "--no-check"]
    for _ in range(5):
        process = subprocess.Popen(
            command, cwd=package, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
        )
        while process.poll() is None and not list(database.parent.glob(".*.partial")):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert database.read_bytes() == old
    assert list(database.parent.glob(".*.partial"))
    assert run("build", "--no-check", folder=package).returncode == 0
    assert os.listdir(database.parent) == ["prc-reach.db"]


def test_a_full_disk_is_told_and_leaves_the_old_database(package):
    """A limit on the file's size, which every machine can set, fails a write as a full disk does."""
    assert run("build", folder=package).returncode == 0
    old = (package / "build/prc-reach.db").read_bytes()
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({len(old) // 2}, {len(old) // 2})); from scripts.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", limited, "build"],
        cwd=package,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2, result
    assert "cannot be written" in result.stdout and "Traceback" not in result.stderr
    assert (package / "build/prc-reach.db").read_bytes() == old
    assert os.listdir(package / "build") == ["prc-reach.db"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_really_full_disk(package, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        result = run("build", "--output", disk / "prc-reach.db", folder=package)
        assert result.returncode == 2 and "cannot be written" in result.stdout, result
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_folder_that_cannot_be_made(package):
    (package / "build").write_text("a file where the folder should be")
    result = run("build", "--no-check", folder=package)
    assert result.returncode == 2 and "cannot be written" in result.stdout and "Traceback" not in result.stderr


def test_one_build_does_not_disturb_another(package):
    command = [sys.executable, "-m", "scripts", "build", "--no-check"]
    both = [
        subprocess.Popen(command, cwd=package, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [process.wait() for process in both] == [0, 0]
    assert os.listdir(Path(package, "build")) == ["prc-reach.db"]


@pytest.mark.parametrize("mistake", ["a row twice", "a short row"])
def test_an_unchecked_build_never_drops_a_row(package, mistake):
    path = package / "tables/isoon_services.csv"
    last = path.read_text("utf-8").splitlines()[-1]
    path.write_text(path.read_text("utf-8") + (last if mistake == "a row twice" else "short,row") + "\n", "utf-8")
    result = run("build", "--no-check", folder=package)
    assert result.returncode != 0 and "Traceback" not in result.stderr
    assert not list(package.glob("build/*.db"))


def test_a_build_does_not_overwrite_what_is_no_database(package):
    before = (package / "tables/places.csv").read_bytes()
    result = run("build", "--no-check", "--output", "tables/places.csv", folder=package)
    assert result.returncode == 2 and "is not a database" in result.stdout
    assert (package / "tables/places.csv").read_bytes() == before
