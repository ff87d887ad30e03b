"""Each kind of mistake in a table, planted in a copy of the real package: exactly that problem is told."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from pathlib import Path

import pytest
from conftest import problems

from scripts.text import INVISIBLE

BODIES = "tables/sco_bodies.csv"
SOURCES = "tables/sources.csv"


def edit(package: Path, file: str, old: str, new: str) -> None:
    path = package / file
    text = path.read_bytes().decode()
    assert old in text, f"{old!r} is not in {file}"
    path.write_bytes(text.replace(old, new, 1).encode())


def line_of(package: Path, file: str, start: str) -> int:
    return next(
        number
        for number, line in enumerate((package / file).read_text("utf-8").splitlines(), 1)
        if line.startswith(start)
    )


def change_cell(package: Path, table: str, row_id: str, column: str, value: str) -> int:
    """Put `value` into a cell of a table as it would be written by hand; the row's line."""
    import csv
    import io

    path = package / "tables" / f"{table}.csv"
    lines = path.read_text("utf-8").splitlines()
    names = lines[0].split(",")
    number = next(number for number, line in enumerate(lines) if line.startswith(f"{row_id},"))
    cells = next(csv.reader([lines[number]]))
    cells[names.index(column)] = value
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    lines[number] = out.getvalue()
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return number + 1


def told(package: Path, *tables: str) -> list[tuple]:
    return [(each["file"], each["line"], each["column"], each["rule"]) for each in problems(package, *tables)]


