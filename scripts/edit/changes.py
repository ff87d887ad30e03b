"""A change to files of the package: tried on a copy first, then written whole or not at all."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .. import canonical
from ..atomic import scratch
from ..decoding import contents, decoded
from ..descriptor import Schema
from ..journal import locked, replace_together
from ..outside import Outside
from ..package import DESCRIPTOR, Package
from ..problem import Broken, Problem

Row = dict[str, str]  # a row's cells by column, as written; "" for an empty one


def rows(package: Package, name: str) -> list[Row]:
    """The rows of a table, as its canonical form has them. Raises `Broken` where its file cannot be read safely."""
    path = package.resources[name].path
    package.look(path)
    try:
        text, _ = canonical.formatted(decoded(package.folder / path, path), package.schemas[name])
    except ValueError as error:
        hint = "run `prc-reach check` and mend what it tells first"
        raise Broken([Problem(path, "format", f"no row can be written: {error}", table=name, hint=hint)]) from None
    return list(csv.DictReader(io.StringIO(text)))


def written(schema: Schema, rows: Iterable[Row]) -> bytes:
    """The file of a table with these rows, in canonical form."""
    out = io.StringIO()
    writer = csv.DictWriter(out, schema.names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return canonical.formatted(out.getvalue(), schema)[0].encode()


@dataclass
class Change:
    """New contents for files of `package`, by path below its folder; nothing is written before `write`."""

    package: Package
    files: dict[str, bytes]

    def problems(self, done: Callable[[str], None] = lambda name: None, names: Iterable[str] = ()) -> list[Problem]:
        """All that `check` tells of the package with this change, or of the tables called `names`.

        Raises `Broken` where its declaration is not sound, a file cannot be read, or there is no room for a copy of the
        package.
        """
        with Outside() as outside, ExitStack() as stack:
            from ..check import check
            from ..package import load

            try:
                folder = stack.enter_context(scratch())
                self._copy(folder)
            except OSError as error:
                message, hint = f"cannot be written: {error.strerror}", "make room, or name another folder in TMPDIR"
                raise Broken([Problem("temporary files", "output", message, hint=hint)]) from None
            report, _ = check(load(folder), outside, names, done)
            return report.problems

    def new_problems(self, done: Callable[[str], None] = lambda name: None) -> list[Problem]:
        """Those problems that the package does not have without this change."""
        found = self.problems(done)
        if not found:
            return []
        tables = {problem.table for problem in found} & set(self.package.resources)
        known = Counter(map(_identity, Change(self.package, {}).problems(names=tables)))
        new = []
        for problem in found:
            if known[_identity(problem)]:
                known[_identity(problem)] -= 1
            else:
                new.append(problem)
        return new

    def write(self) -> None:
        """Write every file, or none: `Broken` where that fails, or where a file changed since it was read."""
        try:
            with locked(self.package.folder):
                self.package.refuse_changed(self.files)
                replace_together(self.package.folder, self.files)
        except OSError as error:
            place, hint = next(iter(self.files)), "nothing was written"
            raise Broken([Problem(place, "output", f"cannot be written: {error.strerror}", hint=hint)]) from None

    def _copy(self, folder: Path) -> None:
        """The package with this change, in `folder`."""
        resources = self.package.resources.values()
        paths = {DESCRIPTOR, *(each for one in resources for each in (one.path, one.schema_path)), *self.files}
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if path in self.files:
                (folder / path).write_bytes(self.files[path])
            elif (self.package.folder / path).is_file():
                (folder / path).write_bytes(contents(self.package.folder / path, path))


def _identity(problem: Problem) -> tuple:
    """What makes it the same problem, though its line moved."""
    return problem.file, problem.rule, problem.message, problem.row_id, problem.column, problem.value
