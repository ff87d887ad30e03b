"""A problem is one thing everywhere: what is wrong, where, and what to try."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

# What makes what follow in a cell: a damaged text is told once, and not again for the type, the
# constraint, the reference or the declared rule that then fails on it.
_STAGES = (
    ("stray-space", "invisible-character", "not-nfc", "row-length"),
    ("type", "required"),
    ("enum", "pattern", "minimum", "maximum", "min-length", "max-length", "unique", "primary-key"),
    ("foreign-key", "codelist"),
)
_STAGE = {rule: stage for stage, rules in enumerate(_STAGES) for rule in rules}
BUILT_IN = frozenset(_STAGE)  # a declared rule may not take the name of one of these


@dataclass(frozen=True)
class Problem:
    """One mistake in the package.

    `file` is relative to the package, `line` counts physical lines from 1. `rule` is the name of
    the broken rule: a constraint of the Table Schema standard in kebab case, or the id of a rule
    that the table's schema declares. `found_by` names the engines that report it.
    """

    file: str
    rule: str
    message: str
    line: int | None = None
    table: str | None = None
    row_id: str | None = None
    column: str | None = None
    value: str | None = None
    hint: str | None = None
    found_by: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, int, str]:
        """File, line and column: the cell, row or file that the problem is about."""
        return self.file, self.line or 0, self.column or ""


class Broken(Exception):
    """The package's declaration, or the command's use, does not allow the work to start.

    `problems` holds at least one `Problem`; the command line prints them and exits with 2.
    """

    def __init__(self, problems: Iterable[Problem]):
        self.problems = list(problems)
        super().__init__(self.problems[0].message)


def merged(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, whoever found it, in the order of file, line, column and rule."""
    once: dict[tuple, Problem] = {}
    for problem in problems:
        key = (*problem.place, problem.rule)
        if known := once.get(key):
            engines = tuple(dict.fromkeys(known.found_by + problem.found_by))
            problem = replace(known, row_id=known.row_id or problem.row_id, found_by=engines)
        once[key] = problem
    return [once[key] for key in sorted(once)]


def without_followers(problems: list[Problem]) -> list[Problem]:
    """Leave out what only follows from an earlier-stage problem of the same cell."""
    first: dict[tuple, int] = {}
    for problem in problems:
        first[problem.place] = min(first.get(problem.place, 9), _stage(problem))
    return [problem for problem in problems if not problem.column or _stage(problem) == first[problem.place]]


def _stage(problem: Problem) -> int:
    return _STAGE.get(problem.rule, len(_STAGES))


def nearest(value: str, candidates: list[str]) -> str | None:
    """Of the candidates the one that `value` was probably meant to be, if any is near."""
    close = difflib.get_close_matches(value, candidates, n=1, cutoff=0.6)
    return close[0] if close else None
