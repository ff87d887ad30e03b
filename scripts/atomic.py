"""Replace a file or a folder at once: whoever reads it sees the old one or the new one, never a half."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to, which takes its place when the block ends well.

    When it ends badly the new file is removed and `path` is as it was. What processes that were
    killed left behind is removed too. OSError where the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        _keep(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def replace_together(contents: Mapping[Path, bytes]) -> None:
    """Write all files, or leave all as they were: OSError where one cannot be written.

    All new files are whole before the first takes its place. No system renames several files by one
    call, so only a failure of power between the renames could leave some of them old.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in contents}
    try:
        with ExitStack() as stack:
            for path, data in contents.items():
                stack.enter_context(replacing(path)).write_bytes(data)
    except BaseException:
        for path, data in before.items():
            with suppress(OSError):  # what cannot be put back must not keep the others from it
                if data is None:
                    path.unlink(missing_ok=True)
                elif path.read_bytes() != data:
                    with replacing(path) as partial:
                        partial.write_bytes(data)
        raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` to write to, which takes its place when the block ends well.

    What is at `path` is whole at every moment, the old folder or the new one. No system swaps two
    folders by a portable call, so there is a moment between two renames in which there is none. Who is
    killed in that moment leaves the old one beside, and the next call puts it back. When the block ends
    badly `path` is as it was. OSError where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _put_back(path)
    _remove_orphans(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        partial.mkdir()
        yield partial
        for each in partial.rglob("*"):
            if each.is_file():
                _keep(each)
        if path.exists():
            os.rename(path, aside)
        os.rename(partial, path)
    finally:
        if aside.exists() and not path.exists():
            os.rename(aside, path)
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def _keep(file: Path) -> None:
    """See to it that the file's content outlives a failure of power, before anything is renamed to it."""
    with open(file, "rb") as whole:
        os.fsync(whole.fileno())


def _put_back(path: Path) -> None:
    """Put back what a process that was killed between its two renames set aside, or remove it where it is replaced."""
    for aside in path.parent.glob(f".{path.name}.*.old"):
        writer = aside.name[len(path.name) + 2 : -len(".old")]
        if not writer.isdigit() or _runs(int(writer)):
            continue
        if path.exists():
            shutil.rmtree(aside)
        else:
            os.rename(aside, path)


def _remove_orphans(path: Path) -> None:
    for orphan in path.parent.glob(f".{path.name}.*.partial"):
        writer = orphan.name.split(".")[-2]
        if writer.isdigit() and not _runs(int(writer)):
            if orphan.is_dir():
                shutil.rmtree(orphan)
            else:
                orphan.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
