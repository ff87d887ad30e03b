"""The language of the declaration: `datapackage.json` and `schemas/*.json`.

The models follow the Data Package and Table Schema standards (datapackage.org, version 2), with the
few custom keys that this project adds, and forbid every other key: a misspelt `constrains` is an
error here, where the standard's own tools would ignore it.
"""

from __future__ import annotations

import math
import re
import string
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic import Field as Key

from .dates import EDTF, PATTERN
from .problem import BUILT_IN
from .text import INVISIBLE, visible

POLARS_TYPES = {
    "string": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "year": pl.Int64,
}
_LONGEST_PATH, _LONGEST_NAME = 1_000, 200  # so that there is room for the folder, and for what is added to a name
_LONGEST_CHECK = (
    2_000  # characters: polars walks an expression by recursion, and ends the process where that is too deep
)
_ORDERED = ("minimum", "maximum")
_TEXTUAL = ("pattern", "minLength", "maxLength")

_SLUG, _NAME, _PACKAGE = "^[a-z0-9]+(-[a-z0-9]+)*$", "^[a-z][a-z0-9_]*$", "^[a-z0-9][a-z0-9._-]*$"
# What the commonest patterns, of the declaration and of the data, ask for.
WHERE_IT_LEADS = "^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$"
NAMED_PATTERNS = {
    WHERE_IT_LEADS: "as a table, or the column that names it, a slash and the column of the id, like places/place_id",
    _SLUG: "of small letters a-z and digits, with single hyphens between them",
    _NAME: "of small letters a-z, digits and _, beginning with a letter",
    _PACKAGE: "of small letters a-z, digits, -, . and _, beginning with a letter or digit",
}


def _visible(text: str) -> str:
    """Refuse what a reader of the file, or of the site, would not see, and what turns the order of the text round it."""
    if hidden := re.search(rf"(?![\n\t]){INVISIBLE}", text):
        before = text[max(0, hidden.start() - 20) : hidden.start()]
        raise ValueError(
            f"holds a character that cannot be seen, U+{ord(hidden[0]):04X}, behind {before!r}; take it out"
        )
    return text


Text = Annotated[str, Key(min_length=1), AfterValidator(_visible)]
TableName = Annotated[str, Key(pattern=_NAME)]
Names = Annotated[
    list[str], Key(min_length=1), BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


# The parts of a pattern that are not what they look like: an escaped character, a set with what is in it.
_PARTS = re.compile(r"\\.|\[\^?\]?((?:\\.|[^\]\\])*)\]")
# What one of the engines takes for something else than the other: classes and borders that depend on Unicode's
# version or are a sign as such, sets within sets and operations on them, quantifiers that give nothing back, flags.
_ESCAPES, _IN_SETS, _BARE = r"\\[wWdDsSbB<>]", r"\[|&&|--|~~|\|\|", r"[*+?}]\+|\(\?(?!:|P<)[^:)]*"


def _read_differently(pattern: str) -> str | None:
    """The first part of the pattern that the engines read differently, or may after their next release."""
    if escape := re.search(_ESCAPES, "".join(re.findall(r"\\.", pattern))):
        return escape[0]
    for part in _PARTS.finditer(pattern):
        if within := re.search(_IN_SETS, re.sub(r"\\.", "", part[1] or "")):
            return within[0]
    bare = re.search(_BARE, _PARTS.sub("x", pattern))
    return bare[0] if bare else None


def _unknown_pattern(pattern: str, reason: Exception | Warning) -> ValueError:
    return ValueError(
        f"the pattern {pattern!r} is not a regular expression that both engines know: {str(reason).splitlines()[0]}; mend it, as Python's re and Rust's regex have it"
    )


@cache  # tables share most of their patterns
def _check_pattern(pattern: str) -> str:
    """Refuse what the engines would read differently: both must take the whole value or none."""
    try:
        with warnings.catch_warnings(record=True) as warned:  # of what Python may come to read otherwise
            warnings.simplefilter("always")
            re.compile(pattern)
        pl.Series([""]).str.contains(pattern)
    except (re.error, RecursionError, OverflowError, pl.exceptions.PolarsError) as error:
        raise _unknown_pattern(pattern, error) from None
    bare = _PARTS.sub("", pattern)
    if not (bare.startswith("^") and bare.endswith("$")):
        raise ValueError(f"write the pattern {pattern!r} as ^…$, so that every tool matches the whole value")
    if special := _read_differently(pattern):
        raise ValueError(
            f"write {special!r} in the pattern {pattern!r} in another way, like [0-9] for \\d: engines differ on it"
        )
    if warned:
        raise _unknown_pattern(pattern, warned[0].message)
    depth = 0
    for character in bare:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            raise ValueError(f"put the alternatives of the pattern {pattern!r} in one group, ^(…|…)$")
    return pattern


def matches(pattern: str, text: str) -> bool:
    """Whether the text has the pattern; in a time that grows with its length alone, as Rust's regex does and Python's does not."""
    return pl.Series([text]).str.contains(pattern)[0]


def _check_path(path: str) -> str:
    """The path in the one way to write it. ValueError where no file can be called so, or none that a list can name."""
    plain = str(PurePosixPath(path))
    if visible(plain) != plain:
        raise ValueError(f"the path {plain!r} holds characters that cannot be seen; take them out")
    if len(plain) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in plain.split("/")):
        most = f"at most {_LONGEST_PATH} characters, and {_LONGEST_NAME} bytes between two slashes"
        raise ValueError(f"the path {plain!r} is longer than a file's can be; {most}")
    return plain


