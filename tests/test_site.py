"""The pages over HTTP: what a reader finds, what leads where, and what goes out with every answer."""

from __future__ import annotations

import asyncio
import html
import io
import json
import re
import socket
import sqlite3
import time
import xml.etree.ElementTree as xml
from collections import deque
from http.client import HTTPResponse
from urllib.parse import parse_qs, urldefrag, urljoin, urlsplit

import httpx
import openpyxl
import pytest
from conftest import ROOT, run, serving
from test_mistakes import change_cell

from scripts.check import read_tables
from scripts.export import export
from scripts.package import load
from scripts.site.content import rendered, web_address

ATOM = "{http://www.w3.org/2005/Atom}"


def hits(client, query: str, **more) -> list[tuple[str, str]]:
    """What a search finds: the kind of each hit and its label, without marks."""
    page = client.get("/search", params={"q": query, **more}).text
    items = re.findall(
        r'<li>\s*<h2><a href="[^"]*">(.*?)</a></h2>\s*<p class="kind"><span class="tag">(.*?)</span>', page, re.S
    )
    return [(html.unescape(kind), html.unescape(re.sub("<.*?>", "", label))) for label, kind in items]


@pytest.mark.parametrize(
    "query, kind, label",
    [
        ("北斗", "Satellite systems", "Beidou"),
        ("Beidou", "Satellite systems", "Beidou"),
        ("beidou", "Satellite systems", "Beidou"),
        ("BDS", "Satellite systems", "Beidou"),
        ("安洵", "Organizations", "iS00N Information Technology"),
        ("安洵信息", "Organizations", "iS00N Information Technology"),
        ("i-SOON", "Organizations", "iS00N Information Technology"),
        ("iSOON", "Organizations", "iS00N Information Technology"),
        ("isoon", "Organizations", "iS00N Information Technology"),
        ("iS00N", "Organizations", "iS00N Information Technology"),
        ("542", "Vessels", "542"),
        ("Tashkent", "Places", "Tashkent"),
        ("regional anti-terrorist structure", "Organizations", "Regional Anti-Terrorist Structure"),
    ],
)  # fmt: skip
def test_search_shows_first_what_is_called_so(site, query, kind, label):
    assert hits(site[1], query)[0] == (kind, label)


@pytest.mark.parametrize(
    "simplified, traditional", [("卫星导航", "衛星導航"), ("中国海警", "中國海警"), ("国防部", "國防部")]
)
def test_simplified_and_traditional_find_each_other(site, simplified, traditional):
    found = hits(site[1], simplified)
    assert found and found == hits(site[1], traditional)


@pytest.mark.parametrize(
    "written",
    ["2024-12-09", "9 December 2024", "December 9, 2024", "9 Dec. 2024", "9th December 2024", "2024年12月9日"],
)
def test_a_date_is_found_however_it_is_written(site, database, written):
    kinds = {kind for page in "123" for kind, _ in hits(site[1], written, page=page)}
    assert {"Events", "Exercises"} & kinds
    iso = hits(site[1], "2024-12-09")
    assert hits(site[1], written) == iso


@pytest.mark.parametrize("nonsense", ["zzyzx", "尼斯湖水怪", "…", '"', "*", "'; --"])
def test_nonsense_finds_nothing_and_breaks_nothing(site, nonsense):
    answer = site[1].get("/search", params={"q": nonsense})
    assert answer.status_code == 200
    assert not hits(site[1], nonsense)
    assert "Nothing was found" in answer.text


@pytest.mark.parametrize(
    "words", ["AND OR NOT", "NEAR(a b)", 'label: "x" OR', "a^2 {b}", "-", '""', "北 OR 斗", "x" * 5000, "\0"]
)
def test_search_words_are_never_search_syntax(site, words):
    assert site[1].get("/search", params={"q": words}).status_code == 200


def test_endings_do_not_matter_and_a_beginning_is_told(site):
    assert hits(site[1], "joint patrols")[:5] == hits(site[1], "joint patrol")[:5]
    page = site[1].get("/search", params={"q": "Petropavl"}).text
    assert "words that begin with the last one" in page and "Petropavlovsk" in page


def test_words_that_no_row_has_together_find_rows_with_some_and_the_question(site):
    page = site[1].get("/search", params={"q": "Hambantota 99 years"}).text
    assert "Nothing has just these words. These have some of the words." in page and "Hambantota" in page
    page = site[1].get("/search", params={"q": "iSOON targets Kazakhstan"}).text
    assert "isoon_targets_in_a_country" in page.split('class="hits"')[0]
    assert ("iSOON targets", "Beeline · Kazakhstan") in hits(site[1], "iSOON targets Kazakhstan")


def test_lists_keep_the_hedges(site):
    """What is planned, disputed or only possible is told so wherever it is listed."""
    page = site[1].get("/prc-reach/people/sun-youshun").text
    assert re.search(r"professor[^<]*</a>[^/]*<span class=\"hedge\">disputed</span>", page)
    page = site[1].get("/prc-reach/places/irkutsk").text
    assert re.search(r"Irkutsk · Russia</a>.*?<span class=\"hedge\">planned</span>", page)


