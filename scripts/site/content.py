"""What every page may show of the package: its parts, questions, versions, downloads, and how to cite it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode

from datasette.utils import tilde_encode
from markdown_it import MarkdownIt
from markupsafe import Markup

from ..dictionary import Entry, dictionary
from ..export import SUMS, about, citation
from ..labels import readable
from ..package import READABLE, Package
from ..records import PROVENANCE

CHANGES, MANUAL, RECIPES = "CHANGELOG.md", "CODEBOOK.md", "docs/recipes.md"
_VERSION = re.compile(r"^## +(?P<title>(?P<version>[0-9][^\s(]*).*)$", re.MULTILINE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x20\\\"<>]+", re.IGNORECASE)
_OWN_PAGE = re.compile(r"(?![/\\]{2})[A-Za-z0-9_./?&=#%-]+")
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class TableCard:
    """A table as the home page shows it; `page` is the path of its readable view, where it has one."""

    name: str
    title: str
    description: str
    rows: int
    page: str
    links: bool


@dataclass(frozen=True)
class DomainCard:
    """A part of the subject with its tables."""

    name: str
    title: str
    description: str
    tables: list[TableCard]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True)
class Question:
    """A canned query of `metadata.yml`; `page` is its path, with the declared example filled in."""

    name: str
    title: str
    description: str
    page: str
    pictured: bool


@dataclass(frozen=True)
class Version:
    """A section of the changelog; `date` is ISO 8601, empty where the heading has none."""

    version: str
    title: str
    date: str
    text: Markup


@dataclass(frozen=True)
class Download:
    """A file of the export, by its path in it, and what it is; `size` is in bytes."""

    path: str
    about: str
    size: int
    sha256: str

    @property
    def folder(self) -> str:
        """The folder of the export that it is in, empty for the export's own."""
        return self.path.rpartition("/")[0]


