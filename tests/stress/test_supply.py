"""The supply chain: what is installed is what was locked and nothing else is fetched, it may be passed on, and is told."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import audit
import locks
import pytest
from conftest import ROOT, bash
from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from index import asking, index
from offline import environment, noted
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
HASH = "--hash=sha256:" + "0" * 64
TOLD = tomllib.loads(locks.LICENCES.read_text("utf-8"))
BUILDS_NOTHING = {"--require-hashes", "--no-deps", "--only-binary"}  # but what --no-binary names


# What is locked


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_file_holds_exact_versions_with_hashes_and_nothing_else(lock):
    found = locks.pins(lock)
    assert found and all(re.fullmatch("[0-9a-f]{64}", each) for pin in found for each in pin.hashes)
    assert max(Counter(pin.name for pin in found if pin.here).values()) == 1
    assert not re.search(r"://|^\s*-(?!-hash=sha256:)", lock.read_text("utf-8"), re.M)


@pytest.mark.parametrize(
    "line",
    [
        f"rich>=15 {HASH}",
        f"rich==15.* {HASH}",
        "rich==15.0.0",
        f"rich==15.0.0 {HASH.replace('sha256', 'md5')}",
        f"rich==15.0.0 {HASH} --hash=md5:00",
        f"rich @ https://example.org/rich.whl {HASH}",
        f"https://example.org/rich.whl {HASH}",
        "git+https://example.org/rich@main",
        "-e .",
        "-r other.txt",
        "--extra-index-url https://example.org",
        "--index-url https://example.org",
        "--find-links https://example.org",
        "--no-binary rich",
        "rich = 15",
    ],
)
def test_what_is_no_exact_version_with_hashes_is_refused(tmp_path, line):
    (tmp_path / "lock.txt").write_text(f"typer==0.24.2 {HASH}\n{line}\n")
    (tmp_path / "other.txt").write_text("rich\n")
    with pytest.raises(ValueError, match=r"lock\.txt|other\.txt"):
        locks.pins(tmp_path / "lock.txt")


def test_what_is_asked_for_is_locked_and_what_is_locked_is_installed_and_tested(figure):
    assert [*audit.asked(), *audit.whole()] == []
    for name in (".venv", ".readers"):  # .bench is no part of `make test`; `make audit` looks at it
        told = audit.installed(ROOT / name, audit.ENVIRONMENTS[name])
        assert [each for each in told if audit.STRAY not in each] == []  # an environment that has seen other versions
    pinned = {lock.stem: len(locks.pins(lock)) for lock in LOCKS}
    figure(f"{sum(pinned.values())} pins with hashes in {len(pinned)} files; .venv and .readers have what theirs say")


def test_what_is_asked_for_and_not_locked_is_told(monkeypatch):
    project, rich = locks.project(), metadata.version("rich")
    spoilt = project | {"dependencies": [*project["dependencies"], "rich<1", "pip-audit"]}
    monkeypatch.setattr(locks, "project", lambda: spoilt)
    assert [*audit.asked()] == [
        f"core.txt: rich<1 is asked for, and {rich} is locked",
        "core.txt: pip-audit is asked for, and nothing is locked",
        f"test.txt: rich<1 is asked for, and {rich} is locked",
    ]
    told = [*audit.whole()]
    assert "core.txt: pip-audit is needed and not locked" in told
    assert "core.txt: cachecontrol is needed and not locked" in told  # by pip-audit, with an extra of its own
    assert "core.txt: filelock is needed and not locked" in told  # by that extra


def test_another_version_than_the_tested_one_is_told(monkeypatch, tmp_path):
    text = audit.TEST.read_text("utf-8")
    text = re.sub(r"^rich==\S+", "rich==14.0.0", text, flags=re.M)
    text = re.sub(r"^ruff==.*\n( .*\n)+", "", text, flags=re.M)
    (tmp_path / "test.txt").write_text(text, "utf-8")
    monkeypatch.setattr(audit, "TEST", tmp_path / "test.txt")
    rich, ruff = metadata.version("rich"), metadata.version("ruff")
    assert [*audit.whole()] == [f"test.txt: rich {rich} is what users get, and 14.0.0 is what is tested"]
    assert [*audit.installed(Path(sys.prefix), (audit.TEST,))] == [
        f".venv: rich is {rich}, locked 14.0.0",
        f".venv: ruff {ruff} {audit.STRAY}",
    ]


def used(folder: Path) -> set[str]:
    """The modules from elsewhere that the program in `folder` imports, or reads files of (`resources.files`)."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    found |= {each.name for each in names}
                case ast.ImportFrom(module=module, level=0):
                    found.add(module)
                case ast.Call(func=ast.Attribute(attr="files"), args=[ast.Constant(value=str(module))]):
                    found.add(module)
    return {each.partition(".")[0] for each in found} - sys.stdlib_module_names - {folder.name}


