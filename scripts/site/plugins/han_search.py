"""Datasette plugin: full-text search that finds Chinese words.

Datasette builds its MATCH with the SQL function escape_fts; this puts one in its place that makes a
phrase of each run of Chinese characters (see `phrases.phrased`).
"""

from datasette import hookimpl

from scripts.phrases import phrased
from scripts.site.search import named


@hookimpl(trylast=True)
def prepare_connection(conn):
    conn.create_function("escape_fts", 1, phrased, deterministic=True)
    conn.create_function("named", 3, named, deterministic=True)
