"""A stranger can do no harm: what is tried is refused, or is rendered inert. All of it runs in `make test` too."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urlencode

import chromium
import openpyxl
import pytest
from conftest import ROOT, serving
from hostile import EVIL, LINKS, SCRIPTS, asked, leads_astray, planted, sql, wrong
from playwright.sync_api import sync_playwright

REFUSED, INERT = "refused", "inert"
EVERY = (*SCRIPTS, *LINKS)


@pytest.fixture(scope="module")
def tally() -> Counter:
    """How many attempts were refused, and how many were rendered inert."""
    return Counter()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A package full of hostile text, served by the real command: its folder, address, and the page of its hostile key."""
    folder, row = planted(tmp_path_factory.mktemp("hostile") / "package")
    with serving(folder, "--exported") as client:
        yield folder, str(client.base_url).rstrip("/"), row


@pytest.fixture(scope="module")
def secrets(hostile) -> tuple[str, ...]:
    """What no answer may tell: where files are on the machine, who runs the server, what is in its environment."""
    folders = {str(hostile[0]), str(ROOT), str(Path(os.__file__).parent), str(Path.home())} - {"/"}
    return (*folders, "/usr/lib/python", "sandbox.py")


@pytest.fixture
def tried(hostile, secrets, tally):
    """Sends a request and judges the answer as any answer is judged; returns what became of it."""

    def send(target: str | bytes, *expected: str, **more) -> list:
        answers = asked(hostile[1], target, **more)
        found = [each for answer in answers for each in wrong(answer, secrets)]
        assert not found, (target, more, found)
        outcome = REFUSED if all(answer.status >= 400 for answer in answers) else INERT
        assert not expected or outcome in expected, (outcome, answers)
        tally[outcome] += 1
        return answers

    return send


