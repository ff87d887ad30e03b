"""Croissant 1.0 (MLCommons): the tables as record sets that a program for machine learning loads by itself."""

from __future__ import annotations

from collections.abc import Mapping

from ..descriptor import Field, Schema
from ..package import Package
from . import citation

# The vocabulary's own context, see https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html
_TERMS = [
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
]
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_TYPES = {
    "string": "sc:Text",
    "integer": "sc:Integer",
    "year": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
}


def metadata(package: Package, files: Mapping[str, tuple[int, str]]) -> dict:
    """The content of `croissant.json`: a FileObject a CSV file, a RecordSet a table.

    `files` has, by path below the folder of `croissant.json`, each table's size in bytes and SHA-256.
    """
    declared = package.descriptor
    date = declared.moment.date().isoformat() if declared.moment else None
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": declared.name,
        "alternateName": declared.title,
        "description": declared.description,
        "version": declared.version,
        "datePublished": date,
        "license": [each.path or each.name for each in declared.licenses],
        "creator": [
            {"@type": "sc:Person" if each.person else "sc:Organization", "name": each.name}
            for each in declared.creators
        ],
        "url": declared.homepage,
        "keywords": declared.keywords,
        "citeAs": citation.text(declared),
        "distribution": [_file(resource.path, *files[resource.path]) for resource in declared.resources],
        "recordSet": [
            _record_set(name, schema, package.resources[name].path) for name, schema in package.schemas.items()
        ],
    }
    return {key: value for key, value in content.items() if value}


def _file(path: str, size: int, sha256: str) -> dict:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": "text/csv",
        "sha256": sha256,
    }


def _record_set(name: str, schema: Schema, path: str) -> dict:
    targets = {key.column: key.reference.resource for key in schema.foreignKeys}
    keys = [{"@id": f"{name}/{column}"} for column in schema.primaryKey]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{schema.title}. {schema.description}",
        "key": keys if len(keys) > 1 else keys[0],
        "field": [_field(name, field, path, targets.get(field.name)) for field in schema.fields],
    }


def _field(table: str, field: Field, path: str, target: str | None) -> dict:
    """A column. What it refers to is told in words only.

    The standard has `references` for it, but mlcroissant (1.1) makes of it an inner join that drops and
    repeats rows, and fails on a table that refers to itself: the rows themselves matter more.
    """
    more = [f"Unit: {field.unit}." if field.unit else "", f"Key of a row of {target}." if target else ""]
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "description": " ".join(filter(None, [field.description, *more])),
        "dataType": [_TYPES[field.type], field.rdfType] if field.rdfType else _TYPES[field.type],
        "source": {"fileObject": {"@id": path}, "extract": {"column": field.name}},
    }
