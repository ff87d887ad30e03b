"""What a stranger may try on a served site, a package that is full of it, and how an answer is judged."""

from __future__ import annotations

import csv
import json
import re
import shutil
import socket
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit
from zlib import crc32

from conftest import ROOT, copied

EVIL = "evil.example"
# Each is inert when no element has the attribute data-planted, nothing runs, and no link leads to a script.
SCRIPTS = (
    "<script data-planted>alert(1)</script>",
    "<img data-planted src=x onerror=alert(1)>",
    '"><svg data-planted onload=alert(1)>',
    "' data-planted onmouseover='alert(1)' autofocus onfocus='alert(1)",
    '" data-planted onfocus="alert(1)" autofocus x="',
    "</script><script data-planted>alert(1)</script>",
    "</title></textarea></style><b data-planted>x</b>",
    "</option></datalist></select><iframe data-planted src=javascript:alert(1)>",
    "--><b data-planted>x</b><!--",
    "]]><b data-planted>x</b>",
    "{{ 7 * 7 }}{% raw %}<b data-planted>",
    "&lt;b data-planted&gt;&#x3c;b data-planted&#x3e;",
    "\u2028<b data-planted>\u202e</b>",
    "<math data-planted><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    f"<link data-planted rel=stylesheet href=//{EVIL}/a.css><base data-planted href=//{EVIL}/>",
    f'<meta data-planted http-equiv=refresh content="0;url=//{EVIL}/">',
    f"<form data-planted action=//{EVIL}/><button data-planted>x",
    f"[x](javascript:alert(1)) ![x](//{EVIL}/x.png) <javascript:alert(1)>",
)
LINKS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "data:text/html,<script data-planted>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    f"//{EVIL}/x",
    f"\\\\{EVIL}\\x",
    f"/\\{EVIL}/x",
    f"https:{EVIL}",
    f"http://{EVIL}/\"onmouseover=alert(1) data-planted=\"",
    f"https://{EVIL}/<b data-planted>",
    f"ftp://{EVIL}/x",
    "file:///etc/passwd",
    "blob:null/x",
)  # fmt: skip
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", '=cmd|" /C calc"!A0', f'=HYPERLINK("//{EVIL}")')
PLANTED = tuple(each for each in (*SCRIPTS, *LINKS, *FORMULAS) if "\n" not in each)  # which no table can be read with

DECLARED = tuple(each for each in PLANTED if each.isprintable() and each.strip() == each)  # what a declaration may hold


def planted(folder: Path) -> tuple[Path, str]:
    """A copy of the real package in `folder` with hostile text wherever text may stand, exported without a check.

    Returns its export, and the path of the page of a row whose very key is hostile.
    """
    from scripts import export
    from scripts.check import read_tables
    from scripts.package import load

    folder = copied(folder)
    for name in ("CHANGELOG.md", "CODEBOOK.md", "README.md", "LICENSE-DATA"):
        shutil.copy(ROOT / name, folder / name)
    hostile = iter(PLANTED * 2_000)
    declared = load(folder)
    referred = {target.resource for schema in declared.schemas.values() for target in schema.targets.values()}
    alone = next(
        name for name, schema in declared.schemas.items() if schema.id and name not in referred and not schema.about
    )
    for name, schema in declared.schemas.items():
        kept = {*schema.primaryKey, *schema.targets, *((schema.about.table, schema.about.row) if schema.about else ())}
        columns = [
            field.name
            for field in schema.fields
            if field.type == "string" and field.name not in kept and not (field.constraints.enum or field.partial_date or field.codelist)
        ]  # fmt: skip
        path = folder / declared.resources[name].path
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows[: 2 * len(PLANTED)]:
            row.update({column: next(hostile) for column in columns})
        if name == alone:
            rows.append({**rows[0], schema.id: KEY})
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, schema.names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        _plant(folder / declared.resources[name].schema_path, ("title", "description", "unit"))
    _plant(folder / "datapackage.json", ("title", "description", "organization"))
    _plant_settings(folder / "metadata.yml")
    (folder / "CHANGELOG.md").write_text(
        "## 9.9.9 <b data-planted> 2026-01-01\n\n" + "\n\n".join(PLANTED) + "\n", "utf-8"
    )
    for name in ("CODEBOOK.md", "README.md"):
        (folder / name).write_text("# x\n\n" + "\n\n".join(PLANTED) + "\n", "utf-8")
    package = load(folder)
    export.export(package, read_tables(package), folder / "dist")
    from datasette.utils import tilde_encode

    return folder, f"/{package.descriptor.name}/{alone}/{tilde_encode(KEY)}"


KEY = '"><img data-planted src=x onerror=alert(1)>/../~x,%2F'


def _drawn(text: str) -> str:
    """One of the hostile texts, for the same text always the same: columns of one name are declared alike."""
    return DECLARED[crc32(text.encode()) % len(DECLARED)]