WRITES = (
    "INSERT INTO places VALUES (1)", "UPDATE places SET name = 'x'", "DELETE FROM places", "DROP TABLE places", "CREATE TABLE x (y)",
    "ALTER TABLE places RENAME TO x", "REPLACE INTO places VALUES (1)", "CREATE TEMP TABLE x AS SELECT 1", "CREATE VIRTUAL TABLE x USING fts5(y)",
    "CREATE VIEW x AS SELECT 1", "CREATE TRIGGER x AFTER INSERT ON places BEGIN SELECT 1; END", "REINDEX", "ANALYZE", "VACUUM",
    "VACUUM INTO '/tmp/prc-reach-stolen.db'", "BEGIN", "COMMIT", "SAVEPOINT x", "WITH x AS (SELECT 1) INSERT INTO places SELECT * FROM x",
    "WITH x AS (SELECT 1) DELETE FROM places", "WITH x AS (SELECT 1) UPDATE places SET name = 'x'", "EXPLAIN DELETE FROM places",
    "WITH x AS (SELECT 1) REPLACE INTO places SELECT * FROM x", "/* */ DELETE FROM places", "-- x\nDELETE FROM places", "\ufeffDELETE FROM places",
    "SELECT 1; DELETE FROM places", "SELECT 1;\nDROP TABLE places", "INSERT INTO records_fts(records_fts) VALUES ('delete-all')",
    "WITH x AS (SELECT 1) INSERT INTO records_fts(records_fts) VALUES ('optimize')", "ATTACH ':memory:' AS x", "ATTACH DATABASE '/etc/passwd' AS x",
    "ATTACH 'file:/etc/passwd?mode=ro' AS x", "DETACH main", "SELECT 1; ATTACH 'x.db' AS x", "WITH x AS (SELECT 1) ATTACH 'x' AS y",
    "PRAGMA writable_schema = 1", "PRAGMA journal_mode = DELETE", "PRAGMA query_only = 0", "PRAGMA database_list", "pragma database_list",
    "SELECT load_extension('/tmp/x')", "SELECT load_extension('x', 'y')", "SELECT readfile('/etc/passwd')", "SELECT writefile('/tmp/x', 'y')",
    "SELECT edit('x')", "SELECT fts3_tokenizer('simple')", "SELECT fts3_tokenizer('x', x'4141414141414141')", "SELECT * FROM fts3tokenize('simple', 'x')",
    "SELECT sqlite_log(1, 'x')", "SELECT shell('id')", "SELECT system('id')", "SELECT * FROM fsdir('/')", "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM dbstat", "SELECT * FROM sqlite_stmt", "SELECT * FROM bytecode('SELECT 1')", "SELECT * FROM tables_used('SELECT 1')",
    "SELECT * FROM csv('/etc/passwd')", "SELECT * FROM zipfile('/etc/passwd')", "SELECT * FROM generate_series(1, 10)", "SELECT * FROM _internal.databases",
    "SELECT * FROM pragma_database_list", "SELECT * FROM pragma_database_list()", "SELECT file FROM pragma_database_list",
    "SELECT (SELECT file FROM pragma_database_list)", "SELECT * FROM (SELECT * FROM pragma_database_list)", "SELECT * FROM PRAGMA_DATABASE_LIST",
    "SELECT * FROM \"pragma_database_list\"", "SELECT * FROM [pragma_database_list]", "SELECT * FROM main.pragma_database_list",
    "SELECT * FROM pragma_max_page_count(1)", "SELECT * FROM pragma_schema_version(9)", "SELECT * FROM pragma_page_size(512)",
    "SELECT * FROM pragma_compile_options", "SELECT * FROM pragma_table_info('places') AS a, pragma_database_list AS b",
    "SELECT * FROM/**/pragma_module_list", "SELECT nope", "SELECT * FROM nope", "", ";", "\0", "SELECT 1\0; DELETE FROM places", "SELECT '", "SELECT \"",
    "VALUES (1)", "SELECT * FROM places WHERE name = :a AND :b AND ?5", "SELECT " + "(" * 20_000, "SELECT 1 " + "UNION SELECT 1 " * 3_000,
    "SELECT " + ",".join("1" for _ in range(5_000)), "WITH RECURSIVE x AS (SELECT * FROM x) SELECT * FROM x", "SELECT zeroblob(2000000000)",
    "WITH RECURSIVE x(y) AS (SELECT 1 UNION ALL SELECT y + 1 FROM x) SELECT y FROM x WHERE y < 0", "SELECT randomblob(1000000000)",
    "SELECT printf('%.*c', 2000000000, 'x')", "SELECT replace(hex(zeroblob(300000000)), '0', 'aaaa')", "SELECT abs(-9223372036854775808)",
    "SELECT json('[' || replace(hex(zeroblob(20000)), '0', '[') || ']')", "SELECT json_extract('{', '$')", "SELECT 1 LIKE '" + "%a" * 4_000 + "'",
    "SELECT * FROM records_fts WHERE records_fts MATCH '\"'", "SELECT * FROM records_fts WHERE records_fts MATCH 'NEAR('",
    "SELECT snippet(records_fts, -1, '<b data-planted>', '', '', 64) FROM records_fts", "SELECT highlight(1, 2, 3, 4)",
)  # fmt: skip
MAY_ANSWER = (
    "SELECT * FROM places WHERE name = :a AND :b AND ?5",
    "SELECT snippet",
    "",
)  # what is no attack, or is empty


@pytest.mark.parametrize("query", WRITES, ids=lambda query: re.sub(r"\W+", "-", query[:60]).strip("-") or "empty")
def test_sql_only_reads_the_published_rows(tried, query):
    """And whatever is asked, as a page, JSON, CSV or workbook, the answer is orderly."""
    for ending in ("", ".json", ".csv", ".xlsx") if len(query) < 200 else (".json",):
        tried(
            sql(query, ending),
            *(() if query.startswith(tuple(filter(None, MAY_ANSWER))) or not query.strip("; ") else (REFUSED,)),
        )


@pytest.mark.parametrize(
    "name", sorted(name for (name,) in sqlite3.connect(":memory:").execute("SELECT name FROM pragma_pragma_list"))
)
def test_pragmas_set_nothing_and_tell_nothing_of_the_machine(tried, name):
    for query in (f"PRAGMA {name}", f"PRAGMA {name} = 1", f"PRAGMA {name}(1)", f"SELECT * FROM pragma_{name}(1, 2)"):
        tried(sql(query), REFUSED)
    told = tried(sql(f"SELECT * FROM pragma_{name}"))[0]
    assert told.status == 400 or name in ("page_count", "page_size", "schema_version", "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list")  # fmt: skip


