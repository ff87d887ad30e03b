"""What the commands share: options, how problems and progress are told, the check that others begin with."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from typer.core import TyperGroup, click

from .. import render
from ..outside import Outside
from ..problem import Broken, Problem
from ..text import lines_visible

if TYPE_CHECKING:
    from ..check import Report
    from ..package import Package
    from ..tables import Table

# What takes long to import is imported by the command that needs it, after frictionless was started.

FINE, PROBLEMS, BROKEN = 0, 1, 2


class _Commands(TyperGroup):
    """Commands whose errors repeat what was typed without what turns the reading order or a terminal's cursor."""

    def make_context(self, *arguments, **more):
        with _told_visibly():
            return super().make_context(*arguments, **more)

    def invoke(self, context):
        with _told_visibly():
            return super().invoke(context)


@contextmanager
def _told_visibly() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.message = lines_visible(error.message)
        raise


app = typer.Typer(
    cls=_Commands,
    help="Check, format, build, export and serve a package of tables: the one in this folder, or in --package DIR.",
    epilog="Exit status: 0 fine, 1 problems found, 2 wrong usage or a broken package.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
Format = Enum("Format", {name: name for name in render.FORMATS}, type=str)
Folder = Annotated[
    Path,
    typer.Option("--package", "-p", metavar="DIR", help="Folder of the package, the one that holds datapackage.json."),
]
Tables = Annotated[
    Optional[list[str]],
    typer.Argument(metavar="[TABLE]...", help="Tables to look at; all by default.", show_default=False),
]


def known(package: Package, names: list[str] | None) -> list[str]:
    from ..package import DESCRIPTOR
    from ..problem import nearest

    for name in names or []:
        if name not in package.resources:
            near = nearest(name, list(package.resources))
            hint = f"did you mean {near!r}?" if near else f"tables: {', '.join(package.resources)}"
            raise Broken(
                [
                    Problem(
                        DESCRIPTOR, "unknown-table", f"there is no table {name!r} in the package", value=name, hint=hint
                    )
                ]
            )
    return list(dict.fromkeys(names or package.resources))


def checked(folder: Path, names: list[str] | None = None) -> tuple[Report, dict[str, Table], Package]:
    with Outside() as outside:
        from ..check import check as run
        from ..package import load

        package = load(folder)
        wanted = known(package, names)
        with progress("checking", 2 * len(wanted)) as done:
            return *run(package, outside, wanted, done), package


def checked_changed(folder: Path, base: str | None) -> tuple[Report, str]:
    """The check of the tables that differ from `base` and of those that refer to them, and what was left out, in words.

    `base` is as `revision.earlier` takes it.
    """
    with Outside() as outside:
        from ..check import Report
        from ..check import check as run
        from ..look.revision import changed, with_referring
        from ..package import load

        package = load(folder)
        differing = changed(package, base)
        wanted = with_referring(package, differing)
        said = f"{len(differing)} of {len(package.resources)} tables differ from {base or 'the main branch'}"
        if not differing:
            return Report([], 0, 0, 0.0), f"{said}: nothing to check"
        with progress("checking", 2 * len(wanted)) as done:
            report, _ = run(package, outside, wanted, done, set(differing))
    left = len(package.resources) - len(wanted)
    return report, f"{said}; with those that refer to them {len(wanted)} are checked, {left} left out"


def say(text: str, err: bool = False) -> None:
    """Print the text, whatever is in it: no control character in what was read reaches a terminal."""
    typer.echo(lines_visible(text), err=err)


def show(problems: list[Problem], format: Format, report: Report | None = None, err: bool = False) -> None:
    renderer = {"text": render.text, "json": render.as_json, "github": render.github}[format.value]
    if text := renderer(problems, report):
        typer.echo(text, err=err)


@contextmanager
def told(format: Format) -> Iterator[None]:
    """Tell a broken package or an interrupt in plain words, and exit with the status that stands for it."""
    try:
        yield
    except Broken as broken:
        show(broken.problems, format)
        raise typer.Exit(BROKEN) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on the error stream, for a person who watches and has waited half a second; else nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not (console.is_terminal and sys.stdout and sys.stdout.isatty()):
        yield lambda name: None
        return
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[table]}"),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=total, table="")
    start, shown = time.monotonic(), False

    def done(name: str) -> None:
        nonlocal shown
        if not shown and time.monotonic() - start > 0.5:
            bar.start()
            shown = True
        bar.update(task, advance=1, table=name)

    try:
        yield done
    finally:
        if shown:
            bar.stop()
