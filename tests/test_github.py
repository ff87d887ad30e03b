"""What .github holds: valid, harmless to run on a stranger's pull request, and doing what it says."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from conftest import ROOT, bash, cloned, committed, copied, git, serving

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
BIN = Path(sys.executable).parent
# Which of the schemas that check-jsonschema brings a file is held to.
SCHEMAS = [
    *(("vendor.github-workflows", path) for path in WORKFLOWS),
    *(("custom.github-workflows-require-timeout", path) for path in WORKFLOWS),
    *(("vendor.github-issue-forms", path) for path in FORMS),
    ("vendor.github-issue-config", GITHUB / "ISSUE_TEMPLATE/config.yml"),
    ("vendor.dependabot", GITHUB / "dependabot.yml"),
]
BAR = "tables/positioning_accuracies.csv"


def zizmor(*paths: Path) -> subprocess.CompletedProcess:
    """Ask zizmor about the files, in its strictest mood and without the network."""
    options = [
        "--offline",
        "--no-config",
        "--no-ignores",
        "--persona",
        "auditor",
        "--strict-collection",
        "--no-progress",
    ]
    return subprocess.run([BIN / "zizmor", *options, *paths], capture_output=True, text=True, timeout=120)


def valid(schema: str, path: Path) -> subprocess.CompletedProcess:
    command = [BIN / "check-jsonschema", "--builtin-schema", schema, path]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def jobs() -> Iterator[tuple[str, dict]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            yield f"{path.stem}: {name}", job


def step(workflow: str, name: str) -> str:
    """The script of the step called `name`."""
    content = yaml.safe_load((GITHUB / f"workflows/{workflow}.yml").read_text("utf-8"))
    (found,) = (
        each["run"]
        for job in content["jobs"].values()
        for each in job["steps"]
        if "run" in each and each.get("name") == name
    )
    return found


def test_zizmor_finds_nothing():
    result = zizmor(GITHUB, ROOT / ".pre-commit-config.yaml")
    assert result.returncode == 0 and "No findings" in result.stdout, result.stdout
    assert all(path.name in result.stderr for path in WORKFLOWS), result.stderr


@pytest.mark.parametrize(
    "good, bad, finding",
    [
        (r"(actions/checkout)@\w+ # v[\d.]+", r"\1@v6", "unpinned-uses"),
        (r"run: make test", r'run: echo "${{ github.event.pull_request.title }}" && make test', "template-injection"),
        (r"  pull_request:", r"  pull_request_target:", "dangerous-triggers"),
        (r"permissions: \{\}", r"permissions: write-all", "excessive-permissions"),
        (r"persist-credentials: false", r"persist-credentials: true", "artipacked"),
    ],
)
def test_zizmor_bites(tmp_path, good, bad, finding):
    text, number = re.subn(good, bad, (GITHUB / "workflows/pull-request.yml").read_text("utf-8"))
    assert number
    spoilt = tmp_path / ".github/workflows/spoilt.yml"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_text(text)
    result = zizmor(spoilt)
    assert result.returncode and f"[{finding}]" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize("schema, path", SCHEMAS, ids=lambda each: getattr(each, "name", each))
def test_valid_for_github(schema, path):
    result = valid(schema, path)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "schema, path, good, bad",
    [
        ("vendor.github-workflows", GITHUB / "workflows/release.yml", "runs-on", "run-on"),
        ("custom.github-workflows-require-timeout", GITHUB / "workflows/release.yml", "    timeout-minutes: 15\n", ""),
        ("vendor.github-issue-forms", GITHUB / "ISSUE_TEMPLATE/correction.yml", "type: textarea", "type: text"),
        ("vendor.dependabot", GITHUB / "dependabot.yml", "interval: weekly", "interval: often"),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_the_schemas_bite(tmp_path, schema, path, good, bad):
    text = path.read_text("utf-8")
    assert good in text
    spoilt = tmp_path / path.name
    spoilt.write_text(text.replace(good, bad))
    assert valid(schema, spoilt).returncode == 1


def test_nothing_that_a_stranger_sends_runs_with_rights():
    """A job that runs the project's code can only read; one that may write checks out and runs none of it."""
    for name, job in jobs():
        text = json.dumps(job)
        writes = [right for right, how in job["permissions"].items() if how != "read"]
        runs = "actions/checkout" in text or "make " in text or ".venv" in text
        assert not (writes and runs), name
        assert not (writes and name.startswith("pull-request")), name
        assert "secrets." not in text, name
        for each in job["steps"]:
            assert "${{" not in each.get("run", ""), name
    for path in WORKFLOWS:
        content = yaml.safe_load(path.read_text("utf-8"))
        assert content["permissions"] == {} and content["concurrency"], path


