"""Inputs made to take endless time or memory, or to lead astray: each is laid in a case's folder and read by commands."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from small import as_csv

CHECK, FMT, BUILD, EXPORT, SERVE, DIFF = (
    ["check"],
    ["fmt", "--check"],
    ["build"],
    ["export"],
    ["serve", "--port", "0"],
    ["diff", "main"],
)
UNCHECKED, PATCH, SHOW = ["build", "--no-check"], ["fmt", "--diff"], ["show", "events", "visit-1"]
NEW = ["new", "places", "name=Somewhere", "place_id=somewhere"]
XLSX, CSV = ["import", "../spreadsheets/rows.xlsx"], ["import", "../spreadsheets/events.csv"]


@dataclass
class Bomb:
    """What is laid in a case's folder, the commands that then read it, and what each must refuse it with, if it is to be refused."""

    name: str
    lay: Callable[[Path], object]
    commands: list[list[str]]
    said: str | None = None
    seconds: float = 20


def _write(path: str, content: str | bytes) -> Callable[[Path], object]:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return lambda home: (home / path).write_bytes(data)


def _json(path: str, change: Callable[[dict], object]) -> Callable[[Path], None]:
    """Change the content of a JSON file of the package."""

    def lay(home: Path) -> None:
        file = home / "package" / path
        content = json.loads(file.read_text("utf-8"))
        change(content)
        file.write_text(json.dumps(content), "utf-8")

    return lay


def _settings(text: str) -> Callable[[Path], object]:
    return _write("package/metadata.yml", text)


def _question(sql: str) -> Callable[[Path], object]:
    return _settings(yaml.safe_dump({"databases": {"small": {"queries": {"q": {"sql": sql}}}}}))


def _rule(**rule: str) -> Callable[[Path], None]:
    """Give `events` one rule more."""
    return _json("schemas/events.json", lambda schema: schema["rules"].append({"id": "bomb", "message": "boom"} | rule))


def _pattern(pattern: str, name: str = "locator", cell: str | None = None) -> Callable[[Path], None]:
    """Give a column of events the pattern, its first cell a text, and the row to import too."""

    def change(schema: dict) -> None:
        next(each for each in schema["fields"] if each["name"] == name)["constraints"] = {"pattern": pattern}

    def lay(home: Path) -> None:
        _json("schemas/events.json", change)(home)
        for file in (home / "package/tables/events.csv", home / "spreadsheets/events.csv") if cell else ():
            rows = list(csv.reader(io.StringIO(file.read_text("utf-8"))))
            rows[-1][rows[0].index(name)] = cell
            file.write_bytes(as_csv(rows))

    return lay


def _table(make: Callable[[list[str]], str], name: str = "places") -> Callable[[Path], None]:
    """Write a table's file anew: `make` gets its lines."""

    def lay(home: Path) -> None:
        file = home / f"package/tables/{name}.csv"
        file.write_text(make(file.read_text("utf-8").splitlines()), "utf-8")

    return lay


def _tables(declare: Callable[[int], dict], number: int) -> Callable[[Path], None]:
    """A package of so many tables t0, t1 … without rows, whose schemas are as `declare` makes them."""

    def lay(home: Path) -> None:
        resources = []
        for each in range(number):
            schema = {"title": "T", "description": "T.", "primaryKey": "id", "fields": [_field("id")]} | declare(each)
            (home / f"package/schemas/t{each}.json").write_text(json.dumps(schema))
            header = ",".join(field["name"] for field in schema["fields"])
            (home / f"package/tables/t{each}.csv").write_text(f"{header}\n")
            resources.append({"name": f"t{each}", "path": f"tables/t{each}.csv", "schema": f"schemas/t{each}.json"})
        _json("datapackage.json", lambda content: content["resources"].extend(resources))(home)

    return lay


def _field(name: str, **more) -> dict:
    constraints = {"constraints": {"required": True}} if name == "id" else {}
    return {"name": name, "type": "string", "description": "D."} | constraints | more


