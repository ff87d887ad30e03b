"""Commands that add to the package: new, new-table, import."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ..problem import Broken, Problem, nearest
from .shared import FINE, PROBLEMS, Folder, Format, app, known, progress, say, show, told

if TYPE_CHECKING:
    from ..edit.changes import Change
    from ..edit.entry import Entry


@app.command()
def new(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table that gets a row.", show_default=False)],
    values: Annotated[
        Optional[list[str]],
        typer.Argument(metavar="[COLUMN=VALUE]...", help="The row; without it each column is asked for."),
    ] = None,
    package: Folder = Path("."),
) -> None:
    """Add a row to a table: asked for column by column, or given as COLUMN=VALUE.

    What the schema or a rule refuses is told at once. Without an id one is proposed. Nothing is written
    that `prc-reach check` would not accept.
    """
    with told(Format.text):
        from ..check import read_tables
        from ..edit.entry import Entry
        from ..package import load

        loaded = load(package)
        known(loaded, [table])
        entry = Entry(loaded, read_tables(loaded), table)
        if values:
            _fill(entry, values)
            if problems := _added(entry):
                show(problems, Format.text)
                say("nothing was written", err=True)
                raise typer.Exit(PROBLEMS)
        elif sys.stdin.isatty() and sys.stdout.isatty():
            _ask(entry)
        else:
            message, hint = "there is no terminal to ask on", f"give the row: prc-reach new {table} {_usage(entry)}"
            raise Broken([Problem(loaded.resources[table].path, "usage", message, table=table, hint=hint)])


@app.command("new-table")
def new_table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, a plural like legal_cases.")],
    title: Annotated[Optional[str], typer.Option("--title", help="Its title; by default its name in words.")] = None,
    description: Annotated[
        Optional[str], typer.Option("--description", help="What it holds, and what one row is.", show_default=False)
    ] = None,
    domain: Annotated[
        Optional[str], typer.Option("--domain", help="The part of the subject that it belongs to.", show_default=False)
    ] = None,
    column: Annotated[
        Optional[list[str]],
        typer.Option(
            "--column",
            metavar="NAME:TYPE",
            help="A column of its own: string, integer, number, boolean, date, year, partial_date, or the name of "
            "the table that it refers to. May be given several times.",
            show_default=False,
        ),
    ] = None,
    package: Folder = Path("."),
) -> None:
    """Add a table: a schema to begin with, a CSV file without rows, a line in datapackage.json."""
    with told(Format.text):
        from ..edit import skeleton
        from ..package import load

        change = skeleton.new_table(load(package), name, title, description, domain, column or [])
        if problems := _checked(change):
            show(problems, Format.text)
            say("nothing was written", err=True)
            raise typer.Exit(PROBLEMS)
        change.write()
        for path in change.files:
            say(f"{path}: written")
        schema, *_ = change.files
        say(f"Now say in {schema} what each column means, with an example; then: prc-reach new {name}")


@app.command("import")
def bring_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An Excel workbook (.xlsx) or a CSV file.")],
    table: Annotated[
        Optional[str],
        typer.Option("--table", help="The table; by default the one that the sheet or file is called after."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")] = False,
    format: Annotated[Format, typer.Option("--format", "-f", help="How problems are told.")] = Format.text,
    package: Folder = Path("."),
) -> None:
    """Bring rows from a spreadsheet into the tables: new ones are added, those with a known key updated.

    A column that the sheet lacks stays as it is; an empty cell in one that it has empties the cell. What
    spreadsheets do to values is mended where it is certain, and told. Nothing is written if anything is wrong.
    """
    with told(format):
        from ..edit.merge import Merge
        from ..package import load

        loaded = load(package)
        known(loaded, [table] if table else None)
        merge = Merge(loaded, file, table)
        with progress("checking", 2 * len(loaded.resources)) as done:
            problems = merge.problems(done)
        for line in merge.notes:
            say(f"note: {line}", err=format is not Format.text)
        for difference in merge.differences if not problems or dry_run else ():
            for line in difference.lines() if dry_run else [difference.summary()]:
                say(line, err=format is not Format.text)
        show(problems, format)
        if problems or dry_run:
            say("nothing was written", err=True)
            raise typer.Exit(PROBLEMS if problems else FINE)
        merge.change.write()


def _usage(entry: Entry) -> str:
    required = [field.name for field in entry.schema.fields if field.constraints.required]
    return " ".join(f"{name}=…" for name in required if name != entry.id_column)


def _fill(entry: Entry, values: list[str]) -> None:
    """Put the given values into the entry. Raises `Broken` for what is no COLUMN=VALUE of its table."""
    problems = []
    for given in values:
        name, equals, value = given.partition("=")
        if not equals or name not in entry.schema.names:
            near = nearest(name, entry.schema.names)
            message = f"there is no column {name!r} in {entry.name}" if equals else f"{given!r} is no COLUMN=VALUE"
            hint = f"did you mean {near}=…?" if near else f"columns: {', '.join(entry.schema.names)}"
        elif name in entry.values:
            message, hint = f"{name} is given twice", "give it once"
        else:
            entry.answer(name, value)
            continue
        path = entry.package.resources[entry.name].path
        problems.append(Problem(path, "unknown-column", message, table=entry.name, column=name, value=value, hint=hint))
    if problems:
        show(problems, Format.text)
        say("nothing was written", err=True)
        raise typer.Exit(PROBLEMS)
    if entry.id_column and not entry.values.get(entry.id_column) and (proposed := entry.proposed_id()):
        entry.answer(entry.id_column, proposed)


def _ask(entry: Entry) -> None:
    from ..edit.dialogue import Dialogue

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives `input` keys that edit the line
    try:
        dialogue = Dialogue(entry, input, say)
        dialogue.ask_all()
        while dialogue.confirmed():
            if not (problems := _added(entry)):
                return
            show(problems, Format.text)
            say("Nothing is written yet: name a column to answer it again, or n to give up.")
    except (EOFError, KeyboardInterrupt):
        say("\ngiven up; nothing was written")
        raise typer.Exit(130) from None
    say("nothing was written")


def _added(entry: Entry) -> list[Problem]:
    """Write the row, and say so; or the problems for which it was not written."""
    from dataclasses import replace

    from ..edit.changes import Change, rows, written

    row = {name: entry.values.get(name, "") for name in entry.schema.names}
    path = entry.package.resources[entry.name].path
    before = rows(entry.package, entry.name)
    change = Change(entry.package, {path: written(entry.schema, [*before, row])})
    key = "/".join(row[name] for name in entry.schema.primaryKey)
    if problems := _checked(change):
        ours = [
            replace(each, line=None) if (each.table, each.row_id) == (entry.name, key) else each for each in problems
        ]
        return ours
    change.write()
    say(f"{path}: added {key}")
    return []


def _checked(change: Change) -> list[Problem]:
    """The problems that the change would bring into the package."""
    with progress("checking", 2 * len(change.package.resources)) as done:
        return change.new_problems(done)