def undeclared(folder: Path) -> list[str]:
    """What the program in `folder` uses and pyproject.toml does not name, and what that names and it does not use."""
    declared = {canonicalize_name(Requirement(each).name) for each in locks.project()["dependencies"]}
    brings = metadata.packages_distributions()
    owners = {module: {canonicalize_name(name) for name in brings.get(module, ())} for module in used(folder)}
    strange = {module for module, names in owners.items() if not names & declared}
    return sorted(strange | declared.difference(*owners.values()))


def test_the_program_uses_what_it_declares_and_declares_what_it_uses(tmp_path):
    assert undeclared(ROOT / "scripts") == []
    spoilt = tmp_path / "scripts"
    spoilt.mkdir()
    for path in (ROOT / "scripts").rglob("*.py"):
        text = path.read_text("utf-8").replace("import yaml", "import httpx.tools")
        (spoilt / "-".join(path.relative_to(ROOT).parts)).write_text(text, "utf-8")
    assert undeclared(spoilt) == ["httpx", "pyyaml"]


# How it is fetched


def installing() -> Iterator[list[str]]:
    """Each command of the Makefile and the Dockerfile by which pip installs anything, as it is run."""
    for target in (".venv/test", ".bench/ready", ".readers/ready"):
        result = bash(f"make --dry-run --always-make {target}", ROOT)
        assert result.returncode == 0, result
        yield from (line.split() for line in result.stdout.splitlines() if re.search(r"\bpip install\b", line))
    for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines():
        yield from (part.split() for part in line.rstrip("\\").split("&&") if "pip install" in part)


def test_pip_takes_only_what_is_locked_and_builds_only_with_what_is_locked():
    """What builds a package is fetched by pip itself, without a hash, unless it is told not to."""
    commands = [*installing()]
    taken = {command[command.index("-r") + 1] for command in commands if "-r" in command}
    assert taken == {f"requirements/{lock.name}" for lock in LOCKS}
    assert any("--no-binary" in command for command in commands)
    for command in commands:
        if "-r" in command:
            assert set(command) >= BUILDS_NOTHING and command[command.index("--only-binary") + 1] == ":all:", command
            assert Path(command[command.index("-r") + 1]).parent.name == "requirements"
        else:  # the project itself
            assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(command) and command[-1] == ".", command
        assert "--no-binary" not in command or "--no-build-isolation" in command, command
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        assert not re.search(r"\b(pip3? install|pipx|uvx|npm|npx|curl|wget)\b", workflow.read_text("utf-8")), workflow


