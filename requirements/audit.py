"""Tell what is wrong with what is locked: `audit.py`, by `make audit`.

Is what is locked what is asked for, does it fit together, and is it what is installed? May it all stand beside a
program under MIT? Is a hole known in any of it? Ends with status 1 where something is wrong. Holes are asked for at
the index, over the network; where that does not answer it is told in capitals and is no mistake, but with `--strict`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import locks
from license_expression import Licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CORE, TEST, BUILD, BENCH, READERS = (
    locks.HERE / f"{name}.txt" for name in ("core", "test", "build", "bench", "readers")
)
ENVIRONMENTS = {".venv": (TEST,), ".bench": (BUILD, BENCH), ".readers": (BUILD, READERS)}  # and what they are made of
STRAY = "is not locked; make clean, and make it anew"
OWN = {"pip", "setuptools", locks.project()["name"]}  # what Python and `make` put there beside it


class NotAsked(Exception):
    """Nobody could be asked for known holes; says why."""


def main(strict: bool) -> None:
    """Print what was looked at, and what is wrong."""
    wrong = [*asked(), *whole()]
    for environment, made_of in ENVIRONMENTS.items():
        wrong += installed(locks.ROOT / environment, made_of)
    wrong += licences(tomllib.loads(locks.LICENCES.read_text("utf-8")))
    try:
        wrong += holes([BUILD, TEST, BENCH, READERS])  # the shortest first, in case nobody answers
    except NotAsked as reason:
        print(f"holes: NOT CHECKED. Nobody knows now whether a hole is known in what is locked: {reason}")
        wrong += ["holes: not checked"] if strict else []
    for each in wrong:
        print(each, file=sys.stderr)
    sys.exit(bool(wrong))


def asked() -> Iterator[str]:
    """What is asked for, in pyproject.toml and the .in files, and not locked so."""
    project = locks.project()
    wanted = {CORE: project["dependencies"], TEST: project["dependencies"] + project["optional-dependencies"]["test"]}
    for lock in (BUILD, BENCH, READERS):
        lines = lock.with_suffix(".in").read_text("utf-8").splitlines()
        wanted[lock] = [line.partition("#")[0] for line in lines if line[:1].isalnum()]
    for lock, requirements in wanted.items():
        pinned = {pin.name: pin.version for pin in locks.pins(lock) if pin.here}
        for each in map(Requirement, requirements):
            found = pinned.get(canonicalize_name(each.name))
            if not found or not each.specifier.contains(found, prereleases=True):
                yield f"{lock.name}: {each} is asked for, and {found or 'nothing'} is locked"
        print(f"versions: {lock.name} locks {len(pinned)}")


def whole() -> Iterator[str]:
    """What the program needs and core.txt lacks, or test.txt has in another version, with which it is then tested."""
    core, test = ({pin.name: pin.version for pin in locks.pins(lock)} for lock in (CORE, TEST))
    needed = locks.needs(map(Requirement, locks.project()["dependencies"]))
    yield from (f"core.txt: {name} is needed and not locked" for name in sorted(needed.keys() - core.keys()))
    for name in sorted(core):
        if test.get(name) != core[name]:
            yield f"test.txt: {name} {core[name]} is what users get, and {test.get(name)} is what is tested"


def installed(environment: Path, made_of: tuple[Path, ...]) -> Iterator[str]:
    """What in the environment is not of the version that the lock files give it, or does not fit the rest."""
    pip = [environment / "bin/python", "-m", "pip", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run([*pip, "list", "--format", "json"], capture_output=True, check=True).stdout)
    there = {canonicalize_name(each["name"]): each["version"] for each in listed}
    pinned = {pin.name: pin.version for lock in made_of for pin in locks.pins(lock) if pin.here}
    for name in sorted(pinned):
        if there.get(name) != pinned[name]:
            yield f"{environment.name}: {name} is {there.get(name, 'missing')}, locked {pinned[name]}"
    for name in sorted(there.keys() - pinned.keys() - OWN):  # pip takes nothing away that was locked once
        yield f"{environment.name}: {name} {there[name]} {STRAY}"
    fits = subprocess.run([*pip, "check"], capture_output=True, text=True)
    if fits.returncode:
        yield from (f"{environment.name}: {line}" for line in (fits.stdout + fits.stderr).splitlines())


def licences(told: dict) -> Iterator[str]:
    """What users get and may not stand beside a program under MIT, as far as licences.toml, which is `told`, knows."""
    names = [pin.name for pin in locks.pins(CORE) if pin.here]
    found = Counter()
    for name in names:
        stated = locks.stated_licence(name, told["classifiers"])
        decided = told["decided"].get(name, {}).get("licence")
        if decided and stated and stated != decided:
            yield f"{name}: says itself that it is under {stated}, decided is {decided}"
        elif not decided and not stated:
            yield f"{name}: does not say in SPDX what it is under; read its licence file, and decide in licences.toml"
        elif not decided and not accepted(stated, told["accepted"]):
            yield f"{name}: {stated} is not accepted by itself; decide in licences.toml"
        found[decided or stated] += 1
    yield from (f"licences.toml: {name} is not locked any more" for name in sorted(told["decided"].keys() - set(names)))
    for each in told["bundled"]:
        if not accepted(each["licence"], told["accepted"]):
            yield f"licences.toml: {each['name']}: {each['licence']} is not accepted"
    kinds = ", ".join(f"{terms} {number}" for terms, number in found.most_common())
    print(f"licences: {len(names)} packages: {kinds}; decided by a person: {', '.join(sorted(told['decided']))}")


def accepted(terms: str, ids: dict[str, str]) -> bool:
    """Whether the SPDX expression can be met with the licences of these `ids` alone."""
    licensing = Licensing()
    parsed = licensing.parse(terms)
    met = {each: licensing.TRUE if str(each) in ids else licensing.FALSE for each in parsed.get_symbols()}
    return parsed.subs(met, simplify=True) == licensing.TRUE


def holes(files: list[Path]) -> Iterator[str]:
    """The known holes in what the lock `files` give this machine. Raises `NotAsked` where the index does not tell."""
    for lock in files:
        told = known(lock)
        unknown = [each["name"] for each in told if "skip_reason" in each]
        if len(unknown) == len(told):
            raise NotAsked(f"the index answers, but knows nothing of {lock.name}, {told[0]['skip_reason']!r}")
        yield from (f"{lock.name}: {name} is not known to the index any more" for name in unknown)
        found = [(each, hole) for each in told for hole in each.get("vulns", ())]
        for each, hole in found:
            better = ", ".join(hole["fix_versions"]) or "no version yet"
            yield f"{lock.name}: {each['name']} {each['version']} has {hole['id']}, mended in {better}"
        print(f"holes: {len(told) - len(unknown)} of {lock.name} asked for, {len(found)} known")


def known(lock: Path) -> list[dict]:
    """What pip-audit finds of each package that `lock` pins. Raises `NotAsked` where it finds out nothing."""
    command = [Path(sys.executable).with_name("pip-audit"), "--disable-pip", "--require-hashes", "--requirement", lock]
    options = ["--format", "json", "--progress-spinner", "off"]
    result = subprocess.run([*command, *options], capture_output=True, text=True)
    try:
        return json.loads(result.stdout)["dependencies"]
    except ValueError:
        raise NotAsked(result.stderr.strip().rpartition("\n")[2] or "pip-audit says nothing") from None


if __name__ == "__main__":
    main("--strict" in sys.argv[1:])
