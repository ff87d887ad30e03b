"""What differs between two states of a package, as values: rows by their key, cells, columns, rules, tables.

Both states may be anything, of an older form or spoilt: what can be read is compared, and what cannot
is told in `notes`. Nothing is ever run, checked out or written.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ..jsonlines import shallow
from ..labels import BETWEEN
from ..package import DESCRIPTOR
from ..problem import Broken, Problem
from ..records import SOURCE
from ..text import INVISIBLE  # noqa: F401 - that module lets a cell be of any length
from .revision import Reader

Key = tuple[str, ...]
_ALIKE = 0.5  # so large a part of two tables' rows is the same where one is the other under a new name


@dataclass(frozen=True)
class Row:
    """A row that is in one state alone: its key, what names it, and its cells that are not empty."""

    key: Key
    label: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Cell:
    """A changed cell."""

    column: str
    old: str
    new: str


@dataclass(frozen=True)
class Changed:
    """A row whose cells changed; `old_key` is another than `key` where the key alone changed: a renamed row."""

    key: Key
    old_key: Key
    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class TableDifference:
    """How a table differs. `status` is added, removed or changed; `schema` tells changes of meaning, a sentence each."""

    name: str
    title: str
    status: str
    renamed_from: str | None = None
    schema: list[str] = field(default_factory=list)
    added: list[Row] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    renamed: list[Changed] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows differ."""
        return len(self.added) + len(self.changed) + len(self.renamed) + len(self.removed)


@dataclass(frozen=True)
class Difference:
    """All that differs; `sources` are the new rows of the table that holds what was read or is cited, by its name."""

    package: list[str]
    tables: list[TableDifference]
    sources: dict[str, list[Row]]
    notes: list[str]

    def count(self, what: str) -> int:
        """How many rows are `added`, `changed`, `renamed` or `removed`."""
        return sum(len(getattr(table, what)) for table in self.tables)


@dataclass(frozen=True)
class _State:
    """A table in one of the states: its schema as plain JSON, its header, and its rows by key."""

    name: str
    schema: dict
    path: str
    data: bytes | None
    written: bytes | None  # the schema as it is in the file

    @property
    def fields(self) -> dict[str, dict]:
        found = [each for each in _list(self.schema, "fields") if isinstance(each, dict)]
        return {each["name"]: each for each in found if isinstance(each.get("name"), str)}

    @property
    def key(self) -> list[str]:
        return _names(self.schema.get("primaryKey"))

    @property
    def targets(self) -> dict[str, str]:
        """The table that each foreign key refers to, by its column."""
        keys = [each for each in _list(self.schema, "foreignKeys") if isinstance(each, dict)]
        pairs = ((_names(each.get("fields")), each.get("reference")) for each in keys)
        return {columns[0]: str(to.get("resource")) for columns, to in pairs if columns and isinstance(to, dict)}

    @property
    def title(self) -> str:
        return str(self.schema.get("title") or self.name)


def diff(old: Reader, new: Reader) -> Difference:
    """How the package whose files `new` reads differs from the one whose files `old` reads.

    Raises `Broken` where `old` is no package at all.
    """
    notes: list[str] = []
    before, after = _descriptor(old, []), _descriptor(new, notes)
    if before is None:
        raise Broken(
            [Problem(DESCRIPTOR, "unknown-base", "cannot be read at the base, so there is no package to compare with")]
        )
    old_tables, new_tables = _states(before, old, []), _states(after or {}, new, notes)
    gone = [name for name in old_tables if name not in new_tables]
    come = [name for name in new_tables if name not in old_tables]
    renamed = _renamed_tables([old_tables[name] for name in gone], [new_tables[name] for name in come])
    tables = []
    for name, state in new_tables.items():
        was = old_tables.get(name) or old_tables.get(renamed.get(name, ""))
        if was is None or name in renamed or (was.data, was.written) != (state.data, state.written):
            tables.append(_table(was, state, notes))
    tables += [_table(old_tables[name], None, notes) for name in gone if name not in renamed.values()]
    tables = [each for each in tables if each.status != "changed" or each.rows or each.schema or each.renamed_from]
    holding = {state.targets[SOURCE] for state in new_tables.values() if SOURCE in state.targets}
    sources = {each.name: each.added for each in tables if each.name in holding and each.added}
    package = [*_rule_changes(before, after or {}), *_changes(before, after or {}, ("resources", "rules"))]
    return Difference(package, tables, sources, list(dict.fromkeys(notes)))


def _descriptor(read: Reader, notes: list[str]) -> dict | None:
    content = _json(read(DESCRIPTOR))
    if content is None:
        notes.append(f"{DESCRIPTOR} cannot be read")
    return content


def _json(data: bytes | None) -> dict | None:
    try:
        content = json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and shallow(content) else None


def _list(content: dict, key: str) -> list:
    value = content.get(key)
    return value if isinstance(value, list) else []