@pytest.mark.parametrize("where", ["1) UNION SELECT * FROM pragma_database_list --", "1; DELETE FROM places", "load_extension('x')",
                                   "name IN (SELECT file FROM pragma_database_list)", "(SELECT count(*) FROM links, links AS b, links AS c) > 0"])  # fmt: skip
def test_conditions_of_a_readers_own_only_read(tried, where):
    for ending in ("", ".json", ".csv"):
        tried(f"/prc-reach/places{ending}?{urlencode({'_where': where})}", REFUSED)


FILES = ("etc/passwd", "pyproject.toml", "datapackage.json", "metadata.yml", "scripts/site/__init__.py", "prc-reach.db")
UP = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%5c",
    "..\\",
    "%252e%252e%252f",
    "..%c0%af",
    "..%00/",
    "....//",
    ".%2e/",
    "~2E~2E~2F",
    "..;/",
    "..%ef%bc%8f",
    "/",
)
BELOW = (
    "/",
    "/static/",
    "/-/static/",
    "/-/static-plugins/x/",
    "/downloads/",
    "/downloads/tables/",
    "/prc-reach/",
    "/prc-reach/places/",
    "/-/",
)


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("up", UP, ids=lambda up: up.replace("/", "-").replace("\\", "backslash") or "none")
def test_paths_lead_out_of_nothing(tried, below, up):
    for file in FILES:
        for target in (f"{below}{up * 6}{file}", f"{below}x/{up * 9}{file}%00.css"):
            for answer in tried(target):
                assert (
                    answer.status >= 300 and b"[project]" not in answer.body and b"SQLite format" not in answer.body
                ), target


@pytest.mark.parametrize("path", [f"/-/{each}" for each in (
    "versions", "plugins", "settings", "config", "threads", "actor", "permissions", "messages", "allow-debug", "logout", "patterns",
    "auth-token?token=x", "metadata", "databases", "jump", "static", "static/", "static-plugins", "create-token", "api", "rules", "nope", "")])  # fmt: skip
def test_pages_about_the_server_tell_nothing_of_the_machine(tried, path):
    for ending in ("", ".json"):
        for method in ("GET", "HEAD", "POST"):
            answer = tried(path.replace("?", f"{ending}?") if "?" in path else path + ending, method=method)[0]
            open_ = path in ("/-/metadata", "/-/databases") and method != "POST"
            assert answer.status == 200 if open_ else answer.status >= 400 or answer.headers["location"]


@pytest.mark.parametrize("path", ["/_internal", "/_memory", "/:memory:", "/_internal/databases", "/_memory?sql=SELECT+1", "/_internal?sql=SELECT+1",
                                  "/_internal.db", "/prc-reach/sqlite_stat1", "/prc-reach/sqlite_master", "/prc-reach/pragma_database_list",
                                  "/prc-reach/records_fts_data", "/prc-reach/-/x", "/-/prc-reach"])  # fmt: skip
def test_other_databases_are_closed(tried, path):
    for ending in ("", ".json"):
        answer = tried(path.replace("?", f"{ending}?") if "?" in path else path + ending)[0]
        assert (
            answer.status >= 400
            or path.startswith(("/prc-reach/sqlite_stat1", "/prc-reach/records_fts_data"))
            or answer.headers["location"]
        )


METHODS = (
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "DATA",
    "RENDER",
    "REDIRECT",
    "DS",
    "GET_TEMPLATES",
    "OPTIONS",
    "POST",
    "__INIT__",
    "get",
)


@pytest.mark.parametrize("method", METHODS)
def test_methods_change_nothing(tried, method):
    for path in (
        "/",
        "/prc-reach",
        "/prc-reach/places",
        "/prc-reach/places/tashkent",
        "/prc-reach/timeline",
        "/search",
        "/-/messages",
    ):
        tried(
            path,
            *((INERT,) if method == "OPTIONS" else (REFUSED,)),
            method=method,
            body=b"sql=DELETE+FROM+places&message=x",
        )
    for header in ("X-HTTP-Method-Override: DELETE", "X-HTTP-Method: PUT", "X-Method-Override: POST"):
        assert tried("/prc-reach/places.json?_size=1", headers=(header,))[0].status == 200


