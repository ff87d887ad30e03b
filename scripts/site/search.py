"""One search over everything, in English and Chinese: what a reader types, and what is found."""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from ..labels import BETWEEN
from ..package import RECORDS
from ..phrases import phrased
from ..text import HAN, simplified, spaced

PAGE = 20
_WEIGHTS = "10, 8, 1, 1"  # of records.WORDS in the rank
_AROUND = 90  # characters of a snippet before and after what was found
_TITLED = 5  # questions and tables offered
_EMPTY = frozenset(
    ["the", "and", "for", "with", "who", "what", "which", "where", "when", "how", "are", "was"]
)  # words that tell nothing
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name} | {
    name.lower(): number for number, name in enumerate(calendar.month_abbr) if name
}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_WRITTEN_DATES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?\s+{_MONTH},?\s+(?P<year>[0-9]{{4}})\b",
        rf"\b{_MONTH}\s+(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>[0-9]{{4}})\b",
        rf"\b{_MONTH},?\s+(?P<year>[0-9]{{4}})\b",
        r"(?P<year>[0-9]{4})年(?P<month>[0-9]{1,2})月(?:(?P<day>[0-9]{1,2})日)?",
    )
]
_ISO_DATE = re.compile(r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$")


@dataclass(frozen=True)
class Hit:
    """A row that was found: what kind of thing it is, what it is called, and where the words stand in it."""

    table: str
    row_id: str
    label: Markup
    date: str
    status: str
    certainty: str
    snippet: Markup
    called: int  # 2 where its label is just what was asked for, 1 where another of its names is


@dataclass
class Found:
    """What a search found: how many rows in all and by table, and the hits of one page."""

    total: int = 0
    by_table: dict[str, int] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    instead: str = ""  # nothing has the words; what these rows have instead, in words


def titled(query: str, titles: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of the pairs of title and page those whose titles have a word of the query, the ones with most of them first."""
    words = {word for word in re.findall(r"\w{3,}", _folded(query)) if word not in _EMPTY}
    scored = [(len(words & {*re.findall(r"\w+", _folded(title))}), title, page) for title, page in titles]
    return [(title, page) for score, title, page in sorted(scored, key=lambda each: -each[0]) if score][:_TITLED]


def with_iso_dates(query: str) -> str:
    """The query with dates as people write them, `9 December 2024`, in the form that the tables have."""

    def iso(found: re.Match) -> str:
        month = found["month"]
        number = int(month) if month.isdigit() else _MONTHS[month.lower()]
        day = found.groupdict().get("day")
        return f"{found['year']}-{number:02}" + (f"-{int(day):02}" if day else "")

    for pattern in _WRITTEN_DATES:
        query = pattern.sub(iso, query)
    return query


async def search(database, query: str, table: str = "", page: int = 1, without: tuple[str, ...] = ()) -> Found:
    """What the words of `query` find in `records` of the Datasette `database`.

    Only rows of `table` where one is named, none of the tables `without`. Rows that are called exactly
    so come first, then by rank. A month or day alone finds also what spans it and no more than a year.
    """
    query = with_iso_dates(" ".join(query.split()))
    matched = phrased(query)
    if not re.search(r"\w", matched):
        return Found()
    found = await _searched(database, query, matched, table, page, without)
    if found.total:
        return found
    for instead, loosened in _loosened(query):
        found = await _searched(database, query, loosened, table, page, without)
        if found.total:
            found.instead = instead
            break
    return found


def _loosened(query: str) -> Iterator[tuple[str, str]]:
    """What to try when no row has all the words, each in words and for FTS5: a beginning, then some of the words."""
    if last := re.search(r"(\w{3,})$", query):
        yield (
            "These have words that begin with the last one.",
            phrased(query[: last.start()]) + f' "{spaced(last[1])}"*',
        )
    words = [phrased(word) for word in re.findall(r"\w[\w'’-]{2,}", query)]
    if len(words) > 1:
        yield "These have some of the words.", " OR ".join(f"({word})" for word in words)


async def _searched(database, query: str, matched: str, table: str, page: int, without: tuple[str, ...]) -> Found:
    left_out = ", ".join(f"'{name}'" for name in without) or "''"
    spans = ""
    if _ISO_DATE.match(query):
        spans = f"""UNION ALL SELECT rowid, 0 FROM {RECORDS} WHERE first_day <= :day || '~' AND last_day >= :day
            AND julianday(last_day) - julianday(first_day) < 366
            AND rowid NOT IN (SELECT rowid FROM {RECORDS}_fts WHERE {RECORDS}_fts MATCH :match)"""
    found = f"""WITH found(id, rank) AS (SELECT rowid, bm25({RECORDS}_fts, {_WEIGHTS}) FROM {RECORDS}_fts
        WHERE {RECORDS}_fts MATCH :match {spans})"""
    values = {"match": matched, "day": query, "table": table, "named": _folded(query), "skip": (page - 1) * PAGE}
    counted = await database.execute(
        f"{found} SELECT table_name, count(*) FROM found JOIN {RECORDS} AS r ON r.rowid = id "
        f"WHERE table_name NOT IN ({left_out}) GROUP BY table_name ORDER BY 2 DESC, 1",
        values,
    )
    by_table = {name: number for name, number in counted.rows}
    total = by_table.get(table, 0) if table else sum(by_table.values())
    rows = await database.execute(
        f"""{found} SELECT r.*, named(:named, label, names) AS called FROM found JOIN {RECORDS} AS r ON r.rowid = id
        WHERE table_name NOT IN ({left_out}) AND (:table = '' OR table_name = :table)
        ORDER BY called DESC, rank, table_name, row_id LIMIT {PAGE} OFFSET :skip""",
        values,
    )
    marks = _marks(query)
    return Found(total, by_table, [_hit(row, marks) for row in rows.rows])


def named(query: str, label: str | None, names: str | None) -> int:
    """Whether a row is called exactly `query`, folded: 2 by its label, 1 by another of its names. For SQL."""
    if label and _folded(label) == query:
        return 2
    return int(bool(names) and query in map(_folded, names.split(BETWEEN)))


def _folded(text: str) -> str:
    """The text in lower case, without accents, each character simplified; of the same length."""
    return "".join(_base(character) for character in simplified(text))


def _base(character: str) -> str:
    if character.isascii():
        return character.lower()
    base = unicodedata.normalize("NFD", character)[0].lower()
    return base if len(base) == 1 else character


def _marks(query: str) -> re.Pattern:
    """What to mark in a text, folded: the words of the query, also in other endings, and Chinese as typed."""
    parts = []
    for word in re.findall(rf"{HAN}+|[^\W]+", _folded(query)):
        if re.match(HAN, word):
            parts.append(re.escape(word))
        else:
            stem = re.sub(r"(ies|es|s|ed|ing)$", "", word) if len(word) > 4 else word
            parts.append(rf"\b{re.escape(stem)}\w*")
    return re.compile("|".join(parts) or r"(?!)")


def _marked(text: str, marks: re.Pattern) -> Markup:
    result, end = Markup(), 0
    for found in marks.finditer(_folded(text)):
        result += escape(text[end : found.start()]) + Markup("<mark>{}</mark>").format(
            text[found.start() : found.end()]
        )
        end = found.end()
    return result + escape(text[end:])


def _hit(row, marks: re.Pattern) -> Hit:
    text = BETWEEN.join(filter(None, (row["names"], row["words"])))
    found = marks.search(_folded(text))
    start = max(0, found.start() - _AROUND) if found else 0
    end = (found.end() if found else 0) + _AROUND
    if start:
        start = text.find(" ", start, start + 20) + 1 or start
    piece = f"{'… ' if start else ''}{text[start:end].strip()}{' …' if end < len(text) else ''}"
    return Hit(
        row["table_name"],
        row["row_id"],
        _marked(row["label"], marks),
        row["date"] or "",
        row["status"] or "",
        row["certainty"] or "",
        _marked(piece, marks),
        row["called"],
    )
