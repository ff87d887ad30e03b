"""Write what a release is made of as a CycloneDX 1.6 bill of materials: `sbom.py FILE`.

It lists what requirements/core.txt locks, with the hashes that pip holds each file to, and what licences.toml
tells to be bundled; its root is the data package with its program. The same tree with the same versions installed
gives the same bytes: the moment is that of the package, the serial number follows from all the rest. It is about
the program, so it goes with a release and not into an export: whoever reads the data runs none of it.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_OID, UUID, uuid5

import locks
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.contact import OrganizationalContact
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.atomic import replacing
from scripts.package import load

DECLARED, CONCLUDED = LicenseAcknowledgement.DECLARED, LicenseAcknowledgement.CONCLUDED
TOOL = "cyclonedx-python-lib"


def main(output: Path) -> None:
    """Write the bill of materials to `output`, or end with what is wrong with it."""
    text = JsonV1Dot6(bill()).output_as_string(indent=2) + "\n"
    if mistake := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"the bill of materials is not valid: {mistake}")
    with replacing(output) as file:
        file.write_text(text, "utf-8", newline="\n")
    print(f"wrote {output}")


def bill() -> Bom:
    """The bill of materials of the tree."""
    told = tomllib.loads(locks.LICENCES.read_text("utf-8"))
    wanted = list(map(Requirement, locks.project()["dependencies"]))
    needed = locks.needs(wanted)
    parts = {pin.name: package(pin, needed, told) for pin in locks.pins(locks.HERE / "core.txt")}
    loose = []
    for each in told["bundled"]:
        (parts[each["within"]].components.add if "within" in each else loose.append)(bundled(each))
    bom = Bom(components=[*parts.values(), *loose], metadata=about())
    direct = [parts[canonicalize_name(each.name)] for each in wanted]
    bom.register_dependency(bom.metadata.component, [*direct, *loose])
    for name, part in parts.items():
        bom.register_dependency(part, [parts[each] for each in needed.get(name, ())])
    bom.serial_number = UUID(int=0)
    bom.serial_number = uuid5(NAMESPACE_OID, JsonV1Dot6(bom).output_as_string())
    return bom


def about() -> BomMetaData:
    """Whose bill it is, of which moment, by which tool."""
    declared = load(locks.ROOT).descriptor
    terms = " AND ".join(sorted({locks.project()["license"], *(each.name for each in declared.licenses if each.name)}))
    return BomMetaData(
        timestamp=declared.moment,
        authors=[OrganizationalContact(name=each.name) for each in declared.creators],
        tools=ToolRepository(components=[Component(name=TOOL, version=metadata.version(TOOL))]),
        component=Component(
            type=ComponentType.APPLICATION,
            bom_ref=declared.name,
            name=declared.name,
            version=declared.version,
            description=declared.description,
            licenses=licences(terms, DECLARED),
            purl=PackageURL("generic", name=declared.name, version=declared.version),
        ),
    )


def package(pin: locks.Pin, needed: Iterable[str], told: dict) -> Component:
    """A package that is locked; `excluded` where it is none of the `needed`, but builds this one.

    Its files' hashes stand beside its name in the index: they are of several files, of which a machine takes one.
    """
    purl = PackageURL("pypi", name=pin.name, version=pin.version)
    decided = told["decided"].get(pin.name)
    stated = locks.stated_licence(pin.name, told["classifiers"]) if pin.here else None
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pin.hashes]
    files = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(purl)), hashes=hashes)
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        name=pin.name,
        version=pin.version,
        scope=ComponentScope.REQUIRED if pin.name in needed else ComponentScope.EXCLUDED,
        purl=purl,
        licenses=licences(stated, DECLARED) if stated else licences(decided and decided["licence"], CONCLUDED),
        external_references=[files],
    )


def bundled(told: dict) -> Component:
    """What licences.toml tells to be bundled: a library within a package, or a file of the tree."""
    within = "within" in told
    digests = [] if within else [sha256((locks.ROOT / file).read_bytes()).hexdigest() for file in told["files"]]
    return Component(
        type=ComponentType.LIBRARY if within else ComponentType.FILE,
        bom_ref=told.get("purl") or told["name"],
        name=told["name"],
        version=told.get("version"),
        description=told["what"],
        purl=PackageURL.from_string(told["purl"]) if "purl" in told else None,
        licenses=licences(told["licence"], CONCLUDED),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in digests],
    )


def licences(terms: str | None, how: LicenseAcknowledgement) -> list[License]:
    """The SPDX expression as CycloneDX has it."""
    return [LicenseFactory().make_from_string(terms, license_acknowledgement=how)] if terms else []


if __name__ == "__main__":
    main(Path(sys.argv[1]))
