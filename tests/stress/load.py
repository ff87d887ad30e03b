"""Fifty readers at once, some of them hostile, and what a server makes of them: its answers, times and memory."""

from __future__ import annotations

import asyncio
import os
import random
import re
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import httpx

PATIENCE = 90  # seconds that a reader waits for an answer
ORDINARY, OWN, HOSTILE, ODD = 25, 5, 12, 8  # readers of each kind
_NAMES = "/prc-reach/organizations_readable"


def sql(query: str, ending: str = "", **more: str) -> str:
    return f"/prc-reach{ending}?{urlencode({'sql': query, **more})}"


# What plain Datasette has too, so that both can be compared.
PAGES = (
    "/prc-reach/events",
    "/prc-reach/events_readable",
    "/prc-reach/places/tashkent",
    "/prc-reach/satellite_systems/beidou",
    "/prc-reach/organizations?_search=china",
    "/prc-reach/organizations?_sort=name",
    "/prc-reach/citations?_facet=table_name",
    "/prc-reach/places.json",
    "/prc-reach/events.json?_shape=array",
    "/prc-reach/places.csv",
    sql("SELECT table_name, count(*) FROM records GROUP BY 1"),
    sql("SELECT * FROM places LIMIT 20", ".json"),
)
# What only this site has, and what costs more than a page.
OWN_PAGES = (
    "/",
    "/search?q=Taiwan",
    "/search?q=北斗",
    "/map?view=world",
    "/dictionary",
    "/downloads",
    "/changes.atom",
    "/about",
    "/prc-reach/sco_bodies_and_seats",
    "/prc-reach/aircraft_by_type",
    "/reconcile/suggest/entity?prefix=Tash",
    "/prc-reach/citations.csv?_stream=1&_size=max",
    "/prc-reach/records.json?_size=max",
    "/prc-reach/records?_size=max",
    "/prc-reach/citations.xlsx",
    "/prc-reach.db",
)
_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
_LONG = "hex(zeroblob(400000))"
# SQL that takes for ever, or all memory, if nothing ends it.
BOMBS = {
    "cross join": "SELECT count(*) FROM links, links AS b, links AS c WHERE links.via || b.via > c.via",
    "recursion": f"{_ENDLESS} SELECT count(*) FROM c",
    "rows without end": f"{_ENDLESS} SELECT x, x, x, x FROM c",
    "sorted cross join": "SELECT * FROM records, records AS b ORDER BY records.label || b.label",
    "replace": "SELECT length(replace(hex(zeroblob(300000000)), '0', 'aaaa'))",
    "printf of a character": "SELECT printf('%.*c', 2000000000, 'x')",
    "printf of a width": "SELECT length(printf('%2000000000s', 'x'))",
    "zeroblob": "SELECT zeroblob(900000000)",
    "randomblob": "SELECT length(hex(randomblob(200000000)))",
    "group_concat": f"{_ENDLESS} SELECT group_concat(hex(randomblob(10000))) FROM c",
    "json_group_array": f"{_ENDLESS} SELECT json_group_array(hex(randomblob(10000))) FROM c",
    "json_group_object": f"{_ENDLESS} SELECT json_group_object(x, hex(randomblob(10000))) FROM c",
    "long texts in every row": f"SELECT {_LONG} FROM links",
    "long texts in every column": "SELECT " + ", ".join(f"{_LONG} AS c{number}" for number in range(90)),
    "distinct": f"{_ENDLESS} SELECT count(DISTINCT hex(randomblob(1000)) || x) FROM c",
    "window": f"{_ENDLESS} SELECT max(hex(randomblob(1000))) OVER (ORDER BY random()) FROM c",
    "doubling": "WITH RECURSIVE c(x) AS (SELECT 'aa' UNION ALL SELECT x || x FROM c) SELECT max(length(x)) FROM c",
    "trim": "SELECT trim(hex(zeroblob(240000)), replace(hex(zeroblob(100000)), '00', 'bc'))",
    "instr": "SELECT instr(hex(zeroblob(499998)), hex(zeroblob(249999)) || '1')",
    "like": f"SELECT {_LONG} LIKE '{'%0' * 400}%1' FROM links",
    "glob": f"SELECT {_LONG} GLOB '{'*[0-9]' * 150}*x' FROM links",
    "deep": "SELECT " + "(" * 900 + "1" + ")" * 900,
    "sum of many": "SELECT " + "+".join("1" for _ in range(5_000)),
    "in a list": f"SELECT count(*) FROM links WHERE via IN ({','.join(str(each) for each in range(9_000))})",
    "many unions": " UNION ALL ".join("SELECT 1" for _ in range(499)),
    "full text": "SELECT count(*) FROM records_fts, links WHERE records_fts MATCH 'a* OR b* OR c* OR d* OR NEAR(a b, 9)'",
    "json": f"SELECT count(*) FROM json_tree('[' || replace({_LONG}, '0', '1,') || '1]') AS a, links",
    "math": f"{_ENDLESS} SELECT sum(exp(sin(x))) FROM c WHERE x % 2",
    "widest answer": "SELECT "
    + ", ".join(f"{number} AS c{number}" for number in range(100))
    + " FROM links LIMIT 2000",
}
# Other addresses that cost much.
HEAVY = (
    "/prc-reach/records?_size=max&" + "&".join(f"_facet={each}" for each in ("table_name", "label", "date", "status", "source_id")),
    "/prc-reach/links?_size=max&_facet=to_id&_facet=row_id",
    f"{_NAMES}?" + "&".join(f"_facet=f{number}" for number in range(3_000)),
    f"{_NAMES}?" + "&".join(f"p{number}=1" for number in range(5_000)),
    f"{_NAMES}?name__contains=" + "%25a" * 5_000,
    f"{_NAMES}?_search=" + "a" * 50_000,
    "/prc-reach/records?_searchmode=raw&_search=" + "+OR+".join(f"{each}*" for each in "abcdefghijklmnop"),
    "/prc-reach/links?" + urlencode({"_where": "(SELECT count(*) FROM links AS a, links AS b WHERE a.via < b.via) > 1"}),
    "/search?q=" + "%E5%8C%97" * 2_000,
    "/prc-reach/links.xlsx",
    sql("SELECT * FROM records", ".xlsx"),
)  # fmt: skip