def test_actions_are_github_s_own_and_of_one_version_each():
    """A commit with its version behind it, the same wherever the action is used."""
    used: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        text = path.read_text("utf-8")
        found = re.findall(r"uses: (actions/[\w-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$", text, re.M)
        assert len(found) == text.count("uses:"), path
        for action, version in found:
            used.setdefault(action, set()).add(version)
    assert used and all(len(versions) == 1 for versions in used.values()), used


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return cloned(tmp_path_factory.mktemp("github") / "project")


@pytest.fixture
def clone(project) -> Iterator[Path]:
    """A clone to be spoilt; what was done in it is undone afterwards."""
    start = git("rev-parse", "HEAD", folder=project).strip()
    yield project
    git("reset", "-q", "--hard", start, folder=project)
    git("clean", "-qfdx", "-e", "/.venv", folder=project)


def steps(
    clone: Path, tmp_path: Path, workflow: str, name: str, **more: str
) -> tuple[subprocess.CompletedProcess, str]:
    """Run the step as GitHub does; what it says, and what it puts into the job's summary."""
    summary = tmp_path / "summary.md"
    summary.touch()
    result = bash(step(workflow, name), clone, GITHUB_STEP_SUMMARY=str(summary), RUNNER_TEMP=str(tmp_path), **more)
    assert "Traceback" not in result.stderr, result.stderr
    return result, summary.read_text("utf-8")


def test_a_good_pull_request_passes(clone, tmp_path):
    for name in ("Form", "Check", "Build"):
        result, summary = steps(clone, tmp_path, "pull-request", name)
        assert result.returncode == 0 and not summary, (name, result)
    assert (clone / "build/prc-reach.db").exists()
    assert not git("status", "--porcelain", folder=clone)


def test_form_shows_the_difference_and_leaves_the_lines_as_they_are(clone, tmp_path):
    lines = (clone / BAR).read_text("utf-8").splitlines(keepends=True)
    spoilt = "".join([lines[0], lines[2], lines[1], *lines[3:]])
    (clone / BAR).write_text(spoilt, "utf-8")
    committed(clone, "Two rows in the wrong order")
    result, summary = steps(clone, tmp_path, "pull-request", "Form")
    assert result.returncode == 1
    assert f"::error file={BAR}" in result.stdout
    assert f"    +++ b/{BAR}" in summary
    assert any(f"    +{line.rstrip()}\n" in summary for line in lines[1:3])  # git may show either as moved
    assert all(line.startswith("    ") or not line for line in summary.splitlines()[4:])  # nothing in it is Markdown
    assert (clone / BAR).read_text("utf-8") == spoilt


def test_check_annotates_the_line_and_lists_all_in_the_summary(clone, tmp_path):
    text = (clone / BAR).read_text("utf-8")
    (clone / BAR).write_text(text.replace(",reported,", ",report,"), "utf-8")
    committed(clone, "A misspelt level")
    result, summary = steps(clone, tmp_path, "pull-request", "Check")
    assert result.returncode == 1
    assert f"::error file={BAR},line=2" in result.stdout
    lines = ", ".join(str(line) for line in range(2, len(text.splitlines()) + 1))
    assert f"    {BAR}:2: " in summary and f"lines: {lines})" in summary
    assert "did you mean 'reported'?" in summary