CELLS = [
    # table, row, column, value, rule, engines, words in the message or hint
    (
        "sco_bodies",
        "regional-anti-terrorist-structure",
        "seat_place_id",
        "tashkentt",
        "foreign-key",
        2,
        "did you mean 'tashkent'",
    ),
    (
        "sco_bodies",
        "regional-anti-terrorist-structure",
        "seat_place_id",
        "no-such-place-anywhere",
        "foreign-key",
        2,
        "add the row to tables/places.csv first",
    ),
    ("sco_bodies", "regional-anti-terrorist-structure", "status", "operatin", "enum", 2, "did you mean 'operating'"),
    ("sco_bodies", "regional-anti-terrorist-structure", "permanent", "yes", "type", 2, "true or false"),
    (
        "sco_bodies",
        "regional-anti-terrorist-structure",
        "as_of",
        "2023-02-30",
        "pattern",
        2,
        "is not a year, month or day",
    ),
    ("sco_bodies", "regional-anti-terrorist-structure", "as_of", "2023-2", "pattern", 2, "2017-07"),
    (
        "sco_bodies",
        "regional-anti-terrorist-structure",
        "as_of",
        "2023-02-29",
        "pattern",
        2,
        "is not a year, month or day",
    ),
    ("sco_bodies", "regional-anti-terrorist-structure", "locator", "", "required", 2, "is empty"),
    ("sco_bodies", "regional-anti-terrorist-structure", "source_id", "", "required", 2, "is empty"),
    ("sco_bodies", "regional-anti-terrorist-structure", "certainty", "Stated!", "pattern", 2, "did you mean 'stated'?"),
    (
        "sco_bodies",
        "regional-anti-terrorist-structure",
        "seat_country_id",
        "KAZ",
        "seat-in-its-country",
        1,
        "lies in UZB, not in KAZ",
    ),
    ("training_pledges", "china-sco-2022", "people_min", "two thousand", "type", 2, "is not a whole number"),
    ("training_pledges", "china-sco-2022", "people_min", "2000.5", "type", 2, "is not a whole number"),
    ("training_pledges", "china-sco-2022", "people_min", "-5", "minimum", 2, "below the minimum; the least is 0"),
    (
        "training_pledges",
        "china-sco-2022",
        "people_max",
        "1000",
        "people-bounds",
        1,
        "the lower bound 2000 is above the upper bound 1000",
    ),
    ("organizations", "china-coast-guard", "name_zh", "Haijing", "pattern", 2, "write it like "),
    ("countries", "KAZ", "alpha_2", "KK", "codelist", 1, "is not a code of ISO 3166-1 alpha-2"),
    ("countries", "KAZ", "alpha_2", "CN", "unique", 2, "stands on line"),
    ("places", "tashkent", "latitude", "141.3", "maximum", 2, "above the maximum; the most is 90"),
    ("places", "tashkent", "name", "Tashkent ", "stray-space", 0, "run `prc-reach fmt`"),
    ("places", "tashkent", "name", "Tash\u200bkent", "invisible-character", 0, "cannot be seen"),
    ("places", "tashkent", "name", "Tas\u0301hkent", "not-nfc", 0, "normal form C"),
    ("places", "tashkent", "name", "Tash\u202ekent", "invisible-character", 0, "right-to-left override"),
    ("places", "tashkent", "name", "Tash\U000e0101kent", "invisible-character", 0, "cannot be seen"),
    ("places", "tashkent", "name", "T\u0430shkent", "look-alike", 0, "'а' (cyrillic small letter a, U+0430)"),
    ("places", "tashkent", "name", "Town of \u0422\u0430", "look-alike", 0, "which looks Latin and is not"),
    (
        "places",
        "tashkent",
        "name",
        "\u0422\u0430\u0448k\u0435\u043d\u0442",
        "look-alike",
        0,
        "'k' (latin small letter k",
    ),
    ("places", "tashkent", "name", "Tashkent \uff21", "look-alike", 0, "write 'Tashkent A'"),
    ("places", "tashkent", "name", "\ufb01ne", "look-alike", 0, "write 'fine'"),
    ("organizations", "china-coast-guard", "name_zh", "中国o警", "look-alike", 0, "among Han characters"),
    ("organizations", "china-coast-guard", "name_zh", "中国T警", "look-alike", 0, "among Han characters"),
    ("organizations", "china-coast-guard", "name_zh", "中国ニ警", "look-alike", 0, "among Han characters"),
    ("organizations", "china-coast-guard", "name_zh", "\u2f24国警", "look-alike", 0, "write '大国警'"),
    ("places", "tashkent", "name", "TÃ¡shkent", "mojibake", 0, "write 'Táshkent'"),
    ("places", "tashkent", "name", "鍖楁枟", "mojibake", 0, "write '北斗'"),
    ("places", "tashkent", "name", "ÖÐ¹ú", "mojibake", 0, "write '中国'"),
    ("places", "tashkent", "name", "Tash\ufffdent", "mojibake", 0, "from the source"),
    ("places", "tashkent", "name", "=1+1", "formula", 0, "a spreadsheet would compute it"),
    ("places", "tashkent", "name", "@SUM(1)", "formula", 0, "a spreadsheet would compute it"),
    ("places", "tashkent", "name", "-2+3+cmd|' /C calc'!A0", "formula", 0, "a spreadsheet would compute it"),
]


@pytest.mark.parametrize(
    "table, row, column, value, rule, engines, words", CELLS, ids=[f"{cell[0]}.{cell[2]}={cell[3]!r}" for cell in CELLS]
)
def test_a_wrong_cell_is_told_once_with_file_line_row_and_column(
    package, table, row, column, value, rule, engines, words
):
    line = change_cell(package, table, row, column, value)
    found = problems(package, table)
    if rule == "unique":  # told on the later of the two rows
        found = [{**each, "line": line, "row_id": row, "value": value} for each in found]
    assert [(each["file"], each["line"], each["row_id"], each["column"], each["rule"]) for each in found] == [
        (f"tables/{table}.csv", line, row, column, rule)
    ]
    assert words in f"{found[0]['message']}; {found[0]['hint']}"
    assert found[0]["value"] == (value or None)
    assert len(found[0]["found_by"]) == engines


def test_texts_that_only_resemble_a_disguise_pass(package):
    """What people write: names of accounts, units, Latin letters in Chinese names, words of two scripts side by side."""
    texts = "@KTristanTang|長征二號B|5G网络|A股|从GPS切换|Сочи (Sochi)|СССР|Ärzte “É”|10 °C|№ 5|5 µm|β-decay|km²|“=1”|乗り物"
    path = package / "tables/places.csv"
    lines = path.read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("tashkent,"))
    for text in texts.split("|"):
        path.write_text(
            "\n".join([*lines[:at], lines[at].replace(",Tashkent,", f",{text},", 1), *lines[at + 1 :]]) + "\n"
        )
        assert not problems(package, "places"), text


