"""A small package with one of everything that a declaration can say, and the spreadsheets to import into it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from openpyxl import Workbook

from scripts.dates import EDTF, PATTERN
from scripts.descriptor import LATITUDE, LONGITUDE, OTHER_NAME, WEB_ADDRESS

_SLUG = "^[a-z0-9]+(-[a-z0-9]+)*$"


def _field(name: str, kind: str = "string", **more) -> dict:
    return {"name": name, "type": kind, "description": f"The {name}, as the text has it."} | more


def _id(name: str, required: bool = True) -> dict:
    return _field(name, example="north-sea", constraints=({"required": True} if required else {}) | {"pattern": _SLUG})


def _date(name: str) -> dict:
    return _field(name, rdfType=EDTF, example="2024-12", constraints={"pattern": PATTERN})


def _key(column: str, table: str, target: str | None = None) -> dict:
    return {"fields": column, "reference": {"resource": table, "fields": target or column}}


_READ = [
    _id("source_id"),
    _field("locator", constraints={"required": True}),
    _field("certainty", constraints={"enum": ["stated", "likely"]}),
    _field("attributed_to"),
    _field("note", constraints={"maxLength": 200}),
]
_TABLES = {
    "certainty_levels": (
        {"label": "certainty", "primaryKey": "certainty"},
        [
            _field("certainty", constraints={"required": True, "enum": ["stated", "likely"]}),
            _field("meaning", constraints={"required": True, "minLength": 3}),
        ],
        [["likely", "The text says perhaps."], ["stated", "The text says so."]],
    ),
    "sources": (
        {"label": "title", "primaryKey": "source_id", "when": "published"},
        [
            _id("source_id"),
            _field("title", constraints={"required": True}),
            _field("title_zh", rdfType=OTHER_NAME),
            _field("url", rdfType=WEB_ADDRESS),
            _date("published"),
        ],
        [["blue-book", "A blue book, “read”", "蓝皮书", "https://example.org/b", "2024-12-09"], ["report", "Report", "", "", "2023~"]],
    ),
    "countries": (
        {"label": "name", "primaryKey": "country_id", "country": "within_id", "foreignKeys": [_key("within_id", "countries", "country_id")]},
        [
            _field("country_id", codelist="ISO 3166-1 alpha-3", constraints={"required": True, "pattern": "^[A-Z]{3}$"}),
            _field("name", constraints={"required": True, "unique": True}),
            _field("within_id", codelist="ISO 3166-1 alpha-3", constraints={"pattern": "^[A-Z]{3}$"}),
        ],
        [["CHN", "China", ""], ["KAZ", "Kazakhstan", ""], ["TWN", "Taiwan", ""]],
    ),
    "places": (
        {"label": "name", "primaryKey": "place_id", "country": "country_id", "foreignKeys": [_key("country_id", "countries")]},
        [
            _id("place_id"),
            _field("name", constraints={"required": True}),
            _field("country_id", codelist="ISO 3166-1 alpha-3", constraints={"pattern": "^[A-Z]{3}$"}),
            _field("latitude", "number", rdfType=LATITUDE, unit="degrees", constraints={"minimum": -90, "maximum": 90}),
            _field("longitude", "number", rdfType=LONGITUDE, unit="degrees", constraints={"minimum": -180, "maximum": 180}),
        ],
        [["almaty", "Almaty, the old capital", "KAZ", "43.25", "76.9"], ["kinmen", "Kinmen 金门", "TWN", "24.43", "118.3"]],
    ),
    "events": (
        {
            "domain": "at-sea", "label": ["name", "place_id"], "primaryKey": "event_id", "when": ["start_date", "end_date"],
            "where": "place_id", "country": "country_id", "facets": ["kind", "country_id"],
            "foreignKeys": [
                _key("place_id", "places"), _key("country_id", "countries"), _key("source_id", "sources"),
                _key("certainty", "certainty_levels"), _key("parent_id", "events", "event_id"),
            ],
            "rules": [
                {
                    "id": "people-bounds", "check": "people_min <= people_max", "column": "people_max",
                    "message": "the lower bound {people_min} is above the upper bound {people_max!r}",
                    "bad_example": {"people_min": "7", "people_max": "3"},
                },
                {
                    "id": "place-in-its-country", "column": "country_id",
                    "select": "SELECT e.event_id, e.name, p.country_id AS there FROM events AS e JOIN places AS p USING (place_id) WHERE p.country_id <> e.country_id",
                    "message": "{name} lies in {there}", "bad_example": {"place_id": "almaty", "country_id": "CHN"},
                },
            ],
        },
        [
            _id("event_id"), _field("name", constraints={"required": True}), _date("start_date"), _date("end_date"),
            _id("place_id", required=False),
            _field("country_id", codelist="ISO 3166-1 alpha-3", constraints={"pattern": "^[A-Z]{3}$"}),
            _id("parent_id", required=False), _field("kind", constraints={"enum": ["drill", "visit"]}),
            _field("people_min", "integer", unit="persons", constraints={"minimum": 0}),
            _field("people_max", "integer", unit="persons", constraints={"maximum": 10000}),
            _field("share", "number", unit="percent"), _field("seen", "boolean"), _field("day", "date", constraints={"minimum": "1949-10-01"}),
            _field("since", "year"), *_READ,
        ],
        [
            ["drill-at-sea", "A drill, at sea", "2024-12", "2024-12-11", "kinmen", "TWN", "", "drill", "3", "7", "12.5", "true", "2024-12-10", "2019", "blue-book", "p. 3", "stated", "the navy", ""],
            ["visit-1", 'A "visit" 访问', "2017~", "", "almaty", "KAZ", "drill-at-sea", "visit", "", "", "", "false", "", "", "report", "p. 9", "likely", "", "1+1=2"],
        ],
    ),
    "event_places": (
        {"primaryKey": ["event_id", "place_id"], "foreignKeys": [_key("event_id", "events"), _key("place_id", "places")]},
        [_id("event_id"), _id("place_id"), _field("kind", constraints={"enum": ["drill", "visit"]})],
        [["drill-at-sea", "kinmen", "drill"], ["visit-1", "kinmen", "visit"]],
    ),
    "citations": (
        {
            "primaryKey": ["table_name", "row_id", "source_id"], "foreignKeys": [_key("source_id", "sources")],
            "about": {"table": "table_name", "row": "row_id", "name": "called"},
            "rules": [{
                "id": "cites-a-row", "column": "row_id", "message": "there is no {row_id} in {table_name}",
                "select": "SELECT * FROM citations AS c WHERE NOT EXISTS (SELECT 1 FROM records AS r WHERE r.table_name = c.table_name AND r.row_id = c.row_id)",
            }],
        },
        [_field("table_name", constraints={"required": True}), _field("row_id", constraints={"required": True}), _id("source_id"), _field("called")],
        [["events", "visit-1", "blue-book", "The visit"], ["places", "kinmen", "report", ""]],
    ),
}  # fmt: skip
_SETTINGS = """\
settings: {default_page_size: 50, sql_time_limit_ms: 2000, allow_download: true, suggest_facets: false}
searches: [Kinmen, 金门, "542"]
map:
  - {name: asia, title: Asia, west: 42, south: -2.5, east: 162, north: 62}
