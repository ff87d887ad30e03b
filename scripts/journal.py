"""Several files of a package change together or not at all, whatever ends the program in the middle.

No system renames several files by one call. So what they were is kept in a journal beside them until the
last has taken its place, as SQLite keeps a rollback journal: who finds one puts the files back. And one process at
a time changes files, by a lock that the system takes away when the process ends, however it ends.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from .atomic import keep, replacing
from .problem import Broken, Problem

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

JOURNAL = ".unfinished-change.json"
_NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP)  # as some network file systems answer


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for `folder`, and keep others waiting. OSError without the folder.

    Where the system or the file system knows no locks, nobody waits.
    """
    if fcntl is None:
        yield
        return
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(lock)


def replace_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write all files, by their paths below `folder`, or leave all as they were: OSError where one cannot be written.

    Call it `locked`. All new files are whole before the first takes its place; what fails or is interrupted then
    is put back, at once or by whoever calls `finish` next.
    """
    before = {path: _content(folder / path) for path in contents}
    try:
        with ExitStack() as stack:
            for path, data in contents.items():
                stack.enter_context(replacing(folder / path)).write_bytes(data)
            if len(contents) > 1:  # a single one is renamed by one call
                _write(folder, before, contents)
        _remove(folder)
    except BaseException:
        with suppress(OSError, Broken):  # the journal stays, and the next command tries again
            _put_back(folder)
        raise


def finish(folder: Path) -> None:
    """Put back what a change that was broken off had replaced in `folder`; nothing where there was none.

    Raises `Broken` where that cannot be done: the files are then as they were found.
    """
    if not os.path.exists(folder / JOURNAL):
        return
    try:
        with locked(folder):
            _put_back(folder)
    except OSError as error:
        message = f"a change that was interrupted cannot be taken back: {error.strerror}"
        hint = "see to it that the files of the package can be written, and try again"
        raise Broken([Problem(JOURNAL, "interrupted-change", message, hint=hint)]) from None


def _write(folder: Path, before: Mapping[str, bytes | None], after: Mapping[str, bytes]) -> None:
    """Write the journal: of each file its text before, null where there was none, and a sum of what it becomes."""
    files = {path: {"before": _text(data), "after": _sum(after[path])} for path, data in before.items()}
    with replacing(folder / JOURNAL) as partial:
        partial.write_bytes(_bytes(json.dumps(files, ensure_ascii=False, indent=2) + "\n"))


def _put_back(folder: Path) -> None:
    try:
        files = json.loads(_text((folder / JOURNAL).read_bytes()))
        before = {path: _bytes(each["before"]) for path, each in files.items()}
        after = {path: each["after"] for path, each in files.items()}
        inside = all((folder / path).resolve().is_relative_to(folder.resolve()) for path in files)
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        inside = False
    if not inside:
        hint = "look with `git diff` whether the package is as it should be, and remove this file"
        raise Broken([Problem(JOURNAL, "interrupted-change", "is no journal of a change", hint=hint)])
    now = {path: _content(folder / path) for path in files}
    for path in files:
        if now[path] != before[path] and _sum(now[path]) != after[path]:
            message = "was changed since a command was interrupted that had replaced it with others"
            hint = f"see in {JOURNAL} what the files were before, put them as they should be, and remove it"
            raise Broken([Problem(path, "interrupted-change", message, hint=hint)])
    for path, data in before.items():
        if now[path] == data:
            continue
        if data is None:
            (folder / path).unlink()
        else:
            with replacing(folder / path) as partial:
                partial.write_bytes(data)
    _remove(folder)


def _remove(folder: Path) -> None:
    (folder / JOURNAL).unlink(missing_ok=True)
    keep(folder)


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _sum(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _text(data: bytes | None) -> str | None:
    """The file as text that can be read, and from which `_bytes` makes the same file, be it UTF-8 or not."""
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")
