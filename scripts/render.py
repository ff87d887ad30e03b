"""Show a report: for a person, for a program, or as GitHub's annotations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from .problem import Group, Problem, grouped, shortened
from .text import as_json as written
from .text import visible

if TYPE_CHECKING:
    from .check import Report

FORMATS = ("text", "json", "github")
_PLACES = 8  # so many places of a mistake that is made more often are named
_ANNOTATIONS = 10  # so many errors of one step GitHub shows
_NAME = 300  # characters of a long name that are shown
_VALUE = 60  # characters of a long value that are shown


def text(problems: Iterable[Problem], report: Report | None = None) -> str:
    """A line a mistake, the place first, with the count and first places of what is made more often; then a closing line."""
    lines = [_line(group) for group in grouped(problems)]
    return "\n".join([*lines, *([""] if lines and report else []), *([summary(report)] if report else [])])


def as_json(problems: Iterable[Problem], report: Report | None = None) -> str:
    """An object with all `problems`, the `mistakes` that they are, each with its count, and a `summary` where there is a report."""
    problems = list(problems)
    mistakes = [
        {
            "file": group.problem.file,
            "line": group.problem.line,
            "rule": group.problem.rule,
            "problems": len(group.members),
            "text": _line(group),
        }
        for group in grouped(problems)
    ]
    content: dict[str, object] = {"problems": [asdict(problem) for problem in problems], "mistakes": mistakes}
    if report:
        content["summary"] = {
            "problems": len(report.problems),
            "mistakes": len(mistakes),
            "tables": report.tables,
            "rows": report.rows,
            "seconds": round(report.seconds, 2),
        }
    return written(content)


def github(problems: Iterable[Problem], report: Report | None = None) -> str:
    """A workflow command a mistake, which GitHub shows on the line in the pull request.

    GitHub shows ten a step. Of more the last one says how many there are, and the log has their lines.
    """
    groups = grouped(problems)
    shown = groups if len(groups) <= _ANNOTATIONS else groups[: _ANNOTATIONS - 1]
    lines = [
        f"::error file={_property(_name(group.problem.file))},line={group.problem.line or 1},"
        f"title={_property(group.problem.rule)}::{_data(_sentence(group))}"
        for group in shown
    ]
    if rest := groups[len(shown) :]:
        lines.append(f"::error title=more::{len(rest):,} more mistakes are listed in the log of this step")
        lines += map(_line, rest)
    return "\n".join([*lines, *([summary(report)] if report else [])])


def summary(report: Report) -> str:
    """The closing line: problems, tables, rows, time."""
    number, mistakes = len(report.problems), len(grouped(report.problems))
    found = "no problems" if not number else "1 problem" if number == 1 else f"{number:,} problems"
    if mistakes < number:
        found += f" from {'1 mistake' if mistakes == 1 else f'{mistakes:,} mistakes'}"
    tables = "1 table" if report.tables == 1 else f"{report.tables:,} tables"
    return f"{found} in {tables}, {report.rows:,} rows, {report.seconds:.1f} s"


def sizes(files: dict[str, int]) -> str:
    """The files with their sizes in bytes, those of a folder together, and the sum of all."""
    folders: dict[str, list[int]] = {}
    for name, size in files.items():
        head, slash, _ = name.partition("/")
        folders.setdefault(head + slash, []).append(size)
    told = [
        f"{name} {f'({len(each)} files) ' if name.endswith('/') else ''}{_megabytes(sum(each))}"
        for name, each in folders.items()
    ]
    return f"{', '.join(told)}; in all {len(files):,} files, {_megabytes(sum(files.values()))}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _line(group: Group) -> str:
    """File and line, and then all in one sentence."""
    problem = group.problem
    return f"{_name(problem.file)}{f':{problem.line}' if problem.line else ''}: {_sentence(group)}"


def _sentence(group: Group) -> str:
    """Table and row, column, value, what is wrong, what would be right; the rule, and how often."""
    problem = group.problem
    row = f"{problem.table}/{problem.row_id}" if problem.row_id else problem.column and problem.table
    about = ", ".join(_name(each) for each in (row, problem.column) if each)
    if problem.column and problem.value and _shortened(problem.value) not in problem.message:
        about += f" {_shortened(problem.value)!r}"
    told = visible("; ".join(filter(None, [problem.message, problem.hint])))
    return f"{f'{about}: ' if about else ''}{told} ({problem.rule}{_often(group)})"


def _often(group: Group) -> str:
    """How many problems the mistake makes, and where the first of them are."""
    if len(group.members) == 1 and not group.followed:
        return ""
    places = [
        str(each.line) if each.file == group.problem.file else f"{_name(each.file)}:{each.line}"
        for each in group.members
    ]
    first = ", ".join(places[:_PLACES])
    rest = f" and {len(places) - _PLACES:,} more" if len(places) > _PLACES else ""
    what = "follow from it" if group.followed else "lines" if group.members[0].line else "times"
    count = f"{len(places):,} {what}"
    return f"; {count}: {first}{rest}" if group.members[0].line else f"; {count}"


def _name(text: str) -> str:
    """A name of a file, a row or a column, as it can be shown."""
    return visible(shortened(text, _NAME))


def _shortened(value: str) -> str:
    return value if len(value) <= _VALUE else f"{value[: _VALUE - 1]}…"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
