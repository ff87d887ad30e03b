"""Packages drawn at random with Hypothesis: schemas in the language of `scripts.descriptor`, and tables for them.

Most cells are what their column asks for, many are nearly that, some are far from it; keys are taken
twice, references dangle, and now and then the file itself has lost its form.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import unicodedata
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pydantic
from hypothesis import strategies as st

from scripts.descriptor import Constraints

# Not in a cell of any table: NUL, which no CSV holds, half a surrogate pair, which no UTF-8 holds, and line ends.
_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r")
_CURIOUS = [
    "é", "e\u0301", "\u212b", "Å", "ﬁ", "ß", "ẞ", "İ", "ı", "ſ", "\u212a", "中国", "中國", "漢字かな", "العربية", "😀", "👨‍👩‍👧", "🇨🇳",
    "𝔘𝔫𝔦", "\u200b", "a\u200db", "\u202eabc", "\ufeff", "\x7f", "\x85", "\u2028", "\x0b", "\x1c", "\t", " ", "  ", "\u00a0",
    "\u3000", " a", "a ", "a b", "A", "a", "b", "ab", "abc", "NULL", "None", "null", "nan", "NaN", "NA", "-", "--", "true",
    "0", "1", "01", "1.0", "=1+1", "'", "''", '"', '""', 'a"b', ",", "a,b", ";", "a;b", "a|b", "a\\b", "\\", "%s", "{}", "$", "^",
    "#a", "x" * 40, "é" * 300, "\U0010ffff", "1" * 25,
]  # fmt: skip
_ODD = {
    "integer": [
        "1_000", " 12", "12 ", "\u00a012", "٠", "١٢", "１２", "৪", "1e3", "1.0", "1.", "+5", "-5", "--5", "+-5", "- 5", "5-", "-", "+",
        "0x10", "²", "Ⅷ", "1,000", "1 000", "1__0", "_1", "１_２", "-0", "+0", "007", "0" * 30 + "1", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "1" * 30, "1" * 5000, "inf", "NaN", "true", "−1", "一",
    ],
    "number": [
        "1_000.5", " 1.5", "1.5 ", "1.", ".5", "+.5", "-.5e+3", "1e3", "1E3", "1e", "e5", ".", "-.", "1e400", "-1e400", "1e-400", "NaN",
        "nan", "-nan", "INF", "-INF", "inf", "Infinity", "sNaN", "nan12", "1,5", "1 000", "١.٥", "１.５", "1٫5", "0x1p3", "1" * 400,
        "0." + "0" * 400 + "1", "1e999999999999999999", "1e-99999999999999999999", "1e00000000000000000001", "4.9e-324", "2e-324",
        "1.7976931348623157e308", "1.7976931348623159e308", "9007199254740992", "9007199254740993", "0.1", "0.10000000000000000001",
        "0.1000000000000000055511151231257827", "0.30000000000000004", "-0", "-0.0", "0", "0.0", "0e10", "1e+5", "1e5.0", "00012.50",
        "5", "5.0", "5.00000000000000000000000000001", "8.5e22", "1e23", "100000000000000000000000", "1d3", "1f", "−1", "½",
    ],
    "year": [
        "2024", "0000", "0001", "9999", "10000", "-001", "-000", "+202", " 202", "202 ", "1_02", "٢٠٢٤", "２０２４", "999", "24", "20.4",
        "02024", "2024 ", "-2024", "2024Z", "202٤", "twok",
    ],
    "date": [
        "2024-01-05", "2024-1-5", "2024-01- 5", "2024-1-05", "2023-02-30", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01",
        "-001-01-01", "٢٠٢٤-٠١-٠٥", "٢٠٢٤-01-05", "2024-01-1٣", " 2024-01-05", "2024-01-05 ", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29",
        "20240105", "2024-01-05T00:00:00", "24-01-05", "2024-01-05Z", "2024-001", "2024-W01-1", "2024-00-10", "2024-13-01", "2024-01-00",
        "2024-01-32", "2024/01/05", "05.01.2024", "1582-10-10", "2024-01-05\u00a0",
    ],
    "boolean": ["true", "True", "TRUE", "tRUE", "1", "0", "false", "False", "FALSE", " true", "false ", "yes", "no", "１", "t", "None", "1.0", "是"],
}  # fmt: skip
_YEARS, _DAYS = (
    ["1949", "1989", "1997", "2000", "2001", "2022", "2023", "2024", "2025"],
    ["1999-12-31", "2024-01-05", "2024-02-28", "2024-02-29", "2024-12-20"],
)
_TABLES = ["people", "order", "group", "index", "t1", "values"]
_COLUMNS = [
    "id", "name", "value", "note", "select", "order", "group", "index", "key", "count", "rank", "oid", "a", "b2", "x_y", "check",
    "literal", "column", "null", "length", "match", "table",
]  # fmt: skip
_ATOMS = [
    "a", "b", "1", "[a-z]", "[0-9]", "[a-z0-9]", "[A-Za-z]", "[^,]", "[^a-z]", ".", "é", "[à-ü]", "[一-鿿]", "😀", "[😀-🙏]", "\\.", "\\+", "[-_]",
    "\\$", "\\^", " ", "(ab|c)", "(?:x|y|)", "(a|ab)", "[.]", "\\-", "[a\\]]", "\\x41", "\\u00e9", "/", "_", "(a*b|c)", "\\\\", "(?P<n>a)",
    "[[a]]", "[a[b]]", "[a-c--b]", "[a~~b]", "[a&&b]", "[a||b]", "\\<a", "a\\>", "(?i:k)", "(?i:i)", "(?s:.)", "(?x:[a b])", "(?u:é)", "a++",
    "a*+", "a?+", "[0-9]{2}+", "(?-i:a)", "^", "$", "()", "[]a]", "[^]a]", "[a-]", "[&a]", "[a^]", "[+--]", "[ -~]",
]  # fmt: skip
_TIMES = ["", "", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "+?", "*?", "??", "{0}"]


def _known_to_the_descriptor(pattern: str) -> bool:
    try:
        Constraints.model_validate({"pattern": pattern})
    except pydantic.ValidationError:
        return False
    return True


_SOUP = [
    *"ab1.*+?()[]{}|^$\\-,&~<>:=!P# é😀xnd0",
    "(?",
    "(?:",
    "(?P<n>",
    "[^",
    "\\u00e9",
    "{2}",
    "{1,2}",
    "{,2}",
    "[a-",
    "\\-",
    "\\]",
    "\\[",
]
_SHORT = [*"ab1éABx- ]^$\\&~<>{}|#😀\u2028\x85[", "", "aa", "ab", "a1"]


def pattern(random: Random) -> str:
    """A pattern, or what may be one: of parts that make one, or of single signs."""
    parts = [f"{random.choice(_ATOMS)}{random.choice(_TIMES)}" for _ in range(random.randint(1, 4))]
    signs = random.choices(_SOUP, k=random.randint(1, 7))
    return f"^{''.join(random.choice([parts, signs]))}$"


def short(random: Random) -> str:
    """A short text of the signs of which patterns are."""
    return "".join(random.choices(_SHORT, k=random.randint(1, 3)))


_PARTS = st.lists(st.tuples(st.sampled_from(_ATOMS), st.sampled_from(_TIMES)).map("".join), min_size=1, max_size=3)
_PATTERNS = (
    st.one_of(
        _PARTS.map("".join),
        st.lists(_PARTS.map("".join), min_size=2, max_size=3).map(lambda each: f"({'|'.join(each)})"),
    )
    .map(lambda body: f"^{body}$")
    .filter(_known_to_the_descriptor)
)
_TEXTS = st.one_of(st.sampled_from(_CURIOUS), st.text(_CHARACTERS, min_size=1, max_size=8), st.sampled_from(_CURIOUS))
_LONG = st.builds(
    lambda text, times: text * times, _TEXTS.filter(lambda text: len(text) < 5), st.sampled_from([1_000, 33_000])
)


@dataclass(frozen=True)
class TableCase:
    """A table: its schema, and what its file holds.

    `lines` are instead of those that the rows make, by number, and `whole` instead of all.
    """

    name: str
    schema: dict
    header: list[str]
    rows: list[list[str]]
    quoting: int = csv.QUOTE_MINIMAL
    line_end: str = "\n"
    last: str = "\n"
    start: str = ""
    lines: dict[int, str] = field(default_factory=dict)
    whole: str | None = None

    @property
    def text(self) -> str:
        """What the file holds."""
        if self.whole is not None:
            return self.whole
        lines = [_line(self.header, csv.QUOTE_MINIMAL), *(_line(row, self.quoting) for row in self.rows)]
        lines = [self.lines.get(number, line) for number, line in enumerate(lines, 1)]
        return self.start + self.line_end.join(lines) + self.last.replace("\n", self.line_end)


@dataclass(frozen=True)
class Case:
    """A package. `explicit` is whether its descriptor spells out what the standard has by default."""

    tables: list[TableCase]
    explicit: bool = True

    def write(self, folder: Path) -> None:
        """Put the package into `folder`, in place of what is there."""
        for part in ("tables", "schemas"):
            shutil.rmtree(folder / part, ignore_errors=True)
            (folder / part).mkdir(parents=True)
        resources = []
        for table in self.tables:
            resources.append(
                {
                    "name": table.name,
                    "type": "table",
                    "path": f"tables/{table.name}.csv",
                    "schema": f"schemas/{table.name}.json",
                }
                | ({"encoding": "utf-8", "dialect": {"delimiter": ","}} if self.explicit else {})
            )
            (folder / f"schemas/{table.name}.json").write_text(json.dumps(table.schema), "utf-8")
            (folder / f"tables/{table.name}.csv").write_text(table.text, "utf-8", newline="")
        descriptor = {
            "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
            "name": "drawn",
            "title": "Drawn",
            "description": "Drawn at random.",
            "version": "1",
            "licenses": [{"name": "CC0-1.0"}],
            "resources": resources,
        }
        (folder / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")

    def with_cells(self, cells: dict[tuple[str, int, int], str]) -> Case:
        """The case with other `cells`: by table, row (from 0) and column (from 0)."""
        return replace(
            self,
            tables=[
                replace(
                    table,
                    rows=[
                        [cells.get((table.name, at, column), cell) for column, cell in enumerate(row)]
                        for at, row in enumerate(table.rows)
                    ],
                )
                for table in self.tables
            ],
        )


def _line(row: list[str], quoting: int) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="", quoting=quoting).writerow(row)
    return "" if row == [""] and quoting == csv.QUOTE_MINIMAL else out.getvalue()


# Constraints that a field has together: bounds, of length where it is text, a list, a pattern.
_TOGETHER = [(), (), ("low",), ("high",), ("low", "high"), ("enum",), ("enum",), ("enum", "high"), ("pattern",), ("pattern", "low")]  # fmt: skip


@st.composite
def fields(draw, name: str, kind: str, key: bool) -> dict:
    """A field of this name and type, with some of the constraints that its type allows; a `key` is required."""
    limits: dict = {"required": True} if key or draw(st.integers(0, 3)) == 0 else {}
    if draw(st.integers(0, 3)) == 0:
        limits["unique"] = True
    some = draw(st.sampled_from(_TOGETHER))
    made: dict = {"name": name, "type": kind, "description": "Drawn."}
    if kind == "boolean":
        if draw(st.booleans()):
            words = draw(
                st.lists(st.one_of(st.sampled_from(_ODD["boolean"]), _TEXTS), min_size=2, max_size=5, unique=True)
            )
            cut = draw(st.integers(1, len(words) - 1))
            made |= {"trueValues": words[:cut], "falseValues": words[cut:]}
    elif kind == "string":
        if "enum" in some:
            limits["enum"] = draw(st.lists(_TEXTS, min_size=1, max_size=4))
        if "pattern" in some:
            limits["pattern"] = draw(_PATTERNS)
        if "low" in some:
            limits["minLength"] = draw(st.sampled_from([0, 1, 2, 3]))
        if "high" in some:
            limits["maxLength"] = draw(st.sampled_from([1, 2, 3, 5, 8, 40, 5_000]))
    else:
        bounds = _bounds(kind)
        if "enum" in some:
            limits["enum"] = draw(st.lists(bounds, min_size=1, max_size=4))
        least, most = sorted([draw(bounds), draw(bounds)])
        if "low" in some:
            limits["minimum"] = least
        if "high" in some:
            limits["maximum"] = most
    return made | {"constraints": limits}


def _bounds(kind: str) -> st.SearchStrategy:
    """What may stand in a schema as a bound of this type."""
    return {
        "integer": st.one_of(st.integers(-6, 6), st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1, 1000])),
        "year": st.sampled_from([0, 1, 202, 1989, 2000, 2023, 2024, 9999]),
        "number": st.one_of(
            st.integers(-6, 6),
            st.sampled_from(
                [
                    0.1,
                    0.5,
                    -0.5,
                    1.5,
                    5.0,
                    1e22,
                    1e23,
                    0.30000000000000004,
                    2**53 + 1,
                    2**53,
                    -0.0,
                    1e308,
                    5e-324,
                    10**23,
                ]
            ),
            st.floats(-100, 100),
        ),
        "date": st.one_of(st.sampled_from(_DAYS), st.dates().map(str)),
    }[kind]


@st.composite
def cells(draw, made: dict, alone: bool) -> list[str]:
    """Some cells for a column of the field `made`: what it asks for, what is near to that, and what is not.

    They are more where each value should stand `alone`.
    """
    kind, limits = made["type"], made["constraints"]
    few, many = (5, 9) if alone else (1, 4)
    good: list[str] = []
    if limits.get("enum"):
        good += [_written(each) for each in limits["enum"]]
    if kind == "string":
        if limits.get("pattern"):
            text = st.from_regex(limits["pattern"][1:-1], fullmatch=True, alphabet=_CHARACTERS)
            good += draw(st.lists(text, min_size=few, max_size=many))
        else:
            good += draw(st.lists(_TEXTS, min_size=few, max_size=many, unique=alone))
        odd = st.one_of(_TEXTS, _TEXTS, _TEXTS, _LONG) if not limits.get("pattern") else _TEXTS
    elif kind == "boolean":
        good += made.get("trueValues", ["true", "1"]) + made.get("falseValues", ["false", "0"])
        odd = st.sampled_from(_ODD["boolean"])
    else:
        near = [limits[each] for each in ("minimum", "maximum") if each in limits]
        good += [_written(each) for each in near]
        plain = {
            "integer": st.integers(-8, 8).map(str),
            "number": st.one_of(st.integers(-8, 8).map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr), st.decimals(-9, 9, places=2).map(str)),
            "year": st.sampled_from(_YEARS),
            "date": st.one_of(st.sampled_from(_DAYS), st.dates().map(str)),
        }[kind]  # fmt: skip
        good += draw(st.lists(plain, min_size=few, max_size=many, unique=alone and kind != "year"))
        odd = st.sampled_from(_ODD[kind])
    mood = draw(st.sampled_from(["sound", "sound", "sound", "gaps", "near", "wild", "sound", "sound"]))
    pool = [each for each in good if _fits(made, each)] or good
    if mood != "sound":
        pool += ["", ""] if mood != "gaps" or not limits.get("required") else []
    if mood in ("near", "wild"):
        pool += [draw(_near(draw(st.sampled_from(good)))), draw(st.sampled_from(good))]
    if mood == "wild":
        pool += draw(st.lists(odd, min_size=1, max_size=4))
    return [each for each in pool if "\n" not in each and "\r" not in each and "\0" not in each]


def _fits(made: dict, text: str) -> bool:
    """Whether the text, which is of the field's type, is in its list, within its bounds and of its length."""
    limits, read = made["constraints"], {"integer": int, "year": int, "number": Decimal}.get(made["type"], str)
    value, listed = read(text), [read(_written(each)) for each in limits.get("enum", [text])]
    least, most = (read(_written(limits.get(each, text))) for each in ("minimum", "maximum"))
    return (
        value in listed
        and least <= value <= most
        and limits.get("minLength", 0) <= len(text) <= limits.get("maxLength", len(text))
    )


