"""From a file's bytes to its text (UTF-8, RFC 3629), or what other program's habit makes that impossible."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from .problem import Broken, Problem

BYTE_ORDER_MARK = "\ufeff"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAVE = "save it as “CSV UTF-8”, or in an editor with the encoding UTF-8"
# What git writes into a file round two versions of the same lines that it could not merge.
_CONFLICT = re.compile(r"^(<{7} |>{7} )", re.MULTILINE)


def decoded(path: Path, name: str, largest: int | None = None) -> str:
    """The text of the file at `path`, called `name` in messages, with its byte-order mark if it has one.

    Raises `Broken` as `contents` does, or where it is not UTF-8, holds a NUL or an unmerged conflict.
    """
    return text_of(contents(path, name, largest), name)


def contents(path: Path, name: str, largest: int | None = None) -> bytes:
    """The bytes of the file at `path`, called `name` in messages.

    Raises `Broken` where there is none, it cannot be read, has more than `largest` bytes, or is no ordinary
    file: a pipe or a device may never end.
    """
    try:
        if path.exists() and not path.is_file():
            raise Broken([Problem(name, "unreadable-file", "is not an ordinary file")])
        if largest and path.stat().st_size > largest:
            message = f"is too large to be read, with {path.stat().st_size:,} bytes"
            raise Broken([Problem(name, "unreadable-file", message, hint=f"the most is {largest:,}")])
        return path.read_bytes()
    except FileNotFoundError:
        raise Broken([Problem(name, "missing-file", "there is no such file")]) from None
    except OSError as error:
        raise Broken([Problem(name, "unreadable-file", f"cannot be read: {error.strerror}")]) from None


def text_of(data: bytes, name: str) -> str:
    """The text of `data`, the content of the file called `name`. Raises as `decoded`."""
    if data.startswith(_UTF_16) or data[1::2].count(0) > len(data) / 4 or data[::2].count(0) > len(data) / 4:
        raise Broken([Problem(name, "encoding", "this file is saved as UTF-16", line=1, hint=_SAVE)])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Broken([Problem(name, "encoding", _not_utf8(data, error.start), line=line, hint=_SAVE)]) from None
    if (at := text.find("\0")) >= 0:
        hint = "the file is damaged: take it anew from the last good version"
        raise Broken([Problem(name, "nul", "holds a NUL character", line=_line(text, at), hint=hint)])
    if conflict := _CONFLICT.search(text):
        end = text.find("\n>>>>>>> ", conflict.start())
        upto = f" up to line {_line(text, end) + 1}" if end >= 0 else ""
        message = f"holds two versions that git could not merge, from this line{upto}"
        hint = "keep the right lines of both, and take out those that begin with <<<<<<<, ======= and >>>>>>>"
        raise Broken([Problem(name, "merge-conflict", message, line=_line(text, conflict.start()), hint=hint)])
    return text


def _not_utf8(data: bytes, at: int) -> str:
    """What the byte at `at`, which is no UTF-8, tells of how the file was saved."""
    before = data[max(0, at - 20) : at].decode("utf-8", "ignore").split("\n")[-1]
    where = f"behind {before!r}" if before else "at the line's begin"
    alone = data[at + 1 : at + 2].isascii() or not data[at + 1 :]
    letter = data[at : at + 1].decode("cp1252", "ignore")
    if alone and letter:
        return f"this file is saved as Windows-1252 or the like, not as UTF-8: {where} a byte stands for {letter!r}"
    return f"this file is not saved as UTF-8: {where} stands a byte that does not belong there"


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
