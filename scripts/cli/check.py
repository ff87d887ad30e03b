"""Commands that look at the tables and keep them in form: check, fmt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..problem import Broken, Problem
from ..text import lines_visible
from .shared import FINE, PROBLEMS, Folder, Format, Tables, app, checked, checked_changed, known, say, show, told


@app.command()
def check(
    tables: Tables = None,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed",
            help="Only what differs from the main branch, or from the revision that is given in place of tables, and what refers to it.",
        ),
    ] = False,
    format: Annotated[Format, typer.Option("--format", "-f", help="How problems are told.")] = Format.text,
    package: Folder = Path("."),
) -> None:
    """Validate every table with frictionless, with pandera and by the declared rules.

    Each problem is told once, with file and line, what is wrong and what to try.
    """
    with told(format):
        if changed:
            if len(tables or []) > 1:
                raise typer.BadParameter("--changed takes one revision, folder or zip file to compare with")
            report, left_out = checked_changed(package, (tables or [None])[0])
            say(left_out, err=True)
        else:
            report, _, _ = checked(package, tables)
        show(report.problems, format, report)
        raise typer.Exit(PROBLEMS if report.problems else FINE)


@app.command()
def fmt(
    tables: Tables = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; tell what would be done.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; show the unified diff.")] = False,
    format: Annotated[Format, typer.Option("--format", "-f", help="How problems are told.")] = Format.text,
    package: Folder = Path("."),
) -> None:
    """Write tables in canonical form: order of columns and rows, quotes, line ends, spaces.

    No value changes its meaning. What was done is told; what cannot be mended safely is told and left alone.
    """
    from .. import canonical
    from ..package import load

    with told(format):
        loaded = load(package)
        problems: list[Problem] = []
        aside = diff or format is not Format.text  # so that the output is a diff, or JSON, and nothing else
        for name in known(loaded, tables):
            path = loaded.resources[name].path
            try:
                if check or diff:
                    problems += filter(None, [canonical.not_canonical(loaded, name)])
                    if diff:
                        _patch(canonical.form(loaded, name).difference())
                elif done := canonical.rewrite(loaded, name):
                    say(f"{path}: {', '.join(done)}", err=aside)
            except Broken as broken:
                problems += broken.problems
            except OSError as error:
                message = f"cannot be written: {error.strerror}"
                raise Broken([Problem(path, "output", message, hint="the old file is untouched")]) from None
        show(problems, format, err=diff)
        raise typer.Exit(PROBLEMS if problems else FINE)


def _patch(text: str) -> None:
    """Print a patch as `git apply` takes it, byte for byte; to a terminal nothing that would move its cursor."""
    if sys.stdout and sys.stdout.isatty():
        text = lines_visible(text)
    typer.echo(text, nl=False, color=True)  # without that it would take out colours, which the file holds