PARAMETERS = ("_size", "_next", "_sort", "_sort_desc", "_facet", "_facet_size", "_facet_array", "_facet_date", "_search", "_search_name", "_searchmode", "_shape",
              "_json", "_labels", "_label", "_col", "_nocol", "_nofilter", "_extra", "_trace", "_context", "_timelimit", "_ttl", "_where", "_through", "_nl", "_stream",
              "_dl", "_header", "_filter_column", "_filter_op", "_filter_value", "_blob_column", "_blob_hash", "_next_url", "_show_hidden", "_hide_sql", "_show_sql",
              "callback", "_callback", "_json_infinity", "_allow", "_actor", "name", "name__contains", "name__like", "name__in", "name__nope", "nope", "q", "in", "page",
              "view", "sql", "country", "prefix", "queries", "__proto__", "token", "next", "url", "redirect")  # fmt: skip
VALUES = (*EVERY, "\r\nX-Planted: 1", "%0d%0aX-Planted: 1", "x\x00", "-1", "0", "9" * 5_000, "1e999", "NaN", "²", "१२", "null", "[]", '{"a": [', "../../etc/passwd", "x" * 3_000,
          f"//{EVIL}", "on", "\ud7ff\ufffe", "a,b,c,d", "$null,x")  # fmt: skip
PLACES = ("/", "/search", "/map", "/prc-reach", "/prc-reach/places", "/prc-reach/places.json", "/prc-reach/places.csv", "/prc-reach/events_readable",
          "/prc-reach/places/tashkent", "/prc-reach/isoon_targets_in_a_country", "/prc-reach/isoon_targets_in_a_country.json", "/reconcile", "/reconcile/suggest/entity",
          "/changes.atom", "/sitemap.xml", "/downloads")  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_inert(tried, full, name):
    """Values in a parameter of each kind of page; with --full a ninth of all 150,000, else some that differ by parameter."""
    first = PARAMETERS.index(name)
    for number, place in enumerate(PLACES):
        for value in VALUES[(first + number) % 9 :: 9] if full else [VALUES[(first * 7 + number * 11) % len(VALUES)]]:
            tried(f"{place}?{urlencode({name: value})}"[:60_000])
            if full:
                tried(f"{place}?{urlencode({value: name})}"[:60_000])
                tried(f"{place}?{name}={quote(value)}&{name}=x"[:60_000])


@pytest.mark.parametrize("text", EVERY, ids=lambda text: re.sub(r"\W+", "-", text)[:40])
def test_text_in_addresses_and_answers_is_inert(tried, text):
    safe, alias = quote(text, safe=""), text.replace('"', '""')
    literal = text.replace("'", "''")
    for target in (
        f"/{safe}", f"/prc-reach/{safe}", f"/prc-reach/places/{safe}", f"/prc-reach/places.{safe}", f"/downloads/{safe}", f"/static/{safe}",
        f"/prc-reach/timeline/{safe}", f"/prc-reach/{safe}/{safe}.json", f"/search?q={safe}&in={safe}&page={safe}", f"/prc-reach?sql={safe}",
        f"/prc-reach/isoon_targets_in_a_country?country={safe}", f"/prc-reach/partners_of_a_base?base={safe}&_hide_sql={safe}",
        f"/prc-reach/places?name={safe}&_sort={safe}", f"/prc-reach/places?name__contains={safe}&_search={safe}&_facet=name",
        sql(f"SELECT '{literal}' AS a", ""), sql(f"SELECT 1 AS \"{alias}\"", ""), sql(f"SELECT '{literal}' AS url, '{literal}' AS href", ""),
        sql(f"SELECT CAST('{literal}' AS BLOB) AS a", ""), sql(f"SELECT :{'x'} AS a", "", x=text), sql(f"SELECT '{literal}' AS \"{alias}\"", ".csv"),
        sql(f"SELECT '{literal}' AS \"{alias}\""), sql(f"SELECT nope -- {text}", ""), sql(f"SELECT 1 AS a /* {text} */", "", **{text: text}),
        sql(f"SELECT json('[\"x\"]') AS \"{alias}\"", ""), f"/reconcile/suggest/entity?prefix={safe}&callback={safe}", f"/reconcile?queries={safe}",
    ):  # fmt: skip
        tried(target)
    body = urlencode({"queries": json.dumps({text: {"query": text, "type": text}})}).encode()
    tried("/reconcile", method="POST", headers=("Content-Type: application/x-www-form-urlencoded",), body=body)


