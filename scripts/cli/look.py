"""Commands that look at what is there: show, explain, diff."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..text import as_json
from .shared import Folder, Format, app, known, say, told

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
        from ..look import diff_render, revision
        from ..look.diff import diff as compared

        with revision.earlier(package, base) as before:
            difference = compared(before, revision.folder(package))
        renderer = {"text": diff_render.text, "markdown": diff_render.markdown, "json": diff_render.as_json}[
            format.value
        ]
        typer.echo((diff_render.changelog if changelog else renderer)(difference))


@app.command()
def show(
    table: Annotated[str, typer.Argument(help="The table.", show_default=False)],
    row_id: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...", help="The row's id; the parts of a key apart or joined with a slash.", show_default=False
        ),
    ],
    meanings: Annotated[bool, typer.Option("--meanings", "-m", help="Tell also what each column means.")] = False,
    format: Annotated[Shape, typer.Option("--format", "-f", help="How it is told.")] = Shape.text,
    package: Folder = Path("."),
) -> None:
    """Show one row: what it says and refers to, where it was read, what cites what for it, what refers to it."""
    with told(Format.text):
        from ..look import show as showing
        from ..package import load

        loaded = load(package)
        (name,) = known(loaded, [table])
        shown = showing.Rows(loaded).show(name, "/".join(row_id))
        typer.echo(showing.as_json(shown) if format is Shape.json else showing.text(shown, meanings))


@app.command()
def explain(
    rule: Annotated[
        Optional[str],
        typer.Argument(help="The rule that a problem names in brackets; all by default.", show_default=False),
    ] = None,
    format: Annotated[Shape, typer.Option("--format", "-f", help="How it is told.")] = Shape.text,
    package: Folder = Path("."),
) -> None:
    """Explain a rule: what it asks for, its SQL, an example that passes, one that fails, how to mend it."""
    with told(Format.text):
        from ..look import explain as explaining
        from ..package import load

        loaded = load(package)
        found = explaining.explain(loaded, rule) if rule else explaining.listed(loaded)
        if format is Shape.json:
            typer.echo(as_json(asdict(found) if rule else found))
        else:
            say(explaining.text(found) if rule else explaining.as_list(found))