def test_every_format_character_is_invisible():
    """Unicode's category Cf, save the signs of Arabic, Kaithi and Egyptian that are drawn."""
    drawn = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")
    hidden = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in ("Cf", "Cc")]
    seen = [each for each in hidden if not re.match(INVISIBLE, each)]
    assert all(unicodedata.name(each).startswith(drawn) for each in seen), seen


def test_a_duplicate_key(package):
    path = package / BODIES
    first = path.read_text("utf-8").splitlines()[1]
    path.write_text(path.read_text("utf-8") + first + "\n", "utf-8")
    last = len(path.read_text("utf-8").splitlines())
    found = problems(package, "sco_bodies")
    assert [(each["line"], each["rule"], each["row_id"]) for each in found] == [
        (last, "primary-key", first.split(",")[0])
    ]
    assert "is taken by line 2" in found[0]["message"] and len(found[0]["found_by"]) == 2


def test_a_row_under_another_key(package):
    """What `unique` cannot tell: the same fact entered twice, each time with a key of its own."""
    path = package / "tables/training_pledges.csv"
    row = next(line for line in path.read_text("utf-8").splitlines() if line.startswith("china-sco-2022,"))
    path.write_text(path.read_text("utf-8") + row.replace("china-sco-2022,", "zz-pledge,", 1) + "\n", "utf-8")
    (found,) = problems(package, "training_pledges")
    assert (found["column"], found["rule"], found["row_id"]) == ("training_pledge_id", "duplicate-row", "zz-pledge")
    assert "'china-sco-2022' on line" in found["message"]


@pytest.mark.parametrize("key", ["china-sc0-2022", "chinasco-2022"])
def test_a_key_that_is_read_as_another(package, key):
    path = package / "tables/training_pledges.csv"
    row = next(line for line in path.read_text("utf-8").splitlines() if line.startswith("china-sco-2022,"))
    other = row.replace("china-sco-2022,", f"{key},", 1).replace("law-enforcement officers", "officers")
    path.write_text(path.read_text("utf-8") + other + "\n", "utf-8")
    (found,) = problems(package, "training_pledges")
    assert (found["column"], found["rule"], found["row_id"]) == ("training_pledge_id", "look-alike-key", key)


def test_an_empty_key(package):
    start = "regional-anti-terrorist-structure,"
    line = line_of(package, BODIES, start)
    edit(package, BODIES, f"\n{start}", "\n,")
    assert (BODIES, line, "sco_body_id", "required") in told(package, "sco_bodies")
    assert {rule for _, where, _, rule in told(package, "sco_bodies") if where == line} == {"required"}


def test_a_key_with_a_look_alike_is_told_as_that(package):
    edit(package, "tables/training_pledges.csv", "china-sco-2022,", "chin\u0430-sco-2022,")
    (found,) = problems(package, "training_pledges")
    assert (found["column"], found["rule"]) == ("training_pledge_id", "look-alike")
    assert "'а' (cyrillic small letter a, U+0430)" in found["message"]


def test_a_renamed_key_leaves_every_reference_dangling_and_each_is_told(package):
    edit(package, "tables/places.csv", "\ntashkent,", "\ntaschkent,")
    found = problems(package)
    assert {each["rule"] for each in found} <= {"foreign-key", "cites-an-existing-row", "names-an-existing-row"}
    assert all("taschkent" in each["hint"] for each in found if each["rule"] == "foreign-key")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda header: header.replace(",permanent", ""), "lacks the column 'permanent'"),
        (lambda header: header + ",colour", "has the column 'colour', which the schema does not have"),
        (lambda header: header.replace("permanent", "permanant"), "'permanant' where the schema has 'permanent'"),
        (lambda header: header.replace("permanent,status", "status,permanent"), "in another order"),
        (lambda header: header + ",status", "the column 'status' twice"),
    ],
)
def test_a_wrong_header_is_one_problem_on_line_1(package, change, message):
    path = package / BODIES
    lines = path.read_text("utf-8").split("\n")
    path.write_text("\n".join([change(lines[0]), *lines[1:]]), "utf-8")
    found = problems(package)
    assert [(each["file"], each["line"], each["rule"]) for each in found] == [(BODIES, 1, "header")]
    assert message in found[0]["message"]


