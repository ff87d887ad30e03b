"""Datasette plugin: full-text search that finds Chinese words.

The index holds every Han character as a word of its own (see `text.spaced`), so a search for 北斗
must become the phrase "北 斗". Datasette builds its MATCH with the SQL function escape_fts; this
puts one in its place that writes such phrases first.
"""

import re

from datasette import hookimpl
from datasette.utils import escape_fts

from scripts.text import HAN, spaced

_RUN = re.compile(f"{HAN}+")


def phrased(query: str) -> str:
    """The query with every run of Han characters outside quotes as a phrase, ready for FTS5."""
    parts = re.split(r'("[^"]*")', query)
    words = [
        spaced(part) if part.startswith('"') else _RUN.sub(lambda run: f' "{spaced(run[0])}" ', part) for part in parts
    ]
    return escape_fts("".join(words))


@hookimpl(trylast=True)
def prepare_connection(conn):
    conn.create_function("escape_fts", 1, phrased, deterministic=True)