class Content:
    """The package for a reader. Made once when the site starts; the database does not change under it."""

    def __init__(self, package: Package, export: Path, settings: dict):
        self.package, self.settings, self.folder = package, settings, export
        self.descriptor = package.descriptor
        self.database = package.descriptor.name
        self.fingerprint = _fingerprint(export / SUMS, package.folder / "metadata.yml")
        self.rows: dict[str, int] = {}  # by table, counted when the site starts

    @property
    def title(self) -> str:
        return self.descriptor.title

    @property
    def citation(self) -> str:
        """How to cite the package."""
        return citation.text(self.descriptor)

    @property
    def licence(self) -> str:
        first = self.descriptor.licenses[0]
        return first.name or first.title or first.path

    def base(self, datasette, request) -> str:
        """The address at which readers reach the site, without a slash at its end."""
        address = web_address(self.descriptor.homepage) or (datasette.absolute_url(request, "/") if request else "")
        return address.rstrip("/")

    @property
    def alias_tables(self) -> tuple[str, ...]:
        """The tables whose rows are names of other rows: search finds those rows by them, not the names alone."""
        return tuple(name for name, schema in self.package.schemas.items() if schema.about and schema.about.name)

    def table_page(self, name: str) -> str:
        """The path at which a reader meets the table."""
        return f"/{self.database}/{name}{READABLE if readable(self.package, name) else ''}"

    def row_page(self, table: str, *key: str) -> str:
        """The path of a row's page."""
        return f"/{self.database}/{table}/{','.join(tilde_encode(str(part)) for part in key)}"

    @cached_property
    def domains(self) -> list[DomainCard]:
        """The declared domains that have tables, and one for what has no domain."""
        known = [(domain.name, domain.title, domain.description) for domain in self.descriptor.domains]
        cards = []
        for name, title, description in [*known, (None, "Other tables", "")]:
            tables = [self._card(table) for table, schema in self.package.schemas.items() if schema.domain == name]
            if tables:
                cards.append(
                    DomainCard(name or "other", title, description, sorted(tables, key=lambda card: card.links))
                )
        return cards

    def _card(self, name: str) -> TableCard:
        schema = self.package.schemas[name]
        own = [each for each in schema.names if each not in (*PROVENANCE, "note", *schema.primaryKey)]
        keys = [each for each in own if each in schema.targets]
        # A table that only ties two others together stays out of a reader's way.
        links = schema.id is None or (len(keys) > 1 and len(own) - len(keys) < 2)
        return TableCard(name, schema.title, schema.description, self.rows.get(name, 0), self.table_page(name), links)

    @cached_property
    def questions(self) -> list[Question]:
        """The canned queries, in the order of `metadata.yml`."""
        found = []
        for name, query in self.queries.items():
            page = f"/{self.database}/{name}"
            if query.get("params"):
                page += "?" + urlencode({each: query.get("example", {}).get(each, "") for each in query["params"]})
            found.append(Question(name, query.get("title", name), query.get("description", ""), page, "chart" in query))
        return found

    @cached_property
    def queries(self) -> dict[str, dict]:
        """The canned queries as declared."""
        databases = self.settings.get("databases") or {}
        return (databases.get(self.descriptor.name) or {}).get("queries") or {}

    def plain(self, name: str) -> str:
        """A column's name in plain words: as some schema titles it, with its key's ending or without, or made of the name."""
        return self._titles.get(name) or self._titles.get(f"{name}_id") or _humanised(name)

    @cached_property
    def _titles(self) -> dict[str, str]:
        fields = (field for schema in self.package.schemas.values() for field in schema.fields)
        return {field.name: field.title for field in fields if field.title}

    @cached_property
    def dictionary(self) -> list[Entry]:
        """What every table and column means."""
        return dictionary(self.package)

    @cached_property
    def versions(self) -> list[Version]:
        """The sections of the changelog, the newest first, as the file has them."""
        return list(_versions(self.text(CHANGES)))

    def text(self, name: str) -> str:
        """A text file of the package; empty where there is none."""
        path = self.package.folder / name
        return path.read_text("utf-8") if path.is_file() else ""

    @cached_property
    def downloads(self) -> list[Download]:
        """The files of the export, those that hold the whole package first."""
        sums = (self.folder / SUMS).read_text("utf-8").splitlines()
        pairs = [*((line[66:], line[:64]) for line in sums), (SUMS, _sha256(self.folder / SUMS))]
        told = about(self.package)
        files = [
            Download(path, told.get(path, ""), (self.folder / path).stat().st_size, digest) for path, digest in pairs
        ]
        return sorted(
            files, key=lambda file: ("/" in file.path, not file.path.startswith(self.descriptor.name), file.path)
        )


_ENDINGS = {"_min": ", at least", "_max": ", at most", "_id": ""}


def web_address(text: object) -> str:
    """The text if it is an address on the web (RFC 9110), which alone may become a link to elsewhere; else nothing.

    Whoever writes a cell or a declaration must not make a link that runs a script or hides where it leads.
    """
    address = str(text or "")
    return address if _WEB_ADDRESS.fullmatch(address) else ""


def _humanised(name: str) -> str:
    """A column's name in plain words: `seat_place_id` is a seat place."""
    ending = next((each for each in _ENDINGS if name.endswith(each)), "")
    words = name.removesuffix(ending).replace("_", " ").strip() + _ENDINGS.get(ending, "")
    return words[:1].upper() + words[1:]


def rendered(text: str) -> Markup:
    """Markdown as HTML; HTML and pictures in it stay text, and links lead to a page of the site or to the web."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    markdown.validateLink = lambda address: bool(web_address(address) or _OWN_PAGE.fullmatch(address))
    return Markup(markdown.render(text))


def _versions(text: str) -> Iterator[Version]:
    heads = list(_VERSION.finditer(text))
    for head, following in zip(heads, [*heads[1:], None]):
        body = text[head.end() : following.start() if following else len(text)]
        date = _DATE.search(head["title"])
        yield Version(head["version"], head["title"], date[0] if date else "", rendered(body))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _fingerprint(*files: Path) -> str:
    """What the site shows, in short: a hash of the data and of every file that makes a page of it."""
    total = hashlib.sha256()
    for path in (
        *files,
        *sorted(path for path in _HERE.rglob("*") if path.suffix in (".py", ".html", ".css", ".js", ".svg")),
    ):
        if path.is_file():
            total.update(path.read_bytes())
    return total.hexdigest()[:16]