@pytest.mark.parametrize("ending, cells", [(",", "has 15 cells"), ("", "has 13 cells")])
def test_a_row_with_too_many_or_too_few_cells(package, ending, cells):
    line = line_of(package, BODIES, "regional-anti-terrorist-structure,")
    path = package / BODIES
    lines = path.read_text("utf-8").split("\n")
    lines[line - 1] = lines[line - 1] + "," if ending else "a,b,c,d,e,f,g,h,i,j,k,l,m"
    path.write_text("\n".join(lines), "utf-8")
    found = problems(package, "sco_bodies")
    assert [(each["line"], each["rule"]) for each in found] == [(line, "row-length")]
    assert cells in found[0]["message"] and "14 columns" in found[0]["message"]


@pytest.mark.parametrize("widths", [(-1, 1), (1, -1)], ids=["short then long", "long then short"])
def test_uneven_rows_whose_commas_even_out(package, widths):
    """No quote in the file and as many commas as even rows would have: the reading at once must not be misled."""
    path = package / "tables/isoon_tool_platforms.csv"
    header, first, second, *_ = (
        line.replace('"', "").replace(", ", " ") for line in path.read_text("utf-8").splitlines()
    )
    first, second = (row + "," if width > 0 else row.rsplit(",", 1)[0] for row, width in zip((first, second), widths))
    cut = [row[: row.rindex(",")] if row.count(",") > header.count(",") + 1 else row for row in (first, second)]
    path.write_text("\n".join([header, *cut]) + "\n", "utf-8")
    assert {(line, rule) for _, line, _, rule in told(package, "isoon_tool_platforms")} >= {
        (2, "row-length"),
        (3, "row-length"),
    }


def test_a_blank_line(package):
    edit(package, BODIES, "\nregional-anti", "\n\nregional-anti")
    assert [(rule, column) for _, _, column, rule in told(package, "sco_bodies")] == [("row-length", None)]


def test_windows_line_ends(package):
    path = package / BODIES
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert told(package) == [(BODIES, 1, None, "line-ending")]


def test_a_byte_order_mark(package):
    path = package / BODIES
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert told(package) == [(BODIES, 1, None, "byte-order-mark")]


@pytest.mark.parametrize(
    "spoil, rule",
    [
        (lambda data: data.replace("安洵".encode(), "安洵".encode("gb18030")), "encoding"),
        (lambda data: data.replace(b"Istituto", "Istit\xfcto".encode("latin-1")), "encoding"),
        (lambda data: data.replace("安洵".encode(), "安洵".encode()[:-1]), "encoding"),
        (lambda data: data.replace(b"Istituto", b"Isti\0tuto"), "nul"),
    ],
    ids=["gb18030", "latin-1", "broken utf-8", "nul"],
)
def test_a_file_that_is_no_utf8_text_is_one_problem_on_its_line(package, spoil, rule):
    path = package / "tables/organizations.csv"
    old = path.read_bytes()
    path.write_bytes(spoil(old))
    line = next(
        number for number, (a, b) in enumerate(zip(old.split(b"\n"), path.read_bytes().split(b"\n")), 1) if a != b
    )
    assert told(package) == [("tables/organizations.csv", line, None, rule)]


def test_an_unclosed_quote(package):
    line = change_cell(package, "places", "tashkent", "note", "MARK")
    edit(package, "tables/places.csv", "MARK", '"MARK')
    assert ("tables/places.csv", line, None, "quote") in told(package, "places")


def test_a_quote_inside_a_cell(package):
    line = change_cell(package, "places", "tashkent", "note", "MARK")
    edit(package, "tables/places.csv", "MARK", 'the "old" town')
    found = [each for each in problems(package, "places") if each["rule"] == "quote"]
    assert [each["line"] for each in found] == [line] and "double the quotes" in found[0]["hint"]


