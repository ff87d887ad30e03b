"""Text that is not what it looks like: letters of another script, formulas, and what a wrong encoding left.

Look-alikes are told by a part of Unicode's UTS #39, narrow enough to leave alone what people write
(5G网络, 长征二号B, км/ч beside km/h); formulas as OWASP describes CSV injection.
"""

from __future__ import annotations

import re
import unicodedata

import polars as pl

from .text import HAN

_LATIN = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_CYRILLIC = r"\u0400-\u052f\u1c80-\u1c88\ua640-\ua69f"
_GREEK = r"\u0370-\u03ff\u1f00-\u1fff"
_FURTHER = r"\u0530-\u058f\u13a0-\u13ff\uab70-\uabbf\u2c80-\u2cff\ua4d0-\ua4ff"  # Armenian, Cherokee, Coptic, Lisu
_OTHER = _CYRILLIC + _GREEK + _FURTHER
# Letters and digits that Unicode has once more for their width, their font or their place: full and half
# width, ligatures, Roman numerals, radicals, mathematical alphabets; and IPA's a and g.
_AGAIN = r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d\uffa1-\uffdc\ufb00-\ufb06\u2160-\u217f\u2e80-\u2ef3\u2f00-\u2fd5\U0001d400-\U0001d7ff\u0251\u0261]"
_IPA = str.maketrans("ɑɡ", "ag")
# What passes for a Han character or a stroke of one, where it stands alone between Han characters.
_KANA, _BOPOMOFO = "ロニエトハター", r"\u3105-\u312f"
_AS_HAN = f"{_KANA}{_BOPOMOFO}IOTXYJZLHE"
# Cyrillic and Greek letters that look like Latin ones: a word of these alone is read as Latin among Latin.
_AS_LATIN = "АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧον"
# A Latin letter alone, or a word in small letters, that looks Cyrillic; a word in capitals is an abbreviation.
_AS_CYRILLIC = re.compile(rf"(?<![{_LATIN}0-9-])(?:[ABCEHKMOPTXaceopxy]|[ABCEHKMOPTX]?[aceopxy]+)(?![{_LATIN}0-9-])")

_LETTERS = rf"[{_LATIN}{_OTHER}\u0300-\u036f]"
_MIXED = re.compile(rf"[{_LATIN}][\u0300-\u036f]*[{_OTHER}]|[{_OTHER}][\u0300-\u036f]*[{_LATIN}]")
_WORD = re.compile(rf"[{_OTHER}]+")
_ALONE = rf"(?<![{_LATIN}0-9]){{}}(?![{_LATIN}0-9])"
_IN_HAN = re.compile(
    rf"(?<={HAN})(?:{_ALONE.format('[a-z]')}|[{_CYRILLIC}{_FURTHER}])|(?:{_ALONE.format('[a-z]')}|[{_CYRILLIC}{_FURTHER}])(?={HAN})|(?<={HAN})[{_AS_HAN}](?={HAN})"
)
# Excel and its like compute a cell that begins so; `@` alone is also how an account is named.
_FORMULA = r"^[=+\-＝＋－]|^[@＠]"
_ACCOUNT = r"^@[\pL\pN_.]+( [\pL\pN_.]+)*$"

_ENOUGH = 10_000  # characters are looked at by ftfy, which is slow; a text that is damaged is so from early on
# What stands for a character that could not be read, or that no standard knows: replacement, private use, none at all.
_LOST = r"[\ufffd\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff]"
# Chinese text read wrongly, which ftfy does not know: the characters it turns into, the encoding it was read as, and its own.
_MISREAD = ((f"{HAN}{{2,}}", "gb18030", "utf-8"), (r"(?:[\u00b0-\u00d7][\u00a1-\u00fe]){2,}", "latin-1", "gb2312"))