corrections_url: https://example.org/issues/new
databases:
  small:
    queries:
      events_of_a_kind:
        title: Events of a kind
        description: All, or those of one kind.
        params: [kind]
        example: {kind: drill}
        choices: {kind: SELECT DISTINCT kind FROM events}
        links: {name: events/event_id}
        chart: {across: kind, heights: [people_min, people_max]}
        sql: |-
          SELECT event_id, name, kind, people_min, people_max
          FROM events WHERE kind LIKE '%' || :kind || '%'
          ORDER BY name
    tables:
      places: {size: 20}
"""


def files() -> dict[str, bytes]:
    """The package's files, by path."""
    descriptor = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "small", "title": "Small", "description": "One of everything.", "version": "1.0.0", "created": "2026-11-26T00:00:00Z",
        "licenses": [{"name": "CC-BY-4.0", "title": "CC BY 4.0", "path": "https://creativecommons.org/licenses/by/4.0/"}],
        "contributors": [{"title": "The makers", "roles": ["creator"]}], "sources": [{"title": "A blue book"}], "keywords": ["sea"],
        "domains": [{"name": "at-sea", "title": "At sea", "description": "What is at sea."}],
        "resources": [
            {"name": name, "type": "table", "path": f"tables/{name}.csv", "schema": f"schemas/{name}.json", "dialect": {"delimiter": ","}}
            for name in _TABLES
        ],
    }  # fmt: skip
    found = {"datapackage.json": _json(descriptor), "metadata.yml": _SETTINGS.encode()}
    for name, (more, fields, rows) in _TABLES.items():
        schema = {"$schema": "https://datapackage.org/profiles/2.0/tableschema.json", "title": name.capitalize()}
        schema |= {"description": f"One row is one of the {name}."} | more | {"fields": fields}
        found[f"schemas/{name}.json"] = _json(schema)
        found[f"tables/{name}.csv"] = as_csv([[field["name"] for field in fields], *rows])
    return found


def spreadsheets() -> dict[str, bytes]:
    """Files to import, by name: a workbook with rows that are new, changed and as they were, and CSV files."""
    book = Workbook()
    book.remove(book.active)
    for name in ("places", "events"):
        _, fields, rows = _TABLES[name]
        page = book.create_sheet(name)
        page.append([field["name"] for field in fields])
        for row in rows:
            page.append([_value(cell) for cell in row])
        page.append(["new-row", "A new name", *(_value(cell) for cell in rows[0][2:])])
    written = io.BytesIO()
    book.save(written)
    _, fields, rows = _TABLES["events"]
    lines = [[field["name"] for field in fields], rows[1], ["another", "Another name", *rows[0][2:]]]
    return {
        "rows.xlsx": written.getvalue(),
        "events.csv": as_csv(lines),
        "places.tsv": "Place id\tname\tlatitude\r\nhere\tHere\t12,5\r\nalmaty\tAlmaty\t43.25\r\n".encode("utf-16"),
    }


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    """Write the files below `folder`."""
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def as_csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _json(content: dict) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def _value(cell: str) -> object:
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell
