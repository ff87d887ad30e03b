"""Validate the package: read each table, ask both engines and the rules, and tell every problem once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from . import frames, queries, settings, standard
from .outside import Outside
from .package import DESCRIPTOR, Package
from .problem import Problem, merged, without_followers
from .tables import Table, read


@dataclass(frozen=True)
class Report:
    """What a check found: the problems in order, and how much was checked in how many seconds."""

    problems: list[Problem]
    tables: int
    rows: int
    seconds: float


def read_tables(package: Package) -> dict[str, Table]:
    """Every table of the package by name, in the order of the descriptor."""
    return {name: read(package, name) for name in package.resources}


def check(
    package: Package, outside: Outside, names: Iterable[str] = (), done: Callable[[str], None] = lambda name: None
) -> tuple[Report, dict[str, Table]]:
    """Check the tables called `names`, all by default, and return the report and all tables as read.

    With all tables the site's settings are checked too, whose questions read them.
    `outside` is a started frictionless. `done` is called with a table's name when an engine is
    through with it, twice a table. Raises `Broken` where a rule of the declaration cannot be run.
    """
    start = time.monotonic()
    names = list(names) or list(package.resources)
    whole = len(names) == len(package.resources)
    tables = read_tables(package)
    broken = [name for name, table in tables.items() if not table.whole]
    outside.job(package.folder / DESCRIPTOR, [name for name in names if name not in broken], broken)
    found = [problem for name in names for problem in tables[name].problems]
    found += queries.problems(package, tables, names)
    for name in names:
        if tables[name].sound:
            found += frames.problems(tables[name], tables)
        done(name)
    found += settings.problems(package) if whole else []
    found += standard.problems(outside, tables, done)
    rows = sum(tables[name].frame.height for name in names)
    return Report(without_followers(merged(found)), len(names), rows, time.monotonic() - start), tables
