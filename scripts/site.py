"""Serve the built database with Datasette; all that it shows of the data comes from the declaration."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn
import yaml
from datasette.app import Datasette

from .database import READABLE, readable
from .dates import derived_names
from .descriptor import Field
from .package import Package
from .problem import Broken, Problem

HOST = "127.0.0.1"
SETTINGS = "metadata.yml"
_PLUGINS = Path(__file__).parent / "plugins"
_DERIVED = ("first day that it may mean", "last day that it may mean", "year")


def listen(port: int) -> sockets.socket:
    """A socket that listens on `port` of this machine, any free one for 0. Raises `Broken` where it is taken."""
    socket = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM)
    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        socket.bind((HOST, port))
        socket.listen()
    except OSError as error:
        socket.close()
        hint = f"end the program that uses it, or take another port: prc-reach serve --port {port + 1}"
        raise Broken(
            [Problem(f"{HOST}:{port}", "port", f"cannot listen on port {port}: {error.strerror}", hint=hint)]
        ) from None
    return socket


def serve(package: Package, database: Path, socket: sockets.socket, ready: Callable[[str], None]) -> None:
    """Serve `database` on `socket` until interrupted; `ready` is called with the address."""
    datasette = site(package, database)
    ready(f"http://{HOST}:{socket.getsockname()[1]}/")
    server = uvicorn.Server(uvicorn.Config(datasette.app(), log_level="warning", access_log=False))
    with suppress(KeyboardInterrupt):  # the way to end it
        asyncio.run(server.serve(sockets=[socket]))


def site(package: Package, database: Path) -> Datasette:
    """Datasette over the immutable `database`, with metadata from the declaration."""
    return Datasette(
        [],
        immutables=[str(database)],
        metadata=metadata(package, database.stem),
        plugins_dir=str(_PLUGINS),
        settings=settings(package.folder).get("settings", {}),
    )


def metadata(package: Package, database: str) -> dict:
    """Datasette's metadata: titles, descriptions, licence, sources and columns as declared, and over them `metadata.yml`.

    `database` is the name under which Datasette serves the tables. Raises `Broken` where
    `metadata.yml` is not YAML or not a mapping.
    """
    declared = package.descriptor
    licence = declared.licenses[0]
    tables = {}
    for name, schema in package.schemas.items():
        about = {"title": schema.title, "description": schema.description}
        columns = {column: text for field in schema.fields for column, text in _described(field)}
        label = {"label_column": schema.label} if schema.label else {}
        tables[name] = about | {"columns": columns, "facets": schema.facets} | label
        shown = {column: columns[field.name] for column, (field, _) in readable(package, name).items()}
        tables[f"{name}{READABLE}"] = about | {"title": f"{schema.title}, with labels", "columns": shown}
    generated = {
        "title": declared.title,
        "description": declared.description,
        "license": licence.title or licence.name,
        "license_url": licence.path,
        "source": "; ".join(source.title for source in declared.sources if source.title),
        "databases": {database: {"title": declared.title, "description": declared.description, "tables": tables}},
    }
    own = {key: value for key, value in settings(package.folder).items() if key != "settings"}
    if isinstance(own.get("databases"), dict) and declared.name in own["databases"]:
        own["databases"] = {database: own["databases"][declared.name]}  # whatever the file is called
    return _over(generated, own)


def _described(field: Field):
    """The field's columns in the database, each with its description and unit."""
    unit = f" Unit: {field.unit}." if field.unit else ""
    yield field.name, field.description + unit
    if field.partial_date:
        for column, meaning in zip(derived_names(field.name), _DERIVED):
            yield column, f"Derived from {field.name}: {meaning}."


def settings(folder: Path) -> dict:
    """What `metadata.yml` in `folder` says. Raises `Broken` where it is not YAML or not a mapping."""
    path = folder / SETTINGS
    try:
        found = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        raise Broken(
            [
                Problem(
                    SETTINGS,
                    "yaml",
                    f"is not YAML: {getattr(error, 'problem', None) or error}",
                    line=mark.line + 1 if mark else None,
                )
            ]
        ) from None
    if not isinstance(found or {}, dict):
        raise Broken([Problem(SETTINGS, "yaml", "must be a mapping of keys to values", line=1)])
    return found or {}


def _over(below: dict, above: dict) -> dict:
    """Both, where they differ the one above; mappings are merged all the way down."""
    merged = dict(below)
    for key, value in above.items():
        merged[key] = (
            _over(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        )
    return merged