def test_the_summary_tells_what_facts_change(clone, tmp_path):
    text = (clone / BAR).read_text("utf-8")
    (clone / BAR).write_text(text.replace("military,0.1,0.1,", "military,0.2,0.2,"), "utf-8")
    committed(clone, "Another figure")
    result, summary = steps(clone, tmp_path, "pull-request", "What it changes")
    assert result.returncode == 0, result
    for told in ("positioning_accuracies", "beidou-military", "accuracy_m_min", "0.1", "0.2"):
        assert told in html.unescape(summary), summary  # nothing of a stranger's is Markdown


def released(clone: Path) -> str:
    """Date the newest section of the changelog, as before a release; the version."""
    version = json.loads((clone / "datapackage.json").read_text("utf-8"))["version"]
    changes = (clone / "CHANGELOG.md").read_text("utf-8")
    dated = f"## {version} (2026-12-01)"
    changes, number = re.subn(rf"^## {re.escape(version)}\b.*$", dated, changes, count=1, flags=re.M)
    assert number == 1
    (clone / "CHANGELOG.md").write_text(changes + "\n## 0.0.1 (2026-01-01)\n\n- What an older version did.\n", "utf-8")
    return version


def test_release_notes_are_the_section_of_the_version(clone, tmp_path):
    version = released(clone)
    result, _ = steps(clone, tmp_path, "release", "Notes", GITHUB_REF_NAME=f"v{version}")
    assert result.returncode == 0, result
    section = (clone / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1].partition("\n")[2]
    assert (clone / "notes.md").read_text("utf-8").strip() == section.strip() != ""


@pytest.mark.parametrize(
    "tag, heading, told",
    [
        ("v9.9.9", None, "the tag is not that of the version"),
        (None, "## {} (unreleased)", "still says (unreleased)"),
        (None, "## {}1 (2026-12-01)", "there is no section"),
    ],
)
def test_a_release_that_is_not_ready_is_refused(clone, tmp_path, tag, heading, told):
    version = released(clone)
    if heading:
        changes = (clone / "CHANGELOG.md").read_text("utf-8")
        (clone / "CHANGELOG.md").write_text(
            changes.replace(f"## {version} (2026-12-01)", heading.format(version)), "utf-8"
        )
    result, _ = steps(clone, tmp_path, "release", "Notes", GITHUB_REF_NAME=tag or f"v{version}")
    assert result.returncode == 1 and told in result.stdout