def namespace() -> list[str]:
    """What runs a command without a network; nothing where this machine does not let us."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []
    except FileNotFoundError:
        return []


def test_nothing_is_fetched_at_run_time(tmp_path, figure):
    """With no network, build, check, export and serve do what they do, and ask for no address at all."""
    alone = namespace()
    command = [*alone, sys.executable, ROOT / "tests/stress/offline.py", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [], "addresses were asked for"
    where = (
        "with no network but the loopback" if alone else "WITH THE NETWORK THERE, since no namespace is allowed here"
    )
    figure(f"build, check, export and serve {where}: no address asked for")


def test_whoever_asks_for_an_address_is_noted(tmp_path):
    """Of what the test before relies on."""
    program = "import socket\nsocket.socket().connect_ex(('127.0.0.1', 9))\nsocket.getaddrinfo('localhost', 80)"
    result = subprocess.run([sys.executable, "-c", program], env=environment(tmp_path), capture_output=True)
    assert result.returncode == 0, result
    assert noted(tmp_path) == ["'localhost'", "('127.0.0.1', 9)"]


# Holes that are known


def asked(monkeypatch, around: dict[str, str]) -> list[str]:
    """What the audit tells of holes in build.txt, with the index of these surroundings."""
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    return [*audit.holes([audit.BUILD])]


HOLE = {
    "id": "PYSEC-0000-1",
    "aliases": [],
    "summary": "It has a hole.",
    "details": "It has a hole.",
    "fixed_in": ["99.0"],
    "withdrawn": None,
    "published": "2026-01-01T00:00:00Z",
}


def test_a_known_hole_is_told(monkeypatch, tmp_path, capsys):
    """pip-audit itself asks, over HTTPS; what it asks is an index that is played here."""
    version = {pin.name: pin.version for pin in locks.pins(audit.BUILD)}

    def answer(name, asked_for):
        assert version[name] == asked_for
        return {"vulnerabilities": [HOLE] if name == "setuptools" else []}

    with index(tmp_path, answer) as around:
        told = asked(monkeypatch, around)
    assert told == [f"build.txt: setuptools {version['setuptools']} has PYSEC-0000-1, mended in 99.0"]
    assert "holes: 2 of build.txt asked for, 1 known" in capsys.readouterr().out


def test_a_package_that_is_gone_is_told(monkeypatch, tmp_path):
    with index(tmp_path, lambda name, version: {"vulnerabilities": []} if name == "setuptools" else None) as around:
        assert asked(monkeypatch, around) == ["build.txt: flit-core is not known to the index any more"]


def test_an_index_that_knows_nothing_is_not_taken_for_no_holes(monkeypatch, tmp_path):
    with index(tmp_path, lambda name, version: None) as around, pytest.raises(audit.NotAsked, match="knows nothing"):
        asked(monkeypatch, around)


@pytest.mark.parametrize("options, status", [([], 0), (["--strict"], 1)])
def test_where_nobody_can_be_asked_that_is_said_aloud(monkeypatch, tmp_path, capsys, options, status):
    for name, value in asking(tmp_path, 9).items():  # nobody listens there
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(audit, "ENVIRONMENTS", {})  # they are asked above
    with pytest.raises(SystemExit) as ended:
        audit.main(bool(options))
    assert ended.value.code == status
    told = capsys.readouterr()
    assert "holes: NOT CHECKED." in told.out and "Connection refused" in told.out
    assert told.err == ("holes: not checked\n" if status else "")


# What it is under


def test_every_licence_goes_with_ours(figure):
    assert [*audit.licences(TOLD)] == []
    core = locks.pins(audit.CORE)
    figure(
        f"{len(core)} packages that users get, under licences that go with MIT; {len(TOLD['decided'])} decided by a person"
    )


@pytest.mark.parametrize(
    "part, change, told",
    [
        ("decided", {"pycountry": None}, "pycountry: LGPL-2.1-only is not accepted by itself"),
        ("decided", {"click-default-group": None}, "click-default-group: does not say in SPDX"),
        ("decided", {"text-unidecode": None}, "text-unidecode: does not say in SPDX"),
        (
            "decided",
            {"aiofiles": {"licence": "MIT"}},
            "aiofiles: says itself that it is under Apache-2.0, decided is MIT",
        ),
        ("decided", {"pytest": {"licence": "MIT"}}, "licences.toml: pytest is not locked any more"),
        ("accepted", {"0BSD": None}, "chardet: 0BSD is not accepted by itself"),
        ("accepted", {"LicenseRef-public-domain": None}, "licences.toml: land.svg: LicenseRef-public-domain is not"),
    ],
)
def test_a_licence_that_nobody_decided_on_is_told(part, change, told):
    spoilt = {name: value for name, value in (TOLD[part] | change).items() if value is not None}
    (found,) = audit.licences(TOLD | {part: spoilt})
    assert found.startswith(told)


@pytest.mark.parametrize(
    "terms, can",
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (ISC OR GPL-3.0-only)", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("LicenseRef-Proprietary", False),
    ],
)
def test_which_terms_can_be_met(terms, can):
    assert audit.accepted(terms, TOLD["accepted"]) is can


def test_what_the_site_brings_from_elsewhere_is_told():
    """What the pages load of Datasette's files under a version of its own, and files of ours that name a right."""
    static = Path(find_spec("datasette").origin).parent / "static"
    templates = "".join(path.read_text("utf-8") for path in (ROOT / "scripts/site/templates").iterdir())
    loaded = set(re.findall(r"urls\.static\(['\"]([^'\"]+)", templates))
    assert loaded and all((static / name).is_file() for name in loaded)
    versioned = {f"datasette/static/{name}" for name in loaded if re.search(r"-\d+\.\d", name)}
    foreign = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "scripts/site/static").iterdir()
        if re.search(r"licen[cs]e|copyright|public domain|©", path.read_text("utf-8"), re.I)
    }
    assert {file for each in TOLD["bundled"] for file in each["files"]} == versioned | foreign
    for each in TOLD["bundled"]:
        assert all(each["version"] in file for file in each["files"] if "version" in each)