_SIGNS = {
    "integer": "0123456789+-._ ٣３e\u2003\t",
    "number": "0123456789+-.eE_ ٣３naifINF\t",
    "year": "0123456789+-_ ٣",
    "date": "0123456789-٣３ ",
    "boolean": "truefalsTRUEFALS10 ",
}


def form(random: Random, kind: str) -> str:
    """A text that is, or once was, a value of this type: a few of its characters are others, more or fewer."""
    digits = "".join(random.choices("0123456789", k=random.randint(1, 25)))
    plain = {
        "integer": [str(random.getrandbits(random.randint(1, 70))), f"-{random.getrandbits(64)}"],
        "number": [repr(random.uniform(-1e3, 1e3)), f"{random.randint(0, 99)}e{random.randint(-400, 400)}", f"{digits}.{digits}"],
        "year": [f"{random.randint(0, 9999):04}", str(random.randint(-99, 10_999))],
        "date": [f"{random.randint(0, 10_099):04}-{random.randint(0, 13):02}-{random.randint(0, 32):02}"],
        "boolean": ["true", "True", "TRUE", "1", "false", "False", "FALSE", "0"],
    }  # fmt: skip
    text = random.choice(plain[kind])
    for _ in range(random.choice([0, 0, 1, 1, 2, 5])):
        at = random.randint(0, len(text))
        text = text[:at] + random.choice(_SIGNS[kind]) * random.randint(0, 1) + text[at + random.randint(0, 1) :]
    return text


