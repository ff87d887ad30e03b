"""What the lock files beside this module pin, and what the installed packages say of themselves.

A lock file is a requirements file of pip's in which each line is one exact version with the hashes of its files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pip_requirements_parser import InstallRequirement, RequirementsFile

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LICENCES = HERE / "licences.toml"


@dataclass(frozen=True)
class Pin:
    """A package's exact version, the SHA-256 of each of its files, and whether this machine and Python get it."""

    name: str
    version: str
    hashes: tuple[str, ...]
    here: bool


def pins(lock: Path) -> list[Pin]:
    """What `lock` pins, in its order. Raises `ValueError` for whatever in it is no exact version with hashes."""
    read = RequirementsFile.from_file(str(lock))
    for strange in (*read.options, *read.invalid_lines):
        raise ValueError(f"{lock.name}: {strange.line!r} is no requirement")
    found = []
    for each in read.requirements:
        hashes = tuple(told.removeprefix("sha256:") for told in each.hash_options if told.startswith("sha256:"))
        if not exact(each) or not hashes or len(hashes) < len(each.hash_options):
            raise ValueError(f"{lock.name}: {each.line!r} is no exact version with its SHA-256")
        here = each.marker is None or each.marker.evaluate()
        found.append(Pin(canonicalize_name(each.name), each.get_pinned_version, hashes, here))
    return found


def exact(requirement: InstallRequirement) -> bool:
    """Whether it is one version of a package, to be found in the index."""
    if requirement.link or requirement.is_editable or not requirement.is_pinned:
        return False
    return not requirement.get_pinned_version.endswith(".*")


def project() -> dict:
    """What pyproject.toml says of the project."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def needs(wanted: Iterable[Requirement]) -> dict[str, set[str]]:
    """All that `wanted` needs here, by name: what each needs itself, as the installed packages tell.

    Raises `importlib.metadata.PackageNotFoundError` where one is not installed.
    """
    found: dict[str, set[str]] = {}
    extras: dict[str, set[str]] = {}
    waiting = list(wanted)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found and requirement.extras <= extras[name]:
            continue
        extras[name] = extras.get(name, set()) | requirement.extras
        applying = [
            each
            for each in map(Requirement, metadata.requires(name) or ())
            if not each.marker or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras[name]))
        ]
        found[name] = {canonicalize_name(each.name) for each in applying}
        waiting += applying
    return found


def stated_licence(name: str, classifiers: dict[str, str]) -> str | None:
    """The licence of the installed package as it says itself, as an SPDX expression; None where it does not.

    `classifiers` are those that mean one licence, with its id.
    """
    about = metadata.metadata(name)
    meant = {classifiers.get(each, "") for each in about.get_all("Classifier", []) if each.startswith("License ::")}
    for told in (about["License-Expression"], about["License"], *(meant if len(meant) == 1 else ())):
        try:
            return canonicalize_license_expression(told or "")
        except InvalidLicenseExpression:
            continue
    return None
