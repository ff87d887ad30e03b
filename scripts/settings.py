"""`metadata.yml`, the site's own settings: read, and everything wrong in it told with its line.

What may stand there is what this project uses of Datasette 0.65's metadata, and a few keys of our
own. The questions are tried on an empty database of the package's form.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, create_model
from pydantic import Field as Key

from . import database
from .decoding import decoded
from .descriptor import STRICT, WHERE_IT_LEADS, Names, Text
from .faults import Path_, validated
from .package import Package
from .problem import Broken, Problem, did_you_mean

SETTINGS = "metadata.yml"
# The settings of Datasette 0.65, which takes too long to import to be asked; a test holds them to it.
DATASETTE = {
    "default_page_size": int,
    "max_returned_rows": int,
    "num_sql_threads": int,
    "sql_time_limit_ms": int,
    "default_facet_size": int,
    "facet_time_limit_ms": int,
    "facet_suggest_time_limit_ms": int,
    "allow_facet": bool,
    "default_allow_sql": bool,
    "allow_download": bool,
    "suggest_facets": bool,
    "default_cache_ttl": int,
    "cache_size_kb": int,
    "allow_csv_stream": bool,
    "max_csv_mb": int,
    "truncate_cells_html": int,
    "force_https_urls": bool,
    "template_debug": bool,
    "trace_debug": bool,
    "base_url": str,
}
_LARGEST = 1_000_000  # bytes: what is larger was not written by hand, and takes minutes to read
_MOST = 50_000  # values, each counted as often as aliases repeat it
_THOUSANDS_OF_STEPS = 10_000  # of SQLite's machine, after which a question without any row goes on for ever
_UNKNOWN = re.compile(r"no such (column|table|function): (?:\w+\.)?(\w+)")


class Model(BaseModel):
    model_config = STRICT


class Chart(Model):
    """Bars above a question's rows: `across` names a bar, each of `heights` is drawn, `by` divides it."""

    across: Text
    heights: Names
    by: Text | None = None


class Question(Model):
    """A canned query; `choices` and `example` are by parameter, `links` by shown column : a table, or the column that names it, and the column of the id."""

    sql: Text
    title: Text | None = None
    description: str | None = None
    params: list[Text] = []
    example: dict[str, str] = {}
    choices: dict[str, Text] = {}
    links: dict[str, Annotated[str, Key(pattern=WHERE_IT_LEADS)]] = {}
    chart: Chart | None = None
    hide_sql: bool = False
    fragment: Text | None = None


class Database(Model):
    """What is said of the database; `tables` is Datasette's own, and taken as it is."""

    queries: dict[str, Question] = {}
    tables: dict[str, dict[str, Any]] = {}


Degrees = Annotated[float, Key(ge=-180, le=180)]


class View(Model):
    """A part of the map."""

    name: Text
    title: Text
    west: Degrees
    south: Degrees
    east: Degrees
    north: Degrees


_Datasette = create_model(
    "_Datasette", __base__=Model, **{name: (kind | None, None) for name, kind in DATASETTE.items()}
)


class Settings(Model):
    """The whole of `metadata.yml`."""

    settings: _Datasette | None = None
    searches: list[Text] = []
    map: list[View] = []
    corrections_url: Text | None = None
    databases: dict[str, Database] = {}
    plugins: dict[str, Any] = {}


def read(folder: Path) -> dict:
    """What `metadata.yml` in `folder` says; nothing where there is none. Raises `Broken` with all that is wrong by itself."""
    return _read(folder)[0]


def problems(package: Package) -> list[Problem]:
    """What is wrong in the package's `metadata.yml`, by itself and against the package."""
    try:
        value, line_of = _read(package.folder)
    except Broken as broken:
        return broken.problems
    return list(_against(package, Settings.model_validate(value), line_of)) if value else []


def _read(folder: Path) -> tuple[dict, Callable[[Path_], int]]:
    path = folder / SETTINGS
    if not path.exists():
        return {}, lambda place: 1
    text = decoded(path, SETTINGS, _LARGEST)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines = _lines_of(node)
        value = loader.construct_document(node) if node else None
    except Broken:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = "look at the spaces before this line, and quote a text that holds a colon"
        line = mark.line + 1 if mark else None
        raise Broken([Problem(SETTINGS, "yaml", f"is not YAML: {error.problem}", line=line, hint=hint)]) from None
    except RecursionError:
        raise Broken([Problem(SETTINGS, "yaml", "is nested too deeply")]) from None
    except Exception as error:  # where a value is not what its tag says, the library raises KeyErrors, TypeErrors …
        reason = str(error).splitlines()[0] if isinstance(error, yaml.YAMLError) else "a value is not what its tag says"
        raise Broken([Problem(SETTINGS, "yaml", f"is not YAML: {reason}")]) from None

    def line_of(place: Path_) -> int:
        while place not in lines:
            place = place[:-1]
        return lines[place]

    validated(Settings, value if value is not None else {}, SETTINGS, line_of)
    return value or {}, line_of


def _lines_of(node: yaml.Node | None) -> dict[Path_, int]:
    """The line of every value. Raises `Broken` where a key stands twice, or aliases make it endless."""
    lines: dict[Path_, int] = {}
    for number, (place, line) in enumerate(_lines(node, ())):
        if number == _MOST:
            message = f"holds more than {_MOST:,} values, counting what aliases repeat"
            raise Broken([Problem(SETTINGS, "yaml", message, hint="write fewer, or without aliases")])
        lines[place] = line
    return lines


