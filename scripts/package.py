"""A package: its declaration read and found sound, or everything that is wrong in it told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath

import polars as pl

from . import journal, jsonlines
from .dates import EDTF, derived_names
from .descriptor import POLARS_TYPES, Descriptor, ForeignKey, Rule, Schema
from .faults import validated
from .problem import Broken, Problem, did_you_mean

DESCRIPTOR = "datapackage.json"
RECORDS = "records"  # all rows that have an id, see `database`
LINKS = "links"  # what refers to what, see `database`
READABLE = "_readable"  # behind a table's name: the view that shows labels for keys, see `labels`
# SQLite's own names, what the build makes beside the tables, and the tables that FTS5 makes behind an index.
_TAKEN = re.compile(f"^({RECORDS}|{LINKS})$|^sqlite_|{READABLE}$|_fts(_data|_idx|_docsize|_config|_content)?$")
# What SQLite takes: so many SELECTs in a UNION of all tables, so long an expression of all columns, and so deep
# and large a SELECT as that of a row's label.
_MOST_TABLES, _MOST_COLUMNS, _DEEPEST_LABEL, _LARGEST_LABEL = 400, 900, 8, 50


class Package:
    """A package whose declaration is sound.

    `folder` is where it lies, `descriptor` its `datapackage.json`, `resources` and `schemas` are
    keyed by table name, in the order of the descriptor. `seen` has each file's stamp, taken before
    it was read.
    """

    def __init__(self, folder: Path, descriptor: Descriptor, schemas: dict[str, Schema], seen: dict[str, tuple | None]):
        self.folder = folder
        self.descriptor = descriptor
        self.resources = {resource.name: resource for resource in descriptor.resources}
        self.schemas = schemas
        self._seen = seen

    def look(self, path: str) -> None:
        """Take the file's stamp anew, before it is read anew."""
        self._seen[path] = _stamp(self.folder / path)

    def refuse_changed(self, paths: Iterable[str] | None = None) -> None:
        """Raise `Broken` where one of the `paths`, all tables and schemas by default, is not the file that was read.

        What was read may then be of one state of the package in part and of another one.
        """
        for path in self._seen if paths is None else paths:
            if _stamp(self.folder / path) != self._seen.get(path):
                hint = "nothing was written; try again"
                raise Broken([Problem(path, "output", "was changed by somebody else meanwhile", hint=hint)])

    def rule_place(self, table: str, rule: Rule) -> tuple[str, int]:
        """File and line at which `rule` of `table` is declared: in the table's schema, or for many tables."""
        name, index = self.resources[table].schema_path, self.schemas[table].rules.index(rule)
        for number, common in enumerate(self.descriptor.rules):
            if common.id == rule.id and common.applies(self.schemas[table]):
                name, index = DESCRIPTOR, number
        return name, jsonlines.line_of((self.folder / name).read_text("utf-8"), ("rules", index))


def load(folder: Path) -> Package:
    """The package in `folder`, a change that was interrupted put back. Raises `Broken` with all that is wrong in its declaration."""
    journal.finish(folder)
    seen = {DESCRIPTOR: _stamp(folder / DESCRIPTOR)}
    value, text = jsonlines.read(folder / DESCRIPTOR, DESCRIPTOR)
    descriptor = validated(Descriptor, value, DESCRIPTOR, partial(jsonlines.line_of, text))
    problems = list(_path_problems(folder, descriptor, text))
    if problems:
        raise Broken(problems)
    for resource in descriptor.resources:
        seen |= {path: _stamp(folder / path) for path in (resource.path, resource.schema_path)}
    schemas: dict[str, Schema] = {}
    texts: dict[str, str] = {}
    for resource in descriptor.resources:
        name = resource.schema_path
        try:
            value, texts[resource.name] = jsonlines.read(folder / name, name)
            line_of = partial(jsonlines.line_of, texts[resource.name])
            schemas[resource.name] = validated(Schema, value, name, line_of)
        except Broken as broken:
            problems += broken.problems
    if not problems:
        problems = list(_schemas_problems(descriptor, schemas, texts))
        problems += _common_problems(descriptor, schemas, text)
    problems += _stray_files(folder, descriptor)
    if problems:
        raise Broken(problems)
    for name, schema in schemas.items():
        common = [rule.of(name) for rule in descriptor.rules if rule.applies(schema)]
        schemas[name] = schema.model_copy(update={"rules": [*schema.rules, *common]})
    return Package(folder, descriptor, schemas, seen)


