"""The command `prc-reach`."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from .. import __version__
from . import check, edit, look, publish  # noqa: F401 - each adds its commands
from .shared import app


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
    app(prog_name="prc-reach")
