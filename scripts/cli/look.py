"""Commands that look at what is there: show, explain, diff."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from .shared import Folder, Format, app, told

Shape = Enum("Shape", {name: name for name in ("text", "json")}, type=str)
DiffShape = Enum("DiffShape", {name: name for name in ("text", "markdown", "json")}, type=str)


@app.command()
def diff(
    base: Annotated[
        Optional[str],
        typer.Argument(
            help="A revision of git, a folder or a zip file; by default where this branch left the default one.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[DiffShape, typer.Option("--format", "-f", help="How it is told.")] = DiffShape.text,
    changelog: Annotated[bool, typer.Option("--changelog", help="Lines for CHANGELOG.md instead.")] = False,
    package: Folder = Path("."),
) -> None:
    """Tell which rows, cells, columns, rules and sources differ from BASE.

    Rows are compared by their key. Neither state needs to be free of problems.
    """
    with told(Format.text):
        from .. import diff_render, revision
        from ..diff import diff as compared

        with revision.earlier(package, base) as before:
            difference = compared(before, revision.folder(package))
        renderer = {"text": diff_render.text, "markdown": diff_render.markdown, "json": diff_render.as_json}[
            format.value
        ]
        typer.echo((diff_render.changelog if changelog else renderer)(difference))
