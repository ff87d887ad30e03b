"""How the package is cited: in words, in the Citation File Format 1.2.0, and as Zenodo's metadata of a deposit."""

from __future__ import annotations

import html

import yaml

from ..descriptor import Contributor, Descriptor


def text(descriptor: Descriptor) -> str:
    """The citation in one sentence, in the order of DataCite: creators (year), title (version)."""
    creators = ", ".join(each.name for each in descriptor.creators)
    year = f" ({descriptor.moment.year})" if descriptor.moment else ""
    return f"{creators}{year}: {descriptor.title} (version {descriptor.version}) [data set].".lstrip(": ")


def cff(descriptor: Descriptor) -> str:
    """The content of `CITATION.cff`. Keys that the descriptor has nothing for are left out."""
    licence = descriptor.licenses[0]
    content = {
        "cff-version": "1.2.0",
        "message": "If you use this data set, please cite it as below.",
        "type": "dataset",
        "title": descriptor.title,
        "abstract": descriptor.description,
        "authors": [_author(each) for each in descriptor.creators] or [{"name": descriptor.title}],
        "version": descriptor.version,
        "date-released": descriptor.moment.date().isoformat() if descriptor.moment else None,
        "license": licence.name,
        "license-url": licence.path,
        "url": descriptor.homepage,
        "keywords": descriptor.keywords,
    }
    present = {key: value for key, value in content.items() if value}
    return yaml.safe_dump(present, sort_keys=False, allow_unicode=True, width=100)


def zenodo(descriptor: Descriptor) -> dict:
    """The object `metadata` of a deposit at Zenodo, which is also what `.zenodo.json` holds."""
    creators = descriptor.creators
    others = [each for each in descriptor.contributors if each.name and each not in creators]
    content = {
        "upload_type": "dataset",
        "title": descriptor.title,
        "description": f"<p>{html.escape(descriptor.description, quote=False)}</p>",
        "version": descriptor.version,
        "publication_date": descriptor.moment.date().isoformat() if descriptor.moment else None,
        "creators": [_creator(each) for each in creators],
        "contributors": [_creator(each) | {"type": "Other"} for each in others],
        "access_right": "open",
        "license": (descriptor.licenses[0].name or "").lower(),
        "keywords": descriptor.keywords,
    }
    return {key: value for key, value in content.items() if value}


def _author(contributor: Contributor) -> dict[str, str]:
    if not contributor.person:
        return {"name": contributor.name}
    content = {
        "family-names": contributor.familyName,
        "given-names": contributor.givenName,
        "affiliation": contributor.organization,
    }
    return {key: value for key, value in content.items() if value}


def _creator(contributor: Contributor) -> dict[str, str]:
    """A creator in Zenodo's form, a person's family name first."""
    if not contributor.person:
        return {"name": contributor.name}
    name = ", ".join(filter(None, [contributor.familyName, contributor.givenName]))
    return {"name": name} | ({"affiliation": contributor.organization} if contributor.organization else {})
