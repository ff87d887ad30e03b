"""Serve the built database with Datasette; all that it shows of the data comes from the declaration.

`metadata` makes Datasette's own metadata, `content` what every page may show of the package, `search`,
`rows` and `pictures` what stands on a page; `plugins/` hooks them into Datasette, and `templates/` and
`static/` are what a reader sees. Nothing is fetched from anywhere else.
"""

from __future__ import annotations

import re
import signal
import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin

from datasette.app import Datasette

from .. import settings
from ..atomic import frozen
from ..package import Package
from ..problem import Broken, Problem
from . import server
from .content import Content, web_address
from .database import Published
from .metadata import metadata

HOST = "127.0.0.1"
_HERE = Path(__file__).parent
# Of what is called `/-/…` these stay: files of Datasette's pages, the metadata, and the database's hash.
_CLOSED = re.compile(r"/:memory:|/-/(?!static/|metadata|databases)")


def listen(port: int, host: str = HOST) -> sockets.socket:
    """A socket that listens on `port` of `host`, any free one for 0. Raises `Broken` where it is taken."""
    # With the protocol named asyncio turns Nagle's algorithm off, which else holds each answer back by 40 ms.
    socket = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        socket.bind((host, port))
        socket.listen()
    except (OSError, UnicodeError) as error:  # the name of a host has rules of its own
        socket.close()
        hint = f"end the program that uses it, or take another port: prc-reach serve --port {port + 1}"
        raise Broken(
            [
                Problem(
                    f"{host}:{port}",
                    "port",
                    f"cannot listen on port {port}: {getattr(error, 'strerror', None) or error}",
                    hint=hint,
                )
            ]
        ) from None
    return socket


def serve(package: Package, export: Path, socket: sockets.socket, ready: Callable[[str], None]) -> None:
    """Serve the package's `export` on `socket` until interrupted or ended; `ready` is called with the address.

    What is served is the export as it is now: a new one that takes its place is served when this is started anew.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what is frozen is removed then too
    with suppress(KeyboardInterrupt), frozen(export.resolve()) as folder:  # the way to end it
        datasette = site(package, folder)
        host, port = socket.getsockname()
        ready(f"http://{host}:{port}/")
        server.run(datasette.app(), socket, datasette.published.close)


def site(package: Package, export: Path) -> Site:
    """Datasette over the database of the `export`, with pages, metadata and plugins of our own.

    The database is immutable, and the export's files are offered as downloads.
    """
    own = settings.read(package.folder)
    database = export / f"{package.descriptor.name}.db"
    return Site(
        Content(package, export, own),
        database,
        metadata=metadata(package, database.stem),
        plugins_dir=str(_HERE / "plugins"),
        template_dir=str(_HERE / "templates"),
        static_mounts=[("static", str(_HERE / "static"))],
        settings=own.get("settings", {}),
        cors=True,  # open data: a notebook on another site may read it
    )


class Site(Datasette):
    """Datasette over one immutable `database`, with the `content` that our plugins and templates show."""

    def __init__(self, content: Content, database: Path, **settings):
        self.content = content
        super().__init__([], **settings)
        self.remove_database("_memory")
        self.published = self.add_database(Published(self, database))

    async def permission_allowed(self, actor, action, resource=None, default=False) -> bool:
        """Everybody may see and query the published database, and nobody may do anything else.

        Datasette's own answer copies all metadata and asks SQLite for every table that a page lists,
        which takes seconds for as many tables as ours.
        """
        database = resource[0] if isinstance(resource, tuple) else resource
        reads = action.startswith("view-") or (action == "execute-sql" and self.setting("default_allow_sql"))
        return reads and database in (None, self.content.database)

    def absolute_url(self, request, path: str) -> str:
        """The address of `path` as readers reach it: on the declared homepage, else on the host they asked."""
        own = web_address(self.content.descriptor.homepage)
        return urljoin(own, path) if own else super().absolute_url(request, path)

    def _routes(self) -> list:
        """Datasette's, but for those that tell of the machine, set cookies or are for whoever logs in."""
        return [(path, view) for path, view in super()._routes() if not _CLOSED.match(path.pattern)]

    def _connected_databases(self) -> list[dict]:
        """As Datasette tells it, without the folder that the file is in."""
        return [{**each, "path": Path(each["path"]).name} for each in super()._connected_databases()]
