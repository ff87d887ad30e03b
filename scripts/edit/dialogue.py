"""Ask a person for a row, column by column, and refuse at once what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from ..dictionary import Column, dictionary
from ..problem import Problem
from .entry import Entry

HELP = """Type the value and press Enter.
  Enter alone   leave the cell empty, or take what stands in [brackets]
  part of a name   for a key: the rows that match are listed; type the number of one, or its id
  -   leave the cell empty, whatever stands in [brackets]
  <   go back to the question before
  ?   this help
  Ctrl-C or Ctrl-D   give up; nothing is written"""
_LISTED = 12  # so many matches are shown; more are counted


class Dialogue:
    """Questions about the columns of `entry`, whose `values` are filled by the answers.

    `read` shows a prompt and returns a line, as `input` does, and raises EOFError or KeyboardInterrupt
    where the person gives up; `say` shows a text.
    """

    def __init__(self, entry: Entry, read: Callable[[str], str], say: Callable[[str], None]):
        self._entry, self._read, self._say = entry, read, say
        described = next(each for each in dictionary(entry.package) if each.name == entry.name)
        self._about = {column.name: column for column in described.columns}
        self._columns = [*(name for name in entry.schema.names if name != entry.id_column)]
        if entry.id_column:
            self._columns.append(entry.id_column)  # the last: it is proposed from the others
        self._say(f"A new row of {entry.name}: {described.description}\n{HELP}")

    def ask_all(self) -> None:
        """Ask for every column in turn."""
        at = 0
        while at < len(self._columns):
            at = max(0, at + self._ask(self._columns[at], f"{at + 1}/{len(self._columns)}"))

    def confirmed(self) -> bool:
        """Show the row and ask whether to write it; columns that the person names are asked again."""
        while True:
            self._say("\nThe row:")
            width = max(map(len, self._columns))
            for name in self._entry.schema.names:
                value = self._entry.values[name]
                behind = self._entry.target(name) if value else None
                label = self._entry.keys.label(behind, value) if behind else None
                shown = f"{value}  ({label})" if label and label != value else value or "(empty)"
                self._say(f"  {name:{width}}  {shown}")
            answer = self._read("Write it? [y/n, or the name of a column to answer again] ").strip()
            if answer.lower() in ("y", "yes"):
                return True
            if answer.lower() in ("n", "no"):
                return False
            if answer in self._columns:
                self._ask(answer, "again")
            elif answer == "?":
                self._say(HELP)

    def _ask(self, name: str, number: str) -> int:
        """Ask for one column until the answer will do: 1, or -1 where the person goes back."""
        column, target = self._about[name], self._entry.target(name)
        proposal = self._entry.values.get(name) or (
            self._entry.proposed_id() if name == self._entry.id_column else None
        )
        self._say(_question(column, target, number))
        offered: list[tuple[str, str]] = []
        while True:
            answer = self._read(f"{name}{f' [{proposal}]' if proposal else ''}: ").strip()
            if answer == "?":
                self._say(HELP)
                continue
            if answer == "<":
                return -1
            answer = "" if answer == "-" else answer or proposal or ""
            if target and answer:
                answer, offered = self._key(target, answer, offered)
                if not answer:
                    continue
            before = self._entry.values.get(name)
            self._entry.answer(name, answer)
            if not (problems := self._entry.problems()):
                return 1
            for problem in problems:
                self._say(_told(problem))
            proposal = None if answer == proposal else proposal
            if before is None:
                del self._entry.values[name]
            else:
                self._entry.answer(name, before)

    def _key(self, target: str, answer: str, offered: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
        """The id that the answer means, "" where that must be asked; and the rows that were offered."""
        if answer.isdecimal() and 0 < int(answer) <= len(offered):
            return offered[int(answer) - 1][0], offered
        found = self._entry.keys.matching(target, answer)
        if answer in [row_id for row_id, _ in found]:
            return answer, offered
        if not found:
            near = self._entry.keys.nearest(target, answer)
            meant = f"did you mean {near!r}?" if near else f"add it first: prc-reach new {target}"
            self._say(f"  → nothing in {target} has that in its id, label or other names; {meant}")
            return "", offered
        for index, (row_id, label) in enumerate(islice(found, _LISTED), 1):
            self._say(f"  {index:>2}  {label}" + (f"  ({row_id})" if row_id != label else ""))
        if len(found) > _LISTED:
            self._say(f"      … {len(found) - _LISTED} more: type more of the name")
        self._say("  the number of one, or other words:")
        return "", found[:_LISTED]


def _question(column: Column, target: str | None, number: str) -> str:
    kind = f"key of {target}: type part of a name" if target else column.type
    facts = [kind, f"unit: {column.unit}" if column.unit else "", "required" if column.required else "may stay empty"]
    lines = [f"\n{number}  {column.name}  ({'; '.join(filter(None, facts))})", f"     {column.meaning}"]
    if column.allowed and not target:
        lines.append(f"     {column.allowed}")
    if column.example:
        lines.append(f"     for example: {column.example}")
    return "\n".join(lines)


def _told(problem: Problem) -> str:
    return f"  ✗ {problem.message}" + (f"\n    → {problem.hint}" if problem.hint else "")