@pytest.mark.parametrize("queries", ['{"q": {"query": "\\ud800"}}', '{"q": {"query": "x", "type": ["\\udfff"]}}', '{"q": {"query": "x", "type": []}}', '{"q": {"query": "x", "type": [[1]]}}',
                                     '{"q": {"query": "x", "limit": 1e400}}', '{"q": {"query": "x", "limit": 99999999999999999999}}', "[" * 50_000, '{"a":' * 50_000,
                                     json.dumps({f"q{n}": {"query": "China"} for n in range(501)}), json.dumps({"q": {"query": "x" * 200_000}}),
                                     json.dumps({"q": {"query": "a* OR b* NEAR(c)" * 100}}), "NaN", "1" * 5_000, '{"q": {"query": "\\u0000"}}'],
                         ids=lambda text: re.sub(r"\W+", "-", text)[:40])  # fmt: skip
def test_reconciliation_is_orderly_whatever_is_sent(tried, queries):
    headers = ("Content-Type: application/x-www-form-urlencoded",)
    tried("/reconcile", method="POST", headers=headers, body=urlencode({"queries": queries}).encode())
    tried(f"/reconcile?{urlencode({'queries': queries})}"[:50_000])


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"queries", b"queries=%ff", b"a" * 2_000_000, b"--x\r\n\r\n", b""],
    ids=["not-utf-8", "no-value", "bad-value", "large", "multipart", "none"],
)
@pytest.mark.parametrize("headers", [("Content-Type: multipart/form-data; boundary=x",), ("Content-Type: application/json", "Cookie: ds_csrftoken=x"),
                                     ("Content-Type: multipart/form-data", "Cookie: a=b"), ("Cookie: ds_actor=x; ds_messages=y",), ("Authorization: Bearer x",)],
                         ids=["multipart", "json-and-cookie", "no-boundary", "cookies", "token"])  # fmt: skip
def test_bodies_are_taken_orderly(tried, body, headers):
    tried("/reconcile", method="POST", headers=headers, body=body)


HOSTS = (
    EVIL,
    f"{EVIL}:80",
    'x"><script data-planted>',
    f"{EVIL}/x?",
    "a b",
    "[::1",
    "x@y",
    "",
    "localhost:99999999",
    f"x, {EVIL}",
    "x\xa0y",
    "..",
    "-",
    "a" * 5_000,
)


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: re.sub(r"\W+", "-", host)[:30] or "empty")
def test_the_host_that_is_asked_for_is_a_host_or_refused(tried, host):
    for path in (
        "/",
        "/changes.atom",
        "/sitemap.xml",
        "/robots.txt",
        "/reconcile",
        "/prc-reach/events.json?_size=1",
        "/prc-reach/events?_size=1",
        "/x%2f",
    ):
        answers = tried(path, headers=(f"Host: {host}",))
        if not re.fullmatch(r"[\w.-]+(:\d{1,5})?", host, re.A):
            assert all(answer.status == 400 for answer in answers)


@pytest.mark.parametrize("header", [f"X-Forwarded-Host: {EVIL}", f"X-Host: {EVIL}", f"Forwarded: host={EVIL}", f"X-Original-URL: /{EVIL}", f"X-Rewrite-URL: /{EVIL}",
                                    f"X-Forwarded-Server: {EVIL}", f"X-Forwarded-Prefix: //{EVIL}", f"Referer: https://{EVIL}/", f"Origin: https://{EVIL}"])  # fmt: skip
def test_other_headers_name_no_other_host(tried, header):
    for path in ("/", "/changes.atom", "/sitemap.xml", "/prc-reach/events.json?_size=1", "/prc-reach/events?_size=1"):
        answer = tried(path, headers=(header,))[0]
        told = "".join(f"{name}: {value}" for name, values in answer.headers.items() for value in values)
        assert (
            EVIL not in told
            and f"https://{EVIL}/changes" not in answer.text
            and f"//{EVIL}/prc-reach" not in answer.text
        )
        assert (
            answer.headers.get("access-control-allow-origin", ["*"]) == ["*"]
            and "access-control-allow-credentials" not in answer.headers
        )


