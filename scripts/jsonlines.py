"""Read a JSON file and know on which line each value stands."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from .decoding import BYTE_ORDER_MARK, decoded
from .problem import Broken, Problem

_BLANK = re.compile(r"[ \t\r\n]*")
_scalar = json.JSONDecoder().raw_decode

Path_ = tuple[str | int, ...]
_DEEPEST = 50  # levels: what is nested deeper could not be compared, walked or written without harm


def read(path: Path, name: str) -> tuple[object, str]:
    """Value and text of the JSON file at `path`, called `name` in messages.

    Raises `Broken` where the file is missing, not UTF-8 or not JSON (RFC 8259), or repeats a key.
    """
    text = decoded(path, name)
    if text.startswith(BYTE_ORDER_MARK):
        hint = "save it as UTF-8 without byte-order mark (in some editors called signature)"
        raise Broken([Problem(name, "byte-order-mark", "starts with a byte-order mark", line=1, hint=hint)])
    try:
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constants)
        if shallow(value):
            json.dumps(value, ensure_ascii=False).encode()
            return value, text
        problem = Problem(name, "json", "is nested too deeply")
    except json.JSONDecodeError as error:
        problem = Problem(
            name,
            "json",
            f"is not JSON: {error.msg[0].lower()}{error.msg[1:]}",
            line=error.lineno,
            hint=_json_hint(text, error),
        )
    except RecursionError:
        problem = Problem(name, "json", "is nested too deeply")
    except _Repeated as error:
        problem = Problem(name, "json", f"has the key {error} twice in one object", line=_line_of_repeat(text))
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        at = text.lower().find(half)
        message = f"has {half}, which is half of a character written in two halves"
        hint = "write the character itself: the file is UTF-8"
        problem = Problem(name, "json", message, line=text.count("\n", 0, at) + 1, hint=hint)
    except ValueError as error:
        problem = Problem(name, "json", f"is not JSON: {error}")
    raise Broken([problem])


def shallow(value: object, levels: int = _DEEPEST) -> bool:
    """Whether the JSON value is nested no deeper than so many levels."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(shallow(each, levels - 1) for each in inner)


def line_of(text: str, path: Path_) -> int:
    """Line (from 1) of the value at `path` in JSON `text`, or of its nearest parent that is there."""
    found = _offsets(text)
    while path not in found:
        path = path[:-1]
    return text.count("\n", 0, found[path]) + 1


def span_of(text: str, path: Path_) -> tuple[int, int]:
    """Offsets of the beginning and the end of the value at `path` in JSON `text`. KeyError where it is not there."""
    start = _offsets(text)[path]
    return start, _scalar(text, start)[1]


@lru_cache(maxsize=4)  # whoever asks for one place of a file that is wrong mostly asks for more
def _offsets(text: str) -> dict[Path_, int]:
    """The offset of the value at each path in JSON `text`."""
    return dict(_walk(text, _BLANK.match(text).end(), ()))


class _Repeated(ValueError):
    pass


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        raise _Repeated(next(key for key, _ in pairs if key in seen or seen.add(key)))
    return result


def _no_constants(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _line_of_repeat(text: str) -> int:
    seen: set[Path_] = set()
    for path, at in _walk(text, _BLANK.match(text).end(), ()):
        if path in seen:
            return text.count("\n", 0, at) + 1
        seen.add(path)
    return 1


def _json_hint(text: str, error: json.JSONDecodeError) -> str:
    before = text[: error.pos].rstrip()
    if before.endswith(",") and text[error.pos : error.pos + 1] in "]}":
        return "take out the comma before the closing bracket"
    return "look for a missing comma, quote or bracket just before this place"


def _walk(text: str, at: int, path: Path_):
    """Yield (path, offset) for every value; return the offset behind the value at `at`."""
    yield path, at
    if text[at] not in "[{":
        return _scalar(text, at)[1]
    keyed, closing, index = text[at] == "{", "]}"[text[at] == "{"], 0
    at = _BLANK.match(text, at + 1).end()
    while text[at] != closing:
        step: str | int = index
        if keyed:
            step, at = _scalar(text, at)
            at = _BLANK.match(text, _BLANK.match(text, at).end() + 1).end()
        at = yield from _walk(text, at, (*path, step))
        at = _BLANK.match(text, at).end()
        if text[at] == ",":
            at = _BLANK.match(text, at + 1).end()
        index += 1
    return at + 1