def look_alike(cell: pl.Expr) -> pl.Expr:
    """Whether the text may hold letters that look like others; `disguised` tells for sure."""
    return cell.str.contains(rf"[{_OTHER}{_KANA}{_BOPOMOFO}]|{_AGAIN}") | (
        cell.str.contains(HAN) & cell.str.contains(f"[{_LATIN}]")
    )


def disguised(text: str) -> tuple[str, str] | None:
    """The letters in the text that look like others and what they are in words; None where there are none."""
    if again := re.search(_AGAIN, text):
        return again[0], f"which is to be written {plain(again[0])!r}"
    if mixed := _MIXED.search(text):
        word = _word(text, mixed.start(), mixed.end())
        return _stranger(word), f"in {word!r} among letters of another script"
    if found := _IN_HAN.search(text):
        return found[0], f"among Han characters, in {text[max(0, found.start() - 5) : found.end() + 5]!r}"
    return _other_among_latin(text) or _latin_among_cyrillic(text)


def _other_among_latin(text: str) -> tuple[str, str] | None:
    words = _WORD.findall(text) if re.search(f"[{_LATIN}]", text) else []
    if not all(set(word) <= set(_AS_LATIN) for word in words):
        return None  # it does hold a word of the other script
    word = next((word for word in words if len(word) > 1 or re.match(f"[{_CYRILLIC}]", word)), None)
    return word and (word[0], f"in {word!r}, which looks Latin and is not")


def _latin_among_cyrillic(text: str) -> tuple[str, str] | None:
    if len(re.findall(f"[{_CYRILLIC}]", text)) <= len(re.findall(f"[{_LATIN}]", text)):
        return None
    word = _AS_CYRILLIC.search(text)
    return word and (word[0][0], f"in {word[0]!r}, which looks Cyrillic and is not")


def plain(text: str) -> str:
    """The text with letters and digits of a special width, font or place made ordinary (Unicode's form KC)."""
    return re.sub(_AGAIN, lambda found: unicodedata.normalize("NFKC", found[0].translate(_IPA)), text)


def _word(text: str, start: int, end: int) -> str:
    """What stands from `start` to `end`, and the letters on either side, of which no more than make a word."""
    before, after = text[max(0, start - 30) : start], text[end : end + 30]
    return re.search(rf"{_LETTERS}*$", before)[0] + text[start:end] + re.match(rf"{_LETTERS}*", after)[0]


def _stranger(word: str) -> str:
    """The first letter of the script that has fewer letters in the word, of another script than Latin where they are even."""
    latin, other = (re.findall(f"[{letters}]", word) for letters in (_LATIN, _OTHER))
    return latin[0] if len(latin) < len(other) else other[0]


def formula(cell: pl.Expr) -> pl.Expr:
    """Whether a spreadsheet would compute the text."""
    return cell.str.contains(_FORMULA) & ~cell.str.contains(_ACCOUNT)


def perhaps_mojibake(cell: pl.Expr) -> pl.Expr:
    """Whether a wrong encoding may have damaged the text; `undamaged` tells for sure."""
    return cell.str.contains(rf"{_LOST}|{HAN}{{2}}|[\u00a0-\u00ff\u0400-\u045f][^\x00-\x7f]")


def undamaged(text: str) -> str | None:
    """What the text was before it was read in a wrong encoding, empty where that is lost; None where it was not."""
    if re.search(_LOST, text):
        return ""
    for run, read_as, written_as in _MISREAD:
        if damaged := next((found for found in re.findall(run, text) if _as(found, read_as, written_as)), None):
            return text.replace(damaged, _as(damaged, read_as, written_as))
    import ftfy  # only where a text may be damaged: it takes a moment to import

    beginning = text[:_ENOUGH]
    fixed = ftfy.fix_encoding(beginning)
    return fixed if fixed != beginning else None


def _as(text: str, read_as: str, written_as: str) -> str | None:
    """The text had it not been read in one encoding but in that in which it was written; None if it cannot have been."""
    try:
        return text.encode(read_as).decode(written_as)
    except UnicodeError:
        return None
