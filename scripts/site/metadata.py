"""Datasette's metadata, made from the declaration, and over it what `metadata.yml` says."""

from __future__ import annotations

from .. import records, settings
from ..dates import derived_names
from ..descriptor import Field
from ..labels import readable, year_column
from ..package import LINKS, READABLE, RECORDS, Package

_DERIVED = ("first day that it may mean", "last day that it may mean", "year")
_OWN = ("settings", "map", "searches", "corrections_url")  # keys of metadata.yml that are ours, not Datasette's


def metadata(package: Package, database: str) -> dict:
    """Datasette's metadata: titles, descriptions, licence, sources and columns as declared, and over them `metadata.yml`.

    `database` is the name under which Datasette serves the tables. Raises `Broken` where
    `metadata.yml` is wrong by itself.
    """
    declared = package.descriptor
    licence = declared.licenses[0]
    tables = {}
    for name in package.schemas:
        tables[name] = _table(package, name)
        if shown := readable(package, name):
            tables[f"{name}{READABLE}"] = _readable(tables[name], shown)
    tables[RECORDS] = {
        "title": "All records",
        "description": "One row for each row of every table that has an id: what it is called, when and where it was, how sure it is.",
        "columns": records.DESCRIPTIONS,
        "facets": ["table_name", "domain", records.CERTAINTY],
        "label_column": "label",
    }
    tables[LINKS] = {
        "title": "All links",
        "description": "What refers to what: one row for each row of a table that refers to a row of another, and by which column.",
        "facets": ["to_table", "via"],
    }
    generated = {
        "title": declared.title,
        "description": declared.description,
        "license": licence.title or licence.name,
        "license_url": licence.path,
        "source": "; ".join(source.title for source in declared.sources if source.title),
        "databases": {database: {"title": declared.title, "description": declared.description, "tables": tables}},
    }
    own = {key: value for key, value in settings.read(package.folder).items() if key not in _OWN}
    if isinstance(own.get("databases"), dict) and declared.name in own["databases"]:
        own["databases"] = {database: own["databases"][declared.name]}  # whatever the file is called
    return _over(generated, own)


def _table(package: Package, name: str) -> dict:
    """What Datasette is told of a table: with facets as declared, and by year and certainty where it has them."""
    schema = package.schemas[name]
    facets = [*schema.facets, *(year for _, year in year_column(package, name))]
    label = {"label_column": schema.label_column} if schema.label_column else {}
    return {
        "title": schema.title,
        "description": schema.description,
        "columns": {column: text for field in schema.fields for column, text in _described(field)},
        "facets": facets + [records.CERTAINTY] * (records.CERTAINTY in schema.names),
        **label,
        **_sort(package, name),
    }


def _readable(table: dict, shown: dict) -> dict:
    """What Datasette is told of a readable view with the columns `shown`: the table's, by the view's names of the columns."""
    short = {field.name: column for column, (field, _) in reversed(shown.items())}
    told = table["columns"]
    texts = {column: told[column if column in told else field.name] for column, (field, _) in shown.items()}
    facets = [short.get(column, column) for column in table["facets"]]
    sort = {key: short.get(column, column) for key, column in table.items() if key.startswith("sort")}
    return {"title": table["title"], "description": table["description"], "columns": texts, "facets": facets, **sort}


def _sort(package: Package, name: str) -> dict:
    """The newest first where a date says when, so that rows without one come last; else by label."""
    schema = package.schemas[name]
    if schema.when:
        return {"sort_desc": schema.when[0]}
    return {"sort": schema.label_column} if schema.label_column else {}


def _described(field: Field):
    """The field's columns in the database, each with its description and unit."""
    unit = f" Unit: {field.unit}." if field.unit else ""
    yield field.name, field.description + unit
    if field.partial_date:
        for column, meaning in zip(derived_names(field.name), _DERIVED):
            yield column, f"Derived from {field.name}: {meaning}."


def _over(below: dict, above: dict) -> dict:
    """Both, where they differ the one above; mappings are merged all the way down."""
    merged = dict(below)
    for key, value in above.items():
        merged[key] = (
            _over(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        )
    return merged