def _stamp(file: Path) -> tuple | None:
    """What differs when the file is another one or was written to; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _schemas_problems(descriptor: Descriptor, schemas: dict[str, Schema], texts: dict[str, str]):
    """What is wrong in the schemas, each sound by itself and read from the JSON `texts`."""
    usual, domains = _usual(schemas), [domain.name for domain in descriptor.domains]
    files = {resource.name: resource.schema_path for resource in descriptor.resources}
    for table, file in files.items():
        for path, message, hint, *cause in (
            *_schema_problems(table, schemas, usual),
            *_role_problems(table, schemas, domains),
        ):
            line = jsonlines.line_of(texts[table], path)
            yield Problem(file, "declaration", message, line=line, hint=hint, cause=_cause(files, texts, *cause))


def _common_problems(descriptor: Descriptor, schemas: dict[str, Schema], text: str):
    """What is wrong with the rules that many tables have, each once, and not once for each table."""
    taken = {(table, rule.id) for table, schema in schemas.items() for rule in schema.rules}
    for index, rule in enumerate(descriptor.rules):
        tables = [table for table, schema in schemas.items() if rule.applies(schema)]
        found: dict[str, str | None] = {}
        for table in tables:
            found = dict(_rule_problems(schemas[table], rule)) | found
            if (table, rule.id) in taken:
                found[f"{table} has another rule {rule.id!r}"] = None
        if not tables:
            found[f"the rule {rule.id!r} is for tables with {', '.join(rule.columns)}, and there is none"] = None
        taken |= {(table, rule.id) for table in tables}
        line = jsonlines.line_of(text, ("rules", index))
        for message, hint in found.items():
            yield Problem(DESCRIPTOR, "declaration", message, line=line, hint=hint)


def _cause(
    files: dict[str, str], texts: dict[str, str], table: str | None = None, message: str = "", hint: str | None = None
) -> Problem | None:
    """The problem that several schemas may suffer from: in the schema of `table`, or where no table has that name."""
    if not message:
        return None
    if table not in files:
        return Problem(DESCRIPTOR, "declaration", message, hint=hint)
    return Problem(
        files[table], "declaration", message, line=jsonlines.line_of(texts[table], ("primaryKey",)), hint=hint
    )


def _usual(schemas: dict[str, Schema]) -> dict[str, str]:
    """For each column's name the first of the tables that declare it as most tables do."""
    tables: dict[str, dict[tuple, list[str]]] = {}
    for table, schema in schemas.items():
        for field in schema.fields:
            tables.setdefault(field.name, {}).setdefault(field.meaning, []).append(table)
    return {name: max(alike.values(), key=len)[0] for name, alike in tables.items()}


def _path_problems(folder: Path, descriptor: Descriptor, text: str):
    """Resources that name a file outside the package, or a name or file twice."""
    seen: dict[str, int] = {}
    if len(descriptor.resources) > _MOST_TABLES:
        message = f"the package has {len(descriptor.resources):,} tables"
        hint = f"the most is {_MOST_TABLES}: make several packages"
        yield Problem(DESCRIPTOR, "declaration", message, line=jsonlines.line_of(text, ("resources",)), hint=hint)
    for index, resource in enumerate(descriptor.resources):
        for key, path in (("path", resource.path), ("schema", resource.schema_path)):
            if not inside(folder, path):
                line = jsonlines.line_of(text, ("resources", index, key))
                hint = "give a relative path below the package's folder"
                message = f"{key} {path!r} leaves the package"
                yield Problem(DESCRIPTOR, "unsafe-path", message, line=line, value=path, hint=hint)
        if _TAKEN.search(resource.name):
            line = jsonlines.line_of(text, ("resources", index, "name"))
            message = f"no table can be called {resource.name!r}: the build or SQLite uses such names itself"
            hint = f"let it not begin with sqlite_, nor end with {READABLE} or _fts"
            yield Problem(DESCRIPTOR, "declaration", message, line=line, value=resource.name, hint=hint)
        for what in (resource.name, resource.path):
            if what in seen:
                line = jsonlines.line_of(text, ("resources", index))
                message = f"{what!r} is listed twice, here and as resource {seen[what] + 1}"
                yield Problem(DESCRIPTOR, "declaration", message, line=line, value=what)
            seen.setdefault(what, index)


