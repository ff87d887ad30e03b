"""What the declaration does not ask for passes unseen: how many typical slips of a typing hand are told?

Slips are made in cells of every column of the real package, by what the column holds. `reference`
says for each alone whether anything is told; the real command is held against it on many at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from conftest import SEED, copied
from mutants import groups
from reference import Change, Reference, without_followers
from test_bites import answer

from scripts.check import read_tables
from scripts.descriptor import Field, Schema

_EACH = 4  # slips of each kind in a column, with the full counts
# The least share that must be told, by what a column holds; of free text nobody knows what it should say.
_LEAST = {"reference": 0.97, "listed value": 0.95, "date": 0.9, "own key": 0.85, "number": 0.65}


@pytest.fixture(scope="module")
def reference(declared) -> Reference:
    return Reference(declared, read_tables(declared))


def _swapped(cell: str, random: Random) -> str | None:
    """Two neighbouring characters in each other's place."""
    places = [at for at in range(len(cell) - 1) if cell[at] != cell[at + 1]]
    return (lambda at: cell[:at] + cell[at + 1] + cell[at] + cell[at + 2 :])(random.choice(places)) if places else None


def _dropped(cell: str, random: Random) -> str | None:
    at = random.randrange(len(cell))
    return cell[:at] + cell[at + 1 :] or None


def _doubled(cell: str, random: Random) -> str:
    at = random.randrange(len(cell))
    return cell[: at + 1] + cell[at:]


def _word_twice(cell: str, random: Random) -> str | None:
    words = cell.split(" ")
    at = random.randrange(len(words))
    return " ".join([*words[: at + 1], *words[at:]]) if len(words) > 1 else None


def _century(cell: str, random: Random) -> str | None:
    """A year of this century put into the last one or the next."""
    return re.sub(r"\b20(?=[0-9]{2}\b)", random.choice(("19", "21")), cell, count=1)


def _with_sign(cell: str, random: Random) -> str | None:
    return f"-{cell}" if cell[0].isdigit() else None


def _punctuated(cell: str, random: Random) -> str:
    return cell + random.choice(".,;")


def _ten_times(cell: str, random: Random) -> str | None:
    return f"{cell}0" if re.fullmatch("[0-9]+", cell) else None


SLIPS: dict[str, Callable[[str, Random], str | None]] = {
    "characters swapped": _swapped,
    "a character dropped": _dropped,
    "a character twice": _doubled,
    "a word twice": _word_twice,
    "wrong century": _century,
    "a minus sign": _with_sign,
    "punctuation behind": _punctuated,
    "a nought too many": _ten_times,
}
NEIGHBOURS = "neighbours exchanged"


def held(schema: Schema, field: Field) -> str:
    """What a column holds, as far as the declaration tells."""
    if field.name in schema.targets:
        return "reference"
    if field.name in schema.primaryKey:
        return "own key"
    if field.constraints.enum or field.codelist or field.type == "boolean":
        return "listed value"
    if field.partial_date:
        return "date"
    if field.type != "string":
        return "number"
    return "text in a form" if field.constraints.pattern else "free text"


def slips(reference: Reference, random: Random, each: int) -> Iterator[tuple[str, str, Change]]:
    """Up to `each` slips of every kind in every column: what the column holds, the kind, and the change."""
    for name, schema in reference.package.schemas.items():
        rows = reference.rows[name]
        for field, following in zip(schema.fields, [*schema.fields[1:], None]):
            filled = [index for index, row in enumerate(rows) if row[field.name]]
            for kind in (*SLIPS, NEIGHBOURS):
                for index in random.sample(filled, min(each, len(filled))):
                    cells = _slip(kind, rows[index], field, following, random)
                    if cells:
                        yield held(schema, field), kind, Change(name, index, tuple(cells.items()))


def _slip(kind: str, row: dict[str, str], field: Field, following: Field | None, random: Random) -> dict[str, str]:
    """The cells that the slip changes, with what they become; empty where it changes none."""
    if kind != NEIGHBOURS:
        text = SLIPS[kind](row[field.name], random)
        return {field.name: text} if text and text != row[field.name] else {}
    if following is None or row[field.name] == row[following.name]:
        return {}
    return {field.name: row[following.name], following.name: row[field.name]}


def test_typical_slips_are_told(reference, tmp_path: Path, full, figure):
    random = Random(SEED)
    made = list(slips(reference, random, _EACH if full else 1))
    told = [bool(without_followers(reference.found([change]))) for _, _, change in made]
    figure(f"of {len(made):,} typical slips {sum(told):,} are told")
    for by, words in enumerate(("what the column holds", "slip")):
        tried = Counter(each[by] for each in made)
        found = Counter(each[by] for each, seen in zip(made, told) if seen)
        figure(f"by {words}: {', '.join(f'{kind} {found[kind]:,} of {tried[kind]:,}' for kind in tried)}")
        assert [kind for kind in tried if found[kind] < tried[kind] * _LEAST.get(kind, 0)] == []
    folder = copied(tmp_path / "package")
    for together in islice(groups([change for _, _, change in made]), None if full else 2):
        assert set(answer(reference, together, folder)) == without_followers(reference.found(together))
