"""The standard opinion: what frictionless finds (see `outside`), put into this project's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .outside import Outside
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
    except RuntimeError as error:
        raise Broken(
            [Problem(DESCRIPTOR, "frictionless", f"frictionless cannot validate the package: {error}")]
        ) from None
    return found


def _of_table(errors: list[dict], table: Table, tables: dict[str, Table]) -> Iterator[Problem]:
    rows = {line: index for index, line in enumerate(table.lines)} if errors else {}
    for error in errors:
        if error["type"] == "blank-row":
            continue  # its empty key is told
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
        elif not (rule == "primary-key" and table.row_id(index) is None):  # an empty key is told as a missing value
            yield broken(table, index, rule, error["column"], tables, ENGINE)


def _rule(error: dict) -> str | None:
    if error["type"] == "constraint-error":
        name = _CONSTRAINT.match(error["note"])[1]
        return re.sub("([A-Z])", lambda letter: f"-{letter[0].lower()}", name)
    return _RULES.get(error["type"])