@dataclass
class Told:
    """What readers were told: how often each status, by kind of reader, and how long each page of the ordinary ones took."""

    statuses: Counter = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)  # seconds of each answer to a harmless query
    busy: int = 0  # costly requests that were told to come again, as the design has it
    failed: Counter = field(default_factory=Counter)  # other answers of 500 and above, and broken ones, by address

    def note(self, kind: str, address: str, status: int | str) -> None:
        self.statuses[kind, status] += 1
        if status == 429 and kind != "ordinary":
            self.busy += 1
        elif not isinstance(status, int) or status >= 500:
            self.failed[f"{status} {kind} {address[:120]}"] += 1


@contextmanager
def served(command: list, folder: Path, address_space: int | None = None) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address at which the command serves, and its process; with no more memory than `address_space`, if given."""

    def limited() -> None:
        if address_space:
            resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))

    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [str(each) for each in command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment, preexec_fn=limited,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if address := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise AssertionError(f"{command} did not serve")
        # its log must never block it
        Thread(target=lambda: [None for _ in process.stdout], daemon=True).start()
        yield address[0], process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def memory(pid: int) -> float:
    """Megabytes of memory of the process and those that it has started."""
    total = 0
    for each in (pid, *started(pid)):
        with suppress(FileNotFoundError, ProcessLookupError):
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{each}/status").read_text())
            total += int(found[1]) if found else 0
    return total / 1024


def started(pid: int) -> list[int]:
    """The processes that the process has started and that are there yet."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(each) for each in (task / "children").read_text().split()]
    return found


