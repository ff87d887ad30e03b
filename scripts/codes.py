"""The code lists that a field may name as its `codelist`, from pycountry's copy of the ISO standards."""

from __future__ import annotations

from functools import cache

import pycountry

_LISTS = {
    "ISO 3166-1 alpha-2": (pycountry.countries, "alpha_2"),
    "ISO 3166-1 alpha-3": (pycountry.countries, "alpha_3"),
    "ISO 4217": (pycountry.currencies, "alpha_3"),
    "ISO 639-1": (pycountry.languages, "alpha_2"),
}


@cache
def codes(codelist: str) -> frozenset[str]:
    """The codes of the list. KeyError where there is no such list."""
    entries, key = _LISTS[codelist]
    return frozenset(code for entry in entries if (code := getattr(entry, key, None)))


def code_of(codelist: str, text: str) -> str | None:
    """The code of the list for what `text` names: another code of it, or its name in English."""
    entries, key = _LISTS[codelist]
    try:
        return getattr(entries.lookup(text), key, None)
    except LookupError:
        return None
