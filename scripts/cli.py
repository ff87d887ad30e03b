"""The command `prc-reach`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from . import __version__, render
from .outside import Outside
from .problem import Broken, Problem

if TYPE_CHECKING:
    from .check import Report
    from .package import Package
    from .tables import Table

# What takes long to import is imported by the command that needs it, after frictionless was started.

FINE, PROBLEMS, BROKEN = 0, 1, 2

app = typer.Typer(
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


@app.command()
def check(
    tables: Tables = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="How problems are told.")] = Format.text,
    package: Folder = Path("."),
) -> None:
    """Validate every table with frictionless, with pandera and by the declared rules.

    Each problem is told once, with file and line, what is wrong and what to try.
    """
    with _told(format):
        report, _, _ = _checked(package, tables)
        _show(report.problems, format, report)
        raise typer.Exit(PROBLEMS if report.problems else FINE)


@app.command()
def fmt(
    tables: Tables = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; tell what would change.")] = False,
    format: Annotated[Format, typer.Option("--format", "-f", help="How problems are told.")] = Format.text,
    package: Folder = Path("."),
) -> None:
    """Write tables in canonical form: order of columns and rows, quotes, line ends, spaces.

    No value changes its meaning; what cannot be mended safely is told and left alone.
    """
    from . import canonical
    from .package import load

    with _told(format):
        loaded = load(package)
        problems = []
        for name in _known(loaded, tables):
            try:
                if check:
                    problems += filter(None, [canonical.not_canonical(loaded, name)])
                elif canonical.rewrite(loaded, name):
                    typer.echo(f"{loaded.resources[name].path}: put in canonical form", err=format is not Format.text)
            except FileNotFoundError:
                problems.append(
                    Problem(loaded.resources[name].path, "missing-file", "there is no such file", table=name)
                )
            except OSError as error:
                raise Broken(
                    [
                        Problem(
                            loaded.resources[name].path,
                            "output",
                            f"cannot be read or written: {error.strerror}",
                            hint="the old file is untouched",
                        )
                    ]
                ) from None
            except ValueError as error:
                problems.append(
                    Problem(
                        loaded.resources[name].path,
                        "format",
                        f"left as it is: {error}",
                        table=name,
                        hint="run `prc-reach check` and mend what it tells first",
                    )
                )
        _show(problems, format)
        raise typer.Exit(PROBLEMS if problems else FINE)


@app.command()
def build(
    output: Output = None,
    trust: Annotated[bool, typer.Option("--no-check", help="Build without checking first.")] = False,
    package: Folder = Path("."),
) -> None:
    """Check the package and build its SQLite database.

    The old database stays untouched until the new one is whole, and where there are problems.
    """
    with _told(Format.text):
        path, _ = _built(package, output, trust)
        typer.echo(f"built {path} ({path.stat().st_size / 1e6:.1f} MB)")


@app.command()
def export(output: Destination = None, package: Folder = Path(".")) -> None:
    """Check the package and write it in every form to a folder, to be published or kept.

    As a Data Package with its zip file, SQLite, Excel and Parquet, with the metadata for citation,
    Zenodo, Croissant and RO-Crate. The folder before stays untouched until the new one is whole.
    """
    from . import export as exporting
    from .package import load

    with _told(Format.text):
        path = package / (output or "dist")
        exporting.refuse_foreign(load(package), path)  # told before the long work
        report, tables, loaded = _checked(package)
        typer.echo(render.summary(report), err=True)
        if report.problems:
            _show(report.problems, Format.text)
            typer.echo("nothing was exported", err=True)
            raise typer.Exit(PROBLEMS)
        with _progress("exporting", exporting.STEPS * len(tables)) as done:
            files = exporting.export(loaded, tables, path, done)
        typer.echo(f"exported to {path}: {render.sizes(files)}")


@app.command()
def serve(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 8001,
    output: Output = None,
    package: Folder = Path("."),
) -> None:
    """Check the package, build its database and serve it with Datasette on this machine."""
    from . import site

    with _told(Format.text):
        socket = site.listen(port)
        site.settings(package)  # a mistake there is told before the long work
        path, loaded = _built(package, output, trust=False)
        site.serve(
            loaded,
            path,
            socket,
            lambda url: typer.echo(f"{loaded.descriptor.title} is served on {url} (Ctrl-C ends it)"),
        )


def main() -> None:
    """Run the command line; never ends in a traceback for what the package or its user does."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal without Unicode gets question marks, not a traceback
    app(prog_name="prc-reach")


def _known(package: Package, names: list[str] | None) -> list[str]:
    from .package import DESCRIPTOR
    from .problem import nearest

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


def _checked(folder: Path, names: list[str] | None = None) -> tuple[Report, dict[str, Table], Package]:
    with Outside() as outside:
        from .check import check as run
        from .package import load

        package = load(folder)
        known = _known(package, names)
        with _progress("checking", 2 * len(known)) as done:
            return *run(package, outside, known, done), package


def _built(folder: Path, output: Path | None, trust: bool) -> tuple[Path, Package]:
    from . import database
    from .check import read_tables
    from .package import load

    if trust:
        package = load(folder)
        tables = read_tables(package)
        problems = [problem for table in tables.values() for problem in table.problems]
    else:
        report, tables, package = _checked(folder)
        typer.echo(render.summary(report), err=True)
        problems = report.problems
    if problems:
        _show(problems, Format.text)
        typer.echo("nothing was built", err=True)
        raise typer.Exit(PROBLEMS)
    with _progress("building", len(tables)) as done:
        path = package.folder / (output or f"build/{package.descriptor.name}.db")
        return database.build(package, tables, path, done), package


def _show(problems: list[Problem], format: Format, report=None) -> None:
    renderer = {"text": render.text, "json": render.as_json, "github": render.github}[format.value]
    if told := renderer(problems, report):
        typer.echo(told)


@contextmanager
def _told(format: Format) -> Iterator[None]:
    """Tell a broken package or an interrupt in plain words, and exit with the status that stands for it."""
    try:
        yield
    except Broken as broken:
        _show(broken.problems, format)
        raise typer.Exit(BROKEN) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on the error stream, for a person who watches and has waited half a second; else nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not (console.is_terminal and sys.stdout.isatty()):
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
