"""No input crashes: whatever it reads, the command ends in time and in its memory, with 0, 1 or 2 and a message.

Each case is a small package with one of everything (`small`), spoilt in one way or a few (`mutations`), and a
command that reads it, run by `forkserver`: real `scripts.cli.main` in a process of its own, frictionless in another.
Some cases go through the plainly started command too, some spoil the real package, and each of `bombs` is thrown
once. A case is made from the seed and its number alone, so that a failure's number is all that is needed to see it again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random

import pytest
from conftest import PACKAGE_FILES, ROOT, SEED, committed, git, run

sys.path.insert(0, str(Path(__file__).parent))

import bombs
import mutations
import small
from forkserver import Server

CASES, SOME = 10_000, 250
PLAIN, FEW_PLAIN = 300, 10  # of them through the plainly started command
REAL, FEW_REAL = 300, 4  # with the real package
SECONDS = 20  # of a processor that a command may take
MEMORY = 1_500_000_000  # bytes that a process may hold
_LIMIT = 2 * MEMORY  # bytes that the system lets a process ask for, so that none takes the machine with it
_CONTROLS = re.compile("[\0-\b\v-\x1f\x7f-\x9f]")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ALARMS = re.compile(r"Traceback|\b\w*Warning\b|Exception ignored|panicked at|core dumped|Segmentation fault")
_READERS, _WRITERS, _SHOW = {"check", "show", "explain", "diff"}, {"fmt", "import"}, {"--check", "--diff", "--dry-run"}

TABLES = [path.removeprefix("tables/").removesuffix(".csv") for path in small.files() if path.startswith("tables/")]


@dataclass
class Case:
    """A spoilt package in `home`/package, and the command line that reads it; `said` tells what was spoilt."""

    home: Path
    arguments: list[str]
    said: str

    @property
    def package(self) -> Path:
        return self.home / "package"


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """The unspoilt packages: `small` and `real`, each committed to a repository of git, and spreadsheets to import."""
    folder = tmp_path_factory.mktemp("originals")
    small.write(folder / "small", small.files())
    (folder / "small/README.md").write_text("# Small\n\n## Before you quote it\n\n- It is small.\n")
    for name in PACKAGE_FILES:
        source = ROOT / name
        (folder / "real").mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / "real" / name)
    for name in ("small", "real"):
        git("init", "-q", "-b", "main", folder=folder / name)
        committed(folder / name, "As it was")
        shutil.move(folder / name / ".git", folder / f"{name}.git")
        (folder / name / ".git").write_text(f"gitdir: {folder / f'{name}.git'}\n")
    small.write(folder / "spreadsheets", small.spreadsheets())
    return folder


def prepared(home: Path, originals: Path, name: str = "small") -> Path:
    """`home` with an unspoilt package, spreadsheets to import, a base to compare with, and what nobody may touch."""
    for each in ("home", "tmp", "outside"):
        (home / each).mkdir(parents=True)
    shutil.copytree(originals / name, home / "package", symlinks=True)
    shutil.copytree(originals / "spreadsheets", home / "spreadsheets")
    (home / "outside/secret").write_text("not yours\n")
    (home / "outside/file.csv").write_text("place_id,name\nx,y\n")
    return home


def made(number: int, home: Path, originals: Path, name: str = "small") -> Case:
    """The case of that number, in the new folder `home`."""
    rng = Random(f"{SEED}/{name}/{number}")
    prepared(home, originals, name)
    package = home / "package"
    files = [path for each in ("tables/*.csv", "schemas/*.json") for path in sorted(package.glob(each))]
    kind = rng.choices(*zip(*_KINDS.items()))[0]
    commands = [*_ANY, "build", "export", "serve"]
    said = kind
    match kind:
        case "bytes" | "structure":
            path = rng.choice([*files, *[package / "datapackage.json"] * 3, *[package / "metadata.yml"] * 6])
            other = rng.choice(files).read_bytes()
            path.write_bytes(_spoilt(rng, path, kind, other))
            commands = ["check", "check", "build", "export", "serve"] if path.suffix == ".yml" else commands
            said = f"{kind} of {path.name}"
        case "import":
            path = rng.choice(
                [
                    *[home / "spreadsheets/rows.xlsx"] * 3,
                    home / "spreadsheets/events.csv",
                    home / "spreadsheets/places.tsv",
                ]
            )
            path.write_bytes(
                _spoilt(rng, path, rng.choice(["bytes", "structure"]), (home / "spreadsheets/events.csv").read_bytes())
            )
            more = [["--table", "events"], [], [], ["--dry-run"], ["--format", "json"]]
            return Case(home, ["import", f"../spreadsheets/{path.name}", *rng.choice(more)], f"{path.name} spoilt")
        case "base":
            said = _spoilt_base(rng, home, files)
            commands = ["diff", "check --changed"]
        case "files":
            mutations.spoilt_files(rng, package, home / "outside", os.getuid() == 0)
        case "values":
            commands = ["new", "show", "explain", "new-table", "diff"]
        case "arguments":
            words = _command(rng, rng.choice(commands), home, odd=False)
            words = mutations.arguments(rng, words)
            return Case(home, words, said)
    return Case(home, _command(rng, rng.choice(commands), home, odd=kind == "values"), said)


_KINDS = {"bytes": 25, "structure": 35, "import": 20, "base": 5, "files": 10, "values": 8, "arguments": 10}
_ANY = [
    "check",
    "check",
    "check",
    "fmt",
    "fmt --check",
    "fmt --diff",
    "new",
    "new-table",
    "import",
    "show",
    "explain",
    "diff",
    "check --changed",
]


def _spoilt(rng: Random, path: Path, kind: str, other: bytes) -> bytes:
    data = path.read_bytes()
    by_suffix = {
        ".csv": mutations.spoilt_table, ".json": mutations.spoilt_json, ".yml": mutations.spoilt_yaml, ".xlsx": mutations.spoilt_workbook,
    }  # fmt: skip
    if kind == "structure" and path.suffix in by_suffix:
        return by_suffix[path.suffix](rng, data)
    return mutations.spoilt_bytes(rng, data, other)


def _spoilt_base(rng: Random, home: Path, files: list[Path]) -> str:
    """Beside the package what it is to be compared with, `base` or `base.zip`, spoilt."""
    base = home / "base"
    shutil.copytree(home / "package", base, ignore=shutil.ignore_patterns(".git"))
    paths = [base / path.relative_to(home / "package") for path in files]
    path = rng.choice([*paths, base / "datapackage.json"])
    path.write_bytes(_spoilt(rng, path, rng.choice(["bytes", "structure"]), files[0].read_bytes()))
    with zipfile.ZipFile(home / "base.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for each in [each for each in sorted(base.rglob("*")) if each.is_file()]:
            archive.write(each, each.relative_to(base))
    if rng.random() < 0.5:
        data = (home / "base.zip").read_bytes()
        (home / "base.zip").write_bytes(mutations.spoilt_bytes(rng, data, data))
    return f"base with {path.name}"


def _command(rng: Random, command: str, home: Path, odd: bool) -> list[str]:
    """A command line; with values that somebody has stumbled over if `odd`."""
    texts = [each for each in mutations.ODD_TEXTS if "\ud800" not in each]
    text = lambda usual: rng.choice(texts) if odd else usual  # noqa: E731
    table = rng.choice(TABLES)
    match command.split():
        case ["check"]:
            return [
                "check",
                *rng.choice([[], [], [], [table]]),
                *rng.choice([[], [], ["-f", "json"], ["-f", "github"]]),
            ]
        case ["check", "--changed"]:
            return ["check", "--changed", *rng.choice([[], ["main"], ["../base"], ["../base.zip"]])]
        case ["new"]:
            given = [
                f"{column}={text('thing')}"
                for column in rng.sample(
                    [
                        "event_id",
                        "name",
                        "start_date",
                        "place_id",
                        "people_min",
                        "share",
                        "day",
                        "seen",
                        "since",
                        "source_id",
                        "locator",
                        "country_id",
                    ],
                    6,
                )
            ]
            return [
                "new",
                rng.choice(["events", "events", text("events")]),
                *given,
                *([text("")] if odd and rng.random() < 0.3 else []),
            ]
        case ["new-table"]:
            return [
                "new-table",
                text("things"),
                "--column",
                f"{text('size')}:{text('integer')}",
                "--title",
                text("Things"),
                "--description",
                text("A thing."),
            ]
        case ["import"]:
            return [
                "import",
                f"../spreadsheets/{rng.choice(['rows.xlsx', 'events.csv', 'places.tsv'])}",
                *rng.choice([["--dry-run"], ["--table", "events"]]),
            ]
        case ["show"]:
            return ["show", text("events"), text("visit-1"), *rng.choice([[], ["-m"], ["-f", "json"]])]
        case ["explain"]:
            return ["explain", *rng.choice([[], [text("people-bounds")], [text("pattern")], ["-f", "json"]])]
        case ["diff"]:
            bases = [[], ["main"], ["../base"], ["../base.zip"], [text("main")]]
            return ["diff", *rng.choice(bases), *rng.choice([[], ["-f", "markdown"], ["-f", "json"], ["--changelog"]])]
        case ["build"]:
            return ["build", *rng.choice([[], ["--no-check"], ["-o", "my.db"]])]
        case ["serve"]:
            return ["serve", "--port", "0"]
        case words:
            return words


def wrong(case: Case, answer: dict, before: dict[str, str], seconds: float = SECONDS) -> list[str]:
    """What the command did that no command may do, whatever it reads."""
    said = "".join((case.home / name).read_bytes().decode("utf-8", "replace") for name in ("out", "err"))
    code, fine = answer["code"], (0, 1, 2, *[130] * answer["served"])
    found = {
        f"exit code {code}": code not in fine,
        f"no message with exit code {code}": code and not said.strip(),
        f"worked {answer['work']:.0f} s in {answer['seconds']:.0f} s": answer["late"] or answer["work"] > seconds,
        f"held {answer['peak'] / 1e6:.0f} MB": answer["peak"] > MEMORY,
        "left a process behind": answer["left"] and not answer["late"],
    }
    odd = [_ALARMS, *([] if "--diff" in case.arguments else [_CONTROLS])]  # a patch holds what the file holds
    odd += [] if "json" in case.arguments else [_TURNING]
    shown = [f"shows {found[0]!r}" for found in (each.search(said) for each in odd) if found]
    return [what for what, is_so in found.items() if is_so] + shown + _touched(case, code, before)


def _touched(case: Case, code: int, before: dict[str, str]) -> list[str]:
    """What the command changed beside what it may: the package, if it is one that writes and says that it has."""
    after, command = state(case.home), case.arguments[:1]
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    reads = {*command} & _READERS or ({*command} & _WRITERS and _SHOW & {*case.arguments})
    may_write = not reads and (code in (0, 130) or command == ["fmt"])
    return [f"touched {name}" for name in changed if not (may_write and name.startswith("package"))]


def state(home: Path) -> dict[str, str]:
    """What lies in the folders that are not all the command's own, by path: files by hash, links by aim."""
    found = {}
    for folder in ("package", "outside", "tmp", "spreadsheets"):
        for parent, folders, names in os.walk(home / folder):
            for name in [*folders, *names]:
                path = Path(parent, name)
                found[str(path.relative_to(home))] = _what(path)
    return found


