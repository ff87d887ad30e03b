"""RO-Crate 1.1: the folder as a research object, every file in it named and described."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from ..descriptor import Contributor, License, Source
from ..package import Package

NAME = "ro-crate-metadata.json"
_MEDIA_TYPES = {
    ".cff": "application/yaml",
    ".csv": "text/csv",
    ".db": "application/vnd.sqlite3",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}


def metadata(package: Package, files: Mapping[str, tuple[int | None, str]]) -> dict:
    """The content of `ro-crate-metadata.json` for a folder that holds `files`.

    `files` has by path each file's size in bytes, None where it is not yet known, and what it is.
    RO-Crate asks for a date of publication: a package without `created` gives a crate without it.
    """
    declared = package.descriptor
    licences = [_licence(each) for each in declared.licenses]
    authors = [_author(each, f"#creator-{number}") for number, each in enumerate(declared.creators, 1)]
    sources = [_source(each, f"#source-{number}") for number, each in enumerate(declared.sources, 1) if each.title]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": declared.title,
        "description": declared.description,
        "version": declared.version,
        "datePublished": declared.moment.date().isoformat() if declared.moment else None,
        "license": _references(licences),
        "author": _references(authors),
        "publisher": _references([each for each in authors if each["@type"] == "Organization"]),
        "keywords": declared.keywords,
        "url": declared.homepage,
        "isBasedOn": _references(sources),
        "hasPart": [{"@id": path} for path in sorted(files)],
    }
    descriptor = {
        "@id": NAME,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    parts = [_file(path, *files[path]) for path in sorted(files)]
    graph = [descriptor, root, *parts, *licences, *authors, *sources]
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [{key: value for key, value in entity.items() if value} for entity in graph],
    }


def _references(entities: list[dict]) -> list[dict] | dict:
    found = [{"@id": entity["@id"]} for entity in entities]
    return found[0] if len(found) == 1 else found


def _file(path: str, size: int | None, what: str) -> dict:
    return {
        "@id": path,
        "@type": "File",
        "name": PurePosixPath(path).name,
        "description": what,
        "encodingFormat": _MEDIA_TYPES.get(PurePosixPath(path).suffix, "text/plain"),
        "contentSize": None if size is None else str(size),
    }


def _licence(licence: License) -> dict:
    name = licence.title or licence.name
    identifier = licence.path or f"#{licence.name}"
    return {"@id": identifier, "@type": "CreativeWork", "name": name, "description": name, "identifier": licence.name}


def _author(contributor: Contributor, identifier: str) -> dict:
    return {
        "@id": contributor.path or identifier,
        "@type": "Person" if contributor.person else "Organization",
        "name": contributor.name,
        "givenName": contributor.givenName,
        "familyName": contributor.familyName,
    }


def _source(source: Source, identifier: str) -> dict:
    return {
        "@id": source.path or identifier,
        "@type": "CreativeWork",
        "name": source.title,
        "version": source.version,
    }
