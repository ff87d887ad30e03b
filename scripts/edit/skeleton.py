"""A new table: a schema to begin with, an empty CSV file and its line in the descriptor.

Columns that the package has already are declared as its schemas declare them, with their keys, so that
columns of one name mean one thing. Nothing here knows which columns those are.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from .. import jsonlines
from ..dates import EDTF, PATTERN
from ..package import DESCRIPTOR, Package
from ..problem import Broken, Problem, nearest
from .changes import Change

PARTIAL_DATE = "partial_date"
TYPES = ("string", "integer", "number", "boolean", "date", "year", PARTIAL_DATE)
_NAME = re.compile("[a-z][a-z0-9_]*")
_LONGEST = 31  # characters, as a sheet of Excel's can be called, which every table becomes
_Schemas = dict[str, dict]  # the package's schemas as written, by table


def new_table(
    package: Package,
    name: str,
    title: str | None = None,
    description: str | None = None,
    domain: str | None = None,
    columns: Iterable[str] = (),
) -> Change:
    """The change that adds a table called `name`, with `columns` given as NAME:TYPE, a type or a table to refer to.

    Raises `Broken` where a name is taken or is none, or a type or domain is not known.
    """
    asked = list(_columns(package, columns))
    domains = [each.name for each in package.descriptor.domains]
    problems = [*_name_problems(package, name), *(each for each in asked if isinstance(each, Problem))]
    if domain and domain not in domains:
        problems.append(_problem(f"there is no domain {domain!r} in the package", domain, domains))
    if problems:
        raise Broken(problems)
    schemas = {
        table: jsonlines.read(package.folder / resource.schema_path, resource.schema_path)[0]
        for table, resource in package.resources.items()
    }
    schema = _schema(schemas, name, asked)
    schema["title"] = title or _words(name).capitalize()
    schema["description"] = description or f"One row a {_words(_singular(name))}."
    if domain:
        schema["domain"] = domain
    text, path, schema_path = _with_resource(package, name)
    header = ",".join(field["name"] for field in schema["fields"])
    ordered = {key: schema[key] for key in _KEYS if key in schema}
    return Change(
        package,
        {
            schema_path: (json.dumps(ordered, ensure_ascii=False, indent=2) + "\n").encode(),
            path: f"{header}\n".encode(),
            DESCRIPTOR: text.encode(),
        },
    )


_KEYS = ("$schema", "title", "description", "domain", "label", "fields", "primaryKey", "foreignKeys")


def _columns(package: Package, columns: Iterable[str]) -> Iterator[tuple[str, str] | Problem]:
    """Each asked column's name and type, or what is wrong with it."""
    known = [*TYPES, *package.schemas]
    for column in columns:
        name, _, kind = column.partition(":")
        if not _NAME.fullmatch(name):
            yield _problem(f"{name!r} is no name for a column", name, [], "write it like opened_date:partial_date")
        elif kind not in known:
            yield _problem(f"{kind!r} is no type of a column and no table", kind, known, f"types: {', '.join(TYPES)}")
        else:
            yield name, kind


