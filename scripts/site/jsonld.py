"""The package as schema.org's Dataset in JSON-LD, for search engines."""

from __future__ import annotations

import json

from markupsafe import Markup

from .content import Content

_TYPES = {
    "csv": "text/csv",
    "db": "application/vnd.sqlite3",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}


def dataset(content: Content, base: str) -> Markup:
    """The Dataset with each download, to stand in a script element; `base` is the site's address."""
    declared = content.descriptor
    told = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": declared.title,
        "description": declared.description,
        "url": f"{base}/",
        "version": declared.version,
        "license": declared.licenses[0].path,
        "keywords": declared.keywords,
        "isAccessibleForFree": True,
        "datePublished": (declared.created or "")[:10],
        "creator": [{"@type": "Organization", "name": each.title} for each in declared.contributors if each.title],
        "isBasedOn": [each.title for each in declared.sources if each.title],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": file.path,
                "contentUrl": f"{base}/downloads/{file.path}",
                "encodingFormat": _TYPES[file.path.rpartition(".")[2]],
                "contentSize": f"{file.size} B",
                "sha256": file.sha256,
            }
            for file in content.downloads
            if file.path.rpartition(".")[2] in _TYPES
        ],
    }
    text = json.dumps({key: value for key, value in told.items() if value}, ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c"))  # nothing in it can end the element