def _written(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _near(text: str) -> st.SearchStrategy[str]:
    """What looks like `text` and is not, or is the same value in another form."""
    wide = str.maketrans({str(digit): chr(0xFF10 + digit) for digit in range(10)})
    arabic = str.maketrans({str(digit): chr(0x660 + digit) for digit in range(10)})
    return st.sampled_from(
        [
            f" {text}", f"{text} ", f"{text}\u00a0", text.upper(), text.lower(), text.swapcase(), unicodedata.normalize("NFD", text),
            unicodedata.normalize("NFKC", text), text.translate(wide), text.translate(arabic), f"0{text}", f"+{text}", f"-{text}", f"{text}.0",
            f"{text}0", f"{text}1", f"{text}e0", text[:-1], text[1:], f"{text}\u0301", f"{text}{text}", f"\u200b{text}", f"{text}.00000000000000000000001",
        ]
    )  # fmt: skip


@st.composite
def packages(draw) -> Case:
    """A package of one to three tables."""
    names = draw(st.permutations(_TABLES))[: draw(st.sampled_from([1, 1, 2, 2, 3]))]
    columns = list(draw(st.permutations(_COLUMNS)))
    schemas: dict[str, dict] = {}
    kinds = st.sampled_from(["string", "string", "integer", "number", "boolean", "date", "year"])
    for name in names:
        keys = draw(st.sampled_from([1, 1, 1, 2, 3]))
        others = draw(st.integers(0, 3))
        made = [draw(fields(columns.pop(), draw(kinds), key=at < keys)) for at in range(keys + others)]
        key = [each["name"] for each in made[:keys]]
        made = draw(st.permutations(made)) if draw(st.integers(0, 4)) == 0 else made
        schemas[name] = {
            "title": name,
            "description": "Drawn.",
            "fields": list(made),
            "primaryKey": key if keys > 1 else draw(st.sampled_from([key, key[0]])),
        }
    targets = {name: _key(schema)[0] for name, schema in schemas.items() if len(_key(schema)) == 1}
    for name, schema in schemas.items():
        for target in draw(st.lists(st.sampled_from(sorted(targets)), max_size=2)) if targets else []:
            kind = _field(schemas[target], targets[target])["type"]
            fitting = [
                each["name"]
                for each in schema["fields"]
                if each["type"] == kind and not (target == name and each["name"] in _key(schema))
            ]
            taken = [
                key["fields"] if isinstance(key["fields"], str) else key["fields"][0]
                for key in schema.get("foreignKeys", [])
            ]
            fitting = [each for each in fitting if each not in taken]
            if fitting and draw(st.sampled_from([False, False, True])):
                column = draw(st.sampled_from(fitting))
            elif columns:
                column = columns.pop()
                schema["fields"].append({"name": column, "type": kind, "description": "Drawn.", "constraints": {}})
            else:
                continue
            plain = draw(st.booleans())
            reference = {"resource": target, "fields": targets[target] if plain else [targets[target]]}
            schema.setdefault("foreignKeys", []).append(
                {"fields": column if plain else [column], "reference": reference}
            )
    pools = {
        each["name"]: draw(cells(each, each["name"] in _key(schema) or each["constraints"].get("unique", False)))
        for schema in schemas.values()
        for each in schema["fields"]
    }
    rows = {name: draw(_rows(schema, pools)) for name, schema in schemas.items()}
    for name, schema in schemas.items():
        for key in schema.get("foreignKeys", []):
            if draw(st.sampled_from([True, True, False, True])):
                _refer(name, key, schemas, rows)
    tables = [TableCase(name, schema, _names(schema), rows[name], draw(_QUOTING)) for name, schema in schemas.items()]
    spoilt = [draw(_spoilt(each)) if draw(st.sampled_from("____spoilt____")) == "s" else each for each in tables]
    return Case(spoilt, draw(st.booleans()))


_QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])


