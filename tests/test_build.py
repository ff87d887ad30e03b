"""The database: strict, referentially whole, searchable, the same byte for byte, never half."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess

import polars as pl
import pytest
from conftest import ROOT, run

from scripts.check import read_tables
from scripts.database import build
from scripts.dates import derived
from scripts.package import load
from scripts.problem import Broken


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
    assert not (package / "build").exists()


def test_a_folder_that_cannot_be_made(package):
    (package / "build").write_text("a file where the folder should be")
    result = run("build", "--no-check", folder=package)
    assert result.returncode == 2 and "cannot be written" in result.stdout and "Traceback" not in result.stderr


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


def test_only_a_database_file_is_replaced(package, tmp_path):
    """Neither a pipe nor a device: to open one waits for ever, to replace one takes it from the whole machine."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        result = run("build", "--no-check", "--output", tmp_path / name, folder=package)
        assert result.returncode == 2 and "is not a database; it was not overwritten" in result.stdout
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()


def test_a_link_in_the_package_does_not_lead_the_build_out_of_it(package, tmp_path):
    (tmp_path / "outside").mkdir()
    (package / "build").symlink_to(tmp_path / "outside")
    result = run("build", "--no-check", folder=package)
    assert result.returncode == 2 and "leads out of the package" in result.stdout
    assert not list((tmp_path / "outside").iterdir())
    assert run("build", "--no-check", "--output", "build/named.db", folder=package).returncode == 0


@pytest.mark.parametrize("command", ["build", "export"])
def test_what_was_changed_while_it_was_read_is_not_published(package, command):
    """Its parts may be of two states of the package: tables of the one and files, or other tables, of the other."""
    from scripts.export import export

    loaded = load(package)
    tables = read_tables(loaded)
    path = package / "tables/countries.csv"
    path.write_bytes(path.read_bytes().replace(b"Afghanistan", b"Afghanistan!"))
    with pytest.raises(Broken, match="was changed by somebody else meanwhile"):
        (build if command == "build" else export)(loaded, tables, package / "out")
    assert not list(package.glob("*out*")) and not list(package.glob(".*"))


def test_a_database_keeps_its_permissions_and_is_not_replaced_where_it_may_not_be_written(package):
    path = package / "build/prc-reach.db"
    assert run("build", "--no-check", folder=package).returncode == 0
    path.chmod(0o640)
    assert run("build", "--no-check", folder=package).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not shutil.which("localedef"), reason="takes localedef, which makes locales")
def test_it_is_written_in_two_transactions_in_a_turkish_locale_too(tmp_path):
    """Where the small letter of I is no i, Python's sqlite3 knows no INSERT and begins none, and the file counts that."""
    command = ["localedef", "-i", "tr_TR", "-f", "ISO-8859-9", tmp_path / "tr_TR"]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("the source of the locale tr_TR is not there")
    settings = {"LOCPATH": str(tmp_path), "LC_ALL": "tr_TR"}
    assert run("build", "--no-check", "--output", tmp_path / "prc-reach.db", env=settings).returncode == 0
    assert int.from_bytes((tmp_path / "prc-reach.db").read_bytes()[24:28], "big") < 10
