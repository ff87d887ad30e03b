"""The standard opinion: what frictionless finds (see `outside`), put into this project's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .descriptor import NAMED_PATTERNS
from .outside import FAILED, Outside, TooLong
from .package import DESCRIPTOR
from .problem import Broken, Problem
from .tables import Table
from .wording import broken

ENGINE = "frictionless"
_RULES = {
    "type-error": "type",
    "unique-error": "unique",
    "primary-key": "primary-key",
    "foreign-key": "foreign-key",
}
_NESTED = re.compile(r"[+*}][^()]*\)+[+*{]")  # a group that is repeated and repeats what is at its end
_CONSTRAINT = re.compile(r'constraint "(\w+)"')


def problems(
    outside: Outside, tables: dict[str, Table], done: Callable[[str], None] = lambda name: None
) -> list[Problem]:
    """What frictionless found in the tables of its job; `done` is called with each table's name.

    Raises `Broken` where it cannot work at all.
    """
    found: list[Problem] = []
    try:
        for result in outside.results():
            found += _of_table(result["errors"], tables[result["table"]], tables)
            done(result["table"])
    except TooLong as error:
        raise Broken([_endless(tables[error.table])]) from None
    except RuntimeError as error:
        raise Broken(
            [Problem(DESCRIPTOR, "frictionless", f"frictionless cannot validate the package: {error}")]
        ) from None
    return found


def _endless(table: Table) -> Problem:
    """That frictionless did not end with the table, and which patterns may be why."""
    patterns = {field.name: field.constraints.pattern or "" for field in table.schema.fields}
    nested = [name for name, each in patterns.items() if _NESTED.search(each) and each not in NAMED_PATTERNS]
    message = "frictionless does not come to an end with this table"
    hint = f"mend the pattern of {', '.join(nested) or 'a column'}: a repeated group in a repeated group, like (a+)+, takes endless time"
    return Problem(table.resource.schema_path, "endless", message, table=table.name, hint=hint)


def _of_table(errors: list[dict], table: Table, tables: dict[str, Table]) -> Iterator[Problem]:
    rows = {line: index for index, line in enumerate(table.lines)} if errors else {}
    for error in errors:
        if error["type"] == "blank-row":
            continue  # its empty key is told
        if error["type"] == FAILED:
            message = f"frictionless does not get through this table: {error['note']}"
            yield Problem(
                table.resource.path, FAILED, message, table=table.name, hint="mend what else is told of it first"
            )
            continue
        rule, index = _rule(error), rows.get(error["row"])
        if rule is None or index is None:
            yield Problem(
                table.resource.path,
                error["type"],
                error["message"],
                line=error["row"],
                table=table.name,
                found_by=(ENGINE,),
            )
        elif rule != "primary-key" or _has_key(table, index):
            yield broken(table, index, rule, error["column"], tables, ENGINE)


def _has_key(table: Table, index: int) -> bool:
    """Whether the row has a whole key: what is empty, or not of its type, is told of that cell, and is no key taken twice."""
    return all(table.typed[name][index] is not None for name in table.schema.primaryKey)


def _rule(error: dict) -> str | None:
    if error["type"] == "constraint-error":
        name = _CONSTRAINT.match(error["note"])[1]
        return re.sub("([A-Z])", lambda letter: f"-{letter[0].lower()}", name)
    return _RULES.get(error["type"])