def _lines(node: yaml.Node | None, path: Path_) -> Iterator[tuple[Path_, int]]:
    """The line of every value, and of the key that it has. Raises `Broken` where a key stands twice."""
    yield path, node.start_mark.line + 1 if node else 1
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                message = "has a key that is a list or a mapping"
                raise Broken([Problem(SETTINGS, "yaml", message, line=line, hint="quote it, if it is meant as a text")])
            if key.value in seen:
                message = f"has the key {key.value!r} twice, here and on line {seen[key.value]}"
                raise Broken([Problem(SETTINGS, "yaml", message, line=line, hint="take one out, or rename it")])
            seen[key.value] = line
            yield from _lines(value, (*path, key.value))
            yield (*path, key.value), line
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*path, index))


def _against(package: Package, settings: Settings, line_of: Callable[[Path_], int]) -> Iterator[Problem]:
    own = package.descriptor.name
    with database.empty(package) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
        for name, said in settings.databases.items():
            place: Path_ = ("databases", name)
            if name != own:
                yield _problem(line_of(place), f"there is no database {name!r}", f"it is called {own!r}")
            for table in said.tables:
                if table not in names:
                    line = line_of((*place, "tables", table))
                    yield _problem(line, f"there is no table {table!r}", did_you_mean(table, names))
            for question, query in said.queries.items():
                for key, message, hint in _of_question(connection, query, package.schemas):
                    line = _line_of_word(package.folder, line_of((*place, "queries", question, *key)), message)
                    yield _problem(line, f"the question {question!r}: {message}", hint)


def _problem(line: int, message: str, hint: str | None) -> Problem:
    return Problem(SETTINGS, "declaration", message, line=line, hint=hint)


def _of_question(
    connection: sqlite3.Connection, query: Question, tables: Collection[str]
) -> Iterator[tuple[Path_, str, str | None]]:
    """What is wrong with a question: the key where it stands, what, and what would be right."""
    columns, used, wrong = _tried(connection, query.sql)
    if wrong:
        yield ("sql",), f"its SQL fails: {wrong[0]}", wrong[1]
    else:
        unknown = [name for name in query.params if name not in used]
        for name in unknown:
            yield ("params",), f"its SQL has no parameter {name!r}", did_you_mean(name, used) or "take it out"
        if not unknown and (unlisted := [each for each in used if each not in query.params]):
            yield ("sql",), f"params does not list the parameter {unlisted[0]!r} of its SQL", f"params: {_listed(used)}"
        charted = [query.chart.across, *query.chart.heights, query.chart.by] if query.chart else []
        for name in [each for each in charted if each and each not in columns]:
            hint = did_you_mean(name, columns) or f"it returns {', '.join(columns)}"
            yield ("chart",), f"its chart has the column {name!r}, which its SQL does not return", hint
        for shown, leads in query.links.items():
            table, column = leads.split("/")
            lost = [each for each in (shown, column, *([] if table in tables else [table])) if each not in columns]
            for name in lost:
                hint = did_you_mean(name, [*columns, *tables]) or f"it returns {', '.join(columns)}"
                yield ("links", shown), f"its links have {name!r}, which its SQL does not return", hint
        for key, by_parameter in (("example", query.example), ("choices", query.choices)):
            for name in [each for each in by_parameter if each not in used]:
                hint = did_you_mean(name, used) or f"parameters: {_listed(used)}"
                yield (key, name), f"its SQL has no parameter {name!r}, for which {key} gives a value", hint
    for name, sql in query.choices.items():
        if told := _tried(connection, sql)[2]:
            yield ("choices", name), f"the SQL of its choices for {name!r} fails: {told[0]}", told[1]


def _listed(names: list[str]) -> str:
    return f"[{', '.join(names)}]"


class _Asked(dict):
    """Null for every parameter, and the names of those that were asked for."""

    def __missing__(self, name: str) -> None:
        self[name] = None


def _tried(connection: sqlite3.Connection, sql: str) -> tuple[list[str], list[str], tuple[str, str | None] | None]:
    """The columns that a SELECT returns, its parameters, and what is wrong with it, with a hint."""
    asked, patience = _Asked(), iter(range(_THOUSANDS_OF_STEPS))
    connection.set_progress_handler(lambda: next(patience, None) is None, 1_000)  # some is gathered before LIMIT counts
    try:
        answer = connection.execute(f"SELECT * FROM (\n{sql.rstrip().rstrip(';')}\n) LIMIT 0", asked)
        return [column for column, *_ in answer.description], list(asked), None
    except (sqlite3.Error, sqlite3.Warning) as error:
        hint = None
        if unknown := _UNKNOWN.search(str(error)):
            hint = did_you_mean(unknown[2], _names(connection, unknown[1]))
        return [], [], (str(error), hint or "it must be one SELECT, in the SQL of SQLite")


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    if kind == "function":
        return [name for (name,) in connection.execute("SELECT DISTINCT name FROM pragma_function_list")]
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
    if kind == "table":
        return tables
    columns = (
        "SELECT DISTINCT c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.name NOT LIKE '%_fts%'"
    )
    return [name for (name,) in connection.execute(columns)]


def _line_of_word(folder: Path, line: int, message: str) -> int:
    """The first line from `line` on that holds the last word that SQLite complains of, else `line`."""
    word = re.search(r'(?:no such \w+: |ambiguous column name: |near ")([^"\s]+)', message)
    lines = decoded(folder / SETTINGS, SETTINGS).splitlines()
    return next((number for number in range(line, len(lines) + 1) if word and word[1] in lines[number - 1]), line)
