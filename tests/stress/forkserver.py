"""Run the command many times a minute: each time in a process of its own, forked from one that has imported everything.

Run as a program, this reads a case a line from standard input, JSON, runs the real
`scripts.cli.main` in a forked process with its arguments, folder, files and limits, and answers with a line of
JSON, see `Server.run`.

frictionless too is a process of its own, as in the real command, but forked instead of started, since its start
takes a second: `_Forked` stands for `subprocess.Popen` in `scripts.outside` alone and runs that module's own
`_main`. Nothing else is replaced. The parent has imported polars and never used it: its pool of threads is made
at first use, by each child for itself, and the few threads that its import starts only tidy up. The parent ends
when its input ends.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_IMPORTED_LATE = (  # what a command imports when it is run
    *(f"scripts.{name}" for name in ("check", "cli", "export", "site", "edit.dialogue", "edit.entry", "edit.merge")),
    *(
        f"scripts.{name}"
        for name in ("edit.skeleton", "look.diff_render", "look.explain", "look.revision", "look.show")
    ),
    *("datasette.app", "frictionless", "pandera.backends.polars.builtin_checks"),
)
_PATIENCE = 20  # so many times as long a case may take by the clock, on a machine that does other things too
_HARMLESS = {"python", "jemalloc_bg_thd", "polars-ooc-clea"}  # the main thread, and those that tidy up for polars


class Server:
    """A warmed-up process that runs cases one after another; use it as a context."""

    def __enter__(self) -> Server:
        command = [sys.executable, Path(__file__)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, folder: Path, arguments: list[str], seconds: float, memory: int) -> dict:
        """Run `prc-reach` with the arguments in `folder`; what it says goes to `out` and `err` beside that.

        Each process is ended when it has worked for twice so many `seconds` of a processor, or asks for more
        than `memory` bytes that it can write to, and all of them when nothing has come of it by the clock. The answer has `code`, `seconds`,
        `work` (seconds of a processor, of all its processes), `peak` (bytes of the largest), `late` where it had to be ended, `left` where it left a process behind,
        and `served` where it was a server that came up and was then interrupted.
        """
        job = {"folder": str(folder), "arguments": arguments, "seconds": seconds, "memory": memory}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class _Forked:
    """What `scripts.outside` uses of `subprocess.Popen`, for its own program, which is imported already."""

    def __init__(self, command, stdin, stdout, stderr, text, encoding):
        assert Path(command[-1]).name == "outside.py", command
        (job, self._job), (self._result, result) = os.pipe(), os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.returncode = None
        self.pid = os.fork()
        if self.pid == 0:
            _become(lambda: outside._main(), job, result, stderr.fileno(), close=(self._job, self._result))
        os.close(job)
        os.close(result)
        self.stdin, self.stdout = (
            os.fdopen(self._job, "w", encoding=encoding),
            os.fdopen(self._result, encoding=encoding),
        )

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> None:
        for stream in (self.stdin, self.stdout):
            with suppress(BrokenPipeError):  # as the real one does: it has ended
                stream.close()
        self.wait()


class _Subprocess:
    """The module `subprocess` as `scripts.outside` sees it."""

    PIPE, Popen = subprocess.PIPE, _Forked


def _become(work, stdin: int, stdout: int, stderr: int, close=()) -> None:
    """Be a new process, with these files, that does the work and ends as the interpreter would; never returns."""
    code = 1
    try:
        for number, source in enumerate((stdin, stdout, stderr)):
            os.dup2(source, number)
        for each in close:
            os.close(each)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(0, encoding="utf-8", closefd=False),
            os.fdopen(1, "w", encoding="utf-8", closefd=False),
            os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False),
        )
        try:
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _command(job: dict) -> None:
    from scripts import cli

    os.chdir(job["folder"])
    home = Path(job["folder"]).parent
    os.environ |= {"HOME": str(home / "home"), "TMPDIR": str(home / "tmp"), "COLUMNS": "200"}
    tempfile.tempdir = None
    limits = (
        (resource.RLIMIT_DATA, job["memory"]),
        (resource.RLIMIT_CPU, 2 * int(job["seconds"])),
        (resource.RLIMIT_CORE, 0),
    )
    for limit, most in limits:
        resource.setrlimit(limit, (most, most))
    sys.argv = ["prc-reach", *job["arguments"]]
    outside.subprocess = _Subprocess
    cli.main()


def _run(job: dict) -> dict:
    home, began = Path(job["folder"]).parent, time.monotonic()
    with open(os.devnull) as nothing, open(home / "out", "wb") as out, open(home / "err", "wb") as err:
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            _become(lambda: _command(job), nothing.fileno(), out.fileno(), err.fileno())
    ends, late, serving = began + _PATIENCE * job["seconds"], False, False
    handle = os.pidfd_open(child)
    while not select.select([handle], [], [], 0.25)[0]:
        if not serving and job["arguments"][:1] == ["serve"] and b" is served on " in (home / "out").read_bytes():
            serving = True
            os.kill(child, signal.SIGINT)  # it came up: that is all that is asked
        if time.monotonic() > ends:
            late = True
            os.killpg(child, signal.SIGKILL)
    os.close(handle)
    _, status, used = os.wait4(child, 0)
    try:
        os.killpg(child, signal.SIGKILL)  # of a group that is gone, unless something was left behind
        left = True
    except ProcessLookupError:
        left = False
    code, seconds = os.waitstatus_to_exitcode(status), time.monotonic() - began
    return {
        "code": code,
        "seconds": seconds,
        "work": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024,
        "late": late,
        "left": left,
        "served": serving,
    }


def _warm_up() -> None:
    """Let frictionless load its plugins, and the code lists be read, here and not in every child anew."""
    with tempfile.TemporaryDirectory() as folder:
        small.write(Path(folder), small.files())
        names = [Path(path).stem for path in small.files() if path.startswith("tables/")]
        job = {"descriptor": f"{folder}/datapackage.json", "tables": names, "unsound": [], "referred": None}
        assert [each["errors"] for each in outside._validated(job)] == [[] for _ in names]
    signal.setitimer(signal.ITIMER_PROF, 0)
    codes.codes("ISO 3166-1 alpha-3")


def _threads() -> set[str]:
    return {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}


def _main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(_run(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    import gc
    import tempfile

    import small

    from scripts import codes, outside

    for name in _IMPORTED_LATE:
        import_module(name)
    _warm_up()
    assert not [name for name in _threads() if name not in _HARMLESS], "a process whose threads work must not be forked"
    gc.freeze()
    _main()
