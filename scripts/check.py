"""Validate the package: read each table, ask both engines and the rules, and tell every problem once."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from . import frames, queries, settings, standard, twins
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


def read_tables(
    package: Package, thorough: Container[str] | None = None, names: Iterable[str] = ()
) -> dict[str, Table]:
    """The tables called `names`, all by default, in that order; the text of cells is looked at in `thorough` ones, all by default."""
    wanted = list(names) or package.resources
    return {name: read(package, name, thorough is None or name in thorough) for name in wanted}


def check(
    package: Package,
    outside: Outside,
    names: Iterable[str] = (),
    done: Callable[[str], None] = lambda name: None,
    changed: Container[str] = (),
) -> tuple[Report, dict[str, Table]]:
    """Check the tables called `names`, all by default, and return the report and all tables as read.

    With all tables the site's settings are checked too, whose questions read them.
    `outside` is a started frictionless. `done` is called with a table's name when an engine is
    through with it, twice a table. Rules of other tables run too where they read one of the `changed`
    tables. Raises `Broken` where a rule of the declaration cannot be run.
    """
    start = time.monotonic()
    names = list(names) or list(package.resources)
    whole = len(names) == len(package.resources)
    tables = read_tables(package, names)
    broken = [name for name, table in tables.items() if not table.whole]
    referred = {key.reference.resource for name in names for key in package.schemas[name].foreignKeys}
    outside.job(package.folder / DESCRIPTOR, [name for name in names if name not in broken], broken, sorted(referred))
    found = [problem for name in names for problem in tables[name].problems]
    found += queries.problems(package, tables, names, changed)
    for name in names:
        if tables[name].sound:
            found += frames.problems(tables[name], tables)
            found += twins.problems(tables[name])
        done(name)
    found += settings.problems(package) if whole else []
    found += standard.problems(outside, tables, done)
    rows = sum(tables[name].frame.height for name in names)
    return Report(without_followers(merged(found)), len(names), rows, time.monotonic() - start), tables
