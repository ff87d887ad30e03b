"""Replace a file at once: whoever reads it sees the old one or the new one, never a half."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
        with open(partial, "rb") as whole:
            os.fsync(whole.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _remove_orphans(path: Path) -> None:
    for orphan in path.parent.glob(f".{path.name}.*.partial"):
        writer = orphan.name.split(".")[-2]
        if writer.isdigit() and not _runs(int(writer)):
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
