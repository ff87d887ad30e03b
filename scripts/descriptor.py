"""The language of the declaration: `datapackage.json` and `schemas/*.json`.

The models follow the Data Package and Table Schema standards (datapackage.org, version 2), with the
few custom keys that this project adds, and forbid every other key: a misspelt `constrains` is an
error here, where the standard's own tools would ignore it.
"""

from __future__ import annotations

import difflib
import re
import string
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic import Field as Key

from . import jsonlines
from .dates import EDTF
from .problem import Broken, Problem

DESCRIPTOR = "datapackage.json"
POLARS_TYPES = {
    "string": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "year": pl.Int64,
}
_ORDERED = ("minimum", "maximum")
_TEXTUAL = ("pattern", "minLength", "maxLength")

Text = Annotated[str, Key(min_length=1)]
TableName = Annotated[str, Key(pattern=r"^[a-z][a-z0-9_]*$")]
Names = Annotated[
    list[str], Key(min_length=1), BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


def _check_pattern(pattern: str) -> str:
    """Refuse what the engines would read differently: both must take the whole value or none."""
    try:
        re.compile(pattern)
        pl.Series([""]).str.contains(pattern)
    except (re.error, pl.exceptions.PolarsError) as error:
        raise ValueError(
            f"the pattern {pattern!r} is not a regular expression that both engines know: {str(error).splitlines()[0]}"
        ) from None
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"write the pattern {pattern!r} as ^…$, so that every tool matches the whole value")
    depth, bare = 0, re.sub(r"\\.|\[(\\.|[^\]])*\]", "", pattern)
    for character in bare:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            raise ValueError(f"put the alternatives of the pattern {pattern!r} in one group, ^(…|…)$")
    return pattern


