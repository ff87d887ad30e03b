"""Every constraint and rule that a package declares, and changes of sound cells that break one of them alone.

A change is looked for by trying: a row, a text that should break the constraint, and the `Reference` to
say what else then is wrong. Changes that do not touch one another go into one round, a copy of the
package that is checked once. Nothing here knows a table or a column.
"""

from __future__ import annotations

import csv
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from reference import Change, Reference, Told, broken, without_followers

from scripts.codes import codes
from scripts.descriptor import Field
from scripts.package import Package

FRICTIONLESS, PANDERA, SQLITE = "frictionless", "pandera", "sqlite"
FAULTS = {"stray-space": " ", "invisible-character": "\u200b", "not-nfc": "e\u0301"}  # and what makes a text faulty
_TRIALS = 25  # changes that are tried for one that breaks nothing else; then the best of them is taken
_LIMITS = {
    "required": "required",
    "unique": "unique",
    "enum": "enum",
    "pattern": "pattern",
    "minimum": "minimum",
    "maximum": "maximum",
    "minLength": "min-length",
    "maxLength": "max-length",
}


class Declared(NamedTuple):
    """A constraint or rule as the declaration has it: what it is, its table, its column and the rule that is told."""

    kind: str
    table: str
    column: str | None
    rule: str

    @property
    def engines(self) -> set[str]:
        """The engines that are to tell of it."""
        alone = {"codelist": {PANDERA}, "rule over a row": {PANDERA}, "rule over tables": {SQLITE}}
        return alone.get(self.kind, {FRICTIONLESS, PANDERA})

    def told_in(self, found: Iterable[Told]) -> set[Told]:
        """Where this is among what was found."""
        return {each for each in found if (each.table, each.column, each.rule) == self[1:]}


@dataclass(frozen=True)
class Mutant:
    """A change that breaks what is declared; `found` is all that then is wrong, what only follows too."""

    declared: Declared
    change: Change
    found: frozenset[Told]

    @property
    def told(self) -> set[Told]:
        return without_followers(self.found)

    @property
    def others(self) -> set[Told]:
        """What is told beside the broken constraint."""
        return self.told - self.declared.told_in(self.told)


def declarations(package: Package) -> list[Declared]:
    """Every constraint, key and rule of every schema."""
    return [each for name in package.schemas for each in _of_schema(package, name)]


def _of_schema(package: Package, name: str) -> Iterator[Declared]:
    schema = package.schemas[name]
    for field in schema.fields:
        if field.type != "string":
            yield Declared("type", name, field.name, "type")
        for limit, rule in _LIMITS.items():
            if (declared := getattr(field.constraints, limit)) is not None and declared is not False:
                yield Declared(rule, name, field.name, rule)
        if field.codelist:
            yield Declared("codelist", name, field.name, "codelist")
        if field.name in schema.targets:
            yield Declared("foreign-key", name, field.name, "foreign-key")
    yield Declared("primary-key", name, None, "primary-key")
    for rule in schema.rules:
        yield Declared("rule over a row" if rule.check else "rule over tables", name, rule.column, rule.id)


def in_every_column(reference: Reference, texts: Callable[[Field, str], Iterable[str]], random: Random) -> list[Change]:
    """Changes of a cell of each column to each of the `texts` for it: a filled cell, in a row that none refers to, if there is one."""
    changes = []
    for name, schema in reference.package.schemas.items():
        rows = reference.rows[name]
        order = random.sample(range(len(rows)), len(rows))
        order.sort(key=lambda index, name=name: reference.referred(name, index))
        for field in schema.fields:
            at = min(order, key=lambda index, rows=rows, field=field: not rows[index][field.name])
            cell = rows[at][field.name] or field.example or ""
            changes += [Change(name, at, ((field.name, text),)) for text in texts(field, cell)]
    return changes


def examples(reference: Reference, random: Random) -> Iterator[Mutant]:
    """Each field's `example` in place of another cell of the field, so that all stays sound.

    If there is no such cell, where the example stands already, or with the examples of the empty columns of the row that
    belong to it by a rule over the row. The `Mutant` finds something only if all that fails too.
    """
    for name, schema in reference.package.schemas.items():
        rows = reference.rows[name]
        order = random.sample(range(len(rows)), len(rows))
        for field in schema.fields:
            others = sorted(order, key=lambda index: not rows[index][field.name])[:_TRIALS]  # filled cells first
            tried = []
            for index in [*others, *(index for index in order if rows[index][field.name] == field.example)]:
                tried.append(_exemplified(reference, name, index, {field.name: field.example}))
                if not tried[-1].found:
                    break
            yield min(tried, key=lambda each: len(each.found))