def test_answers_lead_to_rows_and_name_their_sources(site):
    page = site[1].get("/prc-reach/sco_bodies_and_seats").text
    assert 'href="/prc-reach/sco_bodies/regional-anti-terrorist-structure"' in page
    assert 'href="/prc-reach/sources/masuo-2023-police-satellites"' in page and "sco_body_id</th>" not in page
    statuses = [row["status"] for row in site[1].get("/prc-reach/planned_and_done.json?_shape=array").json()]
    assert statuses[0] == "proposed" and statuses.index("planned") < statuses.index("done")


def test_everything_with_a_status_is_among_the_planned_and_done(site, database, declared):
    answered = site[1].get("/prc-reach/planned_and_done.json?_shape=array").json()
    for name, schema in declared.schemas.items():
        if "status" in schema.names:
            held = database.execute(f"SELECT count(*) FROM {name} WHERE status IS NOT NULL").fetchone()[0]
            assert held == sum(row["table_name"] == name for row in answered), name


def test_figures_have_their_unit_and_say_about(site, database):
    sql = "SELECT statistic_id, value_max, unit FROM statistics JOIN indicators USING (indicator_id) WHERE approximate AND value_min = value_max LIMIT 1"
    row, value, unit = database.execute(sql).fetchone()
    page = html.unescape(re.sub("<.*?>", " ", site[1].get(f"/prc-reach/statistics/{row}").text))
    assert re.search(rf"about {value:,.0f}\s+{re.escape(unit)}", page) and "Approximate" not in page


def test_a_search_pages_through_every_hit_once(site):
    first = site[1].get("/search", params={"q": "Taiwan"}).text
    total = int(re.search(r"([0-9,]+) results", first)[1].replace(",", ""))
    pages = int(re.search(r"page 1 of (\d+)", first)[1])
    links = [
        link
        for page in range(1, pages + 1)
        for link in re.findall(
            r'<h2><a href="([^"]*)"', site[1].get("/search", params={"q": "Taiwan", "page": page}).text
        )
    ]
    assert len(links) == len(set(links)) == total > 100
    kinds = re.findall(r"in=([a-z_]+)", first)
    assert sum(int(re.search(r"([0-9,]+) results?", site[1].get("/search", params={"q": "Taiwan", "in": kind}).text)[1]) for kind in kinds) == total  # fmt: skip


def test_what_is_found_is_marked_and_nothing_runs(site):
    page = site[1].get("/search", params={"q": "北斗"}).text
    assert "<mark>北斗</mark>" in page
    for hostile in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)"):
        page = site[1].get("/search", params={"q": hostile, "in": hostile, "page": hostile}).text
        assert hostile not in page.replace('content="', "") or hostile.startswith("javascript")
        assert not re.search(r"<(script|img)[^>]*(alert|onerror)", page)


def test_records_hold_every_row_with_an_id_and_links_every_reference(database, declared):
    records = dict(database.execute("SELECT table_name, count(*) FROM records GROUP BY 1"))
    assert records == {
        name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for name, schema in declared.schemas.items()
        if len(schema.primaryKey) == 1
    }
    assert database.execute("SELECT count(*) FROM records WHERE label IS NULL OR label = ''").fetchone() == (0,)
    for name, schema in declared.schemas.items():
        for column in schema.targets if len(schema.primaryKey) == 1 else ():
            sql = f"SELECT (SELECT count({column}) FROM {name}), (SELECT count(*) FROM links WHERE via = '{name}.{column}')"
            held, linked = database.execute(sql).fetchone()
            assert held == linked, (name, column)
    lost = "SELECT count(*) FROM links LEFT JOIN records USING (table_name, row_id) WHERE records.row_id IS NULL"
    assert database.execute(lost).fetchone() == (0,)


def test_records_keep_a_partial_date_and_its_days(database):
    sql = "SELECT date, first_day, last_day FROM records WHERE table_name = 'joint_patrols' AND row_id = 'air-7'"
    assert database.execute(sql).fetchone() == ("2023-12", "2023-12-01", "2023-12-31")
    spans = "SELECT count(*) FROM records WHERE first_day > last_day"
    assert database.execute(spans).fetchone() == (0,)


def test_a_row_shows_where_it_was_read_how_sure_it_is_and_what_refers_to_it(site, database):
    page = html.unescape(site[1].get("/prc-reach/satellite_systems/beidou").text)
    definition = database.execute(
        "SELECT definition FROM certainty_levels WHERE certainty_level_id = 'stated'"
    ).fetchone()[0]
    for told in (definition, "Chisako T. Masuo, IAI Papers 23 | 01", "People's Liberation Army", "北斗", "BDS",
                 "Positioning accuracies", "Report an error in this row", "Correction to PRC Reach", "para 5", "Maritime Affairs"):  # fmt: skip
        assert told in page, told
    assert "/prc-reach/sources/masuo-2023-police-satellites" in page


