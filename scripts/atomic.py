"""Replace a file or a folder at once: whoever reads it sees the old one or the new one, never a half."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to, which takes its place when the block ends well.

    It has the permissions of the old one. When the block ends badly the new file is removed and `path` is as it was.
    What processes that were killed left behind is removed too. OSError where the folder or the file cannot be
    written, also where only the file itself says so.
    """
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    with _parents(path):
        _remove_orphans(path)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            yield partial
            if path.exists():
                shutil.copymode(path, partial)
            keep(partial)
            os.replace(partial, path)
            keep(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` to write to, which takes its place when the block ends well.

    What is at `path` is whole at every moment, the old folder or the new one. Where the system cannot swap two
    folders by one call there is a moment between two renames in which there is none. Who is killed in that moment
    leaves the old one beside, and the next call puts it back. When the block ends badly `path` is as it was.
    OSError where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
    with _parents(path):
        _put_back(path)
        _remove_orphans(path)
        try:
            partial.mkdir()
            yield partial
            for each in (*partial.rglob("*"), partial):
                keep(each)
            if not _swapped(partial, path):
                if path.exists():
                    os.rename(path, aside)
                os.rename(partial, path)
            keep(path.parent)
        finally:
            if aside.exists() and not path.exists():
                os.rename(aside, path)
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _parents(path: Path) -> Iterator[None]:
    """The folders above `path`; those that had to be made are removed again when nothing was put into them."""
    new = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):  # not empty
            for folder in new:
                folder.rmdir()


@contextmanager
def frozen(path: Path) -> Iterator[Path]:
    """The folder `path` as it is now, for as long as the block lasts, whoever replaces it meanwhile.

    It is a folder of links beside it, which takes no room. Where links cannot be made it is `path` itself.
    """
    beside = path.with_name(f".{path.name}.frozen.{os.getpid()}.partial")
    try:
        try:
            _remove_orphans(path)
            shutil.copytree(path, beside, copy_function=os.link)
        except (OSError, shutil.Error):
            yield path
        else:
            yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for temporary files, which is removed at the end, and with it those of processes that were killed."""
    for orphan in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}.*.*"):
        if not _runs(orphan.name.split(".")[1]):
            shutil.rmtree(orphan, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}.{os.getpid()}.") as folder:
        yield Path(folder)


def keep(path: Path) -> None:
    """See to it that a file's content, or the names in a folder, outlive a failure of power."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders
    whole = os.open(path, os.O_RDONLY)
    try:
        os.fsync(whole)
    finally:
        os.close(whole)


_SCRATCH = "prc-reach"
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
_CANNOT = (errno.EINVAL, errno.ENOENT, errno.ENOSYS, errno.EOPNOTSUPP)


def _swapped(one: Path, other: Path) -> bool:
    """Swap two folders by the one call that Linux has for it; whether that could be done. OSError where it failed."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in _CANNOT:  # the file system knows no such thing, or there is nothing to swap with
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def _put_back(path: Path) -> None:
    """Put back what a process that was killed between its two renames set aside, or remove it where it is replaced."""
    for aside in path.parent.glob(f".{path.name}.*.old"):
        writer = aside.name[len(path.name) + 2 : -len(".old")]
        if _runs(writer):
            continue
        if path.exists():
            shutil.rmtree(aside)
        else:
            os.rename(aside, path)


def _remove_orphans(path: Path) -> None:
    for orphan in path.parent.glob(f".{path.name}.*.partial"):
        writer = orphan.name.split(".")[-2]
        if not _runs(writer):
            if orphan.is_dir():
                shutil.rmtree(orphan)
            else:
                orphan.unlink(missing_ok=True)


def _runs(process: str) -> bool:
    """Whether the process with this number is at work, or what should be a number is none; this one does not count."""
    if not process.isdigit() or int(process) == os.getpid():
        return not process.isdigit()
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