def inside(folder: Path, path: str) -> bool:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path or "\0" in path:
        return False
    try:
        return (folder / path).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def _stray_files(folder: Path, descriptor: Descriptor):
    """Tables and schemas beside the listed ones that no resource lists, and folders in which that cannot be seen."""
    listed = {
        str(PurePosixPath(path)) for resource in descriptor.resources for path in (resource.path, resource.schema_path)
    }
    beside = {(str(PurePosixPath(path).parent), PurePosixPath(path).suffix) for path in listed}
    for parent, suffix in sorted(beside):
        try:
            there = sorted((folder / parent).iterdir()) if parent != "." and (folder / parent).is_dir() else []
        except OSError as error:
            yield Problem(parent, "unreadable-file", f"this folder cannot be read: {error.strerror}")
            there = []
        for file in there:
            name = str(PurePosixPath(parent) / file.name)
            if file.suffix == suffix and name not in listed:
                line = f'{{"name": "{file.stem}", "type": "table", "path": "tables/{file.stem}.csv", "schema": "schemas/{file.stem}.json", "encoding": "utf-8", "dialect": {{"delimiter": ","}}}}'
                yield Problem(
                    name, "unlisted-file", f"is not listed in {DESCRIPTOR}", hint=f"add to its resources: {line}"
                )


def _generated_names(schema: Schema) -> dict[str, str]:
    """The columns that the build adds to the table, each with the field that it derives from."""
    return {column: field.name for field in schema.fields if field.partial_date for column in derived_names(field.name)}


def _schema_problems(table: str, schemas: dict[str, Schema], usual: dict[str, str]):
    """What is wrong in a schema by itself and against the others: (JSON path, message, hint), and what may be its cause.

    `usual` has for each column's name a table that declares it as most do.
    """
    schema = schemas[table]
    names, generated = schema.names, _generated_names(schema)
    if len(names) + len(generated) > _MOST_COLUMNS:
        told = f"{len(names):,} columns" + (
            f", and {len(generated):,} that the build makes of them" if generated else ""
        )
        yield ("fields",), f"the table has {told}", f"the most is {_MOST_COLUMNS}: split the table"
        return
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ("fields", index), f"the field {name!r} is declared twice", None
        if name in ("rowid", f"{table}_fts"):
            yield (
                ("fields", index),
                f"no column of this table can be called {name!r}: SQLite uses that name itself",
                None,
            )
        if name in generated:
            yield ("fields", index), f"the build makes a column {name!r} itself, from {generated[name]!r}", None
    for key, name in _named_columns(schema):
        if name not in names:
            yield (key,), f"{key} names {name!r}, which is no field of this table", did_you_mean(name, names)
    for name in schema.primaryKey:
        if name in names and not schema.field(name).constraints.required:
            hint = 'add "required": true to its constraints'
            yield ("primaryKey",), f"the primary key's field {name!r} must be required", hint
    for index, key in enumerate(schema.foreignKeys):
        yield from (((("foreignKeys", index), *found)) for found in _foreign_key_problems(schema, key, schemas))
    for index, rule in enumerate(schema.rules):
        if rule.id in [other.id for other in schema.rules[:index]]:
            yield ("rules", index), f"the rule {rule.id!r} is declared twice", None
        yield from (((("rules", index), *found)) for found in _rule_problems(schema, rule))
    for index, field in enumerate(schema.fields):
        there = schemas[usual[field.name]].field(field.name)
        if differing := field.differs(there):
            hint = f"make its {differing} the same as in the other tables, or give the column another name"
            yield ("fields", index), f"the column {field.name!r} is declared otherwise in {usual[field.name]}", hint


def _named_columns(schema: Schema):
    """Each key of the schema that names columns, with each column that it names."""
    about = [schema.about.table, schema.about.row, schema.about.name] if schema.about else []
    for key, columns in (
        ("primaryKey", schema.primaryKey),
        ("facets", schema.facets),
        ("label", schema.label),
        ("when", schema.when),
        ("where", [schema.where]),
        ("country", [schema.country]),
        ("about", about),
    ):
        yield from ((key, name) for name in columns if name is not None)


def _role_problems(table: str, schemas: dict[str, Schema], domains: list[str]):
    """What is wrong in the parts that a schema gives its columns for a reader: (JSON path, message, hint)."""
    schema = schemas[table]
    if schema.domain and schema.domain not in domains:
        hint = did_you_mean(schema.domain, domains) or f"domains: {', '.join(domains)}"
        yield ("domain",), f"{DESCRIPTOR} declares no domain {schema.domain!r}", hint
    for name in schema.when:
        if name in schema.names and not (schema.field(name).partial_date or schema.field(name).type == "date"):
            yield ("when",), f"when names {name!r}, which holds no dates", f'give it "rdfType": "{EDTF}"'
    for key, name in (("where", schema.where), ("country", schema.country)):
        if name in schema.names and name not in schema.targets:
            yield (key,), f"{key} names {name!r}, which is no foreign key", None
        elif name in schema.targets:
            first = next(each for each in schemas.values() if getattr(each, key) in each.targets)
            other = first.targets[getattr(first, key)].resource
            if schema.targets[name].resource != other:
                yield (key,), f"{key} refers to {schema.targets[name].resource}, in other tables to {other}", None
    if circle := _label_circle(table, schemas):
        yield ("label",), f"the labels go in a circle: {' → '.join(circle)}", "leave one of these keys out of its label"
    elif (too_large := _label_too_large(table, schemas)) and not any(_label_circle(each, schemas) for each in schemas):
        yield ("label",), f"the label {too_large}", "leave a key out of it, or out of the label that it leads to"


