"""Run what users run where there is no network, and tell whom it tried to reach: `offline.py FOLDER`.

To be run in a network namespace of its own (`unshare -rn`), which has no network but the loopback, and that not up
yet; without one it still tells. Writes to FOLDER, and prints, as JSON, the addresses that any Python of it asked
for. Ends with a status other than 0 where a command does, or a page is not answered.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["/", "/search?q=port", "/prc-reach", "/prc-reach?sql=select+1", "/map", "/dictionary", "/changes.atom"]
# Loaded by every Python that finds it on its path; what it notes cannot be taken out again by what runs later.
HOOK = """
import os, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[0]
    else:
        return
    with open(os.environ["CONNECTIONS"], "a") as file:
        print(repr(address), file=file)
sys.addaudithook(note)
"""
UP, SET_FLAGS = 1, 0x8914  # IFF_UP, SIOCSIFFLAGS


def loopback_up() -> None:
    """Bring the loopback up, where we may: in a namespace of our own."""
    with suppress(PermissionError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14x", b"lo", UP))


def environment(folder: Path) -> dict[str, str]:
    """That of a process whose connections are noted in `folder`/connections."""
    (folder / "sitecustomize.py").write_text(HOOK)
    return os.environ | {
        "PYTHONPATH": f"{folder}:{ROOT}",
        "PYTHONUNBUFFERED": "1",
        "CONNECTIONS": str(folder / "connections"),
    }


def noted(folder: Path) -> list[str]:
    """The addresses that were asked for, each once."""
    file = folder / "connections"
    return sorted(set(file.read_text().splitlines())) if file.exists() else []


def main(folder: Path) -> None:
    """Build the real package, check, export and serve it, and ask for pages."""
    loopback_up()
    around = environment(folder)
    command = [sys.executable, "-m", "scripts"]
    build = [*command, "build", "--no-check", "--output", folder / "x.db"]
    subprocess.run(build, cwd=ROOT, env=around, check=True, stdout=sys.stderr)
    serve = [*command, "serve", "--port", "0", "--output", folder / "dist"]
    with subprocess.Popen(serve, cwd=ROOT, env=around, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
            with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
                for page in PAGES:
                    client.get(page).raise_for_status()
        finally:
            server.terminate()
    print(json.dumps(noted(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
