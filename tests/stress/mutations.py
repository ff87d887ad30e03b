"""Ways to spoil what the program reads: bytes, JSON, YAML, tables, workbooks, the files themselves, its arguments.

Each takes a `random.Random` and gives the same for the same; nothing here knows what the program makes of it.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import yaml
from small import as_csv

# Texts that somebody has stumbled over before.
ODD_TEXTS = [
    "", " ", "\t", "\n", "a\nb", "\r", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "\x08\x7f", "\ufeff", "\u202egnp.exe",
    "\u200b", "\u2028", "e\u0301", "\U0001f468\u200d\U0001f469", "\U000e0041", "\uffff", "\ud800", "安洵", "ß".upper(), "İ", "ﬀ",
    "%s%n%x", "{0}", "{name.__class__}", "{", "}", "{}", "[/red]", "[bold", "\\", "\\x00", "$(touch x)", "`touch x`", "; touch x",
    "' OR 1=1 --", "'; DROP TABLE events; --", '"', "'", ",", '",', ";", "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "-1", "--help", "-",
    "../../outside/secret", "/etc/passwd", "C:\\windows", "\\\\host\\share", "file:///etc/passwd", "https://example.org/x.csv",
    "javascript:alert(1)", "<script>alert(1)</script>", "&amp;", "<!--", "]]>", "a" * 300, "a" * 5000, "ü" * 3000, "a-" * 2000,
    "nan", "NaN", "snan", "inf", "-inf", "1e999", "-1e-999", "1_000", "0x10", "1" * 400, "9" * 5000, "0" * 30, "-0", "+1", "1,5", "1.234,5",
    "١٢٣", "²", "፩", "①", "Ⅷ", "½", "一", "2024-02-30", "0000", "9999-12-31", "10000-01-01", "2024-13", "12/31/99", "31.12.1999", "1 Jan 24",
    "24:00", "45000", "45000.5", "TRUE", "yes", "null", "None", "~", "2017~~", "2024-12-09T00:00", "13 000 000 million", "9" * 50 + " billion",
    "CON", ".", "..", "...", "name ", "rowid", "_rowid_", "rank", "order", "select", "sqlite_master", "records", "links", "events_fts",
]  # fmt: skip
_BYTES = [b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\r", b"\r\n", b"\n", b'"', b'""', b",", b"\xed\xa0\x80", b"\xed\xb0\x80",
          b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\xff", b"\x1b[2J", b"\x85", b"\xc2\x9b", b"{", b"}", b"[", b"]", b":", b"&a", b"*a", b"<<: *a",
          b"%", b"\t", b"\\u0000", b"\\ud800", b"\xe2\x80\xae", b"<<<<<<< x\n", b"\xf0\x9f\x91\xa8"]  # fmt: skip


def spoilt_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    """One to four changes that know nothing of what the bytes are; `other` is a file to splice with."""
    for _ in range(rng.randint(1, 4)):
        at, end = sorted(rng.randint(0, len(data)) for _ in range(2))
        end = min(end, at + rng.choice([1, 8, 64, 10**6]))
        match rng.randrange(8):
            case 0 if data:
                place = min(at, len(data) - 1)
                data = data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
            case 1:
                data = data[:at] + rng.choice(_BYTES) + data[at:]
            case 2:
                data = data[:at] + data[end:]
            case 3:
                data = data[:at]
            case 4:
                data = data[:at] + data[at:end] * rng.choice([2, 3, 50]) + data[end:]
            case 5:
                data = data[:at] + other[rng.randint(0, len(other)) :]
            case 6:
                data = data[:at] + rng.randbytes(rng.choice([1, 4, 100])) + data[end:]
            case 7:
                data = data.replace(
                    rng.choice([b'"', b",", b"\n", b":", b"-", b"e"]), rng.choice(_BYTES), rng.choice([1, -1])
                )
    return data


_RAW = "\ue000raw {}\ue000"  # stands for what no serializer would write


class _Odd:
    """Odd values for a tree of JSON or YAML, and the text of those that no serializer would write."""

    def __init__(self, rng: Random, written: list[str]):
        self.rng, self.written, self.used = rng, written, []

    def value(self) -> object:
        rng = self.rng
        ordinary = [
            None,
            True,
            False,
            0,
            -1,
            1.5,
            2**31,
            2**63,
            10**30,
            1e308,
            [],
            {},
            [[]],
            [None],
            {"": ""},
            rng.choice(ODD_TEXTS),
        ]
        many = [[rng.choice(ODD_TEXTS) for _ in range(5)], {rng.choice(ODD_TEXTS): rng.choice(ODD_TEXTS)}, ["a"] * 2000]
        return (
            self.raw()
            if rng.random() < 0.25
            else rng.choice([*ordinary, rng.choice(ODD_TEXTS), rng.choice(ODD_TEXTS), *many])
        )

    def raw(self) -> str:
        self.used.append(self.rng.choice(self.written))
        return _RAW.format(len(self.used) - 1)

    def written_into(self, text: str, quotes: str) -> str:
        for number, each in enumerate(self.used):
            raw = _RAW.format(number)
            for quote in quotes:
                text = text.replace(f"{quote}{raw}{quote}", each)
            text = text.replace(raw, each)
        return text


_JSON = ["NaN", "Infinity", "1e999", "-" + "9" * 5000, "0" * 9, "1" * 400, '"\\ud800"', '"\\u0000"', '"\\u001b[2J"', "[" * 200 + "]" * 200, '{"a":' * 90 + "1" + "}" * 90,
         '{"a": 1, "a": 2}', "'a'", "undefined", "// x", '"a" "b"', "", '"a', '"\\x"']  # fmt: skip


def spoilt_json(rng: Random, data: bytes) -> bytes:
    """The JSON file with one to three values, keys or places changed, some into what is no JSON."""
    tree, odd = json.loads(data), _Odd(rng, _JSON)
    for _ in range(rng.randint(1, 3)):
        tree = _spoilt_tree(rng, tree, odd)
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 2]))
    return odd.written_into(text.replace("\\ue000", "\ue000"), '"').encode("utf-8", "surrogatepass")


_YAML = ["&a [*a]", "*a", "&a x", "&a {<<: *a}", "!!python/object/apply:os.system [touch x]", "!!python/name:os.system ''", "!!int x", "!!int ''", "!!bool x", "!!float x",
         "!!timestamp x", "!!binary '*'", "!!set {a, b}", "!!omap [a]", "!!pairs [a]", "!!null x", "!!map []", "!!str {}", "!x y", "2024-13-45", "2024-02-30 25:61:61", "1:60:60",
         "0o9", "0x", "9" * 5000, ".nan", ".inf", "? [a, b]\n: c", "{[a]: b}", "{{a: b}: c}", "{? : x}", "\t", "'", '"\\xZZ"', "|9\n x", ">-\n", "%TAG ! x", "--- x", "...", "@x", "`x`",
         "{a: 1, a: 2}", "[" * 300, "[" * 300 + "]" * 300, "{<<: 1}", "{<<: [1]}", "{1: 2}", "{null: 1}", "{true: 1}", "{2024-01-01: 1}", "{.nan: 1}", "1e5", "~", "- a\n- b", "!!python/tuple [1]",
         "'\ud800'", '"\\ud800"', '"\\0"', "\x1b[2J", "\u2028"]  # fmt: skip


def spoilt_yaml(rng: Random, data: bytes) -> bytes:
    """The YAML file with one to three values, keys or places changed, some into tags, aliases and broken flow."""
    tree, odd = yaml.safe_load(data), _Odd(rng, _YAML)
    for _ in range(rng.randint(1, 3)):
        tree = _spoilt_tree(rng, tree, odd)
    text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False, default_flow_style=rng.choice([None, False, True]))
    text = odd.written_into(text.replace("\\uE000", "\ue000"), "'\"")
    if rng.random() < 0.1:
        text += rng.choice(["---\na: b\n", "...\n", "\t", "- x\n", "a: *nothing\n", "%YAML 9.9\n---\n"])
    return text.encode("utf-8", "surrogatepass")


def _spoilt_tree(rng: Random, tree: object, odd: _Odd) -> object:
    places = list(_places(tree, ()))
    path = rng.choice(places)
    if not path:
        return odd.value() if rng.random() < 0.2 else _spoilt_tree(rng, tree, odd) if len(places) > 1 else odd.value()
    parent = tree
    for step in path[:-1]:
        parent = parent[step]
    step, value = path[-1], parent[path[-1]]
    match rng.randrange(6):
        case 0:
            del parent[step]
        case 1 if isinstance(parent, dict):
            items = [(odd.value() if key == step else key, each) for key, each in parent.items()]
            parent.clear()
            parent |= {key if isinstance(key, str) else str(key)[:100]: each for key, each in items}
        case 1:
            parent.insert(step, value)
        case 2 if isinstance(parent, dict):
            parent[str(rng.choice(ODD_TEXTS))] = value
        case 2:
            rng.shuffle(parent)
        case 3:
            *way, last = rng.choice([each for each in places if each])
            other = tree
            try:
                for each in [*way, last]:
                    other = other[each]
            except (KeyError, IndexError, TypeError):
                other = None  # it was under what is gone
            parent[step] = json.loads(json.dumps(other))
        case _:
            parent[step] = odd.value()
    return tree


def _places(tree: object, path: tuple):
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in items:
        yield from _places(value, (*path, step))


def spoilt_table(rng: Random, data: bytes) -> bytes:
    """The CSV file with one to four cells, rows or columns changed."""
    rows = list(csv.reader(io.StringIO(data.decode())))
    for _ in range(rng.randint(1, 4)):
        row = rng.choice(rows) if rows else []
        column = rng.randrange(len(row)) if row else 0
        match rng.randrange(10):
            case 0 | 1 | 2 | 3 if row:
                row[column] = rng.choice(ODD_TEXTS)
            case 4 if row:
                row[column] = rng.choice(ODD_TEXTS) * rng.choice([1, 100, 20_000])
            case 5:
                rows.insert(rng.randint(0, len(rows)), list(row))
            case 6 if rows:
                rows.remove(row)
            case 7 if row:
                del row[column]
            case 8:
                row.insert(column, rng.choice(ODD_TEXTS))
            case 9:
                rng.shuffle(rng.choice([row, rows]))
    written = as_csv(rows)
    return rng.choice(
        [
            written,
            written,
            written,
            written.replace(b"\n", b"\r\n"),
            written.replace(b'"', b""),
            written.replace(b",", b";"),
        ]
    )


_ATTRIBUTES = ["", "0", "-1", "1", "A0", "A1048577", "XFD1", "XFE1", "ZZZZ9", "A99999999999", "1" * 5000, "nan", "s", "b", "d", "e", "n", "str", "inlineStr", "x", "A1:XFD1048576",
               "A", "1e999", "2024-01-01", "true", "&#0;", "&a;", "rId99", "../../../x", "/etc/passwd"]  # fmt: skip


def spoilt_workbook(rng: Random, data: bytes) -> bytes:
    """The .xlsx file with parts taken out, spoilt as bytes, or with other values in their XML; or its zip spoilt."""
    if rng.random() < 0.15:
        return spoilt_bytes(rng, data, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {each.filename: archive.read(each) for each in archive.infolist()}
    for _ in range(rng.randint(1, 3)):
        name = rng.choice([*parts, *[each for each in parts if "/worksheets/" in each] * 3])
        text = parts[name].decode("utf-8", "replace")
        match rng.randrange(9):
            case 0:
                parts[name] = b""
            case 1:
                parts[name] = spoilt_bytes(rng, parts[name], data)
            case 2:
                parts[rng.choice(list(parts))] = parts[name]
            case 3:
                text = text.replace("?>", '?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "x">]>', 1)
                parts[name] = re.sub(">[^<]+</", rng.choice([">&a;</", ">&b;</"]), text).encode()
            case 4 if '="' in text:
                found = rng.choice(list(re.finditer('="[^"]*"', text)))
                parts[name] = f'{text[: found.start()]}="{rng.choice(_ATTRIBUTES)}"{text[found.end() :]}'.encode()
            case 5 if found := list(re.finditer(">[^<]+<", text)):
                chosen, value = rng.choice(found), rng.choice([*ODD_TEXTS, *_ATTRIBUTES])
                value = value.replace("&", "&amp;").replace("<", "&lt;")
                parts[name] = f"{text[: chosen.start()]}>{value}<{text[chosen.end() :]}".encode(
                    "utf-8", "surrogatepass"
                )
            case 6 if found := list(re.finditer("<[^>]*>", text)):
                chosen = rng.choice(found)
                parts[name] = (
                    text[: chosen.start()]
                    + rng.choice(["", chosen[0] * 2, "<x/>", chosen[0] * 500])
                    + text[chosen.end() :]
                ).encode()
            case 7:
                more = f'<mergeCells count="1"><mergeCell ref="{rng.choice(_ATTRIBUTES)}"/></mergeCells></worksheet>'
                parts[name] = text.replace("</worksheet>", more).encode()
            case _:
                parts.pop(name)
        if not parts:
            break
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


_NAMES = [
    "a\nb.csv",
    "\x1b[31m.csv",
    "-rf.csv",
    "安.csv",
    "a" * 250 + ".csv",
    ".hidden.csv",
    "con.json",
    "x.CSV",
    "tab\t.json",
    "a*b?[c.csv",
    " .csv",
    "‮vsc.csv",
]


def spoilt_files(rng: Random, package: Path, outside: Path, root: bool) -> None:
    """Put something else in the place of a file or folder of the package, or something beside it."""
    places = [path for path in sorted(package.rglob("*")) if not path.is_symlink()]
    path = rng.choice(places)
    spared = package / rng.choice(["build", "dist", "metadata.yml", "README.md", "CHANGELOG.md"])
    path = spared if rng.random() < 0.25 else path
    away = path.with_name(f"{path.name}.away")
    kinds: list[Callable[[], object]] = [
        lambda: path.symlink_to(path.name), lambda: path.symlink_to("../" * 9 + "nowhere"), lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to(rng.choice([outside / "secret", outside / "file.csv", outside])), lambda: os.mkfifo(path), path.mkdir, path.touch,
        lambda: None, lambda: path.symlink_to(away), lambda: path.symlink_to(package), lambda: path.symlink_to("/proc/self/mem"),
    ]  # fmt: skip
    if rng.random() < 0.2:
        folder = rng.choice([package, package / "tables", package / "schemas"])
        name = rng.choice([os.fsencode(each) for each in _NAMES] + [b"\xff\xfe.csv", b"\x80.json"])
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_bytes(b"x,y\n1,2\n")
    elif rng.random() < 0.1 and not root and path.exists():
        path.chmod(0)
    else:
        if path.exists() or path.is_symlink():
            path.rename(away)
        rng.choice(kinds)()


def arguments(rng: Random, words: list[str]) -> list[str]:
    """The command line `words` with one to three of them changed, taken out, or others put between."""
    words = list(words)
    options = ["--format", "-f", "--package", "-p", "--output", "--title", "--domain", "--column", "--description", "--table", "--port", "--host", "--check", "--diff",
               "--changed", "--no-check", "--exported", "--changelog", "--meanings", "--dry-run", "--version", "--help", "--", "-pf", "--format=", "--package=", "@file"]  # fmt: skip
    given = [each for each in ODD_TEXTS if "\ud800" not in each] + ["\udcff\udcfe", "x=y", "name=", "=x", "a" * 100_000]
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(words))
        words[at : at + rng.randint(0, 1)] = [rng.choice([rng.choice(options), rng.choice(given), rng.choice(given)])]
    return words