def _plant(path: Path, keys: tuple[str, ...]) -> None:
    """Hostile text after every text of a declaration that a reader is shown under one of the keys, and as its links."""

    def spoil(value):
        if isinstance(value, list):
            return [spoil(each) for each in value]
        if not isinstance(value, dict):
            return value
        spoilt = {key: spoil(each) for key, each in value.items()}
        spoilt |= {
            key: f"{value[key]} {_drawn(value[key])}"
            for key in keys
            if isinstance(value.get(key), str) and not value[key].startswith("see ")
        }
        if path.name == "datapackage.json" and "title" in value and "path" in value and "schema" not in value:
            addresses = [each for each in LINKS if each in DECLARED]
            spoilt["path"] = addresses[len(str(value["path"])) % len(addresses)]
        return spoilt

    value = spoil(json.loads(path.read_text("utf-8")))
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def _plant_settings(path: Path) -> None:
    import yaml

    settings = yaml.safe_load(path.read_text("utf-8"))
    settings["searches"] = [each for each in SCRIPTS if each in DECLARED]
    for view in settings["map"]:
        view["title"] += _drawn(view["title"])
    for database in settings["databases"].values():
        for query in database["queries"].values():
            query["title"] = f"{query['title']} {_drawn(query['title'])}"
            query["description"] = f"{query.get('description')} {_drawn(query['sql'])}"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")


@dataclass(frozen=True)
class Answer:
    """What the server answered to a request."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", [""])[0].partition(";")[0]


def asked(
    address: str,
    target: str | bytes,
    method: str = "GET",
    headers: tuple[str, ...] = (),
    body: bytes = b"",
    sent: bytes | None = None,
) -> list[Answer]:
    """The answers to a request that is sent byte for byte as it is given; none when the server closes the connection."""
    parts = urlsplit(address)
    host = () if any(each.lower().startswith("host:") for each in headers) else (f"Host: {parts.netloc}",)
    length = (
        (f"Content-Length: {len(body)}",)
        if body and not any("length" in each.lower() or "transfer" in each.lower() for each in headers)
        else ()
    )
    line = target if isinstance(target, bytes) else target.encode("utf-8")
    message = sent or b"\r\n".join(
        [
            method.encode() + b" " + line + b" HTTP/1.1",
            *(each.encode("latin-1") for each in (*host, "Connection: close", *length, *headers)),
            b"",
            body,
        ]
    )
    answers = []
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(message)
        stream = connection.makefile("rb")
        while stream.peek(1):
            answer = HTTPResponse(_Read(stream), method=method)
            answer.begin()
            body = answer.read()
            found: dict[str, list[str]] = {}
            for name, value in answer.headers.items():
                found.setdefault(name.lower(), []).append(value)
            answers.append(Answer(answer.status, found, body))
            if answer.will_close:
                break
    return answers


class _Read:
    """A stream in the form in which the standard library reads an answer from it, without closing it."""

    def __init__(self, stream):
        self._stream = stream

    def makefile(self, *_):
        return self

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def close(self) -> None:
        pass


class _Elements(HTMLParser):
    """The planted elements of a page, the links that are no addresses, and the inline scripts."""

    def __init__(self):
        super().__init__()
        self.planted, self.scripts, self.links, self._script = [], [], [], False

    def handle_starttag(self, tag, attributes) -> None:
        named = dict(attributes)
        if "data-planted" in named or any(name.startswith("on") for name in named):
            self.planted.append(self.get_starttag_text())
        if tag == "script" and "src" not in named and named.get("type") != "application/ld+json":
            self.scripts.append(self.get_starttag_text())
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            if named.get(name) is not None:
                self.links.append(named[name])


def wrong(answer: Answer, secrets: tuple[str, ...]) -> list[str]:
    """What is not as it must be in any answer to a stranger, whatever was asked."""
    found = []
    if answer.status >= 500:
        found.append(f"status {answer.status}: {answer.text[:300]}")
    where = answer.text + "\n".join(f"{name}: {value}" for name, values in answer.headers.items() for value in values)
    found += [
        f"tells {secret}" for secret in (*secrets, "Traceback (most", "root:x:0:", "site-packages") if secret in where
    ]
    for name, value in {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
    }.items():
        if answer.headers.get(name) != [value] and answer.body != NO_HTTP:
            found.append(f"{name} is {answer.headers.get(name)}")
    found += [f"has the header {name}" for name in ("x-planted", "set-cookie", "server") if name in answer.headers]
    for location in answer.headers.get("location", []):
        if not re.match(r"/(?![/\\])", location):
            found.append(f"redirects to {location!r}")
    if answer.kind == "text/html":
        page = _Elements()
        page.feed(answer.text)
        found += [f"has the element {each}" for each in page.planted + page.scripts]
        found += [f"links to {each!r}" for each in page.links if leads_astray(each)]
    elif answer.body and answer.kind not in HARMLESS:
        found.append(f"is of type {answer.kind}")
    return found


NO_HTTP = b"Invalid HTTP request received."  # all that is answered to what is no request
HARMLESS = ("application/json", "text/plain", "text/csv", "text/css", "text/javascript", "application/javascript", "text/markdown", "application/xml", "application/atom+xml", "application/octet-stream", "application/binary", "application/zip", "image/png", "image/svg+xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")  # fmt: skip


def leads_astray(link: str) -> bool:
    """Whether a browser would take the link for a script, a document of its own, or another host without its scheme."""
    plain = re.sub(r"[\x00-\x20]", "", link).replace("\\", "/").lower()
    scheme = re.match(r"[a-z][a-z0-9+.-]*:", plain)
    if scheme:
        return not (scheme[0] == "http:" or scheme[0] == "https:" or scheme[0] == "mailto:") or not plain.startswith(
            (f"{scheme[0]}//", "mailto:")
        )
    return plain.startswith("//")


def sql(query: str, ending: str = ".json", **more: str) -> str:
    return f"/prc-reach{ending}?{urlencode({'sql': query, **more}, quote_via=quote)}"
