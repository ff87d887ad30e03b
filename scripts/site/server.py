"""The HTTP server: uvicorn, without the patience that a stranger could use up."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 500  # open at once; more are told that the site is busy. A process has 1,024 files at most systems.
REQUEST = 15  # seconds in which a request must be there, from its connection or the answer before
READING = 30  # seconds in which a reader must take 64 kB, else the connection is dropped
ENDING = 5  # seconds that answers have to be finished when the server is told to end
_HEAD = 65_536  # bytes of a request's line and headers


class _Protocol(H11Protocol):
    """HTTP over a connection that is closed when a request does not come, or its answer is not taken.

    Uvicorn waits for both without end: a thousand connections that say nothing would close the site.
    """

    _request = _reading = None

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._request = self.loop.call_later(REQUEST, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self._request = _cancelled(self._request)  # it is there whole

    def on_response_complete(self) -> None:
        self._request = _cancelled(self._request) or self.loop.call_later(REQUEST, self.transport.abort)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading = _cancelled(self._reading) or self.loop.call_later(READING, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reading = _cancelled(self._reading)

    def connection_lost(self, exc) -> None:
        self._request, self._reading = _cancelled(self._request), _cancelled(self._reading)
        super().connection_lost(exc)


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class _Server(uvicorn.Server):
    """A server that calls `ended` before the signal that ends it takes its course."""

    def __init__(self, config: uvicorn.Config, ended: Callable[[], None]):
        super().__init__(config)
        self._ended = ended

    async def shutdown(self, sockets=None) -> None:
        try:
            await super().shutdown(sockets)
        finally:
            self._ended()


def run(app: Callable, socket: sockets.socket, ended: Callable[[], None]) -> None:
    """Serve the ASGI application on `socket` until interrupted, then call `ended`."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=True,  # behind a reverse proxy the address that readers see comes from it
        server_header=False,
        reset_contextvars=True,  # a request that is sent with another one is not admitted with it, see gate.py
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=ENDING,
        h11_max_incomplete_event_size=_HEAD,
    )
    with suppress(KeyboardInterrupt):  # the way to end it
        asyncio.run(_Server(config, ended).serve(sockets=[socket]))