# The bill of materials


def written(folder: Path, **around: str) -> bytes:
    """The bill of materials as `sbom.py` writes it in these surroundings."""
    command = [sys.executable, ROOT / "requirements/sbom.py", folder / "bill.json"]
    result = subprocess.run(command, cwd=folder, env=os.environ | around, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return (folder / "bill.json").read_bytes()


@pytest.fixture(scope="module")
def bill(tmp_path_factory) -> bytes:
    return written(tmp_path_factory.mktemp("bill"), PYTHONHASHSEED="1")


def test_the_bill_is_the_same_anywhere(bill, tmp_path):
    assert written(tmp_path, PYTHONHASHSEED="2", TZ="Asia/Kathmandu", LC_ALL="C", SOURCE_DATE_EPOCH="1") == bill


def test_the_bill_is_valid_and_can_be_read(bill):
    text = bill.decode()
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert JsonV1Dot6(Bom.from_json(json.loads(text))).output_as_string(indent=2) + "\n" == text
    for good, bad in (
        ('"MIT"', '"MIT-ish"'),
        ('"SHA-256"', '"SHA-257"'),
        ('"bom-ref"', '"bom_ref"'),
        ("urn:uuid:", ""),
    ):
        assert good in text and validator.validate_str(text.replace(good, bad, 1)) is not None, bad


def test_the_bill_lists_what_is_locked_and_bundled(bill, figure):
    told = json.loads(bill)
    package = json.loads((ROOT / "datapackage.json").read_text("utf-8"))
    root = told["metadata"]["component"]
    assert (root["name"], root["version"]) == (package["name"], package["version"])
    assert root["licenses"][0]["expression"] == "CC-BY-4.0 AND MIT"
    assert told["metadata"]["timestamp"].startswith(package["created"].removesuffix("Z"))
    libraries = {each["name"]: each for each in told["components"] if each["type"] == "library"}
    core = locks.pins(audit.CORE)
    assert libraries.keys() == {pin.name for pin in core}
    for pin in core:
        each = libraries[pin.name]
        assert each["purl"] == f"pkg:pypi/{pin.name}@{pin.version}" and each["version"] == pin.version
        assert {hash["content"] for hash in each["externalReferences"][0]["hashes"]} == set(pin.hashes)
        assert each["licenses"]
    within = [each for part in told["components"] for each in part.get("components", ())]
    loose = [each for each in told["components"] if each["type"] != "library"]
    assert sorted(each["name"] for each in (*within, *loose)) == sorted(each["name"] for each in TOLD["bundled"])
    figure(f"bill of materials: {len(core)} packages, {len(within) + len(loose)} bundled, valid CycloneDX 1.6")


def test_the_bill_tells_what_needs_what(bill):
    told = json.loads(bill)
    needs = {each["ref"]: each.get("dependsOn", []) for each in told["dependencies"]}
    reached, waiting = set(), [told["metadata"]["component"]["bom-ref"]]
    while waiting:
        reached |= {(ref := waiting.pop())}
        waiting += [each for each in needs[ref] if each not in reached]
    excluded = {each["bom-ref"] for each in told["components"] if each.get("scope") == "excluded"}
    assert reached | excluded >= {each["bom-ref"] for each in told["components"]} and not reached & excluded
    assert {ref.partition("@")[0] for ref in excluded} == {"pkg:pypi/flit-core"}  # what builds the package
    requires = metadata.requires("datasette")
    (datasette,) = (refs for ref, refs in needs.items() if ref.startswith("pkg:pypi/datasette@"))
    direct = {canonicalize_name(each.name) for each in map(Requirement, requires) if not each.marker}
    assert {re.search("/(.+)@", ref)[1] for ref in datasette} >= direct != set()