REDIRECTS = (f"//{EVIL}", f"//{EVIL}/", f"//{EVIL}/%2f..", f"///{EVIL}/", f"/\\{EVIL}/", f"/\\/{EVIL}/", f"/%5c{EVIL}/", f"/%2f{EVIL}/", f"/%09/{EVIL}/", f"/.//{EVIL}/", f"/x/..//{EVIL}/",
             f"//{EVIL}/x/?", f"/;@{EVIL}/", f"/@{EVIL}/", f"http://{EVIL}/", f"http://{EVIL}", f"/%0d%0aLocation:%20//{EVIL}/", "/x%0d%0aX-Planted:%201/", "/prc-reach%0d%0aX-Planted:1",
             f"/prc-reach/?x=//{EVIL}", f"/prc-reach//{EVIL}/", "/prc-reach.jsono?x=%0d%0aX-Planted:1", f"/:memory://{EVIL}", f"/-/config//{EVIL}", f"/-/logout?next=//{EVIL}",
             "/prc-reach/places/?%0d%0aX-Planted:1", "/prc-reach/places.jsono", "/prc-reach/places?_filter_column=name&_filter_op=exact&_filter_value=%0d%0aX-Planted:1")  # fmt: skip


@pytest.mark.parametrize("target", REDIRECTS)
def test_nothing_redirects_to_another_host_or_splits_headers(tried, target):
    for answer in tried(target):
        for name in ("location", "link"):
            assert not any(
                EVIL in value.partition("?")[0] and not value.startswith(("/prc-reach", "/"))
                for value in answer.headers.get(name, [])
            )


RAW = {
    "both lengths": b"POST /reconcile HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST /reconcile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    "odd encoding": b"POST /reconcile HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : x\r\nConnection: close\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\nTransfer-Encoding\r\n : chunked\r\n\r\n",
    "bare newline": b"GET / HTTP/1.1\nHost: x\nConnection: close\n\n",
    "return alone": b"GET / HTTP/1.1\rHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": f"GET / HTTP/1.1\r\nHost: x\r\nHost: {EVIL}\r\nConnection: close\r\n\r\n".encode(),
    "old protocol": b"GET / HTTP/0.9\r\n\r\n",
    "new protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "nul in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: \x00\r\n\r\n",
    "latin in the line": b"GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab in the line": b"GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "negative length": b"POST /reconcile HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "chunk overflow": b"POST /reconcile HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n",
    "large headers": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n",
    "long address": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "web socket": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "http 2": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "body of a GET": b"GET /prc-reach.json?sql=SELECT+1 HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\nConnection: close\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n123456",
    "expects": b"POST /reconcile HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "nonsense": b"\x00\xff" * 500 + b"\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("case", RAW)
def test_malformed_requests_are_refused_and_smuggle_nothing(hostile, secrets, tally, case):
    answers = asyncio.run(_exchanged(hostile[1], RAW[case]))
    statuses = [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3})", answers)]
    assert all(status < 500 for status in statuses), answers[:500]
    assert b"smuggled" not in answers and not any(secret.encode() in answers for secret in secrets)
    assert len([status for status in statuses if 200 <= status < 400]) <= 1
    tally[REFUSED if not statuses or statuses[-1] >= 400 else INERT] += 1


async def _exchanged(address: str, sent: bytes) -> bytes:
    from load import exchanged

    return await exchanged(address, sent, 3)


@pytest.mark.parametrize("header", ["If-None-Match: *", "If-None-Match: W/\"x\", \"y\"", "If-None-Match: \xff", "Accept: text/html\x00", "Accept-Encoding: gzip;q=\xff, br", "Range: bytes=0-",
                                    "Range: bytes=-1,-2,-3", "Cookie: a=\xff; ;=; =x", "Cookie: ds_actor=.eJx; ds_messages=x", "Accept-Language: ../../etc/passwd", "User-Agent: () { :; }; id",
                                    "Authorization: Basic Og==", "Content-Type: text/html", "Connection: x, y, close"])  # fmt: skip
def test_headers_change_nothing(tried, header):
    for path in (
        "/",
        "/prc-reach/places.json?_size=1",
        "/prc-reach/places/tashkent",
        "/static/site.css",
        "/downloads/SHA256SUMS",
        "/prc-reach.db",
    ):
        assert tried(path, headers=(header,))[0].status in (200, 400)