def test_a_cited_source_leads_to_what_it_is_cited_for(site, database):
    source, number = database.execute(
        "SELECT source_id, count(*) FROM citations GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    ).fetchone()
    page = site[1].get(f"/prc-reach/sources/{source}").text
    assert f"citations?source_id={source}" in page and f"{number:,}" in page


def test_bounds_read_as_they_are_meant(site, database):
    """Equal bounds are a figure, one alone is a bound, and what is unknown is not shown as zero."""
    sql = "SELECT drone_incursion_id FROM drone_incursions WHERE {} LIMIT 1"
    for where, told in (
        ("sorties_min IS NOT NULL AND sorties_max IS NULL", "at least "),
        ("sorties_min IS NULL AND sorties_max IS NULL", None),
    ):
        page = site[1].get(f"/prc-reach/drone_incursions/{database.execute(sql.format(where)).fetchone()[0]}").text
        cells = dict(re.findall(r"<dt[^>]*>(.*?)</dt><dd>(.*?)</dd>", page))
        assert ("Sorties" in cells) is bool(told) and cells.get("Sorties", "").startswith(told or "")
    exact = database.execute(
        "SELECT patrol_flight_id, aircraft_min FROM patrol_flights WHERE aircraft_min = aircraft_max"
    ).fetchone()
    cells = dict(
        re.findall(r"<dt[^>]*>(.*?)</dt><dd>(.*?)</dd>", site[1].get(f"/prc-reach/patrol_flights/{exact[0]}").text)
    )
    assert cells["Aircraft"].split(" ")[0] == str(exact[1])


def test_readable_views_lead_to_rows_by_their_labels(site):
    page = site[1].get("/prc-reach/sco_bodies_readable").text
    for link in (
        "/prc-reach/places/tashkent",
        "/prc-reach/countries/UZB",
        "/prc-reach/sco_bodies/regional-anti-terrorist-structure",
    ):
        assert f'href="{link}"' in page, link
    assert 'href="/prc-reach/events_readable"' in site[1].get("/").text


def test_a_table_opens_sorted_and_with_facets(site, declared):
    told = site[1].get("/-/metadata.json").json()["databases"]["prc-reach"]["tables"]
    assert {"certainty", "start_date_year", "event_kind"} <= set(told["events"]["facets"])
    assert {"certainty", "start_date_year", "event_kind"} <= set(told["events_readable"]["facets"])
    dates = [row["start_date"] for row in site[1].get("/prc-reach/events_readable.json?_shape=array&_size=max").json()]
    known = [date for date in dates if date]
    assert known == sorted(known, reverse=True) and dates[: len(known)] == known
    page = site[1].get("/prc-reach/events_readable").text
    assert page.index("Narrow down") < page.index("rows-and-columns") and "column-descriptions" not in page


def test_every_question_with_a_picture_draws_its_numbers(site):
    declared = site[1].get("/-/metadata.json").json()["databases"]["prc-reach"]["queries"]
    drawn = {name: query for name, query in declared.items() if "chart" in query}
    assert len(drawn) >= 4
    for name, query in drawn.items():
        values = {key: "" for key in query.get("params", [])}
        rows = site[1].get(f"/prc-reach/{name}.json", params={**values, "_shape": "objects"}).json()["rows"]
        page = site[1].get(f"/prc-reach/{name}", params=values).text
        chart = query["chart"]
        for column in chart["heights"]:
            expected: dict[str, float] = {}
            for row in rows:
                if row[column] is not None:
                    expected[str(row[chart["across"]])] = expected.get(str(row[chart["across"]]), 0) + row[column]
            assert expected, (name, column)
            for label, number in expected.items():
                cell = rf'<th scope="row">{re.escape(html.escape(label))}</th>\s*<td>.*?<span class="number">{number:g}'
                assert re.search(cell, page, re.S), (name, label, number)


def test_choices_and_examples_of_questions_answer(site):
    for link in re.findall(r'<li><a href="(/prc-reach/[a-z_]+\?[^"]*)"', site[1].get("/").text):
        page = site[1].get(html.unescape(link)).text
        assert "No rows" not in page, link
    assert '<option value="Kazakhstan">' in site[1].get("/prc-reach/isoon_targets_in_a_country?country=").text


def test_the_map_places_what_has_coordinates_and_lists_everything(site, database):
    page = site[1].get("/map?view=world").text
    placed = database.execute("SELECT place_id FROM places WHERE latitude IS NOT NULL").fetchall()
    for (place,) in placed:
        assert f'<a href="/prc-reach/places/{place}" aria-label=' in page, place
    for (place,) in database.execute("SELECT place_id FROM places"):
        assert f'href="/prc-reach/places/{place}"' in page
    tashkent = re.search(r'aria-label="Tashkent, \d+ rows"><circle cx="([-\d.]+)" cy="([-\d.]+)"', page)
    assert (float(tashkent[1]), -float(tashkent[2])) == database.execute("SELECT longitude, latitude FROM places WHERE place_id = 'tashkent'").fetchone()  # fmt: skip
    assert "tile" not in page


def test_the_dictionary_has_every_table_column_and_rule(site, declared):
    page = html.unescape(site[1].get("/dictionary").text)
    for name, schema in declared.schemas.items():
        assert f'id="{name}"' in page
        for field in schema.fields:
            assert f"<code>{field.name}</code>" in page and field.description in page
        for rule in schema.rules:
            assert rule.message in page


def test_spreadsheets_have_every_row_and_no_formula(site, database):
    for name in ("citations", "citations_readable", "records"):
        body = site[1].get(f"/prc-reach/{name}.xlsx").content
        rows = list(openpyxl.load_workbook(io.BytesIO(body), read_only=True).active.iter_rows(values_only=True))
        assert len(rows) - 1 == database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        assert rows[0] == tuple(column[1] for column in database.execute(f"PRAGMA table_info({name})"))
    some = site[1].get("/prc-reach/organizations.xlsx", params={"_search": "安洵"}).content
    assert "安洵信息" in [cell.value for row in openpyxl.load_workbook(io.BytesIO(some)).active.rows for cell in row]
    asked = site[1].get("/prc-reach.xlsx", params={"sql": "SELECT '=1+1' AS a, 2 AS b"}).content
    cell = openpyxl.load_workbook(io.BytesIO(asked)).active["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    question = site[1].get("/prc-reach/sco_bodies_and_seats.xlsx").content
    assert openpyxl.load_workbook(io.BytesIO(question)).active.max_row > 3
    refused = site[1].get(
        "/prc-reach.xlsx", params={"sql": "SELECT a.rowid FROM records AS a, records AS b LIMIT 5000"}
    )
    assert refused.status_code == 400 and "more than 2,000 rows" in refused.text


def test_every_download_is_what_the_sums_say(site):
    folder, client = site
    page = client.get("/downloads").text
    for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines():
        path = line[66:]
        assert f'href="/downloads/{path}"' in page
        if "/" not in path:
            assert client.get(f"/downloads/{path}").content == (folder / path).read_bytes()
    for wrong in (
        "../pyproject.toml",
        "%2e%2e/pyproject.toml",
        "tables/../../x",
        "/etc/passwd",
        "nope.zip",
        "SHA256SUMS/x",
    ):
        answer = client.get(f"/downloads/{wrong}")  # 302 only to the same address in Datasette's spelling
        assert answer.status_code == 404 or client.get(answer.headers["location"]).status_code == 404, wrong


def test_search_engines_are_told_of_the_data(site, declared):
    page = site[1].get("/").text
    told = json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)[1])
    assert (told["@type"], told["name"], told["version"]) == (
        "Dataset",
        declared.descriptor.title,
        declared.descriptor.version,
    )
    files = {each["contentUrl"]: each for each in told["distribution"]}
    base = str(site[1].base_url).rstrip("/")
    for path in ("prc-reach.xlsx", "prc-reach.zip", "prc-reach.db", "tables/places.csv", "parquet/places.parquet"):
        assert len(files[f"{base}/downloads/{path}"]["sha256"]) == 64
    robots = site[1].get("/robots.txt").text
    assert "Allow: /" in robots and f"{base}/sitemap.xml" in robots
    addresses = [
        each.text for each in xml.fromstring(site[1].get("/sitemap.xml").text).iter() if each.tag.endswith("loc")
    ]
    assert f"{base}/prc-reach/places/tashkent" in addresses and len(addresses) == len(set(addresses)) > 3000