def _to_next(number: int, last: int, keys: int) -> dict:
    """A schema with keys of the next table's, which label its rows."""
    names = [f"to_{each}_{number}" for each in range(keys)] if number < last else []
    reference = {"resource": f"t{number + 1}", "fields": "id"}
    found = {
        "fields": [_field(name) for name in ("id", *names)],
        "foreignKeys": [{"fields": name, "reference": reference} for name in names],
    }
    return found | ({"label": names} if names else {})


def _circles(number: int, size: int) -> dict:
    """A schema that refers to every table."""
    names = [f"to_{each}" for each in range(size)]
    keys = [{"fields": f"to_{each}", "reference": {"resource": f"t{each}", "fields": "id"}} for each in range(size)]
    return {"fields": [_field(name) for name in ("id", *names)], "foreignKeys": keys}


def _workbook(parts: dict[str, Callable[[str], str]]) -> Callable[[Path], None]:
    """Change parts of the workbook to import."""

    def lay(home: Path) -> None:
        file = home / "spreadsheets/rows.xlsx"
        with zipfile.ZipFile(file) as archive:
            content = {each: archive.read(each).decode() for each in archive.namelist()}
        for part, change in parts.items():
            content[part] = change(content.get(part, ""))
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, text in content.items():
                archive.writestr(part, text)

    return lay


_SHEET = "xl/worksheets/sheet1.xml"


def _rows(rows: str) -> Callable[[Path], None]:
    return _workbook({_SHEET: lambda text: text.replace("</sheetData>", f"{rows}</sheetData>")})


def _laughs(levels: int, width: int, first: str) -> str:
    """Entities, each of so many of the one before."""
    entities = [f'<!ENTITY e0 "{first}">'] + [
        f'<!ENTITY e{level} "{f"&e{level - 1};" * width}">' for level in range(1, levels)
    ]
    return f"<!DOCTYPE worksheet [{''.join(entities)}]>"


def _with_entities(entities: str, text: str) -> Callable[[str], str]:
    """Put the entities before a sheet, and a text made of them into its first cell."""
    return lambda sheet: entities + sheet.replace("place_id", text, 1)