def test_an_empty_file(package):
    (package / BODIES).write_text("")
    found = problems(package)
    assert [(each["file"], each["rule"]) for each in found] == [(BODIES, "empty-file")]
    assert "sco_body_id,organization_id" in found[0]["hint"]


def test_a_missing_file(package):
    (package / BODIES).unlink()
    assert [(file, rule) for file, _, _, rule in told(package)] == [(BODIES, "missing-file")]


def test_an_unreadable_table_does_not_make_its_neighbours_wrong(package):
    """Every table refers to sources: without it, one problem is told and not thousands."""
    (package / SOURCES).write_bytes(b"\xff\xfe")
    assert [(file, rule) for file, _, _, rule in told(package)] == [(SOURCES, "encoding")]


def test_a_thousand_equal_problems_are_one_line_with_a_count(package):
    from conftest import run

    path = package / "tables/citations.csv"
    text = path.read_text("utf-8")
    header, *rows = text.splitlines()
    path.write_text("\n".join([header, *(f"{row} " for row in rows)]) + "\n", "utf-8")
    result = run("check", "citations", folder=package)
    assert result.returncode == 1
    quoted = sum(row.endswith('"') for row in rows)  # with a space behind the quote they are another mistake
    assert result.stdout.count("stray-space") == 1 and len(result.stdout.splitlines()) == 4
    assert f"(stray-space; {len(rows) - quoted:,} lines: " in result.stdout
    assert f" and {len(rows) - quoted - 8:,} more)" in result.stdout


@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "in the last row"])
def test_a_line_break_inside_a_quoted_cell_is_one_problem_where_the_cell_opens(package, last):
    path = package / "tables/countries.csv"
    lines = path.read_text("utf-8").splitlines()
    number = len(lines) if last else 5
    lines[number - 1] = lines[number - 1].rsplit(",", 1)[0] + ',"first\nand second, with ""quotes"",\nand third line"'
    path.write_text("\n".join(lines) + "\n", "utf-8")
    assert told(package, "countries") == [("tables/countries.csv", number, None, "quote")]


def test_a_very_long_quoted_cell_is_read(package):
    change_cell(package, "places", "tashkent", "note", "long, " * 30_000 + "end")
    assert told(package, "places") == []


def test_a_row_of_commas_is_told_by_its_empty_key(package):
    path = package / "tables/countries.csv"
    text = path.read_text("utf-8")
    path.write_text(text + "," * text.split("\n")[0].count(",") + "\n", "utf-8")
    last = text.count("\n") + 1
    assert {(line, rule) for _, line, _, rule in told(package, "countries")} == {(last, "required")}


def one_table(folder: Path, fields: dict[str, dict], key: list[str], text: str) -> Path:
    """A package of one table, `things`, in `folder`: its fields by name, its key, and what its file holds."""
    schema = {"title": "Things", "description": "Things.", "primaryKey": key}
    for name in key:
        fields[name].setdefault("constraints", {})["required"] = True
    schema["fields"] = [{"name": name, "description": "A column."} | more for name, more in fields.items()]
    descriptor = {
        "name": "small",
        "title": "Small",
        "description": "Small.",
        "version": "1",
        "licenses": [{"name": "CC0-1.0"}],
    }
    descriptor["resources"] = [{"name": "things", "path": "tables/things.csv", "schema": "schemas/things.json"}]
    for file, content in {"datapackage.json": descriptor, "schemas/things.json": schema}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(content), "utf-8")
    (folder / "tables").mkdir()
    (folder / "tables/things.csv").write_text(text, "utf-8")
    return folder


def test_a_key_of_a_wrong_type_is_no_key_taken_twice(tmp_path):
    fields = {"number": {"type": "integer"}, "day": {"type": "date"}}
    folder = one_table(tmp_path, fields, ["number"], "number,day\none,2024-01-05\n2,2024-01-06\n")
    assert told(folder) == [("tables/things.csv", 2, "number", "type")]
    folder_of_two = one_table(tmp_path / "two", fields, ["number", "day"], "number,day\n1,never\n1,soon\n1,\n")
    assert told(folder_of_two) == [
        ("tables/things.csv", 2, "day", "type"),
        ("tables/things.csv", 3, "day", "type"),
        ("tables/things.csv", 4, "day", "required"),
    ]


