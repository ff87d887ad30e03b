"""Code lists that a field may be bound to, read from pycountry's copy of the ISO standards."""

from __future__ import annotations

from functools import cache

import pycountry


@cache
def codes(name: str) -> frozenset[str]:
    """The codes of the list called `name`, as `descriptor.Field.codelist` names it."""
    match name:
        case "ISO 3166-1 alpha-2":
            return frozenset(country.alpha_2 for country in pycountry.countries)
        case "ISO 3166-1 alpha-3":
            return frozenset(country.alpha_3 for country in pycountry.countries)
        case "ISO 4217":
            return frozenset(currency.alpha_3 for currency in pycountry.currencies)
        case "ISO 639-1":
            return frozenset(language.alpha_2 for language in pycountry.languages if hasattr(language, "alpha_2"))
    raise ValueError(f"no such code list: {name!r}")