def test_a_stranger_cannot_have_others_served_his_answer(tried):
    """What a shared cache keeps of an address depends on nothing that a stranger sends beside it, but what Vary names."""
    plain = tried("/prc-reach/events.json?_size=1")[0]
    for header in (
        f"X-Forwarded-Host: {EVIL}",
        "Cookie: a=b",
        "Authorization: Bearer x",
        "Accept: text/x",
        f"Origin: https://{EVIL}",
    ):
        other = tried("/prc-reach/events.json?_size=1", headers=(header,))[0]
        assert other.body.replace(b" ", b"")[:200] == plain.body.replace(b" ", b"")[:200]
    one, two = (tried("/changes.atom", headers=(f"Host: {host}",))[0] for host in ("one.example", EVIL))
    assert one.headers["etag"] != two.headers["etag"]
    for address in (
        sql("SELECT random()"),
        "/prc-reach.json?s%71l=SELECT+random()",
        "/prc-reach/places.json?_where=random()+is+not+null",
    ):
        assert "etag" not in tried(address)[0].headers, address


@pytest.mark.parametrize(
    "path",
    [
        "places.csv",
        "places.csv?_stream=1",
        "sources.csv?_size=max",
        "records.csv?_labels=on",
        "places.json?_shape=array&_callback=alert",
        "places.json?_nl=on&_shape=array",
    ],
)
def test_tables_that_are_taken_away_are_no_pages(tried, path):
    answer = tried(f"/prc-reach/{path}")[0]
    assert answer.status == 200 and answer.kind in ("text/plain", "application/json", "text/csv")
    assert not answer.text.startswith("alert")


def test_a_workbook_holds_formulas_and_links_as_text(hostile):
    folder, address, _ = hostile
    books = [
        asked(address, path)[0].body
        for path in (
            "/prc-reach/places.xlsx",
            "/prc-reach/records.xlsx",
            sql("SELECT '=1+1' AS a, '@x' AS \"=b\"", ".xlsx"),
        )
    ]
    books.append((folder / "dist/prc-reach.xlsx").read_bytes())
    texts = 0
    for body in books:
        for sheet in openpyxl.load_workbook(io.BytesIO(body)):
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f" and cell.hyperlink is None
                    texts += str(cell.value).startswith("=")
    assert texts > 10


def test_what_is_exported_as_csv_is_what_was_coded(hostile):
    """CSV has no types: `export` and the site write cells as they are, and say so; a workbook is there for spreadsheets."""
    folder, address, _ = hostile
    served = list(csv.reader(io.StringIO(asked(address, "/downloads/tables/places.csv")[0].text)))
    assert served == list(csv.reader(io.StringIO((folder / "tables/places.csv").read_text("utf-8"))))


def test_feed_sitemap_and_json_ld_stay_what_they_are(hostile, secrets):
    import xml.etree.ElementTree as xml

    _, address, _ = hostile
    for path in ("/changes.atom", "/sitemap.xml"):
        answer = asked(address, path)[0]
        assert not wrong(answer, secrets) and xml.fromstring(answer.body).tag.endswith(("feed", "urlset"))
    page = asked(address, "/")[0].text
    told = json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)[1])
    assert told["@type"] == "Dataset" and "data-planted" in json.dumps(told)


KINDS = ("/", "/search?q=alert", "/search?q=planted&page=2", "/map", "/map?view=world", "/about", "/manual", "/recipes", "/dictionary", "/downloads", "/prc-reach", "/-/metadata", "/-/databases",
         "/prc-reach/records", "/prc-reach/records?_facet=label&_facet=url", "/prc-reach/links", "/prc-reach/sources", "/prc-reach/sources_readable?_facet=title&_facet=url", "/prc-reach/places_readable",
         "/prc-reach/events_readable?_sort=name", "/prc-reach/citations_readable", "/prc-reach/organizations?name__contains=alert", "/prc-reach/name_variants_readable", "/nope", "/prc-reach/nope",
         "/prc-reach?sql=SELECT+*+FROM+sources", "/prc-reach?sql=SELECT+nope", "/prc-reach/places?_where=nope")  # fmt: skip


