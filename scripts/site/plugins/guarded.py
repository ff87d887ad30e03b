"""Datasette plugin: a connection to the published database can only read it, whoever's SQL it runs."""

from datasette import hookimpl

from scripts.sandbox import guard


@hookimpl(trylast=True)
def prepare_connection(conn, database, datasette):
    if database == datasette.content.database:
        guard(conn)
