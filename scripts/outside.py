"""frictionless in a process of its own, so that both engines work at once.

Run as a program, this reads a job, one line of JSON, from standard input and writes a line for each
table when it is through with it. It knows nothing of this project, and so sees the package as an
outsider does. Nothing heavy is imported here: the process is started before anything else.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_NO_LIMIT = 10**9


class Outside:
    """frictionless at work; use it as a context, which ends the process whatever happens.

    Start it early, since it takes a moment to come up, and give it its `job` when the tables are read.
    """

    def __enter__(self) -> Outside:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")
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
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def results(self) -> Iterator[dict]:
        """For each table its name and what was found in it, as `_validated` yields it. RuntimeError, with its last words, where frictionless fails."""
        yield from map(json.loads, self._process.stdout)
        if self._process.wait():
            self._errors.seek(0)
            raise RuntimeError(self._errors.read().strip().rpartition("\n")[2])


def _validated(job: dict) -> Iterator[dict]:
    import frictionless

    descriptor = Path(job["descriptor"])
    content = json.loads(descriptor.read_text("utf-8"))
    package, referred = (
        frictionless.Package(_only(content, job[names]), basepath=str(descriptor.parent))
        for names in ("tables", "referred")
    )
    keys = frictionless.Package(basepath=str(descriptor.parent))
    for name in job["tables"]:
        resource = package.get_resource(name)
        schema = resource.schema
        schema.foreign_keys = [key for key in schema.foreign_keys if key["reference"]["resource"] not in job["unsound"]]
        for target in (key["reference"] for key in schema.foreign_keys):
            if not keys.has_resource(target["resource"]) and target["resource"] != name:
                keys.add_resource(_keys_alone(referred.get_resource(target["resource"]), target["fields"]))
        resource.package = keys  # where it looks up what its foreign keys refer to
        report = resource.validate(limit_errors=_NO_LIMIT)
        errors = [*report.errors, *(error for task in report.tasks for error in task.errors)]
        yield {"table": name, "errors": [_plain(error) for error in errors]}


def _only(content: dict, names: list[str] | None) -> dict:
    """The descriptor with the resources called `names` alone, all for None: it takes long to read a schema."""
    return (
        content
        if names is None
        else content | {"resources": [each for each in content["resources"] if each["name"] in names]}
    )


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

    for result in _validated(json.loads(sys.stdin.readline())):
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    _main()
