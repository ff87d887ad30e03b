"""Commands that make what readers get: build, export, serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from .. import render
from ..problem import Broken, Problem
from .shared import PROBLEMS, Folder, Format, app, checked, progress, say, show, told

if TYPE_CHECKING:
    from ..package import Package

Output = Annotated[
    Optional[Path],
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The database file, below the package's folder unless absolute; build/NAME.db by default.",
        show_default=False,
    ),
]
Destination = Annotated[
    Optional[Path],
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="The folder to write, below the package's folder unless absolute; dist by default.",
        show_default=False,
    ),
]


@app.command()
def build(
    output: Output = None,
    trust: Annotated[bool, typer.Option("--no-check", help="Build without checking first.")] = False,
    package: Folder = Path("."),
) -> None:
    """Check the package and build its SQLite database.

    The old database stays untouched until the new one is whole, and where there are problems.
    """
    with told(Format.text):
        path, _ = _built(package, output, trust)
        say(f"built {path} ({path.stat().st_size / 1e6:.1f} MB)")


@app.command()
def export(output: Destination = None, package: Folder = Path(".")) -> None:
    """Check the package and write it in every form to a folder, to be published or kept.

    As a Data Package with its zip file, SQLite, Excel and Parquet, with the metadata for citation,
    Zenodo, Croissant and RO-Crate. The folder before stays untouched until the new one is whole.
    """
    from .. import export as exporting

    with told(Format.text):
        path, _ = _exported(package, output)
        say(f"exported to {path}: {render.sizes(exporting.sizes(path))}")


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8001,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; other machines reach only 0.0.0.0.")
    ] = "127.0.0.1",
    output: Destination = None,
    ready: Annotated[
        bool, typer.Option("--exported", help="Serve the export that is there, without a check or a new one.")
    ] = False,
    package: Folder = Path("."),
) -> None:
    """Check the package, export it and serve it with Datasette: the pages, and the export as downloads."""
    from .. import settings, site

    with told(Format.text):
        socket = site.listen(port, host)
        settings.read(package)  # a mistake there is told before the long work
        path, loaded = _found(package, output) if ready else _exported(package, output)
        site.serve(
            loaded,
            path,
            socket,
            lambda url: say(f"{loaded.descriptor.title} is served on {url} (Ctrl-C ends it)"),
        )


def _built(folder: Path, output: Path | None, trust: bool) -> tuple[Path, Package]:
    from .. import database
    from ..check import read_tables
    from ..package import load

    if trust:
        package = load(folder)
        tables = read_tables(package)
        problems = [problem for table in tables.values() for problem in table.problems]
    else:
        report, tables, package = checked(folder)
        say(render.summary(report), err=True)
        problems = report.problems
    if problems:
        show(problems, Format.text)
        say("nothing was built", err=True)
        raise typer.Exit(PROBLEMS)
    with progress("building", len(tables)) as done:
        path = _output(package, output, f"build/{package.descriptor.name}.db")
        return database.build(package, tables, path, done), package


def _exported(folder: Path, output: Path | None) -> tuple[Path, Package]:
    from .. import export as exporting
    from ..package import load

    package = load(folder)
    exporting.refuse_foreign(package, _output(package, output, "dist"))  # told before the long work
    report, tables, package = checked(folder)
    say(render.summary(report), err=True)
    if report.problems:
        show(report.problems, Format.text)
        say("nothing was exported", err=True)
        raise typer.Exit(PROBLEMS)
    path = _output(package, output, "dist")
    with progress("exporting", exporting.STEPS * len(tables)) as done:
        exporting.export(package, tables, path, done)
    return path, package


def _output(package: Package, given: Path | None, usual: str) -> Path:
    """Where to write: what was given, or the usual place. Raises `Broken` where links lead that out of the package."""
    from ..package import inside

    if given is None and not inside(package.folder, usual):
        hint = "take the link away, or say with --output where to write"
        raise Broken([Problem(usual, "output", "leads out of the package; nothing was written", hint=hint)])
    return package.folder / (given or usual)


def _found(folder: Path, output: Path | None) -> tuple[Path, Package]:
    """The export that is there already. Raises `Broken` where there is none."""
    from ..package import load

    package = load(folder)
    path = package.folder / (output or "dist")
    if not (path / f"{package.descriptor.name}.db").is_file():
        message, hint = "holds no export", "run `prc-reach export`, or leave out --exported"
        raise Broken([Problem(str(path), "missing-file", message, hint=hint)])
    return path, package
