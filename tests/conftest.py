"""What the tests share: the real package, copies of it to spoil, and the real command."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOMEBODY = {f"GIT_{role}_{what}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
SOMEBODY |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
SEED = 20261126  # of whatever the tests draw at random
PACKAGE_FILES = ("datapackage.json", "metadata.yml", "schemas", "tables")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run tests/stress with the full counts, for hours")


@pytest.fixture(scope="session")
def full(request) -> bool:
    """Whether the stress tests run with their full counts, or with what takes a minute or so each."""
    return request.config.getoption("--full")


@pytest.fixture
def figure(record_property) -> Callable[[str], None]:
    """Call it with a line of figures to have it printed when all tests are through."""
    return lambda line: record_property("figure", line)


def pytest_terminal_summary(terminalreporter) -> None:
    reports = [report for group in terminalreporter.stats.values() for report in group]
    told = [
        f"{Path(report.nodeid.split('::')[0]).stem.removeprefix('test_')}: {line}"
        for report in reports
        for name, line in getattr(report, "user_properties", ())
        if name == "figure" and report.when == "call"
    ]
    if told:
        terminalreporter.section("figures")
        for line in sorted(dict.fromkeys(told), key=lambda line: line.partition(":")[0]):
            terminalreporter.write_line(line)


def run(*arguments: str | Path, folder: Path = ROOT, **more) -> subprocess.CompletedProcess:
    """Run `prc-reach` in a process of its own, as a user does."""
    command = [sys.executable, "-m", "scripts", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | more.pop("env", {})
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=300, **more)


READERS = ROOT / ".readers/bin"


def reader(command: str, *arguments: str | Path, folder: Path, home: Path) -> subprocess.CompletedProcess:
    """Run a command of the environment `.readers` in `folder`; what it keeps in the user's home goes to `home`."""
    assert (READERS / command).exists(), "the environment .readers is missing: run `make .readers/ready`"
    home.mkdir(exist_ok=True)
    environment = os.environ | {"HOME": str(home), "PATH": f"{READERS}:{os.environ['PATH']}", "NO_COLOR": "1"}
    line = [READERS / command, *map(str, arguments)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, env=environment, timeout=300)


def read_by(tool: str, path: Path, home: Path):
    """What `tests/readers.py` finds at `path` with its `tool`."""
    result = reader("python", ROOT / "tests/readers.py", tool, path, folder=home.parent, home=home)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def problems(folder: Path, *tables: str) -> list[dict]:
    """The problems that `prc-reach check` tells of the package in `folder`."""
    result = run("check", *tables, "--format", "json", folder=folder)
    assert "Traceback" not in result.stderr, result.stderr
    told = json.loads(result.stdout)["problems"]
    if "summary" in json.loads(result.stdout):
        assert result.returncode == bool(told)
    else:
        assert result.returncode == 2
    return told


@contextmanager
def serving(folder: Path, *arguments: str | Path, log=None) -> Iterator[httpx.Client]:
    """A client of the real `prc-reach serve`, on a free port, of the package in `folder`.

    What the server tells of errors goes to the file `log`, if one is given.
    """
    command = [sys.executable, "-m", "scripts", "serve", "--port", "0", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address, line
        with httpx.Client(base_url=address[0], timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.wait(timeout=20)


def copied(folder: Path) -> Path:
    """A copy of the real package in `folder`, which is made."""
    folder.mkdir(exist_ok=True, parents=True)
    for name in PACKAGE_FILES:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder


def cloned(folder: Path) -> Path:
    """A clone of the whole project in `folder`, as it stands here, committed, with this environment as its `.venv`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    git("init", "-q", "-b", "main", folder=folder)
    (folder / ".git/info/exclude").write_text("/.venv\n")  # .gitignore names a folder, and this is a link
    committed(folder, "As it stands")
    return folder


def git(*arguments: str, folder: Path) -> str:
    """Run git in `folder` as somebody, whatever the user's own settings are."""
    result = subprocess.run(["git", *arguments], cwd=folder, env=os.environ | SOMEBODY, capture_output=True, text=True)
    assert result.returncode == 0, result
    return result.stdout


def committed(folder: Path, message: str) -> None:
    """Commit all that is in `folder`."""
    git("add", "--all", folder=folder)
    git("commit", "-q", "-m", message, folder=folder)


def bash(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess:
    """Run a script in `folder` as GitHub runs a step's: by bash, ending at the first failure."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    environment |= SOMEBODY | {"COLUMNS": "200"} | more
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the real package, to be spoilt."""
    return copied(tmp_path / "package")


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """An export of the real package."""
    folder = tmp_path_factory.mktemp("export") / "dist"
    result = run("export", "--output", folder)
    assert result.returncode == 0, result
    return folder


@pytest.fixture(scope="session")
def declared():
    """The declaration of the real package."""
    from scripts.package import load

    return load(ROOT)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[tuple[Path, httpx.Client]]:
    """The real package, served: the folder of its export, and a client."""
    folder = tmp_path_factory.mktemp("served") / "dist"
    with serving(ROOT, "--output", folder) as client:
        yield folder, client


@pytest.fixture(scope="session")
def database(site) -> sqlite3.Connection:
    """The database that is served, read-only."""
    return sqlite3.connect(f"file:{site[0] / 'prc-reach.db'}?mode=ro", uri=True)
