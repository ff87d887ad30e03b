"""A small package of the same kind as the real one, for commands that are run some hundred times."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from conftest import ROOT

from scripts.package import DESCRIPTOR, load


def cut(folder: Path, tables: Iterable[str]) -> Path:
    """The real package cut down to `tables` and those that they refer to, in `folder`, which is made.

    Rules over several tables are left out, since they may read one that is not there; the row rules stay.
    """
    package = load(ROOT)
    kept = _with_targets(package.schemas, tables)
    content = json.loads((ROOT / DESCRIPTOR).read_text("utf-8"))
    content["resources"] = [each for each in content["resources"] if each["name"] in kept]
    used = {package.schemas[name].domain for name in kept}
    content["domains"] = [each for each in content["domains"] if each["name"] in used]
    schemas = [package.schemas[name] for name in kept]
    rules = zip(content["rules"], package.descriptor.rules)
    content["rules"] = [each for each, rule in rules if rule.check and any(map(rule.applies, schemas))]
    _write(folder / DESCRIPTOR, content)
    for resource in content["resources"]:
        schema = json.loads((ROOT / resource["schema"]).read_text("utf-8"))
        schema["rules"] = [rule for rule in schema.get("rules", []) if "check" in rule]
        _write(folder / resource["schema"], schema)
        (folder / resource["path"]).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / resource["path"], folder / resource["path"])
    return folder


def _with_targets(schemas: dict, tables: Iterable[str]) -> set[str]:
    kept, waiting = set(), set(tables)
    while waiting:
        name = waiting.pop()
        kept.add(name)
        waiting |= {key.reference.resource for key in schemas[name].foreignKeys} - kept
    return kept


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