def test_the_feed_has_an_entry_for_every_version(site):
    feed = xml.fromstring(site[1].get("/changes.atom").content)
    versions = re.findall(r"^## +(\d\S*)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.find(f"{ATOM}title").text.split()[0] for entry in entries] == versions
    for part in [feed, *entries]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", part.find(f"{ATOM}updated").text)
        assert part.find(f"{ATOM}id").text.startswith("http") and part.find(f"{ATOM}title").text


def test_security_headers_go_out_with_every_answer(site):
    for path in ("/", "/search?q=x", "/prc-reach/events", "/prc-reach/events.json", "/prc-reach/events.csv", "/static/site.css",
                 "/-/static/table.js", "/nope", "/downloads/prc-reach.zip", "/prc-reach.json?sql=nope"):  # fmt: skip
        headers = site[1].get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers


def test_pages_are_compressed_and_cached_by_their_content(site):
    first = site[1].get("/prc-reach/events")
    assert first.headers["content-encoding"] == "gzip" and "max-age=0" in first.headers["cache-control"]
    again = site[1].get("/prc-reach/events", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = site[1].get("/prc-reach/places", headers={"if-none-match": first.headers["etag"]})
    assert other.status_code == 200 and other.headers["etag"] != first.headers["etag"]
    css = re.search(r'href="(/static/site\.css\?[^"]+)"', first.text)[1]
    assert "immutable" in site[1].get(css).headers["cache-control"]
    assert "etag" not in site[1].get("/prc-reach.json?sql=SELECT+random()").headers
    assert site[1].get("/nope").headers["cache-control"] == "no-store"
    assert "content-encoding" not in site[1].get("/downloads/prc-reach.xlsx").headers


def test_content_that_changes_has_other_tags(site, package):
    for name in ("CHANGELOG.md", "CODEBOOK.md"):
        (package / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    change_cell(package, "places", "tashkent", "note", "Another note.")
    with serving(package) as client:
        page = client.get("/prc-reach/places/tashkent")
        assert "Another note." in page.text
        assert page.headers["etag"] != site[1].get("/prc-reach/places/tashkent").headers["etag"]


@pytest.mark.parametrize(
    "path", ["/nope", "/prc-reach/nope", "/prc-reach/places/nope", "/prc-reach/organizations/-/foo", "/a/b/c/d"]
)
def test_a_wrong_address_is_told_kindly(site, path):
    answer = site[1].get(path)
    assert answer.status_code == 404 and "There is no such page" in answer.text and "Search" in answer.text
    told = site[1].get(path + ".json")
    assert told.status_code == 404 and told.json()["ok"] is False


def test_wrong_addresses_and_wrong_sql_leave_the_log_clean(tmp_path):
    with open(tmp_path / "log", "w+") as log:
        with serving(ROOT, "--output", tmp_path / "dist", log=log) as client:
            assert client.get("/prc-reach/nope").status_code == 404
            assert client.get("/prc-reach", params={"sql": "SELECT nope"}).status_code == 400
            assert client.get("/prc-reach/events?_sort=nope").status_code in (400, 404)
        log.seek(0)
        assert "Traceback" not in log.read()


def test_nothing_can_be_written_and_long_queries_end(site):
    before = (site[0] / "prc-reach.db").read_bytes()
    for sql in ("DELETE FROM places", "ATTACH '/etc/passwd' AS p", "PRAGMA writable_schema = 1", "SELECT load_extension('x')",
                "INSERT INTO places SELECT * FROM places", "SELECT readfile('/etc/passwd')", "VACUUM INTO '/tmp/x'"):  # fmt: skip
        assert site[1].get("/prc-reach.json", params={"sql": sql}).status_code == 400, sql
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    assert site[1].get("/prc-reach.json", params={"sql": endless}).status_code == 400
    assert site[1].get("/_internal").status_code in (403, 404)
    assert (site[0] / "prc-reach.db").read_bytes() == before


def test_serving_an_export_that_is_there(exported, tmp_path):
    with serving(ROOT, "--exported", "--output", exported) as client:
        assert client.get("/prc-reach/places/tashkent").status_code == 200
    result = run("serve", "--exported", "--output", tmp_path / "none", "--port", "0")
    assert result.returncode == 2 and "holds no export" in result.stdout and "Traceback" not in result.stderr


def internal_links(address: str, page: str) -> set[str]:
    found = (html.unescape(link) for link in re.findall(r'(?:href|src|action)="([^"]*)"', page))
    return {urljoin(address, link) for link in found if not re.match("(https?|data|mailto):", link)}


def test_every_internal_link_of_every_page_leads_somewhere(site):
    """All pages and their JSON; of the links with a query one of each shape, since facets and sorts combine without end."""
    client = site[1]
    base = str(client.base_url).rstrip("/")
    queue = deque(each.removeprefix(base) for each in re.findall("<loc>(.*?)</loc>", client.get("/sitemap.xml").text))
    seen: set = set()
    anchors: dict[str, set[str]] = {}
    wanted: dict[tuple[str, str], str] = {}
    while queue:
        address = html.unescape(queue.popleft())
        path, query = urlsplit(address).path, urlsplit(address).query
        shape = (path, *sorted(parse_qs(query, keep_blank_values=True))) if query else path
        if shape in seen:
            continue
        seen.add(shape)
        answer = client.get(address)
        assert answer.status_code == 200, address
        if "text/html" not in answer.headers["content-type"]:
            continue
        anchors[path] = set(re.findall(r'id="([^"]+)"', answer.text)) | anchors.get(path, set())
        for link in internal_links(address, answer.text):
            target, anchor = urldefrag(link)
            if anchor:
                wanted[(urlsplit(target).path or path, anchor)] = address
            # the page of a filtered table has links to yet other filters: they are of shapes that were seen
            if not query or not urlsplit(target).query:
                queue.append(target)
    assert len(seen) > 10_000
    lost = {place: address for place, address in wanted.items() if place[1] not in anchors.get(place[0], set())}
    assert not lost


def test_a_small_package_of_another_shape_is_served(tmp_path):
    """No domain, no questions, no changelog, no coordinates, a table without a label: the pages do without."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "schemas").mkdir()
    (tmp_path / "tables/things.csv").write_text("thing_id\none\ntwo\n")
    field = {"name": "thing_id", "type": "string", "description": "Its id.", "constraints": {"required": True}}
    schema = {"title": "Things", "description": "Some things.", "fields": [field], "primaryKey": "thing_id"}
    (tmp_path / "schemas/things.json").write_text(json.dumps(schema))
    resource = {"name": "things", "path": "tables/things.csv", "schema": "schemas/things.json"}
    package = {"name": "small", "title": "Small", "description": "Small.", "version": "1", "licenses": [{"name": "CC0-1.0"}], "resources": [resource]}  # fmt: skip
    (tmp_path / "datapackage.json").write_text(json.dumps(package))
    with serving(tmp_path) as client:
        for path in ("/", "/search?q=one", "/map", "/about", "/manual", "/dictionary", "/downloads", "/changes.atom", "/sitemap.xml",
                     "/small", "/small/things", "/small/things/one", "/small/things.xlsx"):  # fmt: skip
            assert client.get(path).status_code == 200, path
        assert "Other tables" in client.get("/").text
        assert hits(client, "one") == [("Things", "one")]


def test_a_database_without_the_site_is_plain_sqlite(site):
    """The views and the index need nothing that SQLite itself does not have."""
    connection = sqlite3.connect(f"file:{site[0] / 'prc-reach.db'}?mode=ro", uri=True)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
        connection.execute(f"SELECT * FROM {name}").fetchall()
    assert connection.execute("SELECT count(*) FROM records_fts WHERE records_fts MATCH '\"北 斗\"'").fetchone()[0] > 1


def reconciled(client, **queries) -> dict:
    answer = client.post("/reconcile", data={"queries": json.dumps(queries)})
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
    return {key: value["result"] for key, value in answer.json().items()}


def test_openrefine_finds_the_service_and_its_entities(site):
    client = site[1]
    manifest = client.get("/reconcile").json()
    assert {"name", "identifierSpace", "schemaSpace", "view", "defaultTypes"} <= set(manifest) and "0.2" in manifest[
        "versions"
    ]
    found = reconciled(
        client,
        a={"query": "安洵信息"},
        b={"query": "北斗", "type": "satellite_systems"},
        c={"query": "China Coast Guard", "type": "organizations", "limit": 3},
        d={"query": "zzyzx"},
    )
    assert [(found[key][0]["id"], found[key][0]["match"]) for key in "abc"] == [
        ("organizations/isoon", True),
        ("satellite_systems/beidou", True),
        ("organizations/china-coast-guard", True),
    ]
    assert found["d"] == [] and len(found["c"]) <= 3
    for each in found["a"]:
        assert set(each) == {"id", "name", "type", "score", "match"} and each["type"][0]["id"]
    view = manifest["view"]["url"].replace("{{id}}", found["a"][0]["id"])
    assert client.get(view).status_code == 200
    suggested = client.get("/reconcile/suggest/entity", params={"prefix": "Tashk"}).json()["result"]
    assert "places/tashkent" in [each["id"] for each in suggested]
    types = client.get("/reconcile/suggest/type", params={"prefix": "satell"}).json()["result"]
    assert "satellite_systems" in [each["id"] for each in types]


@pytest.mark.parametrize("queries", ["{x", "[]", "null", "1", '{"q": "x"}', '{"q": {}}', '{"q": {"query": null}}', "[" * 100_000,
                                     '{"q": {"query": "China", "limit": -1}}', '{"q": {"query": "China", "limit": "x"}}'])  # fmt: skip
def test_openrefine_is_told_what_is_wrong(site, queries):
    answer = site[1].post("/reconcile", data={"queries": queries})
    assert answer.status_code == 400 and answer.json()["error"]


def answered(client, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> tuple[int, dict, bytes]:
    """Status, headers and body of the answer to a request that is sent as it stands, not as a library would mend it."""
    address = urlsplit(str(client.base_url))
    head = [f"{method} {path} HTTP/1.1", "Connection: close", *headers]
    head += [f"Host: {address.netloc}"] * (not any(each.startswith("Host:") for each in headers))
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()


@pytest.mark.parametrize("path", ["/\\evil.example/", "/\\/evil.example/", "//evil.example/", "//evil.example"])
def test_no_address_leads_to_another_host(site, path):
    status, headers, _ = answered(site[1], path)
    assert status == 404 and "location" not in headers


@pytest.mark.parametrize("host", ["a b", 'x"><b>', "x/y?", "", "x@y"])
def test_a_host_is_a_host(site, host):
    assert answered(site[1], "/changes.atom", f"Host: {host}")[0] == 400


def test_the_tag_of_a_page_depends_on_the_host_that_it_may_name(site):
    one, two = (answered(site[1], "/changes.atom", f"Host: {host}") for host in ("one.example", "two.example"))
    assert b"http://one.example/" in one[2] and one[1]["etag"] != two[1]["etag"]


@pytest.mark.parametrize("query", ["s%71l=SELECT+random()", "%73ql=SELECT+1"])
def test_sql_however_it_is_spelt_is_not_cached(site, query):
    status, headers, _ = answered(site[1], f"/prc-reach.json?{query}")
    assert status == 200 and "etag" not in headers


@pytest.mark.parametrize("cookie", ["a=\xff; ;=; =x", "ds_messages=x", "ds_actor=x"])
def test_cookies_are_not_read(site, cookie):
    status, headers, _ = answered(site[1], "/", f"Cookie: {cookie}")
    assert status == 200 and "set-cookie" not in headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "DATA", "RENDER", "POST"])
def test_methods_that_the_site_does_not_know_are_refused(site, method):
    status, headers, _ = answered(site[1], "/prc-reach/places", method=method)
    assert status == 405 and headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_request_has_one_length_and_not_too_much(site):
    both = ("Content-Length: 4", "Transfer-Encoding: chunked")
    assert answered(site[1], "/reconcile", *both, method="POST", body=b"0\r\n\r\n")[0] == 400
    long = b"queries=" + b"a" * 1_000_001
    assert answered(site[1], "/reconcile", f"Content-Length: {len(long)}", method="POST", body=long)[0] == 413
    assert site[1].get("/prc-reach/places", params={f"p{number}": 1 for number in range(101)}).status_code == 400


@pytest.mark.parametrize(
    "parameters",
    [
        "_timelimit=x&sql=SELECT+1",
        "_ttl=²",
        "_next=x",
        "_through=x",
        "_json_infinity=NaN&_json=x",
        "_size=x",
        "_facet_date=x",
        "_facet_array=x",
        "name__in=[",
    ],
)
def test_a_parameter_that_cannot_be_read_is_the_askers_mistake(site, parameters):
    for path in (
        "/prc-reach/events_readable",
        "/prc-reach/places.json",
        "/prc-reach/places",
        "/prc-reach.json" if "sql" in parameters else "/prc-reach/places.csv",
    ):
        assert site[1].get(f"{path}?{parameters}").status_code in (200, 400), path


def test_wrong_and_slow_sql_is_told_in_every_form(site):
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    for ending in ("", ".json", ".csv", ".xlsx"):
        assert site[1].get(f"/prc-reach{ending}", params={"sql": "SELECT nope"}).status_code == 400, ending
        slow = site[1].get(f"/prc-reach{ending}", params={"sql": endless})
        assert slow.status_code == 400 and "took more than 2 seconds" in slow.text, ending
        assert "<script" not in slow.text.split("<main")[-1] and "<textarea" not in slow.text
    for path in ("/prc-reach.csv", "/prc-reach.csv?sql=", "/prc-reach.xlsx"):
        assert site[1].get(path).status_code == 400, path


def test_conditions_of_a_readers_own_find_rows_in_every_form(site, database):
    where = {"_where": "name LIKE 'T%'", "_size": "max"}
    names = [name for (name,) in database.execute("SELECT name FROM places WHERE name LIKE 'T%'")]
    told = site[1].get("/prc-reach/places.json", params=where).json()
    assert sorted(row[told["columns"].index("name")] for row in told["rows"]) == sorted(names) != []
    assert names[0] in html.unescape(site[1].get("/prc-reach/places", params=where).text)
    assert len(site[1].get("/prc-reach/places.csv", params=where).text.splitlines()) == len(names) + 1
    assert site[1].get("/prc-reach/places.xlsx", params=where).status_code == 200
    faceted = (
        site[1]
        .get("/prc-reach/places.json", params={**where, "_facet": "country_id", "_sort": "name", "_size": 2})
        .json()
    )
    assert faceted["facet_results"]["country_id"]["results"] and faceted["next"]
    following = (
        site[1]
        .get("/prc-reach/places.json", params={**where, "_sort": "name", "_size": 2, "_next": faceted["next"]})
        .json()
    )
    assert following["rows"] and following["rows"][0] not in faceted["rows"]


@pytest.mark.parametrize(
    "page",
    [
        "versions",
        "plugins",
        "settings",
        "threads",
        "actor",
        "permissions",
        "messages",
        "allow-debug",
        "logout",
        "patterns",
        "config",
    ],
)
def test_pages_about_the_server_are_closed(site, page):
    for ending in ("", ".json"):
        assert site[1].get(f"/-/{page}{ending}").status_code in (302, 404), page
    assert site[1].get("/-/databases.json").json()[0]["path"] == "prc-reach.db"


@pytest.mark.parametrize("queries", ['{"q": {"query": "\\ud800"}}', '{"q": {"query": "x", "type": ["\\udfff"]}}'])
def test_half_a_character_reconciles_with_nothing(site, queries):
    assert site[1].post("/reconcile", data={"queries": queries}).status_code == 400


def test_a_body_that_is_no_text_is_refused(site):
    assert site[1].post("/reconcile", content=b"queries=\xff\xfe").status_code == 400


@pytest.mark.parametrize("address, leads", [
    ("https://example.org/a?b#c", True), ("HTTP://example.org", True), ("javascript:alert(1)", False), ("JaVaScRiPt:alert(1)", False),
    (" javascript:alert(1)", False), ("java\tscript:alert(1)", False), ("data:text/html,x", False), ("//example.org", False), ("\\\\example.org", False),
    ("http://example.org/\" onclick=\"x", False), ("https:example.org", False), ("LICENSE-DATA", False), ("", False), (None, False),
])  # fmt: skip
def test_only_an_address_on_the_web_leads_elsewhere(address, leads):
    assert bool(web_address(address)) is leads


def test_markdown_shows_no_picture_and_leads_to_no_script():
    text = rendered(
        "![x](//evil.example/x.png) [a](javascript:x) [b](//evil.example) [c](https://example.org/) [d](docs/x.md#y) [e](/\\evil.example)"
    )
    assert "<img" not in str(text) and re.findall(r'href="([^"]*)"', text) == [
        "https://example.org/",
        "docs/x.md#y",
        "/%5Cevil.example",  # a page of this site, and there is none
    ]


def test_a_declaration_cannot_make_a_link_that_runs_a_script(package):
    """Nor a control character break the feed; the page tells the licence without a link."""
    path = package / "datapackage.json"
    declared = json.loads(path.read_text("utf-8"))
    for each in (*declared["licenses"], *declared["sources"]):
        each["path"] = "javascript:alert(1)"
    declared["homepage"] = "javascript:alert(1)"
    path.write_text(json.dumps(declared), "utf-8")
    with open(package / "metadata.yml", "a", encoding="utf-8") as settings:
        settings.write("\ncorrections_url: javascript:alert(1)\n")
    change_cell(package, "sources", "nhk-2024-11-30", "url", "javascript:alert(1)")
    (package / "CHANGELOG.md").write_text("## 9.9 \x01 2026-01-01\n\nx\x0b\n", "utf-8")
    export(load(package), read_tables(load(package)), package / "dist")
    with serving(package, "--exported") as client:
        for page in (
            "/",
            "/about",
            "/downloads",
            "/prc-reach/sources/nhk-2024-11-30",
            "/prc-reach/sources",
            "/prc-reach/records?_search=NHK",
        ):
            assert 'href="javascript' not in client.get(page).text, page
        assert xml.fromstring(client.get("/changes.atom").content).tag == f"{ATOM}feed"


def test_a_long_page_leaves_others_their_turn(site):
    """A page of 2,000 rows is made in pieces: a small one that is asked for after it is there before it."""
    address = str(site[1].base_url)

    async def both() -> tuple[float, float]:
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:

            async def taken(path: str) -> float:
                assert (await client.get(path)).status_code == 200
                return time.monotonic()

            long = asyncio.ensure_future(taken("/prc-reach/records?_size=max"))
            await asyncio.sleep(0.1)
            small = await taken("/robots.txt")
            return small, await long

    small, long = asyncio.run(both())
    assert small < long


def test_quick_sql_does_not_wait_for_slow_sql(site):
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"

    async def all_() -> tuple[float, float]:
        async with httpx.AsyncClient(base_url=str(site[1].base_url), timeout=60) as client:

            async def asked(sql: str) -> float:
                await client.get("/prc-reach.json", params={"sql": sql})
                return time.monotonic()

            slow = [asyncio.ensure_future(asked(f"{endless} WHERE {number}")) for number in range(5)]
            await asyncio.sleep(2)
            quick = await asked("SELECT 1")
            return quick, max(await asyncio.gather(*slow))

    quick, slowest = asyncio.run(all_())
    assert quick + 2 < slowest


def test_many_workbooks_at_once_do_not_wait_for_each_other(site):
    """The site asks itself for a table's rows: that takes no second turn, of which there might be none left."""

    async def all_() -> list[int]:
        async with httpx.AsyncClient(base_url=str(site[1].base_url), timeout=50) as client:
            answers = await asyncio.gather(
                *(client.get(f"/prc-reach/places.xlsx?_size={size}") for size in range(1, 13))
            )
            return [answer.status_code for answer in answers]

    assert asyncio.run(all_()) == [200] * 12


def test_a_request_sent_along_with_another_is_judged_by_itself(site):
    address = urlsplit(str(site[1].base_url))
    first, last = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\n"
        for method, path in (("GET", "/robots.txt"), ("TRACE", "/prc-reach/places"))
    )
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(f"{first}\r\n{last}Connection: close\r\n\r\n".encode())
        told = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert re.findall(rb"HTTP/1\.1 (\d+)", told) == [b"200", b"405"]
