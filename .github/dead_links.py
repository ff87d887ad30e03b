"""Ask every web address in the tables whether it still answers, and write those that do not as Markdown.

Run in the package's folder by `workflows/scheduled.yml`. An address is a field of the RDF type `schema:url`.
Only what is surely dead is told: gone by the server's own word (404, 410), or no server there, both at a
second try too. Servers that refuse a program, ask it to wait or have a bad day say nothing about a reader's
browser. Writes nothing where every link lives. Ends with status 1 where none does: then it is the network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from scripts.check import read_tables
from scripts.descriptor import WEB_ADDRESS
from scripts.package import load

GONE = (404, 410)
PAUSE = 5  # seconds before the second try
TITLE = "Dead links in the sources"


def addresses(folder: Path) -> Iterator[tuple[str, str]]:
    """Each web address of the package in `folder`, and where it stands: `file:line`, table's row."""
    for table in read_tables(load(folder)).values():
        for name in (field.name for field in table.schema.fields if field.rdfType == WEB_ADDRESS):
            for index, address in enumerate(table.frame[name]):
                if address:
                    yield address, f"{table.resource.path}:{table.lines[index]}, {table.row_id(index)}"


def dead(client: httpx.Client, address: str) -> str | None:
    """What shows that the address is dead, or None."""
    try:
        with client.stream("GET", address) as answer:  # the body is not read
            return f"answers {answer.status_code}" if answer.status_code in GONE else None
    except (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        return f"no server there ({type(error).__name__})"
    except httpx.HTTPError:  # slow, or confused: not dead
        return None


def asked(wanted: list[str]) -> dict[str, str]:
    """Those of the addresses that are dead, and what shows it."""
    with httpx.Client(follow_redirects=True, timeout=30) as client, ThreadPoolExecutor(8) as pool:
        return {
            address: found for address, found in zip(wanted, pool.map(lambda each: dead(client, each), wanted)) if found
        }


def main() -> None:
    places = list(addresses(Path(".")))
    if suspects := asked(list(dict(places))):
        time.sleep(PAUSE)
        suspects = asked(list(suspects))
    lines = [f"- `{address}` {suspects[address]}: {where}" for address, where in places if address in suspects]
    if lines and len(lines) == len(places):
        sys.exit("no link answers at all: it is this machine that reaches nothing")
    if lines:
        print(f"# {TITLE}", "", f"{len(lines)} of {len(places)} do not answer. Find where each went, or an", sep="\n")
        print("archived copy, and mend the address; the row stays what it is.", "", *lines, sep="\n")


if __name__ == "__main__":
    main()