def _what(path: Path) -> str:
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"


def _tried(server: Server, case: Case, seconds: float = SECONDS) -> tuple[list[str], dict]:
    before = state(case.home)
    answer = server.run(case.package, case.arguments, seconds, _LIMIT)
    return wrong(case, answer, before, seconds), answer


def _told(case: Case, number: object, found: list[str]) -> str:
    said = "".join((case.home / name).read_text("utf-8", "replace")[-1500:] for name in ("out", "err"))
    shown = [each if len(each) < 80 else f"{each[:80]}…" for each in case.arguments]
    return f"case {number} ({case.said}): {shown!r}: {'; '.join(found)}\n{said}"


def _run(numbers: list[int], name: str, folder: Path, originals: Path, servers: int) -> tuple[list[str], list[dict]]:
    """Run the cases, several servers side by side; what was wrong with each, and all answers."""
    with ExitStack() as stack:
        free: SimpleQueue[Server] = SimpleQueue()
        for _ in range(servers):
            free.put(stack.enter_context(Server()))

        def one(number: int) -> tuple[str | None, dict]:
            server, home = free.get(), folder / str(number)
            try:
                case = made(number, home, originals, name)
                found, answer = _tried(server, case)
                return (_told(case, f"{name}/{number}", found) if found else None), answer | {
                    "case": f"{name}/{number}",
                    "command": case.arguments[:1],
                }
            finally:
                free.put(server)
                shutil.rmtree(home, ignore_errors=True)

        with ThreadPoolExecutor(servers) as pool:
            results = list(pool.map(one, numbers))
    return [told for told, _ in results if told], [answer for _, answer in results]


