"""`fmt`: whatever disorder a table is in, the canonical form comes back, is said in words, and stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path
from unittest.mock import patch

import pytest
from conftest import ROOT, copied, run
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import canonical
from scripts.canonical import formatted, written
from scripts.package import load
from scripts.text import cleaned

PLACES = "tables/places.csv"
SCHEMA = load(ROOT).schemas["places"]
CELL = st.text(st.sampled_from("aé ,\"'\u00a0\u200b\u200d\u3000北\u0301\t"), max_size=6)
ROWS = st.lists(st.tuples(*[CELL] * len(SCHEMA.names)), max_size=6)


def read(text: str) -> list[list[str]]:
    import csv

    return list(csv.reader(text.splitlines()))


@given(ROWS, st.randoms(use_true_random=False), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(0, 2))
def test_it_is_idempotent_keeps_every_value_and_says_what_it_does(rows, random, end, mark, surplus):
    """Rows of any text, in any order, columns too, with what editors and spreadsheets put round them."""
    rows = [["k", *row[1:]] if not any(map(cleaned, row)) else list(row) for row in rows]  # none is empty
    order = random.sample(range(len(SCHEMA.names)), len(SCHEMA.names))
    shuffled = [[row[index] for index in order] + [""] * surplus for row in [SCHEMA.names, *rows]]
    spoilt = "\ufeff" * mark + end.join(map(written, shuffled)) + random.choice(["", end, end * 3])
    once, done = formatted(spoilt, SCHEMA)
    assert bool(done) == (once != spoilt)
    assert formatted(once, SCHEMA) == (once, [])
    header, *kept = read(once)
    assert header == SCHEMA.names
    assert sorted(kept) == sorted([cleaned(cell) for cell in row] for row in rows)


@given(CELL)
def test_a_cell_keeps_what_is_read(cell):
    clean = cleaned(cell)
    seen = [each for each in unicodedata.normalize("NFC", cell) if each not in " \t\u00a0\u3000\u200b"]
    assert [each for each in clean if each != " "] == [*unicodedata.normalize("NFC", "".join(seen))] or "\u0301" in cell
    assert clean.count("\u200d") == cell.count("\u200d") and cleaned(clean) == clean


DISORDER = [
    (lambda lines: "\r\n".join([*lines, ""]), "137 line ends made LF"),
    (lambda lines: "\n".join(lines), "missing line end added at the end"),
    (lambda lines: "\n".join([*lines, "", "", ""]), "2 blank lines removed"),
    (lambda lines: "\n".join([*lines, "," * 13, ""]), "1 empty row removed"),
    (lambda lines: "\n".join([*lines, "," * 13 + "\u200b", ""]), "1 empty row removed"),
    (lambda lines: "\n".join([f"{line},," for line in lines] + [""]), "{rows} rows freed of empty cells at the end"),
    (lambda lines: "\n".join([lines[0], lines[3], *lines[1:3], *lines[4:], ""]), "1 row sorted"),
    (lambda lines: "\n".join([lines[0], *lines[:0:-1], ""]), "{others} rows sorted"),
    (lambda lines: "\n".join([*lines, ""]).replace("\nafrica,Africa,", '\n"africa","Africa",'), "1 row quoted anew"),
    (lambda lines: "\n".join([*lines, ""]).replace(",Africa,", ", Africa\u00a0,"), "1 stray or odd space mended"),
    (lambda lines: "\n".join([*lines, ""]).replace(",Africa,", ",Af\u200brica,"), "1 invisible character removed"),
    (lambda lines: "\ufeff" + "\n".join([*lines, ""]), "byte-order mark removed"),
]  # fmt: skip


@pytest.mark.parametrize("spoil, words", DISORDER, ids=[each[1] for each in DISORDER])
def test_each_thing_that_it_does_is_said(spoil, words):
    text = (ROOT / PLACES).read_text("utf-8")
    lines = text.splitlines()
    counts = {"rows": len(lines), "others": len(lines) - 2}
    words = words.replace("137", str(len(lines))).format(**counts)
    assert formatted(spoil(lines), SCHEMA) == (text, [words])


def test_a_row_that_is_too_long_is_left_alone_though_its_last_cells_are_empty():
    """A comma that should have been quoted makes it as long, and cutting would shift its cells."""
    header, first, *rest = (ROOT / PLACES).read_text("utf-8").splitlines()
    with pytest.raises(ValueError, match="1 row has too many or too few cells"):
        formatted("\n".join([header, first.replace("Africa", "Africa, all of it"), *rest, ""]), SCHEMA)


def test_the_diff_is_one_that_git_applies_and_changes_nothing_itself(tmp_path):
    package = copied(tmp_path / "package")
    path = package / PLACES
    canonical = path.read_bytes()
    lines = canonical.decode().splitlines()
    path.write_bytes("\r\n".join([lines[0], lines[3], *lines[1:3], *lines[4:]]).encode())
    before = path.read_bytes()
    command = [sys.executable, "-m", "scripts", "fmt", "--diff"]
    result = subprocess.run(command, cwd=package, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert result.returncode == 1 and path.read_bytes() == before
    assert b"1 row sorted (format)" in result.stderr
    subprocess.run(["git", "init", "--quiet"], cwd=package, check=True)
    subprocess.run(["git", "apply", "-"], input=result.stdout, cwd=package, check=True)
    assert path.read_bytes() == canonical


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), min_size=1, max_size=12)


@settings(deadline=None)  # it starts git
@given(LINES, LINES, st.booleans())
def test_the_diff_of_a_large_table_is_one_that_git_applies_too(before, after, end):
    """Where to look for the lines that stayed would take too long, all between the first and the last change is replaced."""
    before = before if end else [*before[:-1], before[-1].strip()]
    with tempfile.TemporaryDirectory() as folder, patch.object(canonical, "_COMPARED", 0):
        (Path(folder) / "t.csv").write_text("".join(before))
        difference = canonical.Form("t.csv", "".join(before), "".join(after), ["changed"]).difference()
        if before != after:
            subprocess.run(["git", "apply", "-"], input=difference, text=True, cwd=folder, check=True)
        assert (Path(folder) / "t.csv").read_text() == "".join(after)


def test_the_diff_of_a_large_table_is_made_in_good_time():
    lines = [f"p-{number * 7919 % 60_013},x\n" for number in range(60_000)]
    form = canonical.Form("t.csv", "".join(lines), "".join(sorted(lines)), ["60,000 rows sorted"])
    start = time.process_time()
    assert form.difference().count("\n") > 100_000 and time.process_time() - start < 10


def test_a_joiner_stays_and_check_tells_it(tmp_path):
    package = copied(tmp_path / "package")
    path = package / PLACES
    path.write_text(path.read_text("utf-8").replace(",Tashkent,", ",Tash\u200ckent,", 1), "utf-8")
    before = path.read_bytes()
    assert run("fmt", "places", folder=package).returncode == 0 and path.read_bytes() == before
    told = run("check", "places", folder=package).stdout
    assert "zero width non-joiner (U+200C) behind 'Tash'; take it out by hand" in told
