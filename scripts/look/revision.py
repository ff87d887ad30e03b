"""An earlier state of the package: a revision of git, a folder or a zip file, read as files and never checked out."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ..package import DESCRIPTOR, Package, inside
from ..problem import Broken, Problem
from ..zips import swollen

Reader = Callable[[str], bytes | None]  # the content of a file of the package by its path; None where there is none


def folder(path: Path) -> Reader:
    """The files of the package in the folder `path`, none that lies outside of it."""

    def read(name: str) -> bytes | None:
        try:
            return (path / name).read_bytes() if inside(path, name) and (path / name).is_file() else None
        except (OSError, ValueError):
            return None

    return read


@contextmanager
def earlier(path: Path, base: str | None) -> Iterator[Reader]:
    """The files of the package in `path` as they were at `base`: a folder, a zip file, or a revision of git.

    Where `base` is None that is where this branch left the default one, or the last commit where that
    cannot be told. Raises `Broken` where there is no such thing.
    """
    if base and _is_package(Path(base)):
        yield folder(Path(base))
    elif base and _is_file(Path(base)) and zipfile.is_zipfile(base):
        with _archive(base) as archive:
            yield _zipped(archive)
    else:
        with _blobs(path, _commit(path, base)) as read:
            yield read


def _is_package(path: Path) -> bool:
    return _is_file(path / DESCRIPTOR)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name that a file could have
        return False


def _archive(base: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(base)
    except Exception:  # the library raises whatever its parts do, struct's errors and ValueErrors among them
        hint = "pack it anew"
        raise Broken([Problem(base, "unknown-base", "is a zip file that cannot be read", hint=hint)]) from None


def _zipped(archive: zipfile.ZipFile) -> Reader:
    names = {str(PurePosixPath(each.filename)): each for each in archive.infolist() if not each.is_dir()}

    def read(name: str) -> bytes | None:
        member = names.get(str(PurePosixPath(name)))
        try:
            return archive.read(member) if member and not swollen(member) else None
        except Exception:  # as above; zlib's errors are its own
            return None

    return read


def _git(path: Path, *arguments: str) -> bytes | None:
    """What git answers in the folder `path`; None where it refuses or is not there."""
    command = ["git", "-C", str(path), "--no-replace-objects", *arguments]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    except (OSError, ValueError):
        return None
    return result.stdout if result.returncode == 0 else None


def _commit(path: Path, base: str | None) -> str:
    """The commit that `base` names, the default one for None."""
    if base is not None:
        found = None if base.startswith("-") else _resolved(path, base)
    else:
        defaults = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
        forks = (
            _git(path, "merge-base", "--", "HEAD", commit)
            for commit in filter(None, (_resolved(path, name) for name in defaults))
        )
        found = next((fork.decode().strip() for fork in forks if fork), None) or _resolved(path, "HEAD")
    if found is None:
        message = f"there is no revision, folder or zip file of a package {base!r}" if base else "has no commit of git"
        hint = "give a branch, a tag or a commit that `git log` knows, a folder with a datapackage.json, or a zip file"
        raise Broken(
            [Problem(str(path) if base is None else DESCRIPTOR, "unknown-base", message, value=base, hint=hint)]
        )
    return found


def _resolved(path: Path, name: str) -> str | None:
    found = _git(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return found.decode().strip() if found else None


@contextmanager
def _blobs(path: Path, commit: str) -> Iterator[Reader]:
    """The ordinary files of the commit below `path`: by their objects, so that no name is ever read as a command."""
    listing = _git(path, "ls-tree", "-r", "-z", commit, "--") or b""
    blobs = {}
    for line in filter(None, listing.split(b"\0")):
        (mode, _, blob), name = line.split(b"\t", 1)[0].split(), line.split(b"\t", 1)[1]
        if mode.startswith(b"100"):  # no links, no other repositories
            blobs[name.decode("utf-8", "surrogateescape")] = blob
    command = ["git", "-C", str(path), "--no-replace-objects", "cat-file", "--batch"]
    offline = os.environ | {"GIT_NO_LAZY_FETCH": "1"}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=offline)

    def read(name: str) -> bytes | None:
        blob = blobs.get(str(PurePosixPath(name)))
        if blob is None:
            return None
        process.stdin.write(blob + b"\n")
        process.stdin.flush()
        *_, size = process.stdout.readline().split() or [b"missing"]
        return process.stdout.read(int(size) + 1)[:-1] if size.isdigit() else None  # a clone may lack an object

    try:
        yield read
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def changed(package: Package, base: str | None) -> list[str]:
    """The tables of the package whose CSV file or schema is not as it was at `base`, all where the descriptor is not.

    Raises `Broken` where there is no such base.
    """
    now = folder(package.folder)
    with earlier(package.folder, base) as before:
        if now(DESCRIPTOR) != before(DESCRIPTOR):
            return list(package.resources)
        return [
            name
            for name, resource in package.resources.items()
            if any(now(path) != before(path) for path in (resource.path, resource.schema_path))
        ]


def with_referring(package: Package, names: list[str]) -> list[str]:
    """The tables called `names` and those that refer to one of them by a foreign key."""
    return [
        name
        for name, schema in package.schemas.items()
        if name in names or any(key.reference.resource in names for key in schema.foreignKeys)
    ]