def _figures(answers: list[dict]) -> str:
    codes = {code: sum(answer["code"] == code for answer in answers) for code in (0, 1, 2)}
    slowest, largest = max(answers, key=lambda each: each["work"]), max(answers, key=lambda each: each["peak"])
    return (
        f"exit code 0, 1, 2: {', '.join(f'{number:,}' for number in codes.values())}; "
        f"most work {slowest['work']:.1f} s ({slowest['case']}), most memory {largest['peak'] / 1e6:.0f} MB ({largest['case']})"
    )


@pytest.mark.parametrize("arguments", [["check"], bombs.XLSX, bombs.CSV, ["build"], ["export"]], ids=" ".join)
def test_what_is_not_spoilt_is_taken(arguments, server, originals, tmp_path):
    """Otherwise the cases would prove no more than that an unsound package is refused."""
    case = Case(prepared(tmp_path / "sound", originals), arguments, "not spoilt")
    found, answer = _tried(server, case)
    assert not found and answer["code"] == 0, _told(case, "not spoilt", found)


def test_no_spoilt_input_crashes(originals, tmp_path, full, figure):
    number = CASES if full else SOME
    failures, answers = _run(list(range(number)), "small", tmp_path, originals, 2 if full else 1)
    figure(
        f"{number:,} spoilt inputs, {len(failures)} wrong; {_figures(answers)}; allowed are {SECONDS} s of a processor and {MEMORY / 1e6:.0f} MB"
    )
    assert not failures, "\n\n".join(failures[:20])
    assert all(sum(answer["code"] == code for answer in answers) > number / 50 for code in (0, 1, 2)), (
        "the cases no longer reach far"
    )