def _names(value: object) -> list[str]:
    return (
        [value]
        if isinstance(value, str)
        else [each for each in value if isinstance(each, str)]
        if isinstance(value, list)
        else []
    )


def _states(descriptor: dict, read: Reader, notes: list[str]) -> dict[str, _State]:
    states: dict[str, _State] = {}
    for resource in _list(descriptor, "resources"):
        name, path, schema = (
            resource.get(key) if isinstance(resource, dict) else None for key in ("name", "path", "schema")
        )
        if not (isinstance(name, str) and isinstance(path, str) and isinstance(schema, str)) or name in states:
            notes.append(f"{DESCRIPTOR} lists a table that is not compared: {str(name)[:100]}")
            continue
        data, written = read(path), read(schema)
        content = _json(written)
        if data is None:
            notes.append(f"{path} cannot be read")
        if content is None:
            notes.append(f"{schema} cannot be read")
        states[name] = _State(name, content or {}, str(PurePosixPath(path)), data, written)
    return states


def _read(state: _State | None, notes: list[str]) -> tuple[list[str], list[list[str]]]:
    """The table's header and rows, each as long as the header."""
    if state is None or not state.data:
        return [], []
    text = state.data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row] or [[]]
    except csv.Error as error:
        notes.append(f"{state.path} cannot be read: {error}")
        return [], []
    if uneven := sum(len(row) != len(header) for row in rows):
        notes.append(f"{state.path}: {uneven} rows have too many or too few cells and are compared as far as they go")
    return header, [(row + [""] * len(header))[: len(header)] for row in rows]


def _keyed(header: list[str], rows: list[list[str]], columns: list[str]) -> dict[Key, dict[str, str]]:
    """The rows by key; a key that comes again has its number behind it, and a table without a key its whole rows as keys."""
    places = [header.index(name) for name in columns if name in header]
    keyed: dict[Key, dict[str, str]] = {}
    seen: Counter[Key] = Counter()
    for row in rows:
        key = tuple(row[place] for place in places) if places else tuple(row)
        seen[key] += 1
        keyed[key if seen[key] == 1 else (*key, f"({seen[key]})")] = dict(zip(header, row))
    return keyed


def _renamed_tables(gone: list[_State], come: list[_State]) -> dict[str, str]:
    """The new tables that hold most of the rows of one that is gone: its old name by the new."""
    rows = {id(state): Counter(map(tuple, _read(state, [])[1])) for state in (*gone, *come)}
    found: dict[str, str] = {}
    for state in come:
        here = rows[id(state)]
        for was in gone:
            there = rows[id(was)]
            alike = (here & there).total() > _ALIKE * max(here.total(), there.total())
            empty = not here and not there and was.fields == state.fields
            if (alike or empty) and was.name not in found.values():
                found[state.name] = was.name
                break
    return found


def _table(old: _State | None, new: _State | None, notes: list[str]) -> TableDifference:
    state = new or old
    (old_header, old_rows), (new_header, new_rows) = _read(old, notes), _read(new, notes)
    key, old_key = (new or old).key, (old or new).key
    if len(key) != len(old_key):  # compared by what both have
        key = old_key = [name for name in key if name in old_header and name in new_header]
    before, after = _keyed(old_header, old_rows, old_key), _keyed(new_header, new_rows, key)
    columns = _renamed_columns(old, new, before, after) if old and new else {}
    before = {each: {columns.get(name, name): cell for name, cell in row.items()} for each, row in before.items()}
    added = {each: row for each, row in after.items() if each not in before}
    removed = {each: row for each, row in before.items() if each not in after}
    renamed = _renamed_rows(removed, added, key)
    shared = [name for name in new_header if name in {columns.get(each, each) for each in old_header}]
    changed = [
        Changed(each, each, _label(state, row), cells)
        for each, row in after.items()
        if each in before
        and (cells := [Cell(name, before[each][name], row[name]) for name in shared if before[each][name] != row[name]])
    ]
    schema = list(_schema_changes(old, new, columns)) if old and new and old.written != new.written else []
    if old and new and old.data != new.data and not (added or removed or changed) and old_header == new_header:
        notes.append(f"{new.path} is written otherwise (order, quotes or line ends); no cell changed")
    return TableDifference(
        state.name,
        state.title,
        "added" if old is None else "removed" if new is None else "changed",
        old.name if old and new and old.name != new.name else None,
        schema,
        [_row(state, each, row) for each, row in added.items() if each not in renamed],
        changed,
        [Changed(each, was, _label(state, added[each]), []) for each, was in renamed.items()],
        [_row(state, each, row) for each, row in removed.items() if each not in renamed.values()],
    )


def _row(state: _State, key: Key, row: dict[str, str]) -> Row:
    return Row(key, _label(state, row), {name: cell for name, cell in row.items() if cell})


def _label(state: _State, row: dict[str, str]) -> str:
    return BETWEEN.join(filter(None, (row.get(name) for name in _names(state.schema.get("label")))))