def _exemplified(reference: Reference, name: str, index: int, cells: dict[str, str]) -> Mutant:
    """Row `index` with these examples, and with those that then are missing in it."""
    change = Change(name, index, tuple(cells.items()))
    found = frozenset(reference.found([change]))
    row, schema = reference.rows[name][index], reference.package.schemas[name]
    belonging = {
        column: schema.field(column).example
        for rule in schema.rules
        if rule.check and rule.id in {each.rule for each in found}
        for _, column in reference.read_by(name, rule.id)
        if not row[column] and column not in cells
    }
    if belonging:
        return _exemplified(reference, name, index, cells | belonging)
    return Mutant(Declared("example", name, next(iter(cells)), "example"), change, found)


def mutants(reference: Reference, declared: Declared, random: Random, wanted: int = 1) -> list[Mutant]:
    """Up to so many changes, of a row each, that break what is declared; at least the best that was tried.

    Empty where none that was tried breaks it.
    """
    alone: dict[tuple, Mutant] = {}
    best: list[Mutant] = []
    trials = _TRIALS * wanted * (20 if declared.kind.startswith("rule") else 1)
    for change in islice(_trials(reference, declared, random), trials):
        if (change.index, change.copied) in alone:
            continue
        mutant = Mutant(declared, change, frozenset(reference.found([change])))
        places = declared.told_in(mutant.told)
        if len(places) == 1 and {each[:3] for each in mutant.others} <= {each[:3] for each in places}:
            alone[change.index, change.copied] = mutant
            if len(alone) == wanted:
                break
        elif places:
            best = [min([*best, mutant], key=lambda each: (len(each.others), len(each.found)))]
    return list(alone.values()) or best


def _trials(reference: Reference, declared: Declared, random: Random) -> Iterator[Change]:
    """Changes that may break what is declared: of rows as they are, then of rows copied under another key."""
    schema, rows = reference.package.schemas[declared.table], reference.rows[declared.table]
    order = random.sample(range(len(rows)), len(rows))
    order.sort(key=lambda index: not rows[index].get(declared.column, ""))  # filled cells first
    for copied in (False, True):
        for index in order:
            key = _of_its_own(reference, declared.table, index) if copied else {}
            if key is None:
                continue
            for cells in _cells(reference, declared, index, random):
                renamed = not copied and not set(schema.primaryKey).isdisjoint(cells)
                if not (renamed and schema.id and reference.referred(declared.table, index)):
                    yield Change(declared.table, index, tuple((key | cells).items()), copied)


def _of_its_own(reference: Reference, name: str, index: int) -> dict[str, str] | None:
    """What a copy of the row must have of its own, its key first; None where the key has several columns."""
    schema, found = reference.package.schemas[name], {}
    if schema.id is None:
        return None
    for field in schema.fields:
        if field.name == schema.id or field.constraints.unique:
            taken = {row[field.name] for row in reference.rows[name]}
            proposed = (f"{reference.rows[name][index][field.name]}-again", *sorted(_codes(field)))
            found[field.name] = next(each for each in proposed if each not in taken and not broken(field, each))
    return found


def _cells(reference: Reference, declared: Declared, index: int, random: Random) -> Iterator[dict[str, str]]:
    """Texts for cells of row `index` that may break what is declared."""
    schema, rows = reference.package.schemas[declared.table], reference.rows[declared.table]
    if declared.kind.startswith("rule"):
        rule = next(each for each in schema.rules if each.id == declared.rule)
        yield {column: cell or "" for column, cell in rule.bad_example.items()}
    elif declared.kind == "primary-key":
        yield {column: random.choice(rows)[column] for column in schema.primaryKey}
        twin = random.choice(rows)
        yield {column: twin[column] for column in schema.primaryKey}
    else:
        field, cell = schema.field(declared.column), rows[index][declared.column]
        if declared.kind == "unique":
            texts = [random.choice(rows)[field.name] for _ in range(3)]
        else:
            texts = list(_texts(field, declared.kind, cell or field.example or "", random))
            texts = [each for each in texts if declared.kind in ("foreign-key", *broken(field, each))]
            texts.sort(key=lambda each: len(broken(field, each)))
        yield from ({field.name: each} for each in dict.fromkeys(texts[:6]) if each != cell)


