"""Datasette plugin: what goes out with every answer. Security headers, HTTP caching by content, compression."""

import asyncio
import hashlib
from collections.abc import Iterator

from datasette import hookimpl
from starlette.middleware.gzip import GZipMiddleware

from scripts.site.gate import Gate, has_own_sql, parameters

# Nothing but what the site itself serves is ever loaded, and nobody may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURITY = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}
# A browser asks each time and mostly hears 304; a shared cache may answer by itself for five minutes.
_CACHING = "public, max-age=0, s-maxage=300, must-revalidate"
_FOR_EVER = "public, max-age=31536000, immutable"  # what is asked for by its version
_PIECE = 65_536
_PACKED = (".db", ".zip", ".xlsx", ".parquet")


@hookimpl
def asgi_wrapper(datasette):
    def wrap(app):
        plain = _with_headers(Gate(app), datasette.content.fingerprint)
        packing = GZipMiddleware(plain, minimum_size=800, compresslevel=5)  # higher costs time and saves little

        async def answer(scope, receive, send):
            packed = scope["type"] != "http" or scope["path"].endswith(_PACKED)
            await (plain if packed else packing)(scope, receive, send)

        return answer

    return wrap


def _with_headers(app, fingerprint: str):
    async def answer(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        tag = _tag(scope, fingerprint)
        asked = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
        if tag and tag in [each.strip() for each in asked.split(",")]:
            start = {"type": "http.response.start", "status": 304, "headers": []}
            await send(_completed(start, tag, scope))
            return await send({"type": "http.response.body", "body": b""})

        async def sending(message):
            if message["type"] == "http.response.start":
                return await send(_completed(message, tag, scope))
            for piece in _pieces(message):
                await send(piece)
                await asyncio.sleep(0)  # a stream is others' turn too, see turns.py

        await app(scope, receive, sending)

    return answer


def _pieces(message: dict) -> Iterator[dict]:
    """The part of an answer in pieces of 64 kB, of which the server holds one at a time for a slow reader."""
    body = message.get("body", b"")
    last = max(0, len(body) - 1) // _PIECE * _PIECE
    for start in range(0, last, _PIECE):
        yield {"type": "http.response.body", "body": body[start : start + _PIECE], "more_body": True}
    yield {**message, "body": body[last:]}


def _tag(scope: dict, fingerprint: str) -> str | None:
    """What stands for the answer: the same address of the same content has the same answer.

    None where that is not so: SQL of the reader's own may ask for the time, and `/-/` tells of the server.
    The host is part of the address, since links of the feed and of JSON may name it.
    """
    query, headers = scope["query_string"], dict(scope["headers"])
    if scope["method"] not in ("GET", "HEAD") or scope["path"].startswith("/-/") or has_own_sql(parameters(scope)):
        return None
    own = (scope["scheme"].encode(), *(headers.get(name, b"") for name in (b"host", b"accept")))
    raw = b"\0".join((fingerprint.encode(), scope.get("raw_path") or scope["path"].encode(), query, *own))
    return f'W/"{hashlib.sha256(raw).hexdigest()[:20]}"'


def _completed(start: dict, tag: str | None, scope: dict) -> dict:
    """The start of the answer with all headers, ours in place of the same ones."""
    own = dict(_SECURITY)
    if start["status"] in (200, 304) and scope["path"].startswith(("/static/", "/-/static/")):
        own["cache-control"] = _FOR_EVER if scope["query_string"] else _CACHING
    elif start["status"] in (200, 304) and tag:
        own |= {"etag": tag, "cache-control": _CACHING}
    elif start["status"] >= 400:
        own["cache-control"] = "no-store"
    kept = [(name, value) for name, value in start["headers"] if name.decode("latin-1").lower() not in own]
    return start | {"headers": kept + [(name.encode(), value.encode()) for name, value in own.items()]}