def _zip_of(path: str, size: int) -> Callable[[Path], None]:
    """A base.zip of the package in which the file at `path` unpacks to so many bytes of nothing but lines."""

    def lay(home: Path) -> None:
        with zipfile.ZipFile(home / "base.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for each in ("datapackage.json", "schemas/places.json", path):
                if each != path:
                    archive.write(home / "package" / each, each)
            with archive.open(path, "w", force_zip64=True) as member:
                for _ in range(size // 10**6):
                    member.write(b"a,\n" * (10**6 // 3))

    return lay


def _spoilt_member(home: Path) -> None:
    """A base.zip whose first file's compressed bytes are none."""
    with zipfile.ZipFile(home / "base.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(home / "package/datapackage.json", "datapackage.json")
        start = archive.infolist()[0].header_offset + 30 + len("datapackage.json")
    data = bytearray((home / "base.zip").read_bytes())
    data[start : start + 40] = b"\xff" * 40
    (home / "base.zip").write_bytes(data)


def _instead(path: str, put: Callable[[Path], object]) -> Callable[[Path], None]:
    """Put something else in the place of what is at `path`."""

    def lay(home: Path) -> None:
        place = home / path
        if place.exists():
            place.rename(home / "aside")
        place.parent.mkdir(parents=True, exist_ok=True)
        put(place)

    return lay


def _all(*lays: Callable[[Path], object]) -> Callable[[Path], None]:
    def lay(home: Path) -> None:
        for each in lays:
            each(home)

    return lay


def _link(aim: str) -> Callable[[Path], object]:
    return lambda place: place.symlink_to(aim)


_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
_KEYS = "".join(f"somewhere-{number * 7919 % 99991:05},Name,XXX,1,1\n" for number in range(30_000))
_LEVELS = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)]

BOMBS = [
    Bomb("yaml aliases", _settings("a0: &a0 [x, x]\n" + "".join(_LEVELS)), [CHECK, SERVE], "yaml"),
    Bomb("yaml aliases where anything may stand", _settings("a: &a0 {x: 1}\nplugins:\n" + "".join(f"  {level}" for level in _LEVELS)), [CHECK, SERVE], "yaml"),
    Bomb("yaml that holds itself", _settings("plugins: &a {b: *a, c: [*a]}\n"), [CHECK, SERVE], "yaml"),
    Bomb("yaml merges", _settings("a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12))), [CHECK], "yaml"),
    Bomb("deep yaml", _settings("plugins: " + "[" * 50_000), [CHECK, SERVE], "yaml"),
    Bomb("deep yaml in blocks", _settings("plugins:\n" + "".join(" " * n + "a:\n" for n in range(1, 1200))), [CHECK, SERVE], "yaml"),
    Bomb("deep yaml that is whole", _settings("plugins: {a: " + "[" * 150 + "]" * 150 + "}"), [CHECK, BUILD, SERVE]),
    Bomb("much yaml", _settings("searches:\n" + "- word\n" * 2_000_000), [CHECK, SERVE], "yaml|metadata"),
    Bomb("yaml with a list as a key", _settings("plugins: {[a]: b}\n"), [CHECK, SERVE], "yaml"),
    Bomb("yaml with tags", _settings("plugins: {a: !!bool x, b: !!int '', c: !!timestamp x}\n"), [CHECK, SERVE], "yaml"),
    Bomb("deep json", _write("package/datapackage.json", "[" * 100_000), [CHECK, BUILD], "json"),
    Bomb("deep json that is whole", _json("schemas/events.json", lambda each: each.update(x=json.loads("[" * 400 + "]" * 400))), [CHECK, FMT], "declaration|json"),
    Bomb("deeper json that is whole", _write("package/schemas/events.json", '{"x": ' + "[" * 960 + "]" * 960 + "}"), [CHECK, FMT], "json"),
    Bomb("json with many wrong keys", _json("schemas/events.json", lambda each: each.update({f"k{n}": n for n in range(20_000)})), [CHECK], "declaration"),
    Bomb("json with many wrong values", _json("datapackage.json", lambda each: each.update(keywords=list(range(20_000)))), [CHECK], "declaration"),
    Bomb("json with many keys and one twice", _write("package/datapackage.json", "{" + ",".join(f'"k{n}": 1' for n in [*range(100_000), 99_999]) + "}"), [CHECK], "json"),
    Bomb("json with a number of 5,000 digits", _write("package/datapackage.json", '{"name": ' + "9" * 5000 + "}"), [CHECK, DIFF]),
    Bomb("json with a giant text", _json("schemas/events.json", lambda each: each.update(title="t" * 20_000_000)), [CHECK, BUILD, SHOW]),
    Bomb("json with a giant wrong text", _json("schemas/events.json", lambda each: each.update(primaryKey="t" * 20_000_000, domain="d" * 10**6)), [CHECK], "declaration"),
    Bomb("a header of a million columns", _table(lambda lines: ",".join(f"c{n}" for n in range(10**6)) + "\n"), [CHECK, FMT, PATCH, DIFF, NEW]),
    Bomb("a header of a million columns beside the right ones", _table(lambda lines: lines[0] + "".join(f",c{n}" for n in range(10**6)) + "\n"), [CHECK, FMT], "header|format"),
    Bomb("a header of many columns like the right ones", _table(lambda lines: ",".join(f"place_{n}" for n in range(10**5)) + ",name\n"), [CHECK], "header"),
    Bomb("a row of a million cells", _table(lambda lines: "\n".join([*lines, "x," * 10**6]) + "\n"), [CHECK, FMT, DIFF]),
    Bomb("a million blank lines", _table(lambda lines: "\n".join(lines) + "\n" * 10**6), [CHECK, FMT, PATCH, DIFF]),
    Bomb("a million short lines", _table(lambda lines: "\n".join(lines) + "\n" + "x\n" * 10**6), [CHECK, FMT, DIFF]),
    Bomb("a million lines of nothing", _table(lambda lines: "\n".join(lines) + "\n" + ",,,,\n" * 10**6), [CHECK, FMT]),
    Bomb("half a million good lines in disorder", _table(lambda lines: lines[0] + "\n" + "".join(f"p-{n * 7919 % 500_009},Name,KAZ,1,1\n" for n in range(500_000))), [PATCH], seconds=60),
    Bomb("a giant cell", _table(lambda lines: "\n".join([*lines, f"x,{'y' * 20_000_000},KAZ,1,1"]) + "\n"), [CHECK, FMT, DIFF, UNCHECKED, NEW]),
    Bomb("a giant cell in a number", _table(lambda lines: "\n".join([*lines, f"x,y,KAZ,{'1' * 20_000_000},1"]) + "\n"), [CHECK]),
    Bomb("a giant cell in a date", _table(lambda lines: "\n".join([*lines, f"x,y,,,{'1' * 5000}"]) + "\n", "sources"), [CHECK], "pattern"),
    Bomb("a giant key", _table(lambda lines: "\n".join([*lines, f"{'y' * 5_000_000},y,{'K' * 5_000_000},1,1"]) + "\n"), [CHECK], "pattern"),
    Bomb("giant keys that are alike", _all(*(_table(lambda lines, end=end, row=row: "\n".join([*lines, row.replace("KEY", "ab" * 50_000 + end)]) + "\n", name) for name, end, row in (("places", "x", "KEY,y,KAZ,1,1"), ("event_places", "y", "visit-1,KEY,drill")))), [CHECK, ["show", "places", "a" * 50_000]]),
    Bomb("a million quotes", _table(lambda lines: "\n".join([*lines, '"' * 1_000_001]) + "\n"), [CHECK, FMT, DIFF]),
    Bomb("a quote that is never closed", _table(lambda lines: lines[0] + '\n"x' + "\ny,y,KAZ,1,1" * 500_000 + "\n"), [CHECK, FMT, DIFF]),
    Bomb("quotes in a million lines", _table(lambda lines: "\n".join(lines) + "\n" + '"x" y,"\n' * 300_000), [CHECK, FMT]),
    Bomb("thirty thousand wrong keys", _table(lambda lines: "\n".join(lines) + "\n" + _KEYS), [CHECK, ["check", "-f", "json"]]),
    Bomb("a rule broken by many rows", _all(_rule(select="SELECT event_id FROM events, (SELECT 1 FROM places, places, places, places, places, places)"), _table(lambda lines: "\n".join(lines) + "\n" + "".join(f"p-{n},N,KAZ,1,1\n" for n in range(50)))), [CHECK], seconds=60),
    Bomb("a rule that never ends", _rule(select=_ENDLESS + "SELECT event_id FROM events WHERE (SELECT max(x) FROM c) > 0"), [CHECK], "declaration", 60),
    Bomb("a rule that looks for one giant text in another", _all(_rule(select="SELECT event_id FROM events WHERE instr(note, substr(note, 1, length(note) / 2) || 'b')"), _table(lambda lines: "\n".join(lines[:-1]) + "\n" + lines[-1].replace("1+1=2", "a" * 3_000_000) + "\n", "events")), [CHECK, BUILD], "does not end", 40),
    Bomb("a rule with endless rows", _rule(select=_ENDLESS + "SELECT x AS event_id FROM c"), [CHECK, BUILD], "declaration", 60),
    Bomb("a rule with an endless set", _rule(select="WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c) SELECT count(*) AS event_id FROM c"), [CHECK], "declaration", 60),
    Bomb("a rule with endless sorting", _rule(select=_ENDLESS + "SELECT x AS event_id FROM c ORDER BY x DESC"), [CHECK], "declaration", 60),
    Bomb("a rule with a giant value", _rule(select="SELECT hex(zeroblob(900000000)) AS event_id"), [CHECK], "declaration"),
    Bomb("a rule with many large values", _rule(select=_ENDLESS + "SELECT hex(zeroblob(1000000)) AS event_id FROM c"), [CHECK], "declaration", 60),
    Bomb("a rule that attaches", _rule(select="ATTACH '../outside/x.db' AS x"), [CHECK], "declaration"),
    Bomb("a rule behind a rule", _rule(select="SELECT event_id FROM events) ; ATTACH '../outside/x.db' AS x; --"), [CHECK], "declaration"),
    Bomb("a rule that asks for settings", _rule(select="SELECT event_id, (SELECT 1 FROM pragma_writable_schema) FROM events"), [CHECK], "declaration"),
    Bomb("a rule that loads a program", _rule(select="SELECT load_extension('../outside/x') AS event_id"), [CHECK], "declaration"),
    Bomb("a rule of parameters", _rule(select="SELECT :a AS event_id, ?2"), [CHECK], "declaration"),
    Bomb("a deep rule", _rule(select=f"SELECT {'(' * 5000}1{')' * 5000} AS event_id"), [CHECK], "declaration"),
    Bomb("a rule of many joins", _rule(select="SELECT a0.event_id FROM " + ", ".join(f"events AS a{n}" for n in range(60))), [CHECK], seconds=60),
    Bomb("a deep row rule", _rule(check=f"{'(' * 5000}name = 'x'{')' * 5000}"), [CHECK], "declaration"),
    Bomb("a long row rule", _rule(check=" AND ".join(["name <> 'x'"] * 20_000)), [CHECK], "declaration"),
    Bomb("a row rule that makes much", _rule(check="length(rpad(name, 4000000000, 'x')) > 0"), [CHECK], "declaration"),
    Bomb("a row rule that reads files", _rule(check="name IN (SELECT * FROM read_csv('../outside/secret'))"), [CHECK], "declaration"),
    Bomb("a question that never ends", _question(_ENDLESS + "SELECT count(*) FROM c"), [CHECK, SERVE]),
    Bomb("a question that is gathered first", _question("WITH RECURSIVE c(x) AS MATERIALIZED (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM c, c AS d"), [CHECK]),
    Bomb("a question that sorts first", _question(_ENDLESS + "SELECT * FROM (SELECT * FROM c ORDER BY x) UNION SELECT 1"), [CHECK]),
    Bomb("a question that attaches", _question("ATTACH '../outside/x.db' AS x"), [CHECK, SERVE], "declaration"),
    Bomb("a pattern that tries all ways", _all(_pattern("^(a+)+$", cell="a" * 60 + "!"), _table(lambda lines: "\n".join(lines[:1]) + "\n", "events")), [["import", "../spreadsheets/events.csv"]], "endless|pattern", 45),
    Bomb("a deep pattern", _pattern("^" + "(" * 3000 + "a" + ")" * 3000 + "$"), [CHECK], "declaration"),
    Bomb("a pattern of a large machine", _pattern("^((((a{1,999}){1,999}){1,999}){1,999})$"), [CHECK], "declaration"),
    Bomb("a pattern that repeats too often", _pattern("^a{99999999999999999999}$"), [CHECK], "declaration"),
    Bomb("a pattern that Python warns of", _pattern("^[[a]$"), [CHECK]),
    Bomb("a pattern of many letters", _pattern("^" + "(a|b)" * 50_000 + "$"), [CHECK]),
    Bomb("labels of labels", _tables(lambda n: _to_next(n, 24, 2), 25), [CHECK, SHOW, UNCHECKED], "declaration"),
    Bomb("a long chain of labels", _tables(lambda n: _to_next(n, 119, 1), 120), [CHECK, UNCHECKED], "declaration"),
    Bomb("tables in circles", _tables(lambda n: _circles(n, 12), 12), [CHECK, UNCHECKED]),
    Bomb("a long chain of keys", _tables(lambda n: {key: value for key, value in _to_next(n, 1199, 1).items() if key != "label"}, 1200), [CHECK], seconds=60),
    Bomb("too many columns", _tables(lambda n: {"fields": [_field(name) for name in ("id", *(f"c{each}" for each in range(3000)))]}, 1), [CHECK, SHOW, BUILD], "declaration"),
    Bomb("too many columns in the label", _tables(lambda n: {"fields": [_field(name) for name in ("id", *(f"c{each}" for each in range(1500)))], "label": [f"c{each}" for each in range(1500)]}, 1), [CHECK, UNCHECKED]),
    Bomb("a path that is too long", _json("datapackage.json", lambda each: each["resources"][0].update(path="tables/" + "a" * 300 + ".csv")), [CHECK, FMT, DIFF, EXPORT, NEW]),
    Bomb("a path of many folders", _json("datapackage.json", lambda each: each["resources"][0].update(path="a/" * 3000 + "b.csv")), [CHECK, FMT, DIFF, NEW]),
    Bomb("a path with stars", _json("datapackage.json", lambda each: each["resources"][0].update(path="tables/certainty_levels.**")), [CHECK, DIFF]),
    Bomb("a path with a range", _json("datapackage.json", lambda each: each["resources"][0].update(path="tab[les/certainty_levels.[c")), [CHECK, DIFF]),
    *(Bomb(f"a path to {path[:16]!r}", _json("datapackage.json", lambda each, path=path: each["resources"][0].update(path=path)), [CHECK, FMT, BUILD, EXPORT], "unsafe-path|cannot be seen")
      for path in ("../outside/file.csv", "/etc/passwd", "C:\\x.csv", "https://example.org/x.csv", "a.zip/../../../outside/secret", "tables/../../outside/secret", "\\\\host\\x", "x\0y")),
    Bomb("a table that is where the descriptor is", _json("datapackage.json", lambda each: each["resources"][0].update(path="datapackage.json")), [CHECK, FMT, EXPORT]),
    Bomb("a link out of the package", _instead("package/tables/places.csv", _link("../../outside/file.csv")), [CHECK, FMT, ["fmt"], NEW, EXPORT], "unsafe-path"),
    Bomb("folders that lead out", _instead("package/tables", _link("../outside")), [CHECK, ["fmt"], NEW, EXPORT], "unsafe-path"),
    Bomb("a link to itself", _instead("package/tables/places.csv", _link("places.csv")), [CHECK, FMT, DIFF, EXPORT]),
    Bomb("a link to an endless device", _instead("package/metadata.yml", _link("/dev/zero")), [CHECK, SERVE], "unreadable-file"),
    Bomb("an import from an endless device", _instead("spreadsheets/events.csv", _link("/dev/zero")), [CSV], "unreadable-file"),
    Bomb("an import from a pipe", _instead("spreadsheets/rows.xlsx", os.mkfifo), [XLSX], "unreadable-file"),
    *(Bomb(f"a pipe as {path}", _instead(f"package/{path}", os.mkfifo), commands, "unreadable-file|read|output|folder|nothing")
      for path, commands in (("tables/places.csv", [CHECK, FMT, PATCH, DIFF, NEW]), ("schemas/places.json", [CHECK, DIFF]), ("datapackage.json", [CHECK, DIFF]), ("build/small.db", [BUILD]), ("dist", [EXPORT]))),
    Bomb("a pipe to compare with", lambda home: os.mkfifo(home / "base"), [["diff", "../base"], ["check", "--changed", "../base"]], "unknown-base"),
    Bomb("a pipe in the way of an export", _all(_instead("package/dist/datapackage.json", os.mkfifo), _instead("package/dist/SHA256SUMS", os.mkfifo)), [EXPORT], "output"),
    Bomb("folders in the way of an export", _all(_instead("package/dist/datapackage.json", os.mkdir), _instead("package/dist/SHA256SUMS", os.mkdir)), [EXPORT]),
    Bomb("deep json in the way of an export", lambda home: ((home / "package/dist").mkdir(), (home / "package/dist/datapackage.json").write_text("[" * 100_000)), [EXPORT]),
    Bomb("a build that leads out", _instead("package/build", _link("../outside")), [BUILD], "output"),
    Bomb("an export that leads out", _instead("package/dist", _link("../outside/new")), [EXPORT], "output"),
    Bomb("the descriptor is a folder", _instead("package/datapackage.json", os.mkdir), [CHECK, FMT, DIFF, EXPORT]),
    Bomb("a zip that unpacks to a giant", _zip_of("tables/places.csv", 1_000_000_000), [["diff", "../base.zip"]], seconds=30),
    Bomb("a zip with a giant descriptor", _zip_of("datapackage.json", 1_000_000_000), [["diff", "../base.zip"]]),
    Bomb("a zip that is spoilt", _spoilt_member, [["diff", "../base.zip"]], "unknown-base"),
    Bomb("a workbook that unpacks to a giant", _rows("<row><c><v>1</v></c></row>" * 12_000_000), [XLSX], "unreadable-file", 30),
    Bomb("a workbook of entities in entities", _workbook({_SHEET: _with_entities(_laughs(12, 10, "ha"), "&e11;")}), [XLSX], "unreadable-file"),
    Bomb("a workbook of one large entity", _workbook({_SHEET: _with_entities(_laughs(1, 1, "x" * 100_000), "&e0;" * 50_000)}), [XLSX], "unreadable-file"),
    Bomb("a workbook with a row far below", _rows('<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'), [XLSX], "unreadable-file"),
    Bomb("a workbook with wide rows", _rows('<row><c r="XFD1"><v>1</v></c></row>' * 5_000), [XLSX], "unreadable-file"),
    Bomb("a workbook with a column far right", _rows('<row r="9"><c r="ZZZZZZ9"><v>1</v></c></row>'), [XLSX], "unreadable-file"),
    Bomb("a workbook with a number that is none", _rows('<row r="9"><c r="A9" t="inlineStr"><is><t>fresh</t></is></c><c r="D9"><v>1e999</v></c></row>'), [XLSX], "import|spreadsheet"),
    Bomb("a workbook with many merged cells", _workbook({_SHEET: lambda text: text.replace("</sheetData>", '</sheetData><mergeCells count="1">' + '<mergeCell ref="A1:B2"/>' * 100_000 + "</mergeCells>")}), [XLSX], "merged-cells"),
    Bomb("a workbook with a large style", _workbook({"xl/styles.xml": lambda text: text.replace("</fonts>", "<font><sz val='1'/></font>" * 1_000_000 + "</fonts>")}), [XLSX]),
    Bomb("a CSV file of a million columns", _write("spreadsheets/events.csv", "c," * 10**6 + "c\n" + "1," * 10**6 + "1\n"), [CSV], "unreadable-file"),
    Bomb("a CSV file of a million columns in a row", _write("spreadsheets/events.csv", "event_id,name\n" + "1," * 10**6 + "1\n"), [CSV], "unreadable-file"),
    Bomb("a CSV file of a million lines", _write("spreadsheets/events.csv", "event_id,name\n" + "x,\n" * 10**6), [CSV]),
    Bomb("a CSV file with a cell of many quotes", _write("spreadsheets/events.csv", "event_id,place_id\nx," + "' OR 1=1 --" * 20_000 + "\n"), [CSV], "pattern"),
    Bomb("a table with a cell of many quotes", _table(lambda lines: "\n".join(lines[:-1]) + "\n" + lines[-1].replace("1+1=2", "\"' \"\"OR 1=1 --" + "'\"\", '" * 20_000 + '"') + "\n", "events"), [CHECK]),
    Bomb("a CSV file with a giant cell", _write("spreadsheets/events.csv", f"event_id,name,people_min,start_date\nx,{'y' * 10**7},{'1' * 10**6},{'1' * 10**6}\n"), [CSV]),
    Bomb("a CSV file with numbers that are none", _write("spreadsheets/events.csv", "event_id,people_min,start_date\ndrill-at-sea,snan,\nvisit-1,nan,፩\n"), [CSV]),
]  # fmt: skip
