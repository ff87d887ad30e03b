"""What a reader types into a search, as FTS5 takes it."""

from __future__ import annotations

import re

from datasette.utils import escape_fts

from .text import HAN, spaced

_HAN_RUN = re.compile(f"{HAN}+")


def phrased(query: str) -> str:
    """The query with every run of Han characters outside quotes as a phrase, ready for FTS5.

    The index holds every Han character as a word of its own (see `text.spaced`), so a search for 北斗
    must become the phrase "北 斗".
    """
    parts = re.split(r'("[^"]*")', query)
    words = [
        spaced(part) if part.startswith('"') else _HAN_RUN.sub(lambda run: f' "{spaced(run[0])}" ', part)
        for part in parts
    ]
    return escape_fts("".join(words))
