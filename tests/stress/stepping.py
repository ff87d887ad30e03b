"""Run the real command, and kill it at a given step of its dealings with files.

    python stepping.py STEP ARGUMENT...

A step is whatever Python is about to do that changes a folder or a file (open to write, rename, remove, make a
folder) below the working folder or the one for temporary files, as its audit events tell (PEP 578). At the
STEP-th, counted from 1, the process is killed as by `kill -9`, before it is done. With 0 nothing is killed, and
the last line on standard error says how many steps there were.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from pathlib import Path

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate", "os.chmod", "sqlite3.connect"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_DIRECTORY  # a folder is opened to be made safe


def main() -> None:
    step, folders = int(sys.argv[1]), (os.getcwd(), os.environ["TMPDIR"])
    taken = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal taken
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event in _CHANGES:
            path = arguments[0]
        else:
            return
        path = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        if path and (not os.path.isabs(path) or path.startswith(folders)):
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.argv = ["prc-reach", *sys.argv[2:]]
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    if not step:
        atexit.register(lambda: print(f"\n{taken}", file=sys.stderr))
    sys.addaudithook(count)
    from scripts.cli import main as command

    command()


if __name__ == "__main__":
    main()
