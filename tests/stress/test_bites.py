"""Every declared constraint and rule bites: sound cells and rows of the real package, corrupted one by one.

Each change breaks one thing that the declaration asks for. The real command must tell exactly that,
by every engine that covers it; what else must be told is worked out by `reference` from the declaration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest
from conftest import SEED, copied, problems
from mutants import (
    FAULTS,
    FRICTIONLESS,
    PANDERA,
    SQLITE,
    Mutant,
    declarations,
    examples,
    groups,
    in_every_column,
    mutants,
    rounds,
    write,
)
from reference import Change, Reference, Told, without_followers

from scripts.check import read_tables
from scripts.descriptor import Field

_FEW = 25  # mutants
_CHANGES = 2  # of each constraint and rule, with the full counts


@pytest.fixture(scope="module")
def reference(declared) -> Reference:
    return Reference(declared, read_tables(declared))


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory) -> Path:
    """A copy of the package whose tables are written anew for each round."""
    return copied(tmp_path_factory.mktemp("bites") / "package")


def answer(reference: Reference, changes: Iterable[Change], folder: Path, *tables: str) -> dict[Told, set[str]]:
    """What `prc-reach check` tells of these tables, of all by default, with these changes, and which engines found it."""
    write(reference, changes, folder)
    names = {resource.path: name for name, resource in reference.package.resources.items()}
    return {
        Told(names[each["file"]], each["line"] or 0, each["column"], each["rule"]): set(each["found_by"])
        for each in problems(folder, *tables)
    }


def checked(
    reference: Reference, planted: list[Mutant], folder: Path, full: bool
) -> tuple[list[tuple[Mutant, set[str]]], int]:
    """Each mutant with the engines that told it, and how many checks that took.

    Asserts that each check told what is wrong with its mutants, and nothing else. Of what is left over for a
    check of a few mutants only their own tables are checked, unless `full`.
    """
    answers, checks = [], 0
    for together in rounds(reference, planted):
        tables = {each.change.table for each in together} | {one.table for each in together for one in each.found}
        some = () if full or len(together) > _FEW else tables
        told = answer(reference, [each.change for each in together], folder, *some)
        assert set(told) == without_followers({one for each in together for one in each.found})
        for each in together:
            engines = [told[place] for place in each.declared.told_in(told) & each.told]
            answers.append((each, set.intersection(*engines) if engines else set()))
        checks += 1
    return answers, checks


def test_every_declared_constraint_and_rule_is_told(reference, spoilt, full, figure):
    random = Random(SEED)
    declared = declarations(reference.package)
    planted = {each: mutants(reference, each, random, _CHANGES if full else 1) for each in declared}
    assert [each for each, found in planted.items() if not found] == [], "no change was found that breaks these"
    answers, checks = checked(reference, [each for found in planted.values() for each in found], spoilt, full)
    figure(f"{len(declared):,} constraints and rules declared: {_counted(each.kind for each in declared)}")
    for engine in (FRICTIONLESS, PANDERA, SQLITE):
        covered = {each for each in declared if engine in each.engines}
        missed = {each.declared for each, engines in answers if engine not in engines}
        figure(f"told by {engine}: {len(covered - missed):,} of the {len(covered):,} that it covers")
    following = Counter(one.rule for each, _ in answers for one in each.others)
    figure(
        f"{len(answers):,} cells and rows corrupted in {checks} checks; "
        f"beside what was broken had to be told: {_counted(following.elements()) or 'nothing'}"
    )
    survivors = {each.declared for each, engines in answers if not engines}
    figure(f"survivors: {len(survivors) or 'none'}")
    assert survivors == set()
    assert [each for each, engines in answers if engines != each.declared.engines] == []


def _counted(kinds: Iterable[str]) -> str:
    return ", ".join(f"{kind} {number:,}" for kind, number in Counter(kinds).most_common())


def test_every_example_passes(reference, spoilt, full, figure):
    planted = list(examples(reference, Random(SEED)))
    assert [each for each in planted if each.found] == [], "these examples fit in no row"
    _, checks = checked(reference, planted, spoilt, full)
    figure(f"{len(planted)} examples pass in place of other cells, in {checks} checks")


@pytest.mark.parametrize("what", ["bad examples", *FAULTS])
def test_what_is_wrong_in_any_column_is_told(reference, spoilt, figure, what):
    """Each column's bad example, and each fault that a text can have, in a cell of every column."""

    def texts(field: Field, cell: str) -> list[str]:
        return [cell + FAULTS[what]] if what in FAULTS else [field.bad_example] if field.bad_example else []

    changes = in_every_column(reference, texts, Random(SEED))
    for each in changes:
        here = {
            one.rule
            for one in reference.found([each])
            if one[:3] == (each.table, reference.line(each), each.cells[0][0])
        }
        assert what in here if what in FAULTS else here, each
    for together in groups(changes):
        assert set(answer(reference, together, spoilt)) == without_followers(reference.found(together))
    figure(f"{len(changes)} cells with {what}, one in every column that can have it: all told")
