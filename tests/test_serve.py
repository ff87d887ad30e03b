"""The real `prc-reach serve` over HTTP: every table, view and row page answers, in every format."""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest
from conftest import ROOT, problems, run, serving


def test_every_table_and_view_answers_in_every_format(site, database):
    _, client = site
    names = [
        name
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        if "_fts" not in name and not name.startswith("sqlite_")
    ]
    assert len(names) > 80
    for name in names:
        for ending in ("", ".json", ".csv"):
            assert client.get(f"/prc-reach/{name}{ending}").status_code == 200, name + ending


def test_every_row_has_a_page(site, database, declared):
    _, client = site
    for name, schema in declared.schemas.items():
        keys = ", ".join(schema.primaryKey)
        rows = database.execute(f"SELECT {keys} FROM {name}").fetchall()
        for row in rows if len(rows) <= 40 else rows[:: len(rows) // 40]:
            path = ",".join(quote(str(part), safe="").replace("~", "~7E") for part in row)
            path = path.replace("_", "~5F") if "_" in path else path
            assert client.get(f"/prc-reach/{name}/{path}").status_code == 200, (name, row)


def test_csv_has_every_row(site, database, declared):
    _, client = site
    for name in declared.schemas:
        rows = client.get(f"/prc-reach/{name}.csv?_stream=1&_size=max").text.splitlines()
        assert len(rows) - 1 == database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]


def test_every_question_answers(site):
    _, client = site
    questions = client.get("/prc-reach.json").json()["queries"]
    assert len(questions) >= 8
    for question in questions:
        answer = client.get(
            f"/prc-reach/{question['name']}.json", params={name: "" for name in question.get("params", [])}
        )
        assert answer.status_code == 200 and answer.json()["rows"], question["name"]


def test_sql_answers(site):
    _, client = site
    answer = client.get(
        "/prc-reach.json", params={"sql": "SELECT count(*) AS bodies FROM sco_bodies", "_shape": "array"}
    )
    assert answer.json()[0]["bodies"] > 0


def test_the_database_is_immutable_and_writes_are_refused(site):
    _, client = site
    assert client.get("/-/databases.json").json()[0]["is_mutable"] is False
    assert client.get("/prc-reach.json", params={"sql": "DELETE FROM places"}).status_code == 400


def test_titles_units_and_descriptions_come_from_the_declaration(site, declared):
    _, client = site
    page = client.get("/prc-reach/places").text
    assert "<h1" in page and "Places" in page
    assert "Latitude, WGS 84. Unit: degrees north." in page
    shown = client.get("/-/metadata.json").json()
    assert (shown["title"], shown["license_url"]) == (declared.descriptor.title, declared.descriptor.licenses[0].path)
    for name, schema in declared.schemas.items():
        told = shown["databases"]["prc-reach"]["tables"][name]
        assert told["title"] == schema.title
        assert {field.name for field in schema.fields} <= set(told["columns"])


@pytest.mark.parametrize(
    "words, found",
    [("安洵", True), ("信息", True), ("安洵信息", True), ("Interior", True), ("尼斯湖水怪", False), ("zzyzx", False)],
)
def test_search_finds_words_in_both_languages_and_no_nonsense(site, words, found):
    _, client = site
    rows = client.get("/prc-reach/organizations.json", params={"_search": words, "_shape": "array"}).json()
    assert bool(rows) is found
    assert len(rows) < 200


def test_every_column_is_described(site, database, declared):
    """A reader never meets a column without its meaning."""
    _, client = site
    told = client.get("/-/metadata.json").json()["databases"]["prc-reach"]["tables"]
    for name in declared.schemas:
        for _, column, *_ in database.execute(f"PRAGMA table_info({name})"):
            assert told[name]["columns"].get(column), (name, column)
        for _, column, *_ in database.execute(f"PRAGMA table_info({name}_readable)"):
            assert told[f"{name}_readable"]["columns"].get(column), (f"{name}_readable", column)


def test_a_port_in_use_is_told(package):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port), folder=package)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert f"cannot listen on port {port}" in result.stdout and "take another port" in result.stdout
    assert not (package / "build").exists()


def test_settings_that_are_not_yaml_are_told(package):
    (package / "metadata.yml").write_text("databases: [unclosed\n")
    result = run("serve", "--port", "0", folder=package)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "metadata.yml" in result.stdout and "is not YAML" in result.stdout


def test_a_new_table_takes_a_schema_a_csv_and_a_line(package):
    """It is validated, built and served without a word of Python."""
    names = {
        "base_requirement_id": "harbour_id",
        "FROM base_requirements": "FROM harbours",
        "Base requirements": "Harbours",
    }
    schema, rows = (
        (ROOT / name).read_text("utf-8") for name in ("schemas/base_requirements.json", "tables/base_requirements.csv")
    )
    for old, new in names.items():
        schema, rows = schema.replace(old, new), rows.replace(old, new)
    (package / "schemas/harbours.json").write_text(schema, "utf-8")
    (package / "tables/harbours.csv").write_text(rows, "utf-8")
    descriptor = package / "datapackage.json"
    line = '{"name": "harbours", "type": "table", "path": "tables/harbours.csv", "schema": "schemas/harbours.json", "dialect": {"delimiter": ","}},'
    descriptor.write_text(
        descriptor.read_text("utf-8").replace('"resources": [', f'"resources": [\n    {line}', 1), "utf-8"
    )
    assert run("check", folder=package).returncode == 0
    with serving(package) as client:
        assert "Harbours" in client.get("/prc-reach/harbours").text and "Harbours" in client.get("/").text
        served = client.get("/prc-reach/harbours.json", params={"_shape": "array"}).json()
        assert sorted(row["harbour_id"] for row in served) == [row.split(",")[0] for row in rows.splitlines()[1:]]
        assert client.get("/prc-reach/harbours_readable.csv").status_code == 200
    (package / "tables/harbours.csv").write_text(rows.replace("\noverseas", "\nOverseas", 1), "utf-8")
    assert [each["rule"] for each in problems(package, "harbours")] == ["pattern"]