def _refer(name: str, key: dict, schemas: dict[str, dict], rows: dict[str, list[list[str]]]) -> None:
    """Let the foreign key's cells that are not empty, in the table called `name`, refer to rows that are there."""
    column, there = (each if isinstance(each, str) else each[0] for each in (key["fields"], key["reference"]["fields"]))
    target = key["reference"]["resource"]
    at, of = _names(schemas[name]).index(column), _names(schemas[target]).index(there)
    known = [row[of] for row in rows[target] if row[of]]
    for number, row in enumerate(rows[name]):
        row[at] = known[number % len(known)] if known and row[at] else ""


def _names(schema: dict) -> list[str]:
    return [each["name"] for each in schema["fields"]]


def _key(schema: dict) -> list[str]:
    key = schema["primaryKey"]
    return [key] if isinstance(key, str) else key


def _field(schema: dict, name: str) -> dict:
    return next(each for each in schema["fields"] if each["name"] == name)


@st.composite
def _rows(draw, schema: dict, pools: dict[str, list[str]]) -> list[list[str]]:
    """Rows for the schema, whose cells are from the pools of their columns."""
    header = _names(schema)
    size = draw(st.sampled_from([3, 5, 1, 8, 2, 0, 4, 12]))
    row = st.tuples(*(st.sampled_from(pools[each] or ["a"]) for each in header))
    rows = [list(each) for each in draw(st.lists(row, min_size=size, max_size=size))]
    if draw(st.sampled_from("______________long_______________")) == "l":  # than what frictionless looks at beforehand
        rows = [list(row) for row in rows * 40]
    if draw(st.sampled_from("kkkkkdkkk")) == "k":  # most tables keep their keys
        alone = [[each] for each in header if _field(schema, each)["constraints"].get("unique")]
        for columns in [_key(schema), *alone]:
            rows = list({tuple(row[header.index(each)] for each in columns): row for row in rows}.values())
    return rows