async def read(
    address: str, pid: int, seconds: float, seed: int, own: bool, patience: float = PATIENCE
) -> tuple[Told, float]:
    """What fifty readers are told for so many seconds, and the peak of the server's memory.

    `own` says whether the server has the pages that only this site has; `patience` is how many seconds a reader
    waits for an answer.
    """
    told, end, peak = Told(), time.monotonic() + seconds, 0.0

    async def again(kind: str, number: int, act: Callable[[random.Random], Awaitable[None]]) -> None:
        chance = random.Random(f"{seed} {kind} {number}")
        while time.monotonic() < end:
            await act(chance)

    async def watched() -> None:
        nonlocal peak
        while time.monotonic() < end:
            peak = max(peak, memory(pid))
            await asyncio.sleep(0.1)

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=address, timeout=patience, limits=limits) as client:

        async def get(kind: str, path: str) -> float:
            start = time.perf_counter()
            try:
                answer = await client.get(path)
            except httpx.HTTPError as error:
                told.note(kind, path, type(error).__name__)
            else:
                told.note(kind, path, answer.status_code)
            return time.perf_counter() - start

        async def ordinary(chance: random.Random) -> None:
            path = chance.choice(PAGES)
            (told.asked if "sql=" in path else told.seconds).append(await get("ordinary", path))
            await asyncio.sleep(chance.uniform(0.5, 1.5))  # a person reads

        async def own_pages(chance: random.Random) -> None:
            await get("own", chance.choice(OWN_PAGES if own else PAGES))
            await asyncio.sleep(chance.uniform(0.5, 1.5))

        async def hostile(chance: random.Random) -> None:
            ending = chance.choice(("", ".json", ".csv", ".xlsx") if own else ("", ".json", ".csv"))
            path = sql(chance.choice(list(BOMBS.values())), ending) if chance.random() < 0.7 else chance.choice(HEAVY)
            if len(path) > 60_000:
                path = path[:60_000]
            await get("hostile", path)

        async def odd(chance: random.Random) -> None:
            act = chance.choice(ODDITIES)
            try:
                await act(address)
            except ConnectionRefusedError as error:
                told.note("odd", act.__name__, type(error).__name__)
                await asyncio.sleep(0.1)
            except ConnectionError:  # the server's good right
                told.note("odd", act.__name__, 400)
            else:
                told.note("odd", act.__name__, 200)

        kinds = [
            ("ordinary", ORDINARY, ordinary),
            ("own", OWN, own_pages),
            ("hostile", HOSTILE, hostile),
            ("odd", ODD, odd),
        ]
        await asyncio.gather(
            watched(), *(again(kind, number, act) for kind, many, act in kinds for number in range(many))
        )
    return told, peak


async def connected(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = address.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def exchanged(address: str, sent: bytes, wait: float = 10) -> bytes:
    """All that the server answers to the bytes, until it closes the connection or has said nothing for so long."""
    reader, writer = await connected(address)
    got = b""
    try:
        writer.write(sent)
        with suppress(TimeoutError, ConnectionError):
            while piece := await asyncio.wait_for(reader.read(65_536), wait):
                got += piece
    finally:
        writer.close()
    return got


async def silent(address: str, patience: float) -> float:
    """Seconds until the server closes a connection that says nothing; infinite when it does not within `patience`."""
    reader, writer = await connected(address)
    start = time.monotonic()
    try:
        await asyncio.wait_for(reader.read(), patience)
        return time.monotonic() - start
    except ConnectionError:
        return time.monotonic() - start
    except TimeoutError:
        return float("inf")
    finally:
        writer.close()


async def _byte_by_byte(address: str) -> None:
    """Reads a long page a byte at a time, and hangs up."""
    reader, writer = await connected(address)
    writer.write(b"GET /prc-reach/records?_size=max HTTP/1.1\r\nHost: x\r\n\r\n")
    with suppress(TimeoutError, ConnectionError):
        for _ in range(100):
            await asyncio.wait_for(reader.read(1), 5)
            await asyncio.sleep(0.02)
    writer.close()


async def _half(address: str) -> None:
    """Sends a request a byte at a time, and never its end."""
    _, writer = await connected(address)
    with suppress(ConnectionError):
        for byte in b"GET /prc-reach HTTP/1.1\r\nHost: x\r\nX-A: bbbbbbbbbbbbbbb":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)
    writer.close()


async def _gone(address: str) -> None:
    """Asks for what takes long, and hangs up at once."""
    _, writer = await connected(address)
    writer.write(f"GET {sql(BOMBS['recursion'])} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await asyncio.sleep(0.1)
    writer.close()


async def _pipelined(address: str) -> None:
    await exchanged(
        address,
        b"GET /about HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET /map HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )


async def _flooding(address: str) -> None:
    """Sends a body without end."""
    _, writer = await connected(address)
    writer.write(b"POST /reconcile HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    with suppress(ConnectionError, TimeoutError):
        for _ in range(500):
            writer.write(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
            await asyncio.wait_for(writer.drain(), 5)
    writer.close()


def _sends(*messages: bytes) -> Callable[[str], Awaitable[None]]:
    async def act(address: str) -> None:
        for message in messages:
            await exchanged(address, message, 3)

    return act


ODDITIES = (
    _byte_by_byte,
    _half,
    _gone,
    _pipelined,
    _flooding,
    _sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"),
    _sends(*(f"{method} /prc-reach/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode() for method in ("HEAD", "OPTIONS", "TRACE", "DATA"))),
    _sends(b"POST /prc-reach HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"),
    _sends(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: " + b"b" * 300_000 + b"\r\n\r\n"),
)  # fmt: skip
