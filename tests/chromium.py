"""Where Chromium is, for the browser tests; `make test` runs this to install it where it may.

Only the system's package manager installs it: a browser that a package would fetch by itself is none that
every machine can have.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing of the browser's own may go out or be kept.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = "no Chromium here: install it (Debian, Ubuntu: apt-get install chromium), then run the tests again"


def found() -> str | None:
    """The path of the browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main() -> None:
    if found():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("installing Chromium for the browser tests (once)", flush=True)
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if not found():
        print(MISSING)
        sys.exit("CI" in os.environ)


if __name__ == "__main__":
    main()