@st.composite
def _spoilt(draw, table: TableCase) -> TableCase:
    """The table with something in the form of its file that is not as it should be."""
    header, rows = table.header, table.rows
    lines = [",".join(header), *(_line(row, table.quoting) for row in rows)]
    line = draw(st.integers(2, len(lines))) if rows else 0
    ways = {
        "crlf": {"line_end": "\r\n"},
        "cr": {"line_end": "\r"},
        "empty": {"whole": ""},
        "blank end": {"last": "\n\n"},
        "quoted": {"lines": {1: _line(header, csv.QUOTE_ALL)}},
        "no end": {"last": ""},
        "mark": {"start": "\ufeff"},
        "swapped": {"header": [*header[1:], header[0]]},
        "fewer": {"header": header[:-1]},
        "more": {"header": [*header, "more"]},
        "twice": {"header": [*header[:-1], header[0]]},
        "nameless": {"header": [*header[:-1], ""]},
        "other": {"header": [*header[:-1], f"{header[-1]}s"]},
        "capital": {"header": [header[0].upper(), *header[1:]]},
    }
    if rows:
        ways |= {
            "short": {"lines": {line: _line(rows[line - 2][:-1], table.quoting)}},
            "long": {"lines": {line: f"{lines[line - 1]},"}},
            "longer": {"lines": {line: f"{lines[line - 1]},x,y"}},
            "blank": {"lines": {line: ""}},
            "commas": {"lines": {line: "," * (len(header) - 1)}},
            "quote": {"lines": {line: f'x"y{lines[line - 1]}'}},
            "open": {"lines": {line: f'"{lines[line - 1]}'}},
        }
    return replace(table, **ways[draw(st.sampled_from(sorted(ways)))])
