"""The export: one folder that is a Data Package, an RO-Crate and a set of downloads for any web server.

All of it is generated from the declaration and the tables. The same package gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import database, jsonlines
from ..atomic import replacing_folder
from ..decoding import decoded
from ..package import DESCRIPTOR, Package, inside
from ..problem import Broken, Problem
from ..tables import Table
from . import archive, citation, crate, croissant, workbook

SUMS = "SHA256SUMS"
TEXTS = {
    "README.md": "What the package is.",
    "CODEBOOK.md": "How the tables are made.",
    "CHANGELOG.md": "What changed in which version.",
    "LICENSE-DATA": "The licence of the data.",
}
_READING = "Before you quote it"  # the section of README.md that the workbook repeats
STEPS = 3  # so often `export` calls `done` with each table


def export(
    package: Package, tables: dict[str, Table], output: Path, done: Callable[[str], None] = lambda name: None
) -> None:
    """Write `tables`, as read and found sound, in every form to the folder `output`.

    The folder is written beside `output` and takes its place when it is whole (see
    `atomic.replacing_folder`). A reader of several files may get some from the export before; `SHA256SUMS`
    tells. `done` is called with each table's name, `STEPS` times. Raises `Broken`, and leaves `output` as it
    was, where it is no earlier export of this package, cannot be written, Excel cannot hold a table, or the
    package was changed since it was loaded.
    """
    output = output.resolve()
    refuse_foreign(package, output)
    try:
        book = workbook.book(package, tables, _reading(package.folder), done)
        with replacing_folder(output) as folder:
            _write(package, tables, folder, book, done)
            package.refuse_changed()
            refuse_foreign(package, output)  # once more, for what was put there in the meantime
    except OSError as error:
        hint = "the old export, if there was one, is untouched"
        raise Broken([Problem(str(output), "output", f"cannot be written: {error.strerror}", hint=hint)]) from None


def sizes(output: Path) -> dict[str, int]:
    """The size in bytes of each file of the export in `output`, by its path there."""
    return {name: (output / name).stat().st_size for name in _files(output)}


def refuse_foreign(package: Package, output: Path) -> None:
    """Raise `Broken` where replacing `output` would delete what no export has written."""
    output = output.resolve()
    hint = "give another folder, or remove this one yourself"
    reason = None
    if package.folder.resolve().is_relative_to(output):
        reason = "holds the package itself"
    elif output.exists() and not output.is_dir():
        reason = "is not a folder"
    elif output.is_dir() and (strange := set(_files(output)) - _earlier(package, output)):
        reason = f"holds {min(strange)}, which no export of this package has written"
    if reason:
        raise Broken([Problem(str(output), "output", f"{reason}; it was not replaced", hint=hint)])


def _write(package: Package, tables: dict[str, Table], folder: Path, book: bytes, done: Callable[[str], None]) -> None:
    declared = package.descriptor
    contents = dict(_copies(package))
    contents[DESCRIPTOR] = _json(_descriptor(package, tables, contents))
    contents["CITATION.cff"] = citation.cff(declared).encode()
    sums = {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in contents.items()}
    contents["croissant.json"] = _json(croissant.metadata(package, sums))
    told = about(package)
    packed = {path: (len(data), told[path]) for path, data in contents.items()}
    archived = contents | {crate.NAME: _json(crate.metadata(package, packed))}
    archive.write(folder / f"{declared.name}.zip", archived, declared.moment or workbook.EPOCH)
    contents["zenodo.json"] = _json(citation.zenodo(declared))
    contents[f"{declared.name}.xlsx"] = book
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    database.build(package, tables, folder / f"{declared.name}.db", done)
    (folder / "parquet").mkdir()
    for name, table in tables.items():
        file = io.BytesIO()  # polars takes each path for UTF-8, and has errors of its own for a full disk
        table.typed.write_parquet(file)
        (folder / _parquet(name)).write_bytes(file.getvalue())
        done(name)
    found = {path: ((folder / path).stat().st_size, told[path]) for path in _files(folder)}
    (folder / crate.NAME).write_bytes(_json(crate.metadata(package, found | {SUMS: (None, told[SUMS])})))
    lines = [f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n" for path in _files(folder)]
    (folder / SUMS).write_text("".join(lines), "utf-8", newline="\n")


def _copies(package: Package) -> Iterator[tuple[str, bytes]]:
    """The files of the package that the export repeats, by path."""
    for resource in package.resources.values():
        for path in (resource.path, resource.schema_path):
            yield path, (package.folder / path).read_bytes()
    for name in TEXTS:
        if inside(package.folder, name) and (package.folder / name).is_file():
            yield name, (package.folder / name).read_bytes()


def _descriptor(package: Package, tables: dict[str, Table], contents: dict[str, bytes]) -> dict:
    """The package's descriptor, and for each resource what its file is and how large."""
    content = json.loads((package.folder / DESCRIPTOR).read_text("utf-8"))
    for resource in content["resources"]:
        data = contents[package.resources[resource["name"]].path]
        resource |= {
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": len(data),
            "hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "rows": tables[resource["name"]].frame.height,
        }
    return content


def _parquet(table: str) -> str:
    return f"parquet/{table}.parquet"


def about(package: Package) -> dict[str, str]:
    """What each file of an export is, by path."""
    name = package.descriptor.name
    told = TEXTS | {
        DESCRIPTOR: "The Data Package's descriptor: what the tables are, with sizes and hashes.",
        "CITATION.cff": "How to cite the package, in the Citation File Format.",
        "croissant.json": "The tables as a Croissant data set.",
        "zenodo.json": "The metadata of a deposit at Zenodo.",
        crate.NAME: "The files as an RO-Crate.",
        SUMS: "The SHA-256 of each file, for sha256sum -c.",
        f"{name}.zip": "The Data Package in one file.",
        f"{name}.db": "All tables in an SQLite database, with search and readable views.",
        f"{name}.xlsx": "All tables and the data dictionary in an Excel workbook.",
    }
    for table, schema in package.schemas.items():
        resource = package.resources[table]
        told[resource.path] = f"{schema.title}. {schema.description}"
        told[resource.schema_path] = f"{schema.title}: the Table Schema."
        told[_parquet(table)] = f"{schema.title}, in Parquet."
    return told


def _reading(folder: Path) -> str:
    """What README.md says under the heading that is for quick readers, as plain text; empty where it has none."""
    path = folder / "README.md"
    text = path.read_text("utf-8", "replace") if inside(folder, path.name) and path.is_file() else ""
    section = re.search(rf"^#+ {_READING}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    if not section:
        return ""
    paragraphs = re.split(r"\n\s*\n|\n(?=- )", section[1].strip())
    return "\n".join(" ".join(re.sub("[`*]", "", each.removeprefix("- ")).split()) for each in paragraphs)


def _files(folder: Path) -> list[str]:
    """The paths of all files below `folder`, in order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def _json(content: dict) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def _earlier(package: Package, output: Path) -> set[str]:
    """The files that an earlier export of this package has written to `output`; none where there was none."""
    try:
        name = jsonlines.read(output / DESCRIPTOR, DESCRIPTOR)[0]["name"]
        lines = decoded(output / SUMS, SUMS).splitlines()
    except (Broken, KeyError, TypeError):
        return set()
    return {SUMS, *(line[66:] for line in lines)} if name == package.descriptor.name else set()
