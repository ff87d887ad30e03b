"""The command `prc-reach`."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import Annotated

import typer

from .. import __version__
from . import check, edit, look, publish  # noqa: F401 - each adds its commands
from .shared import BROKEN, app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"prc-reach {__version__}")
        raise typer.Exit()


@app.callback()
def _prc_reach(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; never ends in a traceback for what the package or its user does."""
    # What is read is kept: to look for garbage after each 700 objects takes a tenth of a check.
    gc.set_threshold(100_000)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # one that is closed is None
        stream.reconfigure(errors="replace")  # a terminal without Unicode gets question marks, not a traceback
    try:
        app(prog_name="prc-reach")
    except OSError as error:
        if error.filename is not None:
            raise
        sys.exit(_unwritable(error))


def _unwritable(error: OSError) -> int:
    """Say that the output cannot be written, to whom can still be told; the exit code."""
    with contextlib.suppress(OSError):
        print(f"the output cannot be written: {error.strerror}", file=sys.stderr, flush=True)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # so that the interpreter does not try again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return BROKEN
