"""Reads an export with other people's tools and prints what they find, as JSON.

Run by `.readers/bin/python`, see requirements/readers.in: `readers.py TOOL FILE-OR-FOLDER`. It knows
nothing of this project. Nothing here uses the network.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from importlib import resources
from pathlib import Path


def workbook(path: Path) -> dict:
    """openpyxl: for each sheet its rows, what is frozen, what is filtered, which cells are formulas or links."""
    import openpyxl

    book = openpyxl.load_workbook(path)
    return {
        page.title: {
            "rows": [[cell.value for cell in row] for row in page.iter_rows()],
            "frozen": page.freeze_panes,
            "filtered": page.auto_filter.ref,
            "bold": [bool(cell.font.b) for cell in page[1]],
            "live": [
                cell.coordinate for row in page.iter_rows() for cell in row if cell.data_type == "f" or cell.hyperlink
            ],
            "widths": [each.width for each in page.column_dimensions.values()],
        }
        for page in book
    }


def duckdb_parquet(folder: Path) -> dict:
    """DuckDB: the columns with their types, and the rows, of each Parquet file."""
    import duckdb

    connection, found = duckdb.connect(), {}
    for path in sorted(folder.glob("parquet/*.parquet")):
        result = connection.sql(f"SELECT * FROM '{path}'")
        found[path.stem] = {"columns": dict(zip(result.columns, map(str, result.types))), "rows": result.fetchall()}
    return found


def polars_parquet(folder: Path) -> dict:
    """polars: the same."""
    import polars

    frames = {path.stem: polars.read_parquet(path) for path in sorted(folder.glob("parquet/*.parquet"))}
    return {
        name: {"columns": {key: str(kind) for key, kind in frame.schema.items()}, "rows": frame.rows()}
        for name, frame in frames.items()
    }


def duckdb_sqlite(path: Path) -> dict:
    """DuckDB: the rows of each table of the SQLite database, by column."""
    import duckdb

    install_sqlite()
    connection, found = duckdb.connect(), {}
    connection.execute(f"ATTACH '{path}' AS base (TYPE sqlite, READ_ONLY)")
    names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'base'").fetchall()
    for (name,) in names:
        if "_fts" not in name and not name.startswith("sqlite_"):
            result = connection.sql(f'SELECT * FROM base."{name}"')
            found[name] = {"columns": dict(zip(result.columns, map(str, result.types))), "rows": result.fetchall()}
    return found


def install_sqlite() -> None:
    """Put DuckDB's extension for SQLite, from its package, where DuckDB would put it after fetching it."""
    import duckdb
    import duckdb_extension_sqlite_scanner as extension

    (path,) = Path(extension.__file__).parent.glob("extensions/*/*.duckdb_extension")
    duckdb.connect().install_extension(str(path))


def croissant(path: Path) -> dict:
    """mlcroissant: what it says of the metadata, and the rows of each record set as it generates them."""
    import mlcroissant

    try:
        dataset = mlcroissant.Dataset(jsonld=path)
    except mlcroissant.ValidationError as error:
        return {"error": str(error)}
    issues = dataset.metadata.issues
    rows = {
        each.uuid: [list(row.values()) for row in dataset.records(each.uuid)] for each in dataset.metadata.record_sets
    }
    return {"problems": [*issues.errors, *issues.warnings], "rows": rows}


def crate(folder: Path) -> dict:
    """roc-validator, offline: what breaks a requirement or a recommendation of RO-Crate 1.1.

    It would fetch the context of RO-Crate; here it finds it in its cache, where it is put from `rocrate`.
    """
    import requests
    import requests_cache
    import urllib3
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings

    text = (resources.files("rocrate") / "data" / "ro-crate.jsonld").read_bytes()
    response = requests.Response()
    response.status_code, response.url, response._content = 200, json.loads(text)["@id"], text
    response.headers["Content-Type"] = "application/ld+json"
    response.raw = urllib3.HTTPResponse(io.BytesIO(text), response.headers, 200, preload_content=False)
    response.request = requests.Request("GET", response.url).prepare()
    with tempfile.TemporaryDirectory() as cache:
        with requests_cache.CachedSession(f"{cache}/http", backend="sqlite") as session:
            session.cache.save_response(response)
        settings = ValidationSettings(
            rocrate_uri=str(folder),
            offline=True,
            cache_path=Path(cache) / "http",
            profile_identifier="ro-crate-1.1",
            requirement_severity=Severity.RECOMMENDED,
        )
        result = services.validate(settings)
        issues = sorted({(issue.severity.name, issue.message) for issue in result.get_issues()})
        return {"checks": len(result.executed_checks), "skipped": result.skipped_checks_count, "issues": issues}


def zenodo(path: Path) -> list:
    """zenodo-client: what of the metadata breaks its model of Zenodo's vocabulary, and which keys it does not know."""
    import pydantic
    from zenodo_client import Metadata

    content = json.loads(path.read_text("utf-8"))
    strange = sorted(set(content) - set(Metadata.model_fields))
    try:
        Metadata.model_validate(content)
    except pydantic.ValidationError as error:
        return [[".".join(map(str, each["loc"])), each["msg"]] for each in error.errors()] + strange
    return strange


TOOLS = (workbook, duckdb_parquet, polars_parquet, duckdb_sqlite, croissant, crate, zenodo)

if __name__ == "__main__":
    tool = {each.__name__: each for each in TOOLS}[sys.argv[1]]
    found = tool(Path(sys.argv[2]))
    print(json.dumps(found, default=lambda value: value.decode() if isinstance(value, bytes) else str(value)))
