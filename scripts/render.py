"""Show a report: for a person, for a program, or as GitHub's annotations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from .problem import Problem

if TYPE_CHECKING:
    from .check import Report

FORMATS = ("text", "json", "github")
_ALIKE = 20  # so many problems of one kind in one column are shown, the rest is counted


def text(problems: Iterable[Problem], report: Report | None = None) -> str:
    """One paragraph a problem, the place first; many alike are counted; then a closing line."""
    shown: list[str] = []
    alike: Counter[tuple] = Counter()
    for problem in problems:
        kind = problem.file, problem.rule, problem.column
        alike[kind] += 1
        if alike[kind] <= _ALIKE:
            shown.append(_paragraph(problem))
    for (file, rule, column), number in alike.items():
        if number > _ALIKE:
            where = f"{file}, column {column}" if column else file
            shown.append(f"{where}: {number - _ALIKE:,} more problems like the {_ALIKE} above ({rule})")
    return "\n".join([*shown, *([""] if shown and report else []), *([summary(report)] if report else [])])


def as_json(problems: Iterable[Problem], report: Report | None = None) -> str:
    """An object with `problems`, and with `summary` where there is a report."""
    content: dict[str, object] = {"problems": [asdict(problem) for problem in problems]}
    if report:
        content["summary"] = {
            "problems": len(report.problems),
            "tables": report.tables,
            "rows": report.rows,
            "seconds": round(report.seconds, 2),
        }
    return json.dumps(content, ensure_ascii=False, indent=2)


def github(problems: Iterable[Problem], report: Report | None = None) -> str:
    """A workflow command a problem, which GitHub shows on the line in the pull request."""
    lines = []
    for problem in problems:
        place = f"file={_property(problem.file)},line={problem.line or 1},title={_property(problem.rule)}"
        lines.append(f"::error {place}::{_data(_sentence(problem))}")
    if report:
        lines.append(summary(report))
    return "\n".join(lines)


def summary(report: Report) -> str:
    """The closing line: problems, tables, rows, time."""
    number = len(report.problems)
    found = "no problems" if not number else "1 problem" if number == 1 else f"{number:,} problems"
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


def _paragraph(problem: Problem) -> str:
    place = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
    about = ", ".join(filter(None, [problem.row_id, problem.column]))
    first = f"{place}: {problem.message} ({problem.rule})"
    rest = [f"    in {about}"] if about else []
    return "\n".join([first, *rest, *([f"    → {problem.hint}"] if problem.hint else [])])


def _sentence(problem: Problem) -> str:
    about = ", ".join(filter(None, [problem.row_id, problem.column]))
    return "".join([f"{about}: " if about else "", problem.message, f" ({problem.hint})" if problem.hint else ""])


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