def test_hostile_text_runs_nowhere_in_a_browser(hostile, figure, full):
    """Every kind of page, with hostile text in every cell, title, description, address and question.

    Nothing runs, nothing is asked of another host, and the content security policy has nothing to stop:
    it is the second wall, of which the first has no hole.
    """
    program = chromium.found()
    if program is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(chromium.MISSING)
    folder, address, row = hostile
    database = sqlite3.connect(f"file:{folder / 'dist/prc-reach.db'}?mode=ro", uri=True)
    kinds = [*KINDS, row]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory():
        browser = playwright.chromium.launch(executable_path=program, args=chromium.ARGUMENTS)
        context = browser.new_context(base_url=address)
        context.add_init_script(
            "window.stopped = []; document.addEventListener('securitypolicyviolation', (event) => window.stopped.push(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample));"
        )
        page, seen = context.new_page(), []
        page.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: seen.append(f"error {error}"))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((f"{address}/", "data:image")) else seen.append(f"request {request.url}")
            ),
        )
        page.on(
            "console",
            lambda said: (
                seen.append(f"console {said.text}") if said.type == "error" and "status of 4" not in said.text else None
            ),
        )
        questions = [
            f"/prc-reach/{each['name']}" for each in json.loads(asked(address, "/prc-reach.json")[0].text)["queries"]
        ]
        tables = [name for (name,) in database.execute("SELECT DISTINCT table_name FROM records")]
        rows = [
            f"/prc-reach/{table}/{quote(row_id)}"
            for table in tables
            for (row_id,) in database.execute(
                "SELECT row_id FROM records WHERE table_name = ? LIMIT ?", (table, 40 if full else 2)
            ).fetchall()
            if re.fullmatch("[A-Za-z0-9-]+", row_id)
        ]
        typed = [f"/search?q={quote(text)}" for text in SCRIPTS] + [
            sql(f"SELECT '{text.replace(chr(39), chr(39) * 2)}' AS url", "") for text in EVERY
        ]
        cells = 0
        for path in [*kinds, *questions, *rows, *typed]:
            page.goto(path)
            found = page.evaluate(_LOOK)
            cells += found["texts"]
            wrong_here = [
                *seen,
                *found["planted"],
                *found["stopped"],
                *(link for link in found["links"] if leads_astray(link)),
            ]
            assert not wrong_here, (path, wrong_here[:5])
        browser.close()
    figure(
        f"a browser on {len(kinds) + len(questions) + len(rows) + len(typed)} pages full of hostile text ({cells:,} hostile texts shown): nothing ran, nothing left, no policy was needed"
    )
    assert cells > 500


_LOOK = """() => {
  const text = document.documentElement.innerText + [...document.querySelectorAll('textarea, input')].map((each) => each.value).join(' ');
  return {
    planted: [...document.querySelectorAll('[data-planted], [onload], [onerror], [onfocus], [onmouseover], iframe, object, embed, base, meta[http-equiv]')].map((each) => each.outerHTML.slice(0, 200)),
    links: [...document.querySelectorAll('[href], [src], [action], [formaction]')].flatMap((each) => ['href', 'src', 'action', 'formaction'].map((name) => each.getAttribute(name)).filter((value) => value !== null)),
    stopped: window.stopped,
    texts: (text.match(/data-planted|alert\\(1\\)/g) || []).length,
  };
}"""  # fmt: skip


def test_the_server_is_as_it_was(hostile, tally, figure):
    """After all that: the same files, none new, and pages are answered."""
    folder, address, _ = hostile
    assert asked(address, "/prc-reach/places/tashkent")[0].status == 200
    database = sqlite3.connect(f"file:{folder / 'dist/prc-reach.db'}?mode=ro", uri=True)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    sums = {line[66:]: line[:64] for line in (folder / "dist/SHA256SUMS").read_text("utf-8").splitlines()}
    import hashlib

    assert all(
        hashlib.sha256((folder / "dist" / name).read_bytes()).hexdigest() == digest for name, digest in sums.items()
    )
    assert {str(path.relative_to(folder / "dist")) for path in (folder / "dist").rglob("*") if path.is_file()} == {
        *sums,
        "SHA256SUMS",
    }
    assert not Path("/tmp/prc-reach-stolen.db").exists()
    figure(
        f"{tally.total():,} attempts over HTTP: {tally[REFUSED]:,} refused, {tally[INERT]:,} rendered inert, none did harm"
    )
