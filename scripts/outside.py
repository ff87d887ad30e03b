"""frictionless in a process of its own, so that both engines work at once.

Run as a program, this reads a job, one line of JSON, from standard input and writes a line for each
table when it is through with it. It knows nothing of this project, and so sees the package as an
outsider does. Nothing heavy is imported here: the process is started before anything else.

It ends with its parent, however that ends, and when a table takes far longer than any should. Python
answers no signal while a regular expression runs, so both are left to the system, whose own answer
to SIGIO and SIGPROF is to end the process.
"""

from __future__ import annotations

import csv
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

FAILED = "frictionless"  # the type of error that says that frictionless itself failed on a table
_NO_LIMIT = 10**9
_PATIENCE = 20  # seconds of work that a table may take, and one more for each so many bytes:
_BYTES = 50_000  # it reads twenty times as many in a second


class TooLong(Exception):
    """frictionless did not come to an end with the table called `table`."""

    def __init__(self, table: str):
        super().__init__(table)
        self.table = table


class Outside:
    """frictionless at work; use it as a context, which ends the process whatever happens.

    Start it early, since it takes a moment to come up, and give it its `job` when the tables are read.
    """

    def __enter__(self) -> Outside:
        self._errors = _unnamed_file()
        command = [sys.executable, "-P", Path(__file__)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, encoding="utf-8"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def job(
        self, descriptor: Path, tables: Iterable[str], unsound: Iterable[str], referred: Iterable[str] | None = None
    ) -> None:
        """Let it validate `tables` of the package whose `datapackage.json` is `descriptor`.

        Foreign keys into the `unsound` tables are left out, since all of them would dangle. `referred` are
        the tables that the others refer to; without it every table is looked at for that.
        """
        job = {"descriptor": str(descriptor), "tables": list(tables), "unsound": list(unsound)}
        job["referred"] = None if referred is None else list(referred)
        self._waiting = job["tables"]
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def results(self) -> Iterator[dict]:
        """For each table its name and what was found in it, as `_validated` yields it.

        Raises `TooLong`, or RuntimeError with its last words where frictionless fails.
        """
        waiting = iter(self._waiting)
        for line in self._process.stdout:
            next(waiting)
            yield json.loads(line)
        if self._process.wait() == -signal.SIGPROF:
            raise TooLong(next(waiting))
        if self._process.returncode:
            self._errors.seek(0)
            raise RuntimeError(self._errors.read().strip().rpartition("\n")[2])


def _unnamed_file():
    """A file that only we know of: in memory where the system has such, since the disk may be full or read-only."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("errors"), "w+", encoding="utf-8")
    return tempfile.TemporaryFile("w+", encoding="utf-8")


def _validated(job: dict) -> Iterator[dict]:
    import frictionless

    descriptor = Path(job["descriptor"])
    content = json.loads(descriptor.read_text("utf-8"))
    package, referred = (
        frictionless.Package(_only(content, job[names]), basepath=str(descriptor.parent))
        for names in ("tables", "referred")
    )
    keys = frictionless.Package(basepath=str(descriptor.parent))

    def errors(name: str) -> Iterator[dict]:
        resource = package.get_resource(name)
        size = os.path.getsize(os.path.join(os.path.dirname(job["descriptor"]), resource.path))
        signal.setitimer(signal.ITIMER_PROF, _PATIENCE + size / _BYTES)
        schema = resource.schema
        schema.foreign_keys = [key for key in schema.foreign_keys if key["reference"]["resource"] not in job["unsound"]]
        for target in (key["reference"] for key in schema.foreign_keys):
            if not keys.has_resource(target["resource"]) and target["resource"] != name:
                keys.add_resource(_keys_alone(referred.get_resource(target["resource"]), target["fields"]))
        resource.package = keys  # where it looks up what its foreign keys refer to
        report = resource.validate(limit_errors=_NO_LIMIT)
        yield from map(_plain, [*report.errors, *(error for task in report.tasks for error in task.errors)])

    for name in job["tables"]:
        try:
            found = list(errors(name))
        except Exception as error:  # its own mistake, as with the number sNaN: the other tables are still looked at
            found = [{"type": FAILED, "note": repr(error), "message": str(error), "row": None, "column": None}]
        yield {"table": name, "errors": found}


# What the standard (Table Dialect) has where a descriptor does not say. frictionless looks at the file and guesses
# instead: the encoding, what separates cells, whether spaces behind that are skipped, which line is the header.
_DIALECT = {"delimiter": ",", "quoteChar": '"', "skipInitialSpace": False, "header": True, "headerRows": [1]}


def _only(content: dict, names: list[str] | None) -> dict:
    """The descriptor with the resources called `names` alone, all for None: it takes long to read a schema.

    What a resource leaves out is written out as the standard has it.
    """
    chosen = [each for each in content["resources"] if names is None or each["name"] in names]
    told = [{"encoding": "utf-8"} | each | {"dialect": _DIALECT | each.get("dialect", {})} for each in chosen]
    return content | {"resources": told}


def _not_guessed(*_: object) -> None:
    """In place of what Python's `csv` guesses a dialect by: frictionless asks it even when the dialect is declared.

    On a long cell with quotation marks that takes minutes (cpython issues 98820 and 109638).
    """
    raise csv.Error("nothing is to be guessed")


def _keys_alone(resource, columns: list[str]):
    """A table of the resource's keys: all that a foreign key into it needs, and read once instead of once for each."""
    import frictionless

    resource.schema.foreign_keys = []
    with resource:
        rows = [[row[name] for name in columns] for row in resource.row_stream]
    fields = [resource.schema.get_field(name).to_copy() for name in columns]
    for each in fields:
        each.constraints = {}
    return frictionless.Resource(name=resource.name, data=[columns, *rows], schema=frictionless.Schema(fields=fields))


def _plain(error) -> dict:
    columns = (
        getattr(error, "field_names", None) if error.type == "foreign-key" else [getattr(error, "field_name", None)]
    )
    return {
        "type": error.type,
        "note": error.note,
        "message": error.message,
        "row": getattr(error, "row_number", None),
        "column": columns[0],
    }


def _main() -> None:
    gc.set_threshold(100_000)  # as the other side does, see `cli.main`
    import frictionless  # noqa: F401  while the other side still reads its tables

    csv.Sniffer.sniff = _not_guessed
    job = json.loads(sys.stdin.readline())
    _end_with_parent()
    for result in _validated(job):
        print(json.dumps(result), flush=True)


def _end_with_parent() -> None:
    """End this process when its input is closed, which the parent keeps open as long as it lives."""
    with suppress(ImportError):  # no such thing as SIGIO: not the last word, but better than nothing
        import fcntl

        fcntl.fcntl(sys.stdin, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sys.stdin, fcntl.F_SETFL, fcntl.fcntl(sys.stdin, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([sys.stdin], [], [], 0)[0]:
            os._exit(1)  # it was closed before we asked to be told
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()


if __name__ == "__main__":
    _main()
