"""Show a difference: to a person, as Markdown for a pull request, as JSON, as lines for the changelog."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict

from ..text import as_json as written
from ..text import visible
from .diff import Difference, Row, TableDifference

_LONGEST = 300  # characters of a cell that are shown
_MARKDOWN = 60_000  # characters: GitHub takes no comment of more than 65,536
_FEW = 10  # corrected cells that a changelog tells one by one
_WORDS = ("added", "changed", "renamed", "removed")


def summary(difference: Difference) -> str:
    """The first line: how many rows were added, changed, renamed, removed, in how many tables."""
    counts = [(difference.count(what), what) for what in _WORDS]
    told = [f"{number:,} {what}" for number, what in counts if number]
    if not told:
        others = bool(difference.package or difference.tables)
        return "no row differs, but the declaration does" if others else "nothing differs"
    number = next(number for number, _ in counts if number)
    told[0] = told[0].replace(" ", " row " if number == 1 else " rows ", 1)
    tables = sum(bool(table.rows) for table in difference.tables)
    return f"{', '.join(told)} in {tables} {'table' if tables == 1 else 'tables'}"


def text(difference: Difference) -> str:
    """A paragraph a table, a line a row: + added, ~ changed, = renamed, - removed.

    No line begins with a word of the tables, lest a log of GitHub take it for a command.
    """
    lines = [summary(difference), *(f"! {_shown(note)}" for note in difference.notes)]
    lines += [f"package: {_shown(each)}" for each in difference.package]
    for table in difference.tables:
        lines += [
            "",
            f"table {_shown(table.name)}{_state(table, _shown)}",
            *_details(table, difference, _shown, "    · ", "  "),
        ]
    for name, rows in difference.sources.items():
        lines += ["", f"new in {_shown(name)}", *(f"  + {_named(row, _shown)}" for row in rows)]
    return "\n".join(lines)


def markdown(difference: Difference) -> str:
    """A table of counts, then the details of each table, folded; never too long for GitHub, and then cut with a count."""
    head = [f"**{summary(difference)}**", "", *(f"- ⚠ {_escaped(each)}" for each in difference.notes)]
    head += [f"- package: {_escaped(each)}" for each in difference.package]
    if difference.tables:
        head += ["", f"| table | {' | '.join(_WORDS)} | columns and rules |", "|---|--:|--:|--:|--:|--:|"]
    for table in difference.tables:
        counts = " | ".join(str(len(getattr(table, what)) or "") for what in _WORDS)
        head.append(f"| {_code(table.name)}{_state(table, _escaped)} | {counts} | {len(table.schema) or ''} |")
    for name, rows in difference.sources.items():
        head += ["", f"**New in {_escaped(name)}**", "", *(f"- {_named(row, _code, _escaped)}" for row in rows)]
    blocks = [
        (
            f"<details><summary>{_code(table.name)}: {_escaped(table.title)}</summary>",
            list(_details(table, difference, _code, "  - ", "- ", _escaped)),
        )
        for table in difference.tables
    ]
    return _cut(head, [(title, lines) for title, lines in blocks if lines])


def as_json(difference: Difference) -> str:
    """The difference whole, with its counts in `summary`; `format` numbers the shape of this object."""
    counts = {what: difference.count(what) for what in _WORDS}
    return written({"format": 1, "summary": counts | {"tables": len(difference.tables)}} | asdict(difference))


def changelog(difference: Difference) -> str:
    """List items to be pasted below a version in the changelog and put into better words."""
    lines = [f"- {summary(difference)}: {_tables(difference)}."] if difference.tables else []
    lines += [f"- Package: {_ticked(each)}." for each in difference.package]
    for name, rows in difference.sources.items():
        lines.append(
            f"- New in `{_plain(name)}`: {'; '.join(_ticked(row.label or '/'.join(row.key)) for row in rows)}."
        )
    for table in difference.tables:
        if table.status != "changed" or table.renamed_from:
            lines.append(f"- Table `{_plain(table.name)}`{_state(table, _ticked)}.")
        lines += [f"- `{_plain(table.name)}`: {_ticked(each)}." for each in table.schema]
        lines += [
            f"- `{_plain(table.name)}`: {_ticked('/'.join(row.old_key))} is now {_ticked('/'.join(row.key))}."
            for row in table.renamed
        ]
    cells = [(table, row, cell) for table in difference.tables for row in table.changed for cell in row.cells]
    if len(cells) <= _FEW:
        lines += [
            f"- Corrected: {_ticked(f'{table.name}/' + '/'.join(row.key))}, `{_plain(cell.column)}`: {_ticked(cell.old or 'empty')} → {_ticked(cell.new or 'empty')}."
            for table, row, cell in cells
        ]
    return "\n".join(lines)


def _tables(difference: Difference) -> str:
    return (
        ", ".join(f"`{_plain(table.name)}` ({table.rows:,})" for table in difference.tables if table.rows)
        or "columns and rules"
    )


def _state(table: TableDifference, show: Callable[[str], str]) -> str:
    if table.renamed_from:
        return f", before {show(table.renamed_from)}"
    return "" if table.status == "changed" else f" ({table.status}: {show(table.title)})"


def _details(
    table: TableDifference,
    difference: Difference,
    code: Callable[[str], str],
    inner: str,
    outer: str,
    prose: Callable[[str], str] | None = None,
) -> Iterator[str]:
    """What differs in a table, a line a piece: values by `code`, words by `prose`."""
    prose = prose or code
    yield from (f"{outer}{'* ' * outer.isspace()}{prose(each)}" for each in table.schema)
    marks = dict(zip(_WORDS, ("+", "~", "=", "-"))) if outer.isspace() else {what: what for what in _WORDS}
    for row in table.added if table.name not in difference.sources else []:
        yield f"{outer}{marks['added']} {_named(row, code, prose)}"
        yield from (f"{inner}{prose(name)}: {code(cell)}" for name, cell in row.cells.items() if cell not in row.key)
    for row in table.changed:
        yield f"{outer}{marks['changed']} {_named(row, code, prose)}"
        yield from (
            f"{inner}{prose(cell.column)}: {code(cell.old) if cell.old else 'empty'} → {code(cell.new) if cell.new else 'empty'}"
            for cell in row.cells
        )
    for row in table.renamed:
        yield f"{outer}{marks['renamed']} {code('/'.join(row.old_key))} → {_named(row, code, prose)}"
    yield from (f"{outer}{marks['removed']} {_named(row, code, prose)}" for row in table.removed)


def _named(row: Row, code: Callable[[str], str], prose: Callable[[str], str] | None = None) -> str:
    return code("/".join(row.key)) + (f" {(prose or code)(row.label)}" if row.label else "")


def _cut(head: list[str], blocks: list[tuple[str, list[str]]]) -> str:
    """As many lines as fit, with a count of those that do not."""
    left = _MARKDOWN - 300
    lines: list[str] = []
    hidden = 0

    def fits(line: str, closing: int = 0) -> bool:
        nonlocal left, hidden
        if hidden or len(line) + 1 + closing > left:
            hidden += 1
            return False
        lines.append(line)
        left -= len(line) + 1
        return True

    for line in head:
        fits(line)
    for title, details in blocks:
        opened = fits(f"\n{title}\n", 20)
        for line in details:
            fits(line, 20)
        if opened:
            lines.append("\n</details>")
            left -= 12
    return "\n".join([*lines, *([f"\n… and {hidden:,} more lines, which `prc-reach diff` shows."] if hidden else [])])


def _shown(value: str) -> str:
    """The value on one line, all of it seen, and not too long."""
    return visible(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}… ({len(value):,} characters)")


def _escaped(value: str) -> str:
    """The value as Markdown that shows just it: no mark-up, no HTML, no mention, no reference to an issue.

    Punctuation is written as character references, which are never mark-up. GitHub looks for mentions
    after those are resolved; a word joiner, which is not seen, keeps it from finding any.
    """
    return re.sub(
        r"[!-$&*+./:<-@\[-`{-~]", lambda found: f"&#{ord(found[0])};" + "&#8288;" * (found[0] in "@#"), _shown(value)
    )


def _code(value: str) -> str:
    return f"<code>{_escaped(value)}</code>"


def _plain(value: str) -> str:
    return _shown(value).replace("`", "'")


def _ticked(value: str) -> str:
    """The value as code in Markdown, in which nothing is mark-up; mentions are none there."""
    return f"`{_plain(value)}`"