def _name_problems(package: Package, name: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield _problem(f"{name!r} is no name for a table", name, [], "small letters, digits and _, like legal_matters")
    elif len(name) > _LONGEST:
        hint = f"take one of at most {_LONGEST} characters, as every table becomes a sheet of Excel's"
        yield _problem(f"{name!r} is too long for a table's name", name, [], hint)
    elif name in package.resources:
        yield _problem(f"there is a table {name!r} already", name, [], f"add rows to it: prc-reach new {name}")
    else:
        _, path, schema_path = _with_resource(package, name)
        for each in (path, schema_path):
            if (package.folder / each).exists():
                yield Problem(each, "declaration", "is there already", hint="take another name, or remove the file")


def _problem(message: str, value: str, allowed: list[str], hint: str | None = None) -> Problem:
    near = nearest(value, allowed)
    hint = f"did you mean {near!r}?" if near else hint or f"there are: {', '.join(allowed)}"
    return Problem(DESCRIPTOR, "declaration", message, value=value, hint=hint)


def _schema(schemas: _Schemas, name: str, asked: list[tuple[str, str]]) -> dict:
    """The schema without its words: the columns of the table's own, then those that most tables have."""
    key = f"{_singular(name)}_id"
    label = _most(Counter(each for schema in schemas.values() if isinstance(each := schema.get("label"), str)))
    usual = [column for column in _usual(schemas) if column not in (key, label)]
    kinds = {**({label: None} if label else {}), **dict(asked), **dict.fromkeys(usual)}
    fields, keys = [_id_field(schemas, key)], []
    for column, kind in kinds.items():
        if column == key:
            continue
        if known := [(table, field) for table, field in _all_fields(schemas) if field["name"] == column]:
            fields.append(_alike(column, kind, [field for _, field in known]))
            keys += _usual_key(schemas, column, [table for table, _ in known])
        elif kind in schemas:
            fields.append(_field(column, "string") | _like_key(schemas[kind]))
            keys.append({"fields": column, "reference": {"resource": kind, "fields": schemas[kind]["primaryKey"]}})
        else:
            fields.append(_field(column, kind))
    schema = {"fields": fields, "primaryKey": key}
    if profile := _most(Counter(schema.get("$schema") for schema in schemas.values())):
        schema["$schema"] = profile
    if label:
        schema["label"] = label
    if keys:
        schema["foreignKeys"] = keys
    return schema


def _usual(schemas: _Schemas) -> list[str]:
    """The columns that more than half of the tables have, in the order in which they mostly stand."""
    places: dict[str, list[float]] = {}
    for schema in schemas.values():
        for index, field in enumerate(schema["fields"]):
            places.setdefault(field["name"], []).append(index - len(schema["fields"]))
    usual = [column for column, found in places.items() if len(found) * 2 > len(schemas)]
    return sorted(usual, key=lambda column: sorted(places[column])[len(places[column]) // 2])


def _all_fields(schemas: _Schemas) -> Iterator[tuple[str, dict]]:
    yield from ((table, field) for table, schema in schemas.items() for field in schema["fields"])


def _alike(column: str, kind: str | None, fields: list[dict]) -> dict:
    """The declaration of a column that most of these, its namesakes, have."""
    field = _most_alike(fields)
    has = PARTIAL_DATE if field.get("rdfType") == EDTF else field["type"]
    if kind in TYPES and kind != has:
        message = f"{column} is a {has} in other tables, and columns of one name mean one thing"
        raise Broken([_problem(message, kind, [], f"write {column}:{has}, or take another name")])
    return field


def _usual_key(schemas: _Schemas, column: str, tables: list[str]) -> list[dict]:
    """The foreign key that most of the tables with this column have for it, if most have one."""
    keys = [
        each
        for table in tables
        for each in schemas[table].get("foreignKeys", [])
        if column in (each["fields"], *each["fields"])
    ]
    return [_most_alike(keys)] if len(keys) * 2 > len(tables) else []


def _id_field(schemas: _Schemas, name: str) -> dict:
    """The table's own id, constrained as most ids of the package are."""
    own = [
        next(field for field in schema["fields"] if field["name"] == schema["primaryKey"])
        for schema in schemas.values()
        if isinstance(schema["primaryKey"], str)
    ]
    words = _words(name.removesuffix("_id"))
    usual = _most_alike([_like_key_field(field) for field in own]) if own else {"constraints": {"required": True}}
    usual["constraints"] = usual.get("constraints", {}) | {"required": True}
    return {"name": name, "type": "string", "description": f"The {words}'s id."} | usual


def _like_key(schema: dict) -> dict:
    """What a column that refers to this table takes over from its key."""
    field = next(
        field for field in schema["fields"] if [field["name"]] in (schema["primaryKey"], [schema["primaryKey"]])
    )
    return _like_key_field(field) | {
        "constraints": {
            key: value for key, value in field.get("constraints", {}).items() if key not in ("required", "unique")
        }
    }


def _like_key_field(field: dict) -> dict:
    return {key: field[key] for key in ("type", "bad_example", "constraints") if key in field}


def _field(name: str, kind: str) -> dict:
    field = {"name": name, "type": kind, "description": f"{_words(name).capitalize()}."}
    if kind == PARTIAL_DATE:
        field |= {"type": "string", "rdfType": EDTF, "constraints": {"pattern": PATTERN}}
    return field


def _with_resource(package: Package, name: str) -> tuple[str, str, str]:
    """The descriptor's text with a line for the new table, in the layout of the last one; the paths of its two files."""
    value, text = jsonlines.read(package.folder / DESCRIPTOR, DESCRIPTOR)
    last = value["resources"][-1]
    start, end = jsonlines.span_of(text, ("resources", len(value["resources"]) - 1))
    paths = {
        key: str(PurePosixPath(last[key]).with_name(name + PurePosixPath(last[key]).suffix))
        for key in ("path", "schema")
    }
    taken = {
        key: last[key]
        for key in ("name", "type", "path", "schema", "format", "mediatype", "encoding", "dialect")
        if key in last
    }
    line = json.dumps(taken | {"name": name} | paths, ensure_ascii=False)
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return f"{text[:end]},\n{before if before.isspace() else ''}{line}{text[end:]}", paths["path"], paths["schema"]


def _most(counted: Counter):
    return counted.most_common(1)[0][0] if counted else None


def _most_alike(values: list[dict]) -> dict:
    """The value that occurs most often; of equals the first."""
    return json.loads(_most(Counter(json.dumps(value, ensure_ascii=False) for value in values)))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _singular(name: str) -> str:
    """The singular of a table's name, by the regular plurals of English."""
    for plural, singular in (("people$", "person"), ("ies$", "y"), ("(ss|sh|ch|x|z)es$", r"\1"), ("([^s])s$", r"\1")):
        if re.search(plural, name):
            return re.sub(plural, singular, name)
    return name
