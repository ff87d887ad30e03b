"""What a cell's text may be made of: NFC, no stray space, nothing that cannot be seen."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from functools import cache
from importlib import resources

# Characters that show nothing or turn the reading order: controls, soft hyphen, zero-width and
# bidirectional marks, line and paragraph separators, fillers, joiners, variation selectors, byte-order mark, tags.
INVISIBLE = r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
# Spaces that are not the ordinary one.
ODD_SPACES = [chr(code) for code in (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x2800, 0x3000, 0xFFA0)]
HAN = r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"

csv.field_size_limit(2**31 - 1)  # a long cell is told by its column's constraints, not by an accident of the library

_INVISIBLE = re.compile(INVISIBLE)
# Of those what JSON does not escape by itself, and halves of a character, which have no form in UTF-8.
_ESCAPED = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
# A joiner or non-joiner is part of the spelling in some scripts, so it is told, never taken out.
_NEEDLESS = re.compile(rf"(?![\u200c\u200d]){INVISIBLE}")
_ORDINARY = dict.fromkeys(map(ord, ODD_SPACES), " ")
_LINE_END = re.compile("\r\n|[\t\n\v\f\r\x85\u2028\u2029]")  # what separates words becomes a space
_HAN = re.compile(f"({HAN})")


def cleaned(text: str) -> str:
    """The text in NFC without stray spaces and, save joiners, invisible characters; nothing that is read changes."""
    return mended(text)[0]


def mended(text: str) -> tuple[str, dict[tuple[str, str], int]]:
    """The text as `cleaned`, and how many times what was done to it: pairs of words, what and how it was mended."""
    if text.isascii() and text.isprintable() and text.strip(" ") == text:
        return text, {}
    parted = _LINE_END.sub(" ", text)
    visible, hidden = _NEEDLESS.subn("", parted)
    composed = unicodedata.normalize("NFC", visible)
    clean = composed.translate(_ORDINARY).strip(" ")
    done = {
        ("invisible character", "removed"): hidden,
        ("cell", "put in Unicode normal form C"): int(composed != visible),
        ("stray or odd space", "mended"): int(parted != text) + int(clean != composed),
    }
    return clean, {words: number for words, number in done.items() if number}


def visible(text: str) -> str:
    """The text with what cannot be seen, turns the reading order or moves a terminal's cursor written out."""
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text).encode("utf-8", "replace").decode()


def lines_visible(text: str) -> str:
    """The text as `visible`, whose lines stay lines."""
    return "\n".join(map(visible, text.split("\n")))


def as_json(content: object) -> str:
    """The content as JSON that a terminal shows: what `visible` would write out is escaped, which no reader of JSON minds."""
    text = json.dumps(content, ensure_ascii=False, indent=2)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def spaced(text: str) -> str:
    """The text as full-text search reads it: a space round every Han character, and each in its simplified form.

    SQLite's unicode61 tokenizer takes a run of Han characters as one word and finds no part of it; and
    whoever searches in one script means the other too.
    """
    return " ".join(_HAN.sub(r" \1 ", simplified(text)).split())


def simplified(text: str) -> str:
    """The text with each traditional character in its simplified form, of the same length."""
    return text if text.isascii() else text.translate(_simplified_forms())


@cache
def _simplified_forms() -> dict[int, str]:
    """The simplified form of every traditional character, the first that OpenCC gives."""
    pairs = (line.split("\t") for line in _characters("TSCharacters.txt"))
    return {ord(one): others.split()[0] for one, others in pairs if len(one) == 1 and len(others.split()[0]) == 1}


def han_script(text: str | None) -> str | None:
    """The script of the text's Chinese characters: `Hans`, `Hant`, `both` where none tells, `mixed` where they differ.

    A character tells when it belongs to one script alone, by the character tables of OpenCC.
    None for None.
    """
    if text is None:
        return None
    simplified, traditional = (not one.isdisjoint(text) for one in _telling_characters())
    return {(True, False): "Hans", (False, True): "Hant", (False, False): "both"}.get(
        (simplified, traditional), "mixed"
    )


@cache
def _telling_characters() -> tuple[frozenset[str], frozenset[str]]:
    """The characters that are simplified alone, and those that are traditional alone."""
    tables = ("STCharacters.txt", "TSCharacters.txt")
    pairs = ([line.split("\t") for line in _characters(table)] for table in tables)
    return tuple(frozenset(one for one, others in table if one not in others.split()) for table in pairs)


def _characters(table: str) -> list[str]:
    return (resources.files("opencc") / "dictionary" / table).read_text("utf-8").splitlines()