def test_what_is_released_is_whole(clone, tmp_path):
    result, _ = steps(clone, tmp_path, "release", "Export")
    assert result.returncode == 0, result
    name = "prc-reach-" + json.loads((clone / "datapackage.json").read_text("utf-8"))["version"]
    files = {path.name for path in (clone / "release").iterdir()}
    made = {"prc-reach.db", "prc-reach.xlsx", "prc-reach.zip", f"{name}.tar.gz", "prc-reach.cdx.json"}
    assert files == made | {"SHA256SUMS"}
    assert bash("sha256sum --quiet -c SHA256SUMS", clone / "release").returncode == 0
    assert len((clone / "release/SHA256SUMS").read_text().splitlines()) == len(files) - 1
    with tarfile.open(clone / f"release/{name}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert bash("sha256sum --quiet -c SHA256SUMS", tmp_path / name).returncode == 0


class Answers(BaseHTTPRequestHandler):
    """A site of which some pages are gone."""

    def do_GET(self):
        status = int(self.path.strip("/"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/410")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def web() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def dead_links(package: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, GITHUB / "dead_links.py"], cwd=package, capture_output=True, text=True)


def test_only_dead_links_are_told(package, web):
    """Gone pages, also behind a redirect, and servers that are not there; not those that only refuse or fail."""
    path = package / "tables/sources.csv"
    pages = iter(["404", "302", "200", "403", "429", "500"])
    text = path.read_text("utf-8")
    text = re.sub(r'https?://[^,"\n]+', lambda match: f"{web}/{next(pages, '200')}", text)
    text = text.replace(f"{web}/500", "http://127.0.0.1:9/500")  # nobody listens there
    path.write_text(text, "utf-8")
    result = dead_links(package)
    assert result.returncode == 0, result.stderr
    told = [line for line in result.stdout.splitlines() if line.startswith("- ")]
    assert [re.search(r"/(\d+)`", line)[1] for line in told] == ["404", "302", "500"], result.stdout
    for line in told:
        _, number, row = re.search(r"(tables/sources\.csv):(\d+), (\S+)$", line).groups()
        assert text.splitlines()[int(number) - 1].startswith(f"{row},")


def test_living_links_are_not_told_and_no_network_is_no_report(package, web):
    path = package / "tables/sources.csv"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r'https?://[^,"\n]+', f"{web}/200", text), "utf-8")
    result = dead_links(package)
    assert (result.returncode, result.stdout) == (0, "")
    path.write_text(re.sub(r'https?://[^,"\n]+', "http://127.0.0.1:9/", text), "utf-8")
    result = dead_links(package)
    assert result.returncode == 1 and not result.stdout and "reaches nothing" in result.stderr


def test_the_site_s_report_fills_the_form(tmp_path, exported):
    """The link on a row's page gives title and text by names that the form knows; GitHub ignores others."""
    package = copied(tmp_path / "package")
    address = "https://example.org/issues/new?template=correction.yml"
    settings = (package / "metadata.yml").read_text("utf-8")
    settings, number = re.subn(r"^# corrections_url: .*$", f"corrections_url: {address}", settings, flags=re.M)
    assert number == 1
    (package / "metadata.yml").write_text(settings, "utf-8")
    with serving(package, "--exported", "--output", exported) as client:
        page = client.get("/prc-reach/satellite_systems/beidou").text
    (link,) = (
        html.unescape(each) for each in re.findall(r'href="(https://example\.org/[^"]*template[^"]*title[^"]*)"', page)
    )
    query = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
    form = yaml.safe_load((GITHUB / f"ISSUE_TEMPLATE/{query.pop('template')}").read_text("utf-8"))
    assert query.pop("title") == form["title"] + "satellite_systems / beidou"
    fillable = {each.get("id") for each in form["body"] if each["type"] in ("input", "textarea")}
    assert query.keys() == {"report"} <= fillable
    for told in ("What is wrong:", "What the source says, and where:", "tables/satellite_systems.csv", "北斗"):
        assert told in query["report"]
    assert len(link) < 8000  # longer ones GitHub does not take


def test_pre_commit_fetches_nothing_and_its_hooks_run(clone):
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [each["repo"] for each in config["repos"]] == ["local"]
    hooks = {hook["id"]: hook for hook in config["repos"][0]["hooks"]}
    assert hooks.keys() == {"fmt", "check", "ruff", "ruff-format"}
    assert all(hook["language"] == "system" for hook in hooks.values())
    for hook in hooks.values():
        files = [] if hook.get("pass_filenames") is False else ["scripts/problem.py", "tests/conftest.py"]
        assert bash(shlex.join([*shlex.split(hook["entry"]), *files]), clone).returncode == 0, hook
    assert not git("status", "--porcelain", folder=clone)
    matched = [name for name in git("ls-files", folder=clone).splitlines() if re.search(hooks["fmt"]["files"], name)]
    assert {"datapackage.json", BAR, BAR.replace("tables", "schemas").replace("csv", "json")} <= set(matched)
    assert not any(name.startswith(("scripts/", "tests/")) for name in matched)
