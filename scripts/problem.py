"""A problem is one thing everywhere: what is wrong, where, and what to try."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

# What makes what follow in a cell: a damaged text is told once, and not again for the type, the
# constraint, the reference or the declared rule that then fails on it.
_STAGES = (
    ("stray-space", "invisible-character", "not-nfc", "look-alike", "mojibake", "formula", "row-length"),
    ("type", "required"),
    ("enum", "pattern", "minimum", "maximum", "min-length", "max-length", "unique", "primary-key"),
    ("foreign-key", "codelist"),
)
_STAGE = {rule: stage for stage, rules in enumerate(_STAGES) for rule in rules}
BUILT_IN = frozenset(_STAGE)  # a declared rule may not take the name of one of these
_LONGEST = 2_000  # characters of a message or a hint: a giant cell or header is not repeated whole
_NAME = 200  # characters: what is longer was not meant as a name, and comparing takes time with their square
_APART = 5  # so many different values of a column that break one rule are told one by one


@dataclass(frozen=True)
class Problem:
    """One mistake in the package.

    `file` is relative to the package, `line` counts physical lines from 1. `rule` is the name of
    the broken rule: a constraint of the Table Schema standard in kebab case, or the id of a rule
    that the table's schema declares. `found_by` names the engines that report it. `cause` is the
    problem elsewhere that this one only follows from, if others follow from it too (see `grouped`).
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
    cause: Problem | None = None

    def __post_init__(self):
        for name in ("message", "hint"):
            text = getattr(self, name)
            if text and len(text) > _LONGEST:  # its middle is the value, what is said of it stands at its ends
                half = _LONGEST // 2
                object.__setattr__(self, name, f"{text[:half]}… ({len(text):,} characters) …{text[-half:]}")

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


@dataclass(frozen=True)
class Group:
    """One mistake as a person is told it: the `problem`, and all that are the same mistake or follow from it."""

    problem: Problem
    members: list[Problem]

    @property
    def followed(self) -> bool:
        """Whether the problem is the cause of the members, and none of them itself."""
        return self.problem is not self.members[0]


def grouped(problems: Iterable[Problem]) -> list[Group]:
    """The problems as mistakes, in the order of what is told.

    What follows from one cause in several files, or many times in one, is told as that cause. In a
    column the same value that breaks the same rule is one mistake; and so are more different values
    than `_APART`, since they were all written in one way.
    """
    problems = list(problems)
    causes = _by((each for each in problems if each.cause), lambda each: each.cause)
    large = {
        cause: members
        for cause, members in causes.items()
        if len(members) > _APART or len({each.file for each in members}) > 1
    }
    groups = [Group(cause, members) for cause, members in large.items()]
    alone = (each for each in problems if each.cause not in large)
    for alike in _by(alone, lambda each: (each.file, each.column, each.rule)).values():
        same = _by(alike, lambda each: (each.value, each.value is None and each.message)).values()
        groups += [Group(each[0], each) for each in (same if len(same) <= _APART else [alike])]
    return sorted(groups, key=lambda group: (*group.problem.place, group.problem.rule))


def _by(problems: Iterable[Problem], key: Callable) -> dict:
    """The problems under what `key` gives for each."""
    found: dict = {}
    for problem in problems:
        found.setdefault(key(problem), []).append(problem)
    return found


def nearest(value: str, candidates: Iterable[str], likeness: float = 0.6) -> str | None:
    """Of the candidates the one that `value` was probably meant to be, in whatever case, if any is so near, from 0 to 1."""
    lower = {each.lower(): each for each in candidates}
    close = alike(value.lower(), lower, 1, likeness)
    return lower[close[0]] if close else None


def alike(value: str, candidates: Iterable[str], number: int, likeness: float = 0.6) -> list[str]:
    """So many of the candidates that are like `value`, the likest first; none for what is too long for a name."""
    if len(value) > _NAME:
        return []
    short = [each for each in candidates if len(each) <= _NAME]
    return difflib.get_close_matches(value, short, n=number, cutoff=likeness)


def shortened(text: str, longest: int) -> str:
    """The text, cut where it is longer, with its length told then."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"


def named(names: Sequence[str], most: int = 8) -> str:
    """The names in quotes, the first of them where they are many."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def did_you_mean(value: str, candidates: Iterable[str]) -> str | None:
    """The hint that names the nearest of the candidates, if any is near."""
    near = nearest(value, candidates)
    return f"did you mean {near!r}?" if near else None