def _check_size(sql: str) -> str:
    """Refuse a check that would end the process: by its own size, or by that of the texts that it makes."""
    if len(sql) > _LONGEST_CHECK:
        raise ValueError(f"the check has {len(sql):,} characters; at most {_LONGEST_CHECK:,} may stand here")
    if pads := re.search(r"\b[lr]pad\b", sql, re.IGNORECASE):
        raise ValueError(f"{pads[0]} cannot stand in a check, since it makes texts of any size; compare without it")
    return sql


def _check_moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text!r} is no date with time and zone (RFC 3339); write it like 2026-11-26T00:00:00Z")
    return text


Pattern = Annotated[str, AfterValidator(_check_pattern)]
FilePath = Annotated[str, Key(min_length=1), AfterValidator(_check_path)]
Moment = Annotated[str, AfterValidator(_check_moment)]


STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Model(BaseModel):
    model_config = STRICT


class Constraints(Model):
    """Constraints of Table Schema on the values of a field."""

    required: bool = False
    unique: bool = False
    enum: Annotated[list[str | int | float], Key(min_length=1)] | None = None
    pattern: Pattern | None = None
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    minLength: Annotated[int, Key(ge=0)] | None = None
    maxLength: Annotated[int, Key(ge=0)] | None = None


_WRITTEN = {
    "string": "text in quotes",
    "integer": "a whole number of at most 64 bits, without quotes",
    "year": "a year from 0 to 9999, without quotes",
    "number": "a number that 64 bits can hold, without quotes",
    "date": 'a day in quotes, like "2024-12-20"',
    "boolean": "no bounds and no enum for true and false",
}


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _is_of_type(value: object, kind: str) -> bool:
    match kind, value:
        case ("string", str()):
            return True
        case ("date", str()):
            return bool(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value)) and _can_be(date.fromisoformat, value)
        case ("integer", int()):
            return -(2**63) <= value < 2**63
        case ("year", int()):
            return 0 <= value <= 9999
        case ("number", int() | float()):
            return _can_be(float, value) and math.isfinite(value)
    return False


def _can_be(kind: Callable, value: object) -> bool:
    try:
        kind(value)
    except (ValueError, OverflowError):
        return False
    return True


# What an `rdfType` says of a field that the build makes use of.
OTHER_NAME = "http://www.w3.org/2004/02/skos/core#altLabel"  # another name of what the row's label names
WEB_ADDRESS = "http://schema.org/url"  # where the row's matter is to be read
LATITUDE = "http://www.w3.org/2003/01/geo/wgs84_pos#lat"
LONGITUDE = "http://www.w3.org/2003/01/geo/wgs84_pos#long"


