"""Pictures without a script: bars of a question's answer, and a map of places. All geometry, no colours.

A question of `metadata.yml` has bars when it has a `chart`: `across`, the column that names a bar,
`heights`, the columns of numbers to draw, each in a picture of its own, and perhaps `by`, the column
whose values divide a bar. The numbers stand in the table below the picture too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt

from ..descriptor import LATITUDE, LONGITUDE
from ..labels import quoted
from ..package import LINKS, RECORDS
from .content import Content

WIDTH = 600  # of a bar's drawing, in its own units
_TEXT_WIDTH = 0.62  # of a letter, in its size: wide enough that labels never touch


@dataclass(frozen=True)
class Part:
    """A piece of a bar: which of the divisions it is, where it stands and how long it is."""

    division: int
    name: str
    number: float
    start: float
    length: float


@dataclass(frozen=True)
class Bar:
    """A bar with its name; `total` is None where there is no number."""

    label: str
    total: float | None
    parts: list[Part]


@dataclass(frozen=True)
class Chart:
    """Bars under a title; `divisions` are the names for a legend, empty where bars are not divided."""

    title: str
    divisions: list[str]
    bars: list[Bar]


def charts(rows: Iterable[dict], chart: dict, plain: Callable[[str], str]) -> list[Chart]:
    """A chart for each of the `heights` that has numbers, from the rows of a question's answer.

    `plain` gives a column's name in plain words. A bar without a number is there, and says so.
    """
    rows, by = list(rows), chart.get("by")
    divisions = list(dict.fromkeys(str(row[by]) for row in rows)) if by else []
    numbered = [column for column in chart["heights"] if any(row[column] is not None for row in rows)]
    return [_chart(plain(column), rows, chart["across"], column, by, divisions) for column in numbered]


def _chart(title: str, rows: list[dict], across: str, column: str, by: str | None, divisions: list[str]) -> Chart:
    bars: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        numbers = bars.setdefault(str(row[across]), [])
        if row[column] is not None:
            numbers.append((str(row[by]) if by else "", row[column]))
    longest = max((sum(number for _, number in parts) for parts in bars.values()), default=0) or 1
    drawn = []
    for name, numbers in bars.items():
        start, parts = 0.0, []
        for division, number in numbers:
            length = number / longest * WIDTH
            place = divisions.index(division) if by else 0
            parts.append(Part(place, division, number, round(start, 2), round(length, 2)))
            start += length
        drawn.append(Bar(name, sum(number for _, number in numbers) if numbers else None, parts))
    return Chart(title, divisions, drawn)


@dataclass(frozen=True)
class Place:
    """A place with what is known about it: the kinds of rows that name it, each with how many."""

    row_id: str
    label: str
    country: str
    page: str
    known: list[tuple[str, int]]
    x: float | None
    y: float | None

    @property
    def number(self) -> int:
        return sum(number for _, number in self.known)


@dataclass(frozen=True)
class Marker:
    """A place on the map, in degrees, latitude downwards. `text` is where its name stands, None where there is no room."""

    place: Place
    radius: float
    text: tuple[float, float, str] | None


async def places(database, content: Content) -> list[Place]:
    """The rows of every table that has coordinates, in the order of country and name."""
    found = []
    for table, schema in content.package.schemas.items():
        kinds = {field.rdfType: field.name for field in schema.fields}
        if LATITUDE not in kinds or LONGITUDE not in kinds or not schema.id:
            continue
        counted = await database.execute(
            f"SELECT to_id, table_name, count(DISTINCT row_id) FROM {LINKS} WHERE to_table = ? GROUP BY 1, 2 ORDER BY 3 DESC, 2",
            [table],
        )
        known: dict[str, list[tuple[str, int]]] = {}
        for to_id, name, number in counted.rows:
            known.setdefault(to_id, []).append((content.package.schemas[name].title, number))
        sql = f"""SELECT r.row_id, r.label, (SELECT c.label FROM {RECORDS} AS c WHERE c.row_id = r.country_id AND c.table_name = ?) AS country,
            t.{quoted(kinds[LONGITUDE])} AS x, -t.{quoted(kinds[LATITUDE])} AS y
            FROM {quoted(table)} AS t JOIN {RECORDS} AS r ON r.table_name = ? AND r.row_id = t.{quoted(schema.id)}
            ORDER BY country IS NULL, country, r.label"""
        country = schema.targets[schema.country].resource if schema.country else ""
        rows = await database.execute(sql, [country, table])
        found += [
            Place(row["row_id"], row["label"], row["country"] or "", content.row_page(table, row["row_id"]), known.get(row["row_id"], []), row["x"], row["y"])
            for row in rows.rows
        ]  # fmt: skip
    return found


def markers(found: list[Place], view: dict) -> list[Marker]:
    """The places inside the `view` (west, south, east, north in degrees), the best known first and with their names."""
    width = view["east"] - view["west"]
    size = width / 62  # of a letter
    inside = [
        place
        for place in found
        if place.x is not None
        and view["west"] <= place.x <= view["east"]
        and -view["north"] <= place.y <= -view["south"]
    ]
    taken: list[tuple[float, float, float, float]] = []
    result = []
    for place in sorted(inside, key=lambda place: (-place.number, place.label)):
        radius = size * min(1.0, 0.25 + 0.09 * sqrt(place.number))
        taken.append((place.x - radius, place.y - radius, place.x + radius, place.y + radius))
        result.append((place, radius))
    return [Marker(place, radius, _text(place, radius, size, view, taken)) for place, radius in result]


def _text(place: Place, radius: float, size: float, view: dict, taken: list) -> tuple[float, float, str] | None:
    """Where the place's name fits, to the right, left, below or above; the room is then taken."""
    length, gap = len(place.label) * size * _TEXT_WIDTH, radius + size * 0.3
    for x, y, anchor in (
        (place.x + gap, place.y + size * 0.35, "start"),
        (place.x - gap, place.y + size * 0.35, "end"),
        (place.x, place.y + gap + size * 0.9, "middle"),
        (place.x, place.y - gap, "middle"),
    ):
        left = {"start": x, "end": x - length, "middle": x - length / 2}[anchor]
        box = (left, y - size * 0.8, left + length, y + size * 0.2)
        inside = (
            view["west"] <= box[0] and box[2] <= view["east"] and -view["north"] <= box[1] and box[3] <= -view["south"]
        )
        others = (
            one for one in taken if one != (place.x - radius, place.y - radius, place.x + radius, place.y + radius)
        )
        if inside and not any(
            box[0] < one[2] and one[0] < box[2] and box[1] < one[3] and one[1] < box[3] for one in others
        ):
            taken.append(box)
            return round(x, 3), round(y, 3), anchor
    return None
