"""The reader's journeys in a real Chromium: on a desktop and a phone, light and dark, with and without scripts."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import chromium
import openpyxl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAGES = (
    "/",
    "/search?q=Beidou",
    "/search?q=zzyzx",
    "/map",
    "/about",
    "/manual",
    "/dictionary",
    "/downloads",
    "/prc-reach",
    "/prc-reach?sql=SELECT+*+FROM+places+LIMIT+5",
    "/prc-reach/events_readable",
    "/prc-reach/events?_facet=status",
    "/prc-reach/satellite_systems/beidou",
    "/prc-reach/citations",
    "/prc-reach/timeline?year=2024",
    "/prc-reach/aircraft_by_type",
    "/prc-reach/isoon_targets_in_a_country?country=Kazakhstan",
    "/nope",
)


@pytest.fixture(scope="module")
def browser():
    path = chromium.found()
    if path is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, site):
    """Opens a page of the site; at the end nothing may have gone elsewhere or been complained of in the console."""
    base, contexts, wrong = str(site[1].base_url).rstrip("/"), [], []

    def note(request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and not request.url.startswith(base + "/"):
            wrong.append(request.url)

    def open_(path: str, scheme: str = "light", viewport: dict = DESKTOP, scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, java_script_enabled=scripts, base_url=base
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", note)
        page.on(
            "console",
            lambda said: wrong.append(said.text) if said.type == "error" and "status of 4" not in said.text else None,
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        assert context.cookies() == []
        context.close()
    assert wrong == []


def test_a_journalist_finds_checks_takes_away_and_cites(opened, tmp_path):
    page = opened("/")
    page.get_by_role("searchbox", name="Search everything, in English or Chinese").fill("北斗")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Beidou", exact=True).click()
    assert page.locator("h1").inner_text() == "Beidou"
    source = page.locator("aside")
    assert "Masuo" in source.inner_text() and "para 4" in source.inner_text()
    assert "The text states it in its own voice" in source.inner_text()
    source.get_by_text("Report an error in this row").click()
    assert "Correction to PRC Reach" in source.get_by_label("The report").input_value()
    source.get_by_text("Cite this row").click()
    assert "Table satellite_systems, row beidou" in source.inner_text()
    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="Satellite systems").click()
    page.wait_for_load_state()
    assert page.get_by_role("columnheader", name="Controller", exact=True).is_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="spreadsheet (XLSX)").click()
    path = tmp_path / "taken.xlsx"
    taken.value.save_as(path)
    cells = [cell.value for row in openpyxl.load_workbook(path).active.rows for cell in row]
    assert {"Beidou", "北斗", "People's Liberation Army"} <= set(cells)


def test_a_question_is_asked_in_words(opened):
    page = opened("/")
    page.get_by_role("link", name="Partners of an offshore innovation base").click()
    page.wait_for_load_state()
    assert page.get_by_label("Base").input_value() == "Suzhou offshore base"
    rows = page.locator(".rows-and-columns tbody tr").count()
    assert rows > 2
    page.get_by_label("Base").fill("")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert page.locator(".rows-and-columns tbody tr").count() > rows
    page.get_by_label("Base").fill("No such base")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert "try another value" in page.locator("main").inner_text()


def test_a_table_is_narrowed_sorted_and_followed(opened):
    page = opened("/prc-reach/events_readable")
    page.locator(".facets").get_by_role("link", name="visit", exact=True).click()
    page.wait_for_load_state()
    assert set(page.locator("td.col-event_kind").all_inner_texts()) == {"visit"}
    page.get_by_role("link", name="Name", exact=True).click()
    page.wait_for_load_state()
    names = page.locator("td.col-name").all_inner_texts()
    assert names == sorted(names)
    page.locator("td.col-name a").first.click()
    assert page.locator("h1").inner_text() == names[0]


def test_heads_of_columns_stay_in_sight(opened):
    page = opened("/prc-reach/statements_readable")
    box = page.locator(".table-wrapper")
    box.evaluate("element => element.scrollTo(400, 2000)")
    head, frame = page.locator("thead th").first.bounding_box(), box.bounding_box()
    assert abs(head["y"] - frame["y"]) < 3 and abs(head["x"] - frame["x"]) < 3
    assert page.locator("tbody td").first.evaluate("cell => cell.getBoundingClientRect().left") == pytest.approx(
        frame["x"], abs=3
    )


def test_an_analyst_writes_sql(opened):
    page = opened("/prc-reach")
    page.locator(".CodeMirror").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("SELECT name_zh FROM organizations WHERE organization_id = 'isoon'")
    page.get_by_role("button", name="Run SQL").click()
    page.wait_for_load_state()
    assert page.locator("tbody td").all_inner_texts() == ["安洵信息"]
    page.goto("/prc-reach?sql=SELECT+nope")
    assert "no such column" in page.get_by_role("alert").inner_text()


def test_pictures_are_drawn_and_places_lead_to_rows(opened):
    page = opened("/prc-reach/activity_around_taiwan_by_day")
    assert page.locator(".chart").count() == 3
    assert page.locator(".chart rect").first.bounding_box()["width"] > 100
    page.goto("/map?view=central-asia")
    assert page.locator("svg.world image").evaluate("image => image.getBoundingClientRect().width") > 100
    page.locator("svg.world a[aria-label^=Tashkent]").click()
    assert page.locator("h1").inner_text() == "Tashkent"


def test_the_slash_goes_to_the_search_box(opened):
    page = opened("/about")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"


def test_a_keyboard_reaches_the_content_first(opened):
    page = opened("/about")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("path", ["/", "/search?q=Kinmen", "/map", "/prc-reach/places/tashkent", "/prc-reach/events_readable",
                                  "/prc-reach/aircraft_by_type", "/prc-reach?sql=SELECT+1+AS+one"])  # fmt: skip
def test_without_scripts_everything_is_there(opened, path):
    with_scripts, without = opened(path), opened(path, scripts=False)
    assert without.locator("main").inner_text().strip()
    for what in ("main h1", "main td", "main .hits li", "main svg rect", "main svg.world circle", "main input"):
        assert without.locator(what).count() == with_scripts.locator(what).count(), what


def test_hostile_words_do_nothing(opened):
    for path in ("/search?q=<img src=x onerror=alert(1)>", "/prc-reach?sql=SELECT '<script>alert(1)</script>' AS \"<b>x\"",
                 "/prc-reach/partners_of_a_base?base=\"><script>alert(1)</script>", "/prc-reach/events?_search=<svg onload=alert(1)>",
                 "/prc-reach?sql=SELECT 'javascript:alert(1)' AS a", "/<script>alert(1)</script>"):  # fmt: skip
        page = opened(path)
        assert page.locator("main img, main script").count() == 0
        assert page.locator("a[href^=javascript]").count() == 0


@pytest.mark.parametrize("path", PAGES)
def test_nothing_runs_off_a_phone(opened, path):
    page = opened(path, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("viewport, scheme", [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop-light", "phone-dark"])
@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_it(opened, path, viewport, scheme):
    """No serious violation of WCAG that axe-core can find."""
    found = Axe().run(opened(path, scheme=scheme, viewport=viewport)).response["violations"]
    serious = [
        (each["id"], each["nodes"][0]["html"][:200], len(each["nodes"]))
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
