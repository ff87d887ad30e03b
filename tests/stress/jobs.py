"""The commands that write, each with a package to run it on and the two states of that package that are right.

A `Job` is prepared once: the package as it is before the command, and as the command leaves it when nothing
disturbs it. Whatever is done to the command, each file must then be as in the one or as in the other.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from conftest import ROOT, copied, run
from cutting import cut
from openpyxl import Workbook

State = dict[str, bytes]  # the content of every file by its path, hidden and partial ones too
STEPPING = ROOT / "tests/stress/stepping.py"
PORT = {"name": "Port Xyz", "place_kind": "port", "country_id": "LKA", "source_id": "yu-2024-offshore-bases"}
PORT["locator"] = "Intro, para 1"


def state(folder: Path) -> State:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def noted(folder: Path) -> None:
    """Write something into the last cell of a row, which is empty."""
    path = folder / "tables/countries.csv"
    header, first, *lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([header, f"{first}Looked at again.", *lines, ""]), "utf-8")


def spoilt(folder: Path) -> None:
    """Take every table out of canonical form, each in one of several ways, without a change of what it says."""
    ways = (
        lambda lines: "\r\n".join([*lines, ""]),
        lambda lines: "\n".join([lines[0], *reversed(lines[1:]), ""]),
        lambda lines: "\ufeff" + "\n".join([*lines, "", ""]),
    )
    for index, path in enumerate(sorted((folder / "tables").iterdir())):
        spoil = ways[index % len(ways)]
        path.write_text(spoil(path.read_text("utf-8").splitlines()), "utf-8", newline="")


def workbook(path: Path, folder: Path) -> Path:
    """A workbook that adds a row to one table and changes two others of the package in `folder`."""
    book = Workbook()
    book.remove(book.active)
    for name, lines in {
        "places": [["place_id", *PORT], ["port-xyz", *PORT.values()]],
        "organizations": [["organization_id", "note"], [_first(folder, "organizations"), "Looked at again."]],
        "countries": [["country_id", "name"], [_first(folder, "countries"), "Another name"]],
    }.items():
        page = book.create_sheet(name)
        for line in lines:
            page.append(line)
    book.save(path)
    return path


def _first(folder: Path, table: str) -> str:
    return (folder / f"tables/{table}.csv").read_text("utf-8").splitlines()[1].split(",")[0]


def sound(database: Path) -> bool:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return whole and not connection.execute("PRAGMA foreign_key_check").fetchall()


def interruptible() -> None:
    """Let the process be ended by SIGINT, also where the tests run with that ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Job:
    """A command with its `arguments`; `stage` makes of the package what the command finds."""

    name: str
    arguments: list[str]
    stage: Callable[[Path], object]
    before: State = field(default_factory=dict)
    after: State = field(default_factory=dict)
    master: Path = Path()

    def prepared(self, package: Path, folder: Path) -> Job:
        """This job with its two states, found by running it on a copy of `package` that is kept in `folder`."""
        self.master = folder / f"{self.name} before"
        shutil.copytree(package, self.master)
        self.stage(self.master)
        self.before = state(self.master)
        done = self.fresh(folder / f"{self.name} after")
        result = run(*self.arguments, folder=done)
        assert result.returncode == 0, result
        self.after = state(done)
        assert self.changed, self.name
        return self

    @property
    def changed(self) -> set[str]:
        """The files that the command changes."""
        return {path for path in self.before | self.after if self.before.get(path) != self.after.get(path)}

    @property
    def together(self) -> set[str]:
        """Those of them that must change together: all, but for a command that tends to each file by itself."""
        return set() if self.name == "fmt" else self.changed

    def fresh(self, folder: Path) -> Path:
        """The package before the command, in `folder`, whatever was there."""
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(self.master, folder)

    def torn(self, found: State) -> list[str]:
        """The files that are neither as before the command nor as after it."""
        ours = self.before.keys() | self.after.keys()
        return sorted(path for path in ours if found.get(path) not in (self.before.get(path), self.after.get(path)))

    def mixed(self, found: State) -> bool:
        """Whether of the files that must change together some did and some did not."""
        new = {found.get(path) == self.after.get(path) for path in self.together}
        return len(new) > 1

    def strange(self, found: State) -> list[str]:
        """The files that there are neither before nor after the command."""
        return sorted(found.keys() - self.before.keys() - self.after.keys())

    def start(
        self, folder: Path, temporary: Path, steps: int | None = None, prefix: tuple[str, ...] = (), **more
    ) -> subprocess.Popen:
        """The command at work on the package in `folder`, its temporary files below `temporary`.

        With `steps` it ends itself at that step, as `stepping.py` counts them; `prefix` is a command that runs it.
        """
        program = ["-m", "scripts"] if steps is None else [str(STEPPING), str(steps)]
        temporary.mkdir(exist_ok=True)
        settings = {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": interruptible} | more
        return subprocess.Popen(
            [*prefix, sys.executable, *program, *self.arguments],
            cwd=folder,
            env=os.environ | settings,
            text=True,
            start_new_session=True,
            **more,
        )


def jobs(package: Path, folder: Path) -> dict[str, Job]:
    """Every command that writes, prepared on the `package`; what they need is kept in `folder`."""
    rows = workbook(folder / "rows.xlsx", package)
    row = [f"{name}={value}" for name, value in PORT.items()]
    all_ = [
        Job(
            "build", ["build", "--no-check"], lambda folder: (run("build", "--no-check", folder=folder), noted(folder))
        ),
        Job("export", ["export"], lambda folder: (run("export", folder=folder), noted(folder))),
        Job("fmt", ["fmt"], spoilt),
        Job("new", ["new", "places", *row], lambda folder: None),
        Job("new-table", ["new-table", "port_calls", "--column", "called_date:partial_date"], lambda folder: None),
        Job("import", ["import", str(rows)], lambda folder: None),
    ]
    return {job.name: job.prepared(package, folder) for job in all_}


def small_package(folder: Path) -> Path:
    """A package of five tables of the real one, which the commands above can be run on."""
    return cut(folder, ["places"])


def real_package(folder: Path) -> Path:
    return copied(folder)


def rows_of(found: State, table: str) -> int:
    return found[f"tables/{table}.csv"].count(b"\n") - 1


def resources_of(found: State) -> list[str]:
    return [each["name"] for each in json.loads(found["datapackage.json"])["resources"]]