class Field(Model):
    """A field of Table Schema, with the custom keys `unit`, `bad_example` and `codelist`."""

    name: TableName
    type: Literal["string", "integer", "number", "boolean", "date", "year"]
    description: Text
    title: Text | None = None
    format: Literal["default"] | None = None
    rdfType: Text | None = None
    trueValues: Annotated[list[str], Key(min_length=1)] = ["true", "True", "TRUE", "1"]
    falseValues: Annotated[list[str], Key(min_length=1)] = ["false", "False", "FALSE", "0"]
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
        return tuple(self._meanings().values())

    def differs(self, other: Field) -> str:
        """In which keys the meaning differs from that of another field of this name; empty where it does not."""
        return ", ".join(key for key, value in self._meanings().items() if value != other._meanings()[key])

    def _meanings(self) -> dict[str, object]:
        limits = {name: _plain(value) for name, value in self.constraints if name not in ("required", "unique")}
        return {"type": self.type, "rdfType": self.rdfType, "unit": self.unit, "codelist": self.codelist, **limits}

    @model_validator(mode="after")
    def _constraints_fit_the_type(self) -> Field:
        allowed = {"integer": _ORDERED, "number": _ORDERED, "date": _ORDERED, "year": _ORDERED, "string": _TEXTUAL}.get(
            self.type, ()
        )
        for name in (*_ORDERED, *_TEXTUAL):
            if getattr(self.constraints, name) is not None and name not in allowed:
                can = f"it can have {', '.join(('required', 'unique', 'enum', *allowed))}"
                raise ValueError(f"a {self.type} field cannot have the constraint {name}; {can}")
        if self.codelist and self.type != "string":
            raise ValueError("only a string field can have a codelist; take it out")
        if self.partial_date and self.constraints.pattern != PATTERN:
            raise ValueError(f"a field of partial dates has the pattern {PATTERN}")
        limits = [self.constraints.minimum, self.constraints.maximum, *(self.constraints.enum or [])]
        for value in limits:
            if value is not None and not _is_of_type(value, self.type):
                raise ValueError(
                    f"{value!r} among the constraints is not of the type {self.type}; write {_WRITTEN[self.type]}"
                )
        return self

    @model_validator(mode="after")
    def _true_is_not_false(self) -> Field:
        if both := [word for word in self.trueValues if word in self.falseValues]:
            raise ValueError(f"{both[0]!r} is among both trueValues and falseValues; give each list words of its own")
        return self


class Reference(Model):
    """The table and columns that a foreign key points at."""

    resource: TableName
    fields: Annotated[Names, Key(max_length=1)]


class ForeignKey(Model):
    """A foreign key of Table Schema over one column."""

    fields: Annotated[Names, Key(max_length=1)]
    reference: Reference

    @property
    def column(self) -> str:
        return self.fields[0]


class Rule(Model):
    """A rule in SQL: `check` over one row, in polars' dialect, or `select` over tables, in SQLite's.

    `check` is a boolean expression, as in CHECK: a row for which it is false is a problem, unknown
    passes. `select` returns the offending rows, with at least the table's primary key. `message`
    may name any column of the row, or of the result, in braces. `bad_example` gives values that,
    put into a copy of one of the table's rows, break the rule.
    """

    id: Annotated[str, Key(pattern=_SLUG)]
    check: Annotated[Text, AfterValidator(_check_size)] | None = None
    select: Text | None = None
    column: str | None = None
    message: Text
    bad_example: dict[str, str | None] = {}

    @model_validator(mode="after")
    def _has_a_name_of_its_own(self) -> Rule:
        if self.id in BUILT_IN:
            raise ValueError(f"{self.id!r} is the name of a built-in rule; give this one another")
        return self

    @property
    def placeholders(self) -> list[str]:
        """The names in braces in the message."""
        return [name for _, name, _, _ in string.Formatter().parse(self.message) if name is not None]

    @model_validator(mode="after")
    def _message_can_be_filled(self) -> Rule:
        try:
            parts = list(string.Formatter().parse(self.message))
        except ValueError:
            raise ValueError("a brace in the message has no other; double one that is meant as such: {{") from None
        for _, name, form, conversion in parts:
            if name is not None and (
                form or conversion not in (None, "r") or not re.fullmatch("[a-z][a-z0-9_]*", name)
            ):
                raise ValueError("a message may hold in braces only the names of columns; write it like {name}")
        return self

    @model_validator(mode="after")
    def _either(self) -> Rule:
        if (self.check is None) == (self.select is None):
            raise ValueError("a rule has either a check over one row or a select over tables; give it one of the two")
        return self


class CommonRule(Rule):
    """A rule of every table that has all of the `columns` and none of those `without`, declared once for all of them.

    In its `select` the word {table} stands for the table's name.
    """

    columns: Names
    without: list[str] = []

    def applies(self, schema: Schema) -> bool:
        """Whether it is a rule of the table with this schema."""
        return set(self.columns) <= set(schema.names) and not set(self.without) & set(schema.names)

    def of(self, table: str) -> Rule:
        """The rule as that of the table of this name."""
        own = {name: getattr(self, name) for name in Rule.model_fields}
        return Rule.model_construct(**own | {"select": self.select and self.select.replace("{table}", f'"{table}"')})