def test_a_number_is_held_against_its_bounds_with_all_its_digits(tmp_path):
    """Also where 64 bits, in which it is kept, do not tell it from the bound."""
    fields = {
        "id": {"type": "string"},
        "low": {"type": "number", "constraints": {"minimum": 0.3}},
        "high": {"type": "number", "constraints": {"maximum": 0.1}},
        "listed": {"type": "number", "constraints": {"enum": [9007199254740993, 0.5]}},
    }
    rows = [
        "a,0.3,0.1,9007199254740993",
        "b,0.30000000000000000,1e-1,0.50",
        "c,0.29999999999999999999,0.1,",
        "d,0.3,0.10000000000000000001,",
        "e,0.3,,9007199254740992",
    ]
    folder = one_table(tmp_path, fields, ["id"], "\n".join(["id,low,high,listed", *rows, ""]))
    found = problems(folder)
    assert [(each["line"], each["column"], each["rule"]) for each in found] == [
        (4, "low", "minimum"),
        (5, "high", "maximum"),
        (6, "listed", "enum"),
    ]
    assert all(len(each["found_by"]) == 2 for each in found)


def test_a_table_is_read_as_the_standard_has_it_not_as_frictionless_guesses(tmp_path):
    """Where the descriptor is silent it guesses the encoding from the first 100,000 bytes, which may end within a letter; and more."""
    fields = {"id": {"type": "string"}, "note": {"type": "string"}}
    long = one_table(tmp_path / "long", fields, ["id"], f"id,note\n{'x' * 99_990}中,文\n")
    assert len(f"id,note\n{'x' * 99_990}".encode()) == 99_998
    assert told(long) == []
    single = one_table(tmp_path / "single", {"id": {"type": "string"}}, ["id"], "id\n'x';'y';'z'\n")
    assert told(single) == []


def test_a_number_on_which_frictionless_fails_is_told_with_all_else(tmp_path):
    fields = {
        "id": {"type": "string", "constraints": {"maxLength": 1}},
        "value": {"type": "number", "constraints": {"minimum": 0}},
    }
    folder = one_table(tmp_path, fields, ["id"], "id,value\na,sNaN\nbb,1\n")
    assert told(folder) == [
        ("tables/things.csv", None, None, "frictionless"),
        ("tables/things.csv", 2, "value", "type"),
        ("tables/things.csv", 3, "id", "max-length"),
    ]


def test_an_exponent_without_measure_is_no_number(tmp_path):
    fields = {"id": {"type": "string"}, "value": {"type": "number"}}
    folder = one_table(tmp_path, fields, ["id"], "id,value\na,1e-99999999999999999999\nb,1e-0000000000000000000005\n")
    assert [(each["line"], each["rule"], len(each["found_by"])) for each in problems(folder)] == [(2, "type", 2)]


def test_a_file_that_is_another_is_told_as_one_mistake(package):
    """A million lines that are no rows are not told one by one."""
    path = package / "tables/places.csv"
    path.write_text(path.read_text("utf-8") + "x\n" * 20_000, "utf-8")
    found = problems(package, "places")
    assert len(found) == 10_002 and {each["rule"] for each in found} == {"row-length"}
    assert "so it was read no further" in found[0]["message"]


def test_a_file_of_commas_alone_is_told_as_one_mistake(package):
    """As a spreadsheet saves a sheet of which a far cell was once touched; each empty key told took minutes and 1.7 GB."""
    path = package / "tables/countries.csv"
    commas = "," * path.read_text("utf-8").split("\n")[0].count(",")
    path.write_text(path.read_text("utf-8") + f"{commas}\n" * 20_000, "utf-8")
    assert [(rule, line) for _, line, _, rule in told(package, "countries")] == [("row-length", None)]