def _texts(field: Field, kind: str, cell: str, random: Random) -> Iterator[str]:
    """Texts that may break the constraint `kind` of a field; the declared bad example is the first of them."""
    limits = field.constraints
    match kind:
        case "required":
            yield ""
            return
        case "minimum":
            yield from (str(limits.minimum - step) for step in (1, 0.5, 100))
        case "maximum":
            yield from (str(limits.maximum + step) for step in (1, 0.5, 100))
        case "min-length":
            yield cell[: limits.minLength - 1]
        case "max-length":
            yield (cell * (limits.maxLength // len(cell) + 1))[: limits.maxLength + 1]
    if field.bad_example is not None:
        yield field.bad_example
    if kind == "type":
        yield from (f"{cell}x", f"about {cell}", "yes")
    yield from islice(_neighbours(cell, random), 12)
    if kind == "foreign-key":
        yield from random.sample(sorted(_codes(field)), min(12, len(_codes(field))))
    if kind == "pattern":
        yield from (f"{cell}?", cell.upper(), cell.lower(), "?")


def _codes(field: Field) -> frozenset[str]:
    return codes(field.codelist) if field.codelist else frozenset()


def _neighbours(cell: str, random: Random) -> Iterator[str]:
    """The text with one of its letters or digits in place of another: written alike, and something else."""
    places = [at for at, character in enumerate(cell) if character.isascii() and character.isalnum()]
    while places:
        at = random.choice(places)
        alike = next(
            each for each in (string.digits, string.ascii_lowercase, string.ascii_uppercase) if cell[at] in each
        )
        yield f"{cell[:at]}{random.choice(alike)}{cell[at + 1 :]}"


def rounds(reference: Reference, waiting: list[Mutant]) -> Iterator[list[Mutant]]:
    """The mutants in groups, in each of which what is wrong with all is what is wrong with each, and no more."""
    while waiting:
        taken = _apart(waiting)
        while odd := reference.found(each.change for each in taken) ^ {one for each in taken for one in each.found}:
            near = [each for each in taken if not odd.isdisjoint(each.found)] or [
                each for each in taken if each.change.table in {one.table for one in odd}
            ]
            out = set(map(id, near[1:] or near or taken[1:]))
            taken = [each for each in taken if id(each) not in out]
        yield taken
        done = set(map(id, taken))
        waiting = [each for each in waiting if id(each) not in done]


def _apart(waiting: list[Mutant]) -> list[Mutant]:
    """Those of the mutants that change cells of their own; a table gets one copied row at most."""
    taken, cells, copied = [], set(), set()
    for mutant in waiting:
        change = mutant.change
        own = {(change.table, change.index, column) for column, _ in change.cells}
        if change.copied and change.table not in copied:
            copied.add(change.table)
            taken.append(mutant)
        elif not change.copied and own.isdisjoint(cells):
            cells |= own
            taken.append(mutant)
    return taken


def groups(changes: list[Change]) -> Iterator[list[Change]]:
    """The changes in groups that change each cell once."""
    while changes:
        cells: set[tuple[str, int, str]] = set()
        taken, left = [], []
        for change in changes:
            own = {(change.table, change.index, column) for column, _ in change.cells}
            (taken if own.isdisjoint(cells) else left).append(change)
            cells |= own
        yield taken
        changes = left


def write(reference: Reference, changes: Iterable[Change], folder: Path) -> None:
    """Write the tables of the package copied in `folder` with these changes, all others as they were."""
    rows = {name: list(each) for name, each in reference.rows.items()}
    for change in changes:
        table, new = rows[change.table], reference.rows[change.table][change.index] | dict(change.cells)
        table.append(new) if change.copied else table.__setitem__(
            change.index, table[change.index] | dict(change.cells)
        )
    for name, table in rows.items():
        path = folder / reference.package.resources[name].path
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, reference.package.schemas[name].names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
