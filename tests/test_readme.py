"""The commands that README.md names are there and do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT, bash, cloned, git, run

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (\S[^#\n]*?)(?: +#.*)?$", README, re.M)  # those of the indented blocks, without remarks
NAMED = re.findall(r"`(make [^`]+|\.venv/[^`]+|frictionless [^`]+)`", README)  # and those within a sentence


LOOKING = [
    "prc-reach check --changed",
    "prc-reach explain people-bounds",
    "prc-reach show joint_patrols air-9",
    "prc-reach diff",
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    return cloned(tmp_path_factory.mktemp("readme") / "project")


def test_the_blocks_are_those_tested_here():
    asked = [".venv/bin/prc-reach new places", ".venv/bin/prc-reach import rows.xlsx"]  # run by test_edit
    assert ["make serve", "make test", *asked, "make fmt", "make check", *LOOKING] == COMMANDS
    assert {"make build", "make export", "frictionless validate datapackage.json", ".venv/bin/prc-reach --help"} <= set(
        NAMED
    )


@pytest.mark.parametrize("command", ["make fmt", "make check", ".venv/bin/prc-reach --help", *LOOKING])
def test_a_command_works_in_a_clone(clone, command):
    assert command in COMMANDS + NAMED
    result = bash(f".venv/bin/{command}" if command in LOOKING else command, clone)
    assert result.returncode == 0, result
    assert not git("status", "--porcelain", folder=clone)


@pytest.mark.parametrize("name", ["serve", "build", "export"])
def test_make_runs_the_command_of_the_same_name(clone, name):
    """What those do is tested where they are: here, that make asks for them, and for nothing else."""
    assert f"make {name}" in COMMANDS + NAMED
    assert bash(f"make -n {name}", clone).stdout == f".venv/bin/prc-reach {name}\n"


def test_make_test_runs_the_linter_and_the_tests(clone):
    lines = bash("make -n test", clone).stdout.splitlines()
    assert ".venv/bin/ruff check ." in lines and ".venv/bin/python -m pytest" in lines


def test_the_site_is_served_where_it_says():
    assert "make serve    # check everything, export it, browse it on http://127.0.0.1:8001" in README
    told = run("serve", "--help").stdout
    assert re.search(r"--port .*8001", told) and re.search(r"--host .*127\.0\.0\.1", told)


def test_frictionless_agrees_as_it_says(package):
    """The named command, by a tool that knows nothing of this project."""
    assert "(here: `.venv/bin/frictionless`)" in README
    result = bash("frictionless validate datapackage.json", package, PATH=f"{ROOT / '.venv/bin'}:/usr/bin:/bin")
    assert result.returncode == 0 and "INVALID" not in result.stdout, result.stdout[-2000:]


def test_what_is_named_is_there():
    """Each file and folder that the texts for readers and contributors name, each link between them, each heading."""
    for name in ("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CODEBOOK.md", "SECURITY.md"):
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            file, _, heading = target.partition("#")
            path = ROOT / (file or name)
            assert path.exists(), (name, target)
            if heading:
                headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
                slugs = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
                assert heading in slugs, (name, target)
        for path in re.findall(
            r"`((?:tables|schemas|scripts|docs|tests|requirements|\.github)/[\w./-]*|[\w-]+\.(?:json|md|yml))`", text
        ):
            assert (ROOT / path).exists() or (ROOT / "tables" / path).exists(), (name, path)
