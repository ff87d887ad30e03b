"""The served site holds: fifty readers at once, hostile ones among them, beside plain Datasette under the same.

Run with --full for a minute of each. Memory is read from /proc, so this needs Linux.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

import load
import pytest
from conftest import ROOT, SEED

# Megabytes that the server and its sandboxes may have at the peak. It has 170 to begin with; beside them are two
# sandboxes of at most 256 MB of addresses each (sandbox.ADDRESSES), of which they use some 80, and up to four
# costly answers at once (gate.TURNS) of 4 MB of values each, which as text take eight times that.
BOUND = 600
PLAIN_MAY_HAVE = 3_000_000_000  # bytes; without a limit some of these queries would take all that the machine has
IS_LINUX = Path("/proc/self/status").exists()


def times(seconds: list[float]) -> tuple[float, float, float]:
    """Milliseconds of an answer: the median, that of which 5% take longer, and the worst."""
    return statistics.median(seconds) * 1000, statistics.quantiles(seconds, n=20)[-1] * 1000, max(seconds) * 1000


def beside(what: str, ours: list[float], theirs: list[float]) -> str:
    pairs = zip(("p50", "p95", "worst"), times(ours), times(theirs))
    told = (
        f"{name} {mine:.0f} ms (plain Datasette {other:.0f}, {mine / other:.2f} times)" for name, mine, other in pairs
    )
    return f"{len(ours)} {what}: {', '.join(told)}"


@pytest.mark.skipif(not IS_LINUX, reason="the memory of a process is read from /proc")
def test_ordinary_pages_are_answered_whatever_is_asked_beside_them(exported, full, figure):
    program = Path(sys.executable).parent
    command = [sys.executable, "-m", "scripts", "serve", "--exported", "--output", exported, "--port", "0"]
    with load.served(command, ROOT) as (address, process):
        asyncio.run(load.read(address, process.pid, 2, SEED, True))  # what is made once is made
        before = load.memory(process.pid)

        async def both() -> tuple:
            closing = asyncio.gather(*(load.silent(address, 60) for _ in range(20)))
            told = await load.read(address, process.pid, 60 if full else 16, SEED, True)
            return *told, await closing

        told, peak, closed = asyncio.run(both())
        time.sleep(5)
        after = load.memory(process.pid)

        async def ended() -> float:
            """Seconds that the server needs to end when it is told to, while it is read."""
            reading = asyncio.ensure_future(load.read(address, process.pid, 12, SEED, True))
            await asyncio.sleep(3)
            sandboxes = load.started(process.pid)
            assert sandboxes
            start = time.monotonic()
            process.terminate()
            await asyncio.to_thread(process.wait, 90)
            took = time.monotonic() - start
            assert not [each for each in sandboxes if Path(f"/proc/{each}").exists()], "a sandbox outlives its server"
            await reading
            return took

        ending = asyncio.run(ended())
    limits = {"sql_time_limit_ms": 2000, "max_returned_rows": 2000, "default_page_size": 50}
    plain = [program / "datasette", "--immutable", exported / "prc-reach.db", "--port", "0"]
    plain += [part for name, value in limits.items() for part in ("--setting", name, value)]
    with load.served(plain, ROOT, PLAIN_MAY_HAVE) as (address, process):
        asyncio.run(load.read(address, process.pid, 1, SEED, False, 15))
        plain_told, plain_peak = asyncio.run(
            load.read(address, process.pid, 60 if full else 6, SEED, False, 60 if full else 15)
        )
    figure(f"50 readers at once: {beside('ordinary pages', told.seconds, plain_told.seconds)}")
    figure(f"50 readers at once: {beside('harmless queries in SQL', told.asked, plain_told.asked)}")
    figure(
        f"500 and above: {sum(told.failed.values())}, {told.busy} costly requests told to come again (plain: {sum(plain_told.failed.values())} failed or without an answer); memory {before:.0f} MB before, "
        f"{peak:.0f} at the peak (plain {plain_peak:.0f}, not let have more than 3000), {after:.0f} after a rest, bound {BOUND}; "
        f"SIGTERM under load: ended in {ending:.1f} s; silent connections closed after {max(closed):.0f} s"
    )
    assert not told.failed, told.failed
    assert peak < BOUND and after < before + 150
    # How long things take is printed; what is asserted are bounds that no busy machine comes near.
    assert len(told.seconds) > 5 and max(told.seconds) < load.PATIENCE
    assert max(closed) < float("inf") and ending < 90
    # What plain Datasette did not answer counts as long as was waited for it, so only the median can be compared.
    assert statistics.median(told.seconds) < statistics.median(plain_told.seconds)