def _label_targets(table: str, schemas: dict[str, Schema]) -> list[str]:
    """The tables whose labels are parts of the label of `table`."""
    schema = schemas.get(table)
    return [schema.targets[each].resource for each in schema.label if each in schema.targets] if schema else []


def _label_circle(table: str, schemas: dict[str, Schema]) -> tuple[str, ...] | None:
    """The tables through which the label of `table` comes back to itself, by the shortest way, if it does."""
    ways, seen = [(table,)], set()
    for way in ways:
        for target in _label_targets(way[-1], schemas):
            if target == table:
                return (*way, table)
            if target not in seen:
                seen.add(target)
                ways.append((*way, target))
    return None


def _label_too_large(table: str, schemas: dict[str, Schema]) -> str | None:
    """What is too large of a label that goes in no circle: the tables that it leads through, or its parts."""
    parts, level = 0, [table]
    for _ in range(_DEEPEST_LABEL):
        parts += sum(len(schemas[each].label) for each in level if each in schemas)
        if parts > _LARGEST_LABEL:
            return f"has more than {_LARGEST_LABEL} parts, with those of the rows that it names"
        level = [target for each in level for target in _label_targets(each, schemas)]
    return f"leads through more than {_DEEPEST_LABEL} tables, one after another" if level else None


def _foreign_key_problems(schema: Schema, key: ForeignKey, schemas: dict[str, Schema]):
    target = schemas.get(key.reference.resource)
    if key.column not in schema.names:
        yield (
            f"the foreign key's field {key.column!r} is no field of this table",
            did_you_mean(key.column, schema.names),
        )
    elif target is None:
        other, near = key.reference.resource, did_you_mean(key.reference.resource, schemas)
        message = f"the foreign key of {key.column!r} refers to {other!r}, which is no table of the package"
        yield message, near, other, f"no resource is called {other!r}, to which foreign keys refer", near
    elif target.primaryKey[0] not in target.names:
        return  # told of that table
    elif key.reference.fields != target.primaryKey:
        other, wanted = key.reference.resource, ", ".join(target.primaryKey)
        message = f"the foreign key of {key.column!r} must refer to the primary key of {other}, {wanted}"
        told = f"the primary key {wanted} is not what the foreign keys of other tables refer to"
        yield message, f"write {wanted!r}", other, told, f"they refer to {key.reference.fields[0]!r}"
    elif target.field(target.primaryKey[0]).type != schema.field(key.column).type:
        yield f"{key.column!r} and the key that it refers to have different types", None


def _rule_problems(schema: Schema, rule: Rule):
    if rule.column and rule.column not in schema.names:
        yield (
            f"the rule {rule.id!r} points at {rule.column!r}, which is no field of this table",
            did_you_mean(rule.column, schema.names),
        )
    for name in rule.bad_example:
        if name not in schema.names:
            yield (
                f"the bad example of rule {rule.id!r} has {name!r}, which is no field of this table",
                did_you_mean(name, schema.names),
            )
    if rule.check:
        yield from _check_problems(schema, rule)


def _check_problems(schema: Schema, rule: Rule):
    """Try a row rule on two rows of nulls: it must parse, know its columns and give a truth value for each."""
    nothing = pl.DataFrame(
        {field.name: pl.Series([None, None], dtype=POLARS_TYPES[field.type]) for field in schema.fields}
    )
    try:
        result = nothing.select(pl.sql_expr(rule.check).alias("result"))
    except pl.exceptions.PolarsError as error:
        yield f"the rule {rule.id!r} is not a valid SQL expression: {str(error).splitlines()[0]}", None
        return
    if result.schema["result"] not in (pl.Boolean, pl.Null) or result.height != 2:
        yield f"the rule {rule.id!r} must give true or false for each row", None
    for name in rule.placeholders:
        if name not in schema.names:
            yield (
                f"the message of rule {rule.id!r} names {name!r}, which is no field of this table",
                did_you_mean(name, schema.names),
            )