class About(Model):
    """The columns of a table whose rows are each about a row of any other: that row's table and id.

    `name` is the column that gives another name of that row, if one does.
    """

    table: str
    row: str
    name: str | None = None


class Schema(Model):
    """A Table Schema, with custom keys.

    `domain` is the package's domain that the table belongs to. `label` are the columns that name a
    row to a reader: where one is a key, the label of the row that it refers to stands for it. `when`
    is the column of partial dates that says when the row's matter happened, or the columns of its
    start and end; `where` and `country` are the foreign keys that say where. `about` is for rows
    that are about any other row. `facets` and `rules` are explained at `site` and `Rule`.
    """

    profile: Text | None = Key(None, alias="$schema")
    title: Text
    description: Text
    domain: Text | None = None
    label: Names = []
    when: Annotated[Names, Key(max_length=2)] = []
    where: str | None = None
    country: str | None = None
    about: About | None = None
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

    @property
    def id(self) -> str | None:
        """The column that alone is the primary key; None where the key has several."""
        return self.primaryKey[0] if len(self.primaryKey) == 1 else None

    @property
    def targets(self) -> dict[str, Reference]:
        """What each foreign key refers to, by its column."""
        return {key.column: key.reference for key in self.foreignKeys}

    @property
    def label_column(self) -> str | None:
        """The column that alone, and by itself, names a row."""
        return self.label[0] if len(self.label) == 1 and self.label[0] not in self.targets else None


class Domain(Model):
    """A part of the subject, under which a reader finds tables."""

    name: Annotated[str, Key(pattern=_SLUG)]
    title: Text
    description: Text


class License(Model):
    name: Text | None = None
    title: Text | None = None
    path: Text | None = None

    @model_validator(mode="after")
    def _named(self) -> License:
        if not (self.name or self.path):
            raise ValueError("a licence needs a name or a path; give it one")
        return self


class Contributor(Model):
    title: Text | None = None
    givenName: Text | None = None
    familyName: Text | None = None
    path: Text | None = None
    email: Text | None = None
    organization: Text | None = None
    roles: list[Text] = []

    @property
    def name(self) -> str | None:
        """How the contributor is called: the title, else the person's names, else the organization."""
        return self.title or " ".join(filter(None, [self.givenName, self.familyName])) or self.organization

    @property
    def person(self) -> bool:
        """Whether it is a person, as far as the descriptor says: one with a family name."""
        return self.familyName is not None


class Source(Model):
    title: Text | None = None
    path: Text | None = None
    email: Text | None = None
    version: Text | None = None


class Dialect(Model):
    """How the CSV is written; the package knows one way."""

    delimiter: Literal[","] = ","


class Resource(Model):
    """A table of the package: where its rows and its schema are.

    An exported package also tells how large its file is, its hash and its rows; frictionless checks them.
    """

    name: TableName
    type: Literal["table"] = "table"
    path: FilePath
    schema_path: FilePath = Key(alias="schema")
    title: Text | None = None
    description: Text | None = None
    format: Literal["csv"] | None = None
    mediatype: Literal["text/csv"] | None = None
    encoding: Literal["utf-8"] | None = None
    bytes: int | None = None
    hash: Text | None = None
    rows: int | None = None
    dialect: Dialect = Dialect()


class Descriptor(Model):
    """`datapackage.json`, with the custom keys `domains` and `rules`, those that many tables have."""

    profile: Text | None = Key(None, alias="$schema")
    name: Annotated[str, Key(pattern=_PACKAGE)]
    id: Text | None = None
    title: Text
    description: Text
    version: Text
    created: Moment | None = None
    homepage: Text | None = None
    image: Text | None = None
    keywords: list[Text] = []
    licenses: Annotated[list[License], Key(min_length=1)]
    contributors: list[Contributor] = []
    sources: list[Source] = []
    domains: list[Domain] = []
    rules: list[CommonRule] = []
    resources: Annotated[list[Resource], Key(min_length=1)]

    @property
    def creators(self) -> list[Contributor]:
        """Who made the package: the contributors with that role, or all where none has it."""
        named = [contributor for contributor in self.contributors if contributor.name]
        return [each for each in named if "creator" in each.roles] or named

    @property
    def moment(self) -> datetime | None:
        """When the package was created, in UTC; None where the descriptor does not say."""
        return datetime.fromisoformat(self.created).astimezone(UTC) if self.created else None