Pattern = Annotated[str, AfterValidator(_check_pattern)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Constraints(_Model):
    """Constraints of Table Schema on the values of a field."""

    required: bool = False
    unique: bool = False
    enum: Annotated[list[str | int | float], Key(min_length=1)] | None = None
    pattern: Pattern | None = None
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    minLength: Annotated[int, Key(ge=0)] | None = None
    maxLength: Annotated[int, Key(ge=0)] | None = None


class Field(_Model):
    """A field of Table Schema, with the custom keys `unit`, `bad_example` and `codelist`."""

    name: TableName
    type: Literal["string", "integer", "number", "boolean", "date", "year"]
    description: Text
    title: Text | None = None
    format: Literal["default"] | None = None
    rdfType: Text | None = None
    trueValues: list[str] = ["true", "True", "TRUE", "1"]
    falseValues: list[str] = ["false", "False", "FALSE", "0"]
    unit: Text | None = None
    example: Text | None = None
    bad_example: Text | None = None
    codelist: Literal["ISO 3166-1 alpha-2", "ISO 3166-1 alpha-3", "ISO 4217", "ISO 639-1"] | None = None
    constraints: Constraints = Constraints()

    @property
    def partial_date(self) -> bool:
        """Whether the field holds partial dates (see `dates`)."""
        return self.rdfType == EDTF

    @property
    def meaning(self) -> tuple:
        """What must be alike in every table that has a column of this name."""
        return (
            self.type,
            self.rdfType,
            self.unit,
            self.codelist,
            self.constraints.model_copy(update={"required": False, "unique": False}),
        )

    @model_validator(mode="after")
    def _constraints_fit_the_type(self) -> Field:
        allowed = {"integer": _ORDERED, "number": _ORDERED, "date": _ORDERED, "year": _ORDERED, "string": _TEXTUAL}.get(
            self.type, ()
        )
        for name in (*_ORDERED, *_TEXTUAL):
            if getattr(self.constraints, name) is not None and name not in allowed:
                raise ValueError(f"a {self.type} field cannot have the constraint {name}")
        if self.codelist and self.type != "string":
            raise ValueError("only a string field can have a codelist")
        return self


class Reference(_Model):
    """The table and columns that a foreign key points at."""

    resource: TableName
    fields: Names


class ForeignKey(_Model):
    """A foreign key of Table Schema over one column."""

    fields: Annotated[Names, Key(max_length=1)]
    reference: Reference

    @property
    def column(self) -> str:
        return self.fields[0]


class Rule(_Model):
    """A rule in SQL: `check` over one row, or `select` over tables.

    `check` is a boolean expression, as in CHECK: a row for which it is false is a problem, unknown
    passes. `select` returns the offending rows, with at least the table's primary key. `message`
    may name any column of the row, or of the result, in braces. `bad_example` gives values that,
    put into a copy of one of the table's rows, break the rule.
    """

    id: Annotated[str, Key(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    check: Text | None = None
    select: Text | None = None
    column: str | None = None
    message: Text
    bad_example: dict[str, str | None] = {}

    @model_validator(mode="after")
    def _either(self) -> Rule:
        if (self.check is None) == (self.select is None):
            raise ValueError("a rule has either a check over one row or a select over tables")
        return self


class Schema(_Model):
    """A Table Schema, with the custom keys `label`, `facets` and `rules`."""

    profile: Text | None = Key(None, alias="$schema")
    title: Text
    description: Text
    label: str | None = None
    facets: list[str] = []
    fields: Annotated[list[Field], Key(min_length=1)]
    primaryKey: Names
    foreignKeys: list[ForeignKey] = []
    rules: list[Rule] = []

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [field.name for field in self.fields]

    def field(self, name: str) -> Field:
        """The field called `name`; KeyError where there is none."""
        return next(field for field in self.fields if field.name == name)


class License(_Model):
    name: Text | None = None
    title: Text | None = None
    path: Text | None = None


class Contributor(_Model):
    title: Text | None = None
    givenName: Text | None = None
    familyName: Text | None = None
    path: Text | None = None
    email: Text | None = None
    organization: Text | None = None
    roles: list[Text] = []


class Source(_Model):
    title: Text | None = None
    path: Text | None = None
    email: Text | None = None
    version: Text | None = None


class Dialect(_Model):
    """How the CSV is written; the package knows one way."""

    delimiter: Literal[","] = ","


class Resource(_Model):
    """A table of the package: where its rows and its schema are."""

    name: TableName
    type: Literal["table"] = "table"
    path: Text
    schema_path: Text = Key(alias="schema")
    title: Text | None = None
    description: Text | None = None
    format: Literal["csv"] | None = None
    mediatype: Literal["text/csv"] | None = None
    encoding: Literal["utf-8"] | None = None
    dialect: Dialect = Dialect()


class Descriptor(_Model):
    """`datapackage.json`."""

    profile: Text | None = Key(None, alias="$schema")
    name: Annotated[str, Key(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    id: Text | None = None
    title: Text
    description: Text
    version: Text
    created: Text | None = None
    homepage: Text | None = None
    image: Text | None = None
    keywords: list[Text] = []
    licenses: Annotated[list[License], Key(min_length=1)]
    contributors: list[Contributor] = []
    sources: list[Source] = []
    resources: Annotated[list[Resource], Key(min_length=1)]


class Package:
    """A package whose declaration is sound.

    `folder` is where it lies, `descriptor` its `datapackage.json`, `resources` and `schemas` are
    keyed by table name, in the order of the descriptor.
    """

    def __init__(self, folder: Path, descriptor: Descriptor, schemas: dict[str, Schema]):
        self.folder = folder
        self.descriptor = descriptor
        self.resources = {resource.name: resource for resource in descriptor.resources}
        self.schemas = schemas

    def rule_place(self, table: str, rule: Rule) -> tuple[str, int]:
        """File and line at which `rule` of `table` is declared."""
        name = self.resources[table].schema_path
        index = self.schemas[table].rules.index(rule)
        return name, jsonlines.line_of((self.folder / name).read_text("utf-8"), ("rules", index))


def load(folder: Path) -> Package:
    """The package in `folder`. Raises `Broken` with everything that is wrong in its declaration."""
    value, text = jsonlines.read(folder / DESCRIPTOR, DESCRIPTOR)
    descriptor = _model(Descriptor, value, text, DESCRIPTOR)
    problems = list(_path_problems(folder, descriptor, text))
    if problems:
        raise Broken(problems)
    schemas: dict[str, Schema] = {}
    texts: dict[str, str] = {}
    for resource in descriptor.resources:
        name = resource.schema_path
        try:
            value, texts[resource.name] = jsonlines.read(folder / name, name)
            schemas[resource.name] = _model(Schema, value, texts[resource.name], name)
        except Broken as broken:
            problems += broken.problems
    if not problems:
        problems = [
            Problem(
                resource.schema_path,
                "declaration",
                message,
                line=jsonlines.line_of(texts[resource.name], path),
                hint=hint,
            )
            for resource in descriptor.resources
            for path, message, hint in _schema_problems(resource.name, schemas)
        ]
    problems += _stray_files(folder, descriptor)
    if problems:
        raise Broken(problems)
    return Package(folder, descriptor, schemas)


def nearest(value: str, candidates: list[str]) -> str | None:
    """Of the candidates the one that `value` was probably meant to be, if any is near."""
    close = difflib.get_close_matches(value, candidates, n=1, cutoff=0.6)
    return close[0] if close else None


def _model(model: type[_Model], value: object, text: str, name: str):
    try:
        return model.model_validate(value)
    except ValidationError as error:
        items = error.errors()
        misspelt = {(*item["loc"][:-1], _meant(model, item)) for item in items if item["type"] == "extra_forbidden"}
        told = [item for item in items if item["type"] != "missing" or item["loc"] not in misspelt]
        raise Broken(_declaration_problem(model, item, text, name) for item in told) from None


def _meant(model: type[_Model], item: dict) -> str | None:
    return nearest(str(item["loc"][-1]), _known_keys(model))


def _declaration_problem(model: type[_Model], item: dict, text: str, name: str) -> Problem:
    path = tuple(step for step in item["loc"] if step not in ("int", "float", "str"))
    key = path[-1] if path else ""
    hint = None
    if item["type"] == "extra_forbidden":
        message = f"there is no key {key!r} here"
        if near := _meant(model, item):
            hint = f"did you mean {near!r}?"
    elif item["type"] == "missing":
        message = f"the key {key!r} is missing"
    elif item["type"] == "value_error":
        message = str(item["ctx"]["error"])
    else:
        message = f"{key!r}: {item['msg'][0].lower()}{item['msg'][1:]}"
    return Problem(
        name, "declaration", message, line=jsonlines.line_of(text, path), value=_short(item.get("input")), hint=hint
    )


def _short(value: object) -> str | None:
    return str(value) if isinstance(value, (str, int, float, bool)) else None


def _known_keys(model: type[_Model]) -> list[str]:
    """The keys of the model and of the models inside it."""
    models = {Descriptor: (Descriptor, Resource, License, Contributor, Source, Dialect)}.get(
        model, (Schema, Field, Constraints, ForeignKey, Reference, Rule)
    )
    return [field.alias or key for each in models for key, field in each.model_fields.items()]


def _path_problems(folder: Path, descriptor: Descriptor, text: str):
    """Resources that name a file outside the package, or a name or file twice."""
    seen: dict[str, int] = {}
    for index, resource in enumerate(descriptor.resources):
        for key, path in (("path", resource.path), ("schema", resource.schema_path)):
            line = jsonlines.line_of(text, ("resources", index, key))
            if not _inside(folder, path):
                yield Problem(
                    DESCRIPTOR,
                    "unsafe-path",
                    f"{key} {path!r} leaves the package",
                    line=line,
                    value=path,
                    hint="give a relative path below the package's folder",
                )
        for what in (resource.name, resource.path):
            if what in seen:
                line = jsonlines.line_of(text, ("resources", index))
                yield Problem(
                    DESCRIPTOR,
                    "declaration",
                    f"{what!r} is listed twice, here and as resource {seen[what] + 1}",
                    line=line,
                    value=what,
                )
            seen.setdefault(what, index)


def _inside(folder: Path, path: str) -> bool:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path or "\0" in path:
        return False
    return (folder / path).resolve().is_relative_to(folder.resolve())


def _stray_files(folder: Path, descriptor: Descriptor):
    """Tables and schemas beside the listed ones that no resource lists."""
    listed = {path for resource in descriptor.resources for path in (resource.path, resource.schema_path)}
    beside = {(str(PurePosixPath(path).parent), PurePosixPath(path).suffix) for path in listed}
    for parent, suffix in sorted(beside):
        for file in sorted((folder / parent).glob(f"*{suffix}")):
            name = str(PurePosixPath(parent) / file.name)
            if parent != "." and name not in listed:
                line = f'{{"name": "{file.stem}", "type": "table", "path": "tables/{file.stem}.csv", "schema": "schemas/{file.stem}.json", "dialect": {{"delimiter": ","}}}}'
                yield Problem(
                    name, "unlisted-file", f"is not listed in {DESCRIPTOR}", hint=f"add to its resources: {line}"
                )


def _schema_problems(table: str, schemas: dict[str, Schema]):
    """What is wrong in a schema by itself and against the others: (JSON path, message, hint)."""
    schema = schemas[table]
    names = schema.names
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ("fields", index), f"the field {name!r} is declared twice", None
    for key, columns in (
        ("primaryKey", schema.primaryKey),
        ("facets", schema.facets),
        ("label", [schema.label] if schema.label else []),
    ):
        for name in columns:
            if name not in names:
                yield (key,), f"{key} names {name!r}, which is no field of this table", _mean(name, names)
    for name in set(schema.primaryKey) & set(names):
        if not schema.field(name).constraints.required:
            yield (
                ("primaryKey",),
                f"the primary key's field {name!r} must be required",
                'add "required": true to its constraints',
            )
    for index, key in enumerate(schema.foreignKeys):
        yield from (((("foreignKeys", index), *found)) for found in _foreign_key_problems(schema, key, schemas))
    for index, rule in enumerate(schema.rules):
        yield from (((("rules", index), *found)) for found in _rule_problems(schema, rule, index))
    for index, field in enumerate(schema.fields):
        for other, other_schema in schemas.items():
            if other == table:
                break
            if field.name in other_schema.names and other_schema.field(field.name).meaning != field.meaning:
                yield (
                    ("fields", index),
                    f"the column {field.name!r} is declared otherwise in {other}",
                    "columns of one name have one type, unit and constraints in every table",
                )
                break


def _mean(name: str, names: list[str]) -> str | None:
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else None


def _foreign_key_problems(schema: Schema, key: ForeignKey, schemas: dict[str, Schema]):
    target = schemas.get(key.reference.resource)
    if key.column not in schema.names:
        yield f"the foreign key's field {key.column!r} is no field of this table", _mean(key.column, schema.names)
    elif target is None:
        yield (
            f"the foreign key of {key.column!r} refers to {key.reference.resource!r}, which is no table of the package",
            _mean(key.reference.resource, list(schemas)),
        )
    elif key.reference.fields != target.primaryKey:
        yield (
            f"the foreign key of {key.column!r} must refer to the primary key of {key.reference.resource}, {', '.join(target.primaryKey)}",
            None,
        )
    elif target.field(target.primaryKey[0]).type != schema.field(key.column).type:
        yield f"{key.column!r} and the key that it refers to have different types", None


def _rule_problems(schema: Schema, rule: Rule, index: int):
    if rule.id in [other.id for other in schema.rules[:index]]:
        yield f"the rule {rule.id!r} is declared twice", None
    if rule.column and rule.column not in schema.names:
        yield (
            f"the rule {rule.id!r} points at {rule.column!r}, which is no field of this table",
            _mean(rule.column, schema.names),
        )
    for name in rule.bad_example:
        if name not in schema.names:
            yield (
                f"the bad example of rule {rule.id!r} has {name!r}, which is no field of this table",
                _mean(name, schema.names),
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
    except (pl.exceptions.PolarsError, pl.exceptions.ComputeError) as error:
        yield f"the rule {rule.id!r} is not a valid SQL expression: {str(error).splitlines()[0]}", None
        return
    if result.schema["result"] not in (pl.Boolean, pl.Null) or result.height != 2:
        yield f"the rule {rule.id!r} must give true or false for each row", None
    for name in placeholders(rule.message):
        if name not in schema.names:
            yield (
                f"the message of rule {rule.id!r} names {name!r}, which is no field of this table",
                _mean(name, schema.names),
            )


def placeholders(message: str) -> list[str]:
    """The names in braces in a rule's message."""
    try:
        return [name for _, name, _, _ in string.Formatter().parse(message) if name is not None]
    except ValueError:
        return [message]