def _renamed_rows(removed: dict[Key, dict], added: dict[Key, dict], key: list[str]) -> dict[Key, Key]:
    """The added rows that are a removed one under another key, in which one part differs: its old key by the new."""
    found: dict[Key, Key] = {}
    for column in key:
        sides: list[dict[tuple, list[Key]]] = [{}, {}]
        for side, rows in zip(sides, (removed, added)):
            for each, row in rows.items():
                rest = tuple((name, cell) for name, cell in row.items() if name != column and cell)
                if rest:
                    side.setdefault(rest, []).append(each)
        for rest, there in sides[1].items():
            gone = sides[0].get(rest, [])
            if len(gone) == len(there) == 1 and there[0] not in found and gone[0] not in found.values():
                found[there[0]] = gone[0]
    return found


def _renamed_columns(old: _State, new: _State, before: dict[Key, dict], after: dict[Key, dict]) -> dict[str, str]:
    """The columns that have another name now, since their cells, or where all are empty their declarations, are the same."""
    both = [each for each in after if each in before]
    found: dict[str, str] = {}
    for name in (name for name in old.fields if name not in new.fields):
        for other in (each for each in new.fields if each not in old.fields and each not in found.values()):
            pairs = [(before[each].get(name, ""), after[each].get(other, "")) for each in both]
            declared = [{**each, "name": ""} for each in (old.fields[name], new.fields[other])]
            filled = any(one for one, _ in pairs)
            if all(one == two for one, two in pairs) and (filled or declared[0] == declared[1]):
                found[name] = other
                break
    return found


def _schema_changes(old: _State, new: _State, columns: dict[str, str]) -> Iterator[str]:
    before = {columns.get(name, name): each for name, each in old.fields.items()}
    after = new.fields
    yield from (f"column {was} is now called {name}" for was, name in columns.items())
    yield from (
        f"column {name} added: {each.get('description', '')}" for name, each in after.items() if name not in before
    )
    yield from (f"column {name} removed" for name in before if name not in after)
    kept = [name for name in after if name in before]
    if kept != [name for name in before if name in after]:
        yield "the columns are in another order"
    for name in kept:
        one, two = (each | {"name": ""} for each in (before[name], after[name]))
        limits = [each.pop("constraints", None) for each in (one, two)]
        limits = [each if isinstance(each, dict) else {} for each in limits]
        yield from (f"column {name}: {words}" for words in (*_changes(one, two), *_limit_changes(*limits)))
    for name in dict.fromkeys([*map(lambda each: columns.get(each, each), old.targets), *new.targets]):
        was = next((to for each, to in old.targets.items() if columns.get(each, each) == name), None)
        if was != new.targets.get(name):
            yield f"column {name} refers to {new.targets.get(name) or 'no table'}, before to {was or 'no table'}"
    yield from _rule_changes(old.schema, new.schema)
    yield from _changes(old.schema, new.schema, ("fields", "foreignKeys", "rules"))


def _rule_changes(old: dict, new: dict) -> Iterator[str]:
    """The rules of a schema or a descriptor that differ, a phrase each."""
    rules = [
        {_rule_name(each): each for each in _list(content, "rules") if isinstance(each, dict)} for content in (old, new)
    ]
    for name in dict.fromkeys([*rules[0], *rules[1]]):
        one, two = (each.get(name) for each in rules)
        if one is None or two is None:
            yield f"rule {name} {'removed' if two is None else 'added'}: {(one if two is None else two).get('message', '')}"
        else:
            yield from (f"rule {name}: {words}" for words in _changes(one, two))


def _rule_name(rule: dict) -> str:
    """The rule's id, and of several tables' rules that have one id for which it is."""
    columns, without = (", ".join(_names(rule.get(key))) for key in ("columns", "without"))
    return f"{rule.get('id')}{columns and f' (with {columns})'}{without and f' (without {without})'}"


def _limit_changes(old: dict, new: dict) -> Iterator[str]:
    if old.get("required") != new.get("required"):
        yield "must be filled in every row" if new.get("required") else "may be empty"
    values = [list(map(_words, _list(each, "enum"))) for each in (old, new)]
    if more := [each for each in values[1] if each not in values[0]]:
        yield f"may be {', '.join(more)}" if values[0] else f"must be one of {', '.join(more)}"
    if less := [each for each in values[0] if each not in values[1]]:
        yield f"may no longer be {', '.join(less)}" if values[1] else "may be anything, no longer one of a list"
    yield from _changes(old, new, ("required", "enum"))


def _changes(old: dict, new: dict, left_out: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys of a JSON object that differ, a phrase each."""
    for key in dict.fromkeys([*old, *new]):
        if key not in left_out and old.get(key) != new.get(key):
            one, two = (_words(each.get(key)) for each in (old, new))
            yield f"{key} {'added: ' + two if key not in old else 'removed: ' + one if key not in new else f'{one} → {two}'}"


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
