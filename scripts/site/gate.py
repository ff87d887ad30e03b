"""What a request must be like to be answered, and how many that cost much are answered at once.

This site only reads, so most of what HTTP knows is refused here, before anything else sees it. What costs
much takes its turn, so that ordinary pages are answered whatever is asked beside them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from urllib.parse import parse_qsl

from datasette import Response

from .database import OWN_SQL
from .turns import Turn

TURNS = 2  # costly answers that are made at once
PLACES = 8  # costly answers that are made or sent: so often 4 MB of values, as text up to 28
WAITING = 64  # costly requests at once, with up to 4 MB of values each; who comes then is told to come again
PATIENCE = 60  # seconds from a costly request to the end of its answer
BUSY = 429  # Too Many Requests (RFC 6585): it is the asking that is too much, and nothing here has failed
_BODY = 1_000_000  # bytes; only names to reconcile are sent
_PARAMETERS = 100  # in an address; the longest form has 40
_SQL = frozenset(["sql", "_where"])
_COSTLY = frozenset(["_size", "_stream", "_searchmode", "_labels"])  # more rows than a page has, or rawer search
_FACETS = 5  # to count, beside those that a table has by itself
_ADMITTED: ContextVar[bool] = ContextVar("admitted", default=False)
_HOST = re.compile(rb"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_UNREAD = (b"cookie", b"authorization")
_DATABASE_AS = re.compile(r"/[^/.]+\.(csv|xlsx|blob)")
_POSTED = "/reconcile"  # the only path that takes more than an address


class Gate:
    """An ASGI application before `app`."""

    def __init__(self, app: Callable):
        self._app, self._waiting = app, 0
        self._turns, self._places = asyncio.Semaphore(TURNS), asyncio.Semaphore(PLACES)

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan" or _ADMITTED.get():  # the site may ask itself
            return await self._app(scope, receive, send)
        if refused := _refusal(scope):
            return await refused.asgi_send(send)
        # No page depends on who asks, and what is not read cannot be read wrongly.
        scope = {**scope, "headers": [each for each in scope["headers"] if each[0] not in _UNREAD]}
        _ADMITTED.set(True)
        if scope["method"] == "POST":
            body = await _body(receive)
            if body is None:
                return await _told(413, f"at most {_BODY:,} bytes may be sent").asgi_send(send)
            return await self._app(scope, _replayed(body), send)
        keys = parameters(scope)
        own_sql = has_own_sql(keys)
        if own_sql or _costly(scope["path"], keys):
            return await self._in_turn(scope, receive, send, own_sql)
        await self._app(scope, _replayed(b""), send)

    async def _in_turn(self, scope, receive, send, own_sql: bool) -> None:
        """Answer when it is this request's turn; give up when its reader has gone, or takes too long."""
        if self._waiting >= WAITING:
            return await _told(BUSY, "too many costly requests at once: come again in a while").asgi_send(send)
        turn, began = Turn(self._places, self._turns), False

        async def sending(message):
            nonlocal began
            began = True
            turn.began()
            await send(message)

        async def answer():
            try:
                if own_sql:  # which costs only when it has an answer, and that is large
                    turn.status = scope["path"].endswith(".csv")
                    OWN_SQL.set(turn)
                else:
                    await turn.take()
                await self._app(scope, _replayed(b""), sending)
            finally:
                turn.over()

        async def gone():
            while (await receive())["type"] != "http.disconnect":
                pass

        self._waiting += 1
        tasks = [asyncio.ensure_future(each()) for each in (answer, gone)]
        try:
            done, _ = await asyncio.wait(tasks, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._waiting -= 1
            for task in tasks:
                task.cancel()
        if not done and not began:
            await _told(BUSY, "its turn did not come: come again in a while").asgi_send(send)


def parameters(scope: dict) -> list[str]:
    """The names of the address's parameters."""
    return [key for key, _ in _parsed(scope)]


def _parsed(scope: dict) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def has_own_sql(keys: Iterable[str]) -> bool:
    """Whether a request with parameters of these names has SQL of the reader's own."""
    return not _SQL.isdisjoint(keys)


def _refusal(scope: dict) -> Response | None:
    """Why the request is not answered, or None."""
    if scope["type"] != "http":
        return _told(400, "this site speaks HTTP alone")
    method, raw = scope["method"], scope.get("raw_path") or scope["path"].encode()
    if method not in ("GET", "HEAD", "OPTIONS", "POST") or (method == "POST" and scope["path"] != _POSTED):
        return _told(405, "this site only reads", {"allow": "GET, HEAD, OPTIONS"})
    if method == "OPTIONS":
        return _told(200, "", {"allow": "GET, HEAD, OPTIONS"})
    # A browser takes `//` and `/\` at the beginning of an address for another host.
    if not raw.startswith(b"/") or raw[1:2] == b"/" or b"\\" in raw:
        return _told(404, "there is no such page")
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) > 1 or not all(_HOST.fullmatch(host) for host in hosts):
        return _told(400, "the header Host is not a host's name")
    names = {name for name, _ in scope["headers"]}
    if {b"content-length", b"transfer-encoding"} <= names:  # RFC 9112, 6.1: somebody before us may read it otherwise
        return _told(400, "a request has one length", {"connection": "close"})
    if scope["query_string"].count(b"&") >= _PARAMETERS:
        return _told(400, f"an address may have {_PARAMETERS} parameters")
    if _DATABASE_AS.fullmatch(scope["path"]) and not dict(_parsed(scope)).get("sql"):
        return _told(400, "there are tables and answers in this form: add a table's name, or ?sql=SELECT …")
    return None


def _costly(path: str, keys: list[str]) -> bool:
    facets = sum(key.startswith("_facet") for key in keys)
    return path.endswith(".xlsx") or facets > _FACETS or not _COSTLY.isdisjoint(keys)


def _told(status: int, why: str, headers: dict | None = None) -> Response:
    again = {"retry-after": "5"} if status == BUSY else {}
    return Response.text(why, status, {"access-control-allow-origin": "*", **again, **(headers or {})})


async def _body(receive: Callable) -> bytes | None:
    """What is sent; None if that is too much, or breaks off."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if message["type"] != "http.request" or size > _BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes) -> Callable:
    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