def test_no_spoilt_real_package_crashes(originals, tmp_path, full, figure):
    number = REAL if full else FEW_REAL
    failures, answers = _run(list(range(number)), "real", tmp_path, originals, 2 if full else 1)
    figure(f"{number:,} spoilt copies of the real package, {len(failures)} wrong; {_figures(answers)}")
    assert not failures, "\n\n".join(failures[:20])


def test_the_plainly_started_command_ends_alike(originals, tmp_path, full, figure):
    """A share of the cases by a real process, which starts frictionless itself: the same answer as from the fork server."""
    numbers = list(range(CASES, CASES + (PLAIN if full else FEW_PLAIN)))
    failures = []
    with Server() as server:
        for number in numbers:
            case = made(number, tmp_path / str(number), originals)
            if case.arguments[:1] == ["serve"] or "\0" in "".join(case.arguments):
                continue
            _, answer = _tried(server, case)
            shutil.rmtree(case.home)
            case = made(number, tmp_path / str(number), originals)
            more = {"HOME": str(case.home / "home"), "TMPDIR": str(case.home / "tmp")}
            result = run(
                *case.arguments, folder=case.package, stdin=subprocess.DEVNULL, errors="surrogateescape", env=more
            )
            said = result.stdout + result.stderr
            if result.returncode != answer["code"] or _ALARMS.search(said):
                failures.append(
                    f"case {number}: {case.arguments}: {result.returncode}, not {answer['code']}\n{said[-1500:]}"
                )
            shutil.rmtree(case.home)
    figure(f"{len(numbers):,} of them once more by the plainly started command, {len(failures)} otherwise")
    assert not failures, "\n\n".join(failures[:20])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.mark.parametrize("bomb", bombs.BOMBS, ids=[bomb.name for bomb in bombs.BOMBS])
def test_a_bomb_does_no_harm(bomb, server, originals, tmp_path):
    home = prepared(tmp_path / "bomb", originals)
    bomb.lay(home)
    for arguments in bomb.commands:
        case = Case(home, arguments, bomb.name)
        found, answer = _tried(server, case, bomb.seconds)
        assert not found, _told(case, bomb.name, found)
        if bomb.said and arguments != bombs.DIFF:  # which tells what it cannot read, and compares the rest
            said = "".join((home / name).read_text("utf-8", "replace") for name in ("out", "err"))
            assert answer["code"] and re.search(bomb.said, said), _told(
                case, bomb.name, [f"does not say {bomb.said!r}"]
            )
    shutil.rmtree(home)
