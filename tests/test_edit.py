"""Adding rows and tables, and bringing in spreadsheets: on copies of the real package, with real files and a terminal."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest
from conftest import ROOT, copied, problems, run
from openpyxl import Workbook, load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import CALENDAR_WINDOWS_1900

from scripts import readings
from scripts.check import read_tables
from scripts.edit import cells
from scripts.edit.entry import Entry
from scripts.edit.merge import Merge
from scripts.edit.skeleton import _singular
from scripts.edit.spreadsheets import ShownDate
from scripts.journal import JOURNAL, replace_together
from scripts.package import load
from scripts.problem import Broken

PLACE = (
    "name=Port Xyz",
    "place_kind=port",
    "country_id=LKA",
    "source_id=yu-2024-offshore-bases",
    "locator=Intro, para 1",
)


def rows(package: Path, table: str) -> dict[str, dict[str, str]]:
    """The rows of a table by the first column of their key."""
    with open(package / "tables" / f"{table}.csv", newline="", encoding="utf-8") as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


def state(package: Path) -> dict[str, bytes]:
    """Everything in the package, hidden and partial files too."""
    return {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*") if path.is_file()}


def _as_a_terminal_starts_it() -> None:
    """The terminal is the process's own, and Ctrl-C interrupts it, also where the tests run with that ignored."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """The real command on a pseudo-terminal: `say` types a line when what is expected was shown."""

    def __init__(self, folder: Path, *arguments: str):
        self._parent, child = pty.openpty()
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "100", "LANG": "C.UTF-8"}
        command = [sys.executable, "-m", "scripts", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True,
            preexec_fn=_as_a_terminal_starts_it,
        )  # fmt: skip
        os.close(child)
        self.shown = ""

    def expect(self, words: str) -> None:
        end, raw = time.monotonic() + 40, b""
        self.shown = ""
        while words not in self.shown:
            assert time.monotonic() < end, f"{words!r} was not shown, but {self.shown!r}"
            if not select.select([self._parent], [], [], 1)[0]:
                continue
            try:
                raw += os.read(self._parent, 65536)
            except OSError:
                break
            self.shown = raw.decode(errors="replace")
        assert words in self.shown, self.shown

    def say(self, expected: str, answer: str) -> str:
        """What was shown up to `expected`, to which `answer` is typed."""
        self.expect(expected)
        self._until_it_reads()
        os.write(self._parent, answer.encode() + (b"" if answer in ("\x03", "\x04") else b"\n"))
        return self.shown

    def _until_it_reads(self) -> None:
        """Wait until it sleeps: Python loses a Ctrl-C between showing a prompt and reading, and nobody types as fast."""
        status = Path(f"/proc/{self.process.pid}/stat")
        while status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "SZ":
            time.sleep(0.01)

    def end(self) -> int:
        status = self.process.wait(timeout=60)
        os.close(self._parent)
        return status


def test_a_row_is_asked_for_column_by_column(package):
    """Every kind of mistake is refused where it is made; keys are found by part of a name; the id is proposed."""
    before = state(package)
    terminal = Terminal(package, "new", "places")
    shown = terminal.say("\nname: ", "Port Xyz")
    assert "required" in shown and "for example:" in shown and "Ctrl-C" in shown
    terminal.say("name_zh: ", "?")
    terminal.say("Ctrl-C or Ctrl-D", "")
    terminal.say("script: ", "<")
    terminal.say("name_zh: ", "")
    terminal.say("script: ", "Latn")
    shown = terminal.say("\nscript: ", "")
    assert "is not one of Hans, Hant" in shown
    terminal.say("name_romanized: ", "")
    terminal.say("place_kind: ", "prt")
    assert "did you mean 'port'?" in terminal.say("\nplace_kind: ", "")
    assert "is empty" in terminal.say("\nplace_kind: ", "port")
    terminal.say("country_id: ", "no such land")
    assert "nothing in countries has that" in terminal.say("\ncountry_id: ", "lank")
    assert "1  Sri Lanka  (LKA)" in terminal.say("\ncountry_id: ", "1")
    terminal.say("part_of_id: ", "")
    terminal.say("latitude: ", "9o")
    assert "'9o' is not a number" in terminal.say("\nlatitude: ", "91")
    assert "above the maximum" in terminal.say("\nlatitude: ", "")
    terminal.say("longitude: ", "80")
    terminal.say("coordinate_precision: ", "")
    # a row rule, as soon as the columns that it reads are known
    assert "come together: give all or none" in terminal.say("\ncoordinate_precision: ", "<")
    terminal.say("longitude [80]: ", "<")
    terminal.say("latitude: ", "7")
    terminal.say("longitude [80]: ", "")
    terminal.say("coordinate_precision: ", "site")
    terminal.say("source_id: ", "offshore")
    terminal.say("\nsource_id: ", "yu-2024-offshore-bases")
    terminal.say("locator: ", "Intro, para 1")
    terminal.say("note: ", "")
    terminal.say("place_id [port-xyz]: ", "beijing")
    assert "the key 'beijing' is taken" in terminal.say("place_id [port-xyz]: ", "")
    shown = terminal.say("Write it?", "note")
    assert "LKA  (Sri Lanka)" in shown and "port-xyz" in shown
    terminal.say("\nnote: ", "A note.")
    terminal.say("Write it?", "longitude")
    terminal.say("\nlongitude [80]: ", "-")
    assert "give all or none" in terminal.say("\nlongitude [80]: ", "")
    terminal.say("Write it?", "y")
    terminal.expect("tables/places.csv: added port-xyz")
    assert terminal.end() == 0
    assert rows(package, "places")["port-xyz"]["country_id"] == "LKA"
    assert rows(package, "places")["port-xyz"]["note"] == "A note."
    after = state(package)
    assert [path for path in after if after[path] != before.get(path)] == ["tables/places.csv"]
    assert run("fmt", "--check", "places", folder=package).returncode == 0


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_giving_up_leaves_no_trace(package, key):
    before = state(package)
    terminal = Terminal(package, "new", "people")
    terminal.say("\nname: ", "Nobody")
    terminal.say("name_zh: ", key)
    terminal.expect("nothing was written")
    assert terminal.end() == 130
    assert state(package) == before


def test_what_a_rule_over_tables_refuses_can_be_mended_at_the_end(package):
    terminal = Terminal(package, "new", "base_requirements")
    for column, answer in (
        ("requirement", "A new thing"), ("quantity_min", "1"), ("quantity_max", "0"), ("quantity_max", "1"),
        ("counted", "things"), ("source_id", "yu-2024-offshore-bases"), ("locator", "Intro, para 1"),
        ("certainty", "stated"), ("attributed_to", "Nobody Known"), ("note", ""), ("base_requirement_id [a-new-thing]", ""),
    ):  # fmt: skip
        terminal.say(f"\n{column}: ", answer)
    terminal.say("Write it?", "y")
    assert "is no name in organizations or people" in terminal.say("Write it?", "attributed_to")
    terminal.say("attributed_to [Nobody Known]: ", "unnamed officials")
    terminal.say("Write it?", "y")
    terminal.expect("added a-new-thing")
    assert terminal.end() == 0


def test_a_row_without_questions(package):
    result = run("new", "places", *PLACE, folder=package)
    assert (result.returncode, result.stdout) == (0, "tables/places.csv: added port-xyz\n"), result
    assert rows(package, "places")["port-xyz"] == dict.fromkeys(rows(package, "places")["port-xyz"], "") | {
        "place_id": "port-xyz"
    } | dict(value.split("=") for value in PLACE)
    assert problems(package, "places") == []
    assert run("fmt", "--check", folder=package).returncode == 0
    twice = run("new", "places", *PLACE, folder=package)
    assert twice.returncode == 1 and "says in every other column what 'port-xyz'" in twice.stdout
    elsewhere = [value.replace("para 1", "para 2") for value in PLACE]
    again = run("new", "places", *elsewhere, folder=package)  # the same name gets its country in front
    assert again.stdout == "tables/places.csv: added sri-lanka-port-xyz\n"


def test_all_that_is_wrong_is_told_at_once_and_nothing_written(package):
    before = state(package)
    result = run(
        "new", "places", "name=X", "place_kind=prt", "source_id=yu-2024-offshore-base", "latitude=91", folder=package
    )
    assert result.returncode == 1 and state(package) == before
    for words in (
        "did you mean 'port'?",
        "did you mean 'yu-2024-offshore-bases'?",
        "above the maximum",
        "locator: is empty",
    ):
        assert words in result.stdout, result.stdout
    assert "Traceback" not in result.stderr and "places.csv:" in result.stdout


@pytest.mark.parametrize(
    "values, words",
    [
        (["nmae=X"], "did you mean name=…?"),
        (["name"], "is no COLUMN=VALUE"),
        (["name=A", "name=B"], "name is given twice"),
        ([*PLACE, "place_id=beijing"], "the key 'beijing' is taken"),
    ],
)
def test_wrong_values_are_refused(package, values, words):
    before = state(package)
    result = run("new", "places", *values, folder=package)
    assert result.returncode == 1 and words in result.stdout, result
    assert state(package) == before


def test_without_a_terminal_it_tells_how_and_does_not_wait(package):
    result = run("new", "places", folder=package, stdin=subprocess.PIPE)
    assert result.returncode == 2
    assert "there is no terminal to ask on" in result.stdout and "name=… place_kind=…" in result.stdout
    assert "did you mean 'places'?" in run("new", "place", folder=package, stdin=subprocess.DEVNULL).stdout


def test_problems_that_were_there_do_not_block(package):
    path = package / "tables/places.csv"
    path.write_text(path.read_text("utf-8").replace("\nbeijing,Beijing,", "\nbeijing,,", 1), "utf-8")
    assert [each["rule"] for each in problems(package, "places")] == ["required"]
    assert run("new", "places", *PLACE, folder=package).returncode == 0
    assert "port-xyz" in rows(package, "places")


def test_ids_that_are_proposed(declared):
    """Publisher and date for a source, the country in front of a name that is taken, a counter at the very last."""
    tables = read_tables(declared)
    entry = Entry(declared, tables, "sources")
    entry.answer("cited_as", "NHK, November 30, 2031")
    assert entry.proposed_id() == "nhk-2031-11-30"
    entry = Entry(declared, tables, "people")
    entry.answer("name", "Xi Jinping")
    assert "xi-jinping" in set(tables["people"].frame["person_id"]) and entry.proposed_id() == "xi-jinping-2"
    entry = Entry(declared, tables, "countries")
    entry.answer("name", "Nowhere")
    assert entry.proposed_id() is None  # an ISO code cannot be proposed


def test_keys_are_found_by_other_names_and_in_both_scripts(declared):
    keys = Entry(declared, read_tables(declared), "people").keys
    found = [keys.matching("organizations", text)[0][0] for text in ("上海合作组织", "上海合作組織", "SHANGHAI coop")]
    assert set(found) == {"shanghai-cooperation-organisation"}
    assert keys.matching("organizations", "organisation shanghai cooperation")
    assert keys.nearest("countries", "Sri Lnka") == "Sri Lanka"


# Tables


def test_a_new_table_is_checked_formatted_and_can_get_rows(package):
    before = (package / "datapackage.json").read_text("utf-8")
    columns = ("vessel_id:vessels", "port_id:places", "crew:integer", "called_date:partial_date", "name_zh:string")
    options = [each for column in columns for each in ("--column", column)]
    result = run("new-table", "port_calls", "--domain", "military", "--title", "Calls", *options, folder=package)
    assert result.returncode == 0, result
    assert problems(package) == []
    assert run("fmt", "--check", folder=package).returncode == 0
    names = ["port_call_id", "name", "vessel_id", "port_id", "crew", "called_date", "name_zh"]
    names += ["source_id", "locator", "certainty", "attributed_to", "note"]
    assert (package / "tables/port_calls.csv").read_text("utf-8") == ",".join(names) + "\n"
    schema = json.loads((package / "schemas/port_calls.json").read_text("utf-8"))
    targets = {key["fields"]: key["reference"]["resource"] for key in schema["foreignKeys"]}
    assert targets == {
        "vessel_id": "vessels",
        "port_id": "places",
        "source_id": "sources",
        "certainty": "certainty_levels",
    }
    assert (schema["title"], schema["domain"]) == ("Calls", "military")
    assert [rule.id for rule in load(package).schemas["port_calls"].rules] == ["attributed-to-somebody-known"]
    after = (package / "datapackage.json").read_text("utf-8").splitlines()
    new = '    {"name": "port_calls", "type": "table", "path": "tables/port_calls.csv", '
    new += '"schema": "schemas/port_calls.json", "encoding": "utf-8", "dialect": {"delimiter": ","}}'
    assert [line for line in after if line not in before.splitlines()] == [before.splitlines()[-3] + ",", new]
    values = ["name=Call", "vessel_id=plan-542", "called_date=2024-12", "source_id=yu-2024-offshore-bases"]
    values += ["locator=Intro, para 1", "certainty=stated", "attributed_to=Nobody Known"]
    refused = run("new", "port_calls", *values, folder=package)
    assert refused.returncode == 1 and "is no name in organizations" in refused.stdout
    assert run("new", "port_calls", *values[:-1], folder=package).returncode == 0
    assert "call" in rows(package, "port_calls")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["places"], "there is a table 'places' already"),
        (["Port-Calls"], "is no name for a table"),
        (["port_calls", "--domain", "militry"], "did you mean 'military'?"),
        (["port_calls", "--column", "crew:intger"], "did you mean 'integer'?"),
        (["port_calls", "--column", "Crew:integer"], "is no name for a column"),
        (["port_calls", "--column", "latitude:string"], "latitude is a number in other tables"),
        (["port_calls", "--column", "day:partial_date", "--column", "day_year:integer"], "makes a column 'day_year'"),
        (["records"], "no table can be called 'records'"),
        (["a" * 300], "is too long for a table's name"),
    ],
)
def test_a_table_that_cannot_be_is_refused_without_a_trace(package, arguments, words):
    before = state(package)
    result = run("new-table", *arguments, folder=package)
    assert result.returncode == 2 and words in result.stdout, result
    assert state(package) == before


def test_ids_of_new_tables_are_called_like_those_of_the_old(declared):
    odd = {name for name, schema in declared.schemas.items() if schema.id and schema.id != f"{_singular(name)}_id"}
    assert odd == {"standards_of_proof"}


class Interrupted(Mapping):
    """Files to write below a folder, the first of which somebody makes a folder before any takes its place."""

    def __init__(self, folder: Path):
        self._files = {"first": b"new", "second": b"new"}
        self._folder = folder

    def __getitem__(self, path):
        return self._files[path]

    def __iter__(self):
        return iter(self._files)

    def __len__(self):
        return 2

    def items(self):
        yield from self._files.items()
        (self._folder / "first/inside").mkdir(parents=True)


def test_files_are_written_together_or_not_at_all(tmp_path):
    (tmp_path / "second").write_bytes(b"old")
    with pytest.raises(OSError):
        replace_together(tmp_path, Interrupted(tmp_path))
    assert (tmp_path / "second").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


# `new-table` makes a schema and a CSV file and changes datapackage.json; this kills it before the last of the three.
KILLED = """
import os, signal, sys
taken = 0
def kill_before_the_last_takes_its_place(event, arguments):
    global taken
    if event == "os.rename":
        taken += 1
        if taken == 4:  # the first is the journal
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill_before_the_last_takes_its_place)
from scripts.cli import main
main()
"""


@pytest.fixture
def half_changed(package) -> tuple[Path, dict[str, bytes]]:
    """A package in which a new table was left half made, and what it was before."""
    before = state(package)
    command = [sys.executable, "-c", KILLED, "new-table", "port_calls"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    killed = subprocess.run(command, cwd=package, env=environment, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed
    assert state(package)["datapackage.json"] != before["datapackage.json"]
    assert not (package / "schemas/port_calls.json").exists() and (package / JOURNAL).exists()
    return package, before


def test_a_change_that_was_killed_halfway_is_put_back_by_the_next_command(half_changed):
    package, before = half_changed
    assert run("explain", folder=package).returncode == 0
    left = {path for path in state(package) if not path.endswith(".partial")}
    assert left == set(before) and state(package).items() >= before.items()
    assert run("new-table", "port_calls", folder=package).returncode == 0
    assert state(package).keys() - before.keys() == {"schemas/port_calls.json", "tables/port_calls.csv"}


def test_what_was_edited_since_is_not_put_back(half_changed):
    package, before = half_changed
    descriptor = package / "datapackage.json"
    edited = descriptor.read_text("utf-8").replace("0.1.0", "0.1.1")
    descriptor.write_text(edited, "utf-8")
    found = state(package)
    result = run("check", folder=package)
    assert result.returncode == 2 and "datapackage.json" in result.stdout and JOURNAL in result.stdout, result
    assert state(package) == found
    assert json.loads((package / JOURNAL).read_text("utf-8"))["datapackage.json"]["before"].encode() in before.values()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"tables/places.csv": 1}', '{"../places.csv": {"before": "x", "after": null}}', '{"\\u0000": {}}'],
)
def test_a_journal_that_is_none_is_told_and_touches_nothing(package, text):
    (package / JOURNAL).write_text(text)
    before = state(package.parent)
    result = run("explain", folder=package)
    assert result.returncode == 2 and "is no journal of a change" in result.stdout, result
    assert "Traceback" not in result.stderr and state(package.parent) == before


# Adds rows one by one, as `new` does without its check, or puts what was added in form, as `fmt` does.
AT_WORK = """
import sys
from pathlib import Path
from scripts.canonical import rewrite
from scripts.edit.changes import Change, rows, written
from scripts.package import load
from scripts.problem import Broken
package, who = load(Path(".")), sys.argv[1]
path, schema = package.resources["countries"].path, package.schemas["countries"]
for number in range(60):
    while who == "fmt":
        rewrite(package, "countries")
        break
    while who != "fmt":
        row = dict.fromkeys(schema.names, "") | {"country_id": f"{who}{number:02}", "note": who}
        try:
            Change(package, {path: written(schema, [*rows(package, "countries"), row]) + b"\\n"}).write()
            break
        except Broken as broken:
            assert "meanwhile" in broken.problems[0].message
"""


def test_no_row_is_lost_where_several_write_at_once(package):
    before = len(rows(package, "countries"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    working = [
        subprocess.Popen([sys.executable, "-c", AT_WORK, who], cwd=package, env=environment)
        for who in ("A", "B", "fmt", "fmt")
    ]
    assert [process.wait(timeout=120) for process in working] == [0] * 4
    assert len(rows(package, "countries")) == before + 120
    assert not list(package.rglob(".*"))


def test_what_a_killed_check_left_among_temporary_files_is_removed(package, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    temporary = tmp_path / "temporary"
    for writer in (gone.pid, os.getpid(), "notes"):
        (temporary / f"prc-reach.{writer}.abc").mkdir(parents=True)
    assert run("new", "places", *PLACE, folder=package, env={"TMPDIR": str(temporary)}).returncode == 0
    assert {path.name for path in temporary.iterdir()} == {f"prc-reach.{os.getpid()}.abc", "prc-reach.notes.abc"}


def test_nowhere_to_put_temporary_files_is_told(package):
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); from scripts.cli import main; main()"
    before = state(package)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, "new", "places", *PLACE]
    result = subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True)
    assert result.returncode == 2 and "temporary files" in result.stdout, result
    assert "Traceback" not in result.stderr and state(package) == before


# Spreadsheets


def workbook(path: Path, **sheets: list[list]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        page = book.create_sheet(name)
        for line in lines:
            page.append(line)
    book.save(path)
    return path


def change(path: Path, sheet: str, **cells) -> None:
    """Put values into cells of a workbook; with a number format where a value is a pair."""
    book = load_workbook(path)
    for place, value in cells.items():
        value, form = value if isinstance(value, tuple) else (value, None)
        book[sheet][place].value = value
        if form:
            book[sheet][place].number_format = form
    book.save(path)


def test_the_exported_workbook_comes_back_without_changes(package, exported):
    before = state(package)
    result = run("import", exported / "prc-reach.xlsx", folder=package)
    assert result.returncode == 0 and result.stderr == "", result
    lines = [line for line in result.stdout.splitlines() if not line.startswith("note: ")]
    tables = [line.name for line in (package / "tables").iterdir()]
    assert len(lines) == len(tables) and all(": no changes (" in line for line in lines), result.stdout
    assert state(package) == before


HEAD = ["place_id", "name", "place_kind", "country_id", "source_id", "locator", "note"]
NEW = ["port-xyz", "Port Xyz", "port", "LKA", "yu-2024-offshore-bases", "Intro, para 1", None]


def test_rows_are_added_and_changed_cell_by_cell(package, tmp_path):
    beijing = rows(package, "places")["beijing"]
    old = [beijing[name] or None for name in HEAD]
    file = workbook(
        tmp_path / "rows.xlsx", Places=[["Place ID", *HEAD[1:]], NEW, [None] * 7, [*old[:-1], "Mended."]], More=[["x"]]
    )
    before = state(package)
    tried = run("import", file, "--dry-run", folder=package)
    assert tried.returncode == 0 and state(package) == before
    assert "  + port-xyz\n      place_id: port-xyz\n      name: Port Xyz\n" in tried.stdout
    assert "  ~ beijing\n      note: " in tried.stdout and " → Mended.\n" in tried.stdout
    assert "note: sheet More is no table and was left out" in tried.stdout
    result = run("import", file, folder=package)
    same = len(rows(package, "places")) - 2
    assert result.returncode == 0 and f"places: 1 added, 1 changed, {same} as they were" in result.stdout, result
    after = rows(package, "places")
    assert after["beijing"] == beijing | {"note": "Mended."}  # what the sheet lacks stays
    assert problems(package, "places") == [] and run("fmt", "--check", folder=package).returncode == 0
    assert "no changes" in run("import", file, folder=package).stdout


def test_an_empty_cell_empties_and_says_so(package, tmp_path):
    named = next(key for key, row in rows(package, "places").items() if row["note"])
    file = workbook(tmp_path / "places.xlsx", places=[["place_id", "note"], [named, None]])
    result = run("import", file, folder=package)
    assert "1 cells are emptied, as the sheet leaves them empty" in result.stdout
    assert rows(package, "places")[named]["note"] == ""


EVENT = "american-retreat-from-afghanistan"
WRONG = [  # cell, value, what is told; in a sheet of events with the columns below
    ("B2", "=A1", "holds a formula, =A1"),
    ("B2", "#REF!", "shows the error #REF!"),
    ("B2", datetime(2024, 3, 1), "became a date in the spreadsheet, 2024-03-01"),
    ("B2", True, "became the truth value TRUE"),
    ("C2", (datetime(2024, 12, 1), "mmm-yy"), "shows no day, which it made up"),
    ("C2", (datetime(2024, 12, 9), "d-mmm"), "shows no year, which it made up"),
    ("C2", datetime(2024, 12, 9, 14, 30), "has a time of day"),
    ("C2", "9/12/2024", "write 2024-12-09 or 2024-09-12"),
    ("C2", "Dec-24", "can be read in several ways"),
    ("C2", 7.5, "is the number 7.5, which is no date"),
    ("D2", "sttaed", "did you mean 'stated'"),
    ("D2", None, "(certainty): is empty"),
    ("A2", None, "event_id is empty"),
    ("A3", EVENT, "stands in row 2 too"),
    ("C1", "start_dat", "did you mean 'start_date'?"),
    ("C1", "event_id", "stands here twice"),
    ("A1", "note", "the header lacks the key's column event_id"),
    ("E2", "value", "its column has no name"),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A copy of the package that stays sound, since nothing wrong is written into it."""
    return copied(tmp_path_factory.mktemp("sound") / "package")


@pytest.mark.parametrize("cell, value, words", WRONG, ids=[f"{cell} {words}" for cell, _, words in WRONG])
def test_what_a_spreadsheet_spoilt_is_told_at_its_cell(sound, tmp_path, cell, value, words):
    have = rows(sound, "events")[EVENT]
    names = ["event_id", "name", "start_date", "certainty"]
    file = workbook(tmp_path / "book.xlsx", events=[names, [have[name] or None for name in names]])
    change(file, "events", **{cell: value})
    (problem,) = Merge(load(sound), file).problems()
    place = "row 1" if cell == "A1" else f"cell {cell}"
    assert problem.file == "book.xlsx" and problem.line == int(cell[1])
    assert problem.message.startswith(f"sheet events, {place}") and words in f"{problem.message} {problem.hint}"


def test_nothing_is_written_if_one_cell_is_wrong(package, tmp_path):
    """Good rows of the same sheet, and of another, stay out too; all is told at once, as JSON too."""
    event = [["event_id", "start_date", "certainty"], [EVENT, "9/12/2024", "sttaed"]]
    file = workbook(tmp_path / "book.xlsx", places=[HEAD, NEW], events=event)
    before = state(package)
    result = run("import", file, "--format", "json", folder=package)
    assert result.returncode == 1 and state(package) == before
    told = [
        (each["file"], each["line"], each["table"], each["column"]) for each in json.loads(result.stdout)["problems"]
    ]
    assert told == [("book.xlsx", 2, "events", "start_date"), ("book.xlsx", 2, "events", "certainty")]


@pytest.mark.parametrize(
    "table, column, value, meant, what",
    [
        ("events", "start_date", ShownDate(datetime(2024, 12, 9), True, True), "2024-12-09", "a date cell"),
        ("events", "start_date", 45635, "2024-12-09", "serial number"),
        ("events", "start_date", 2024, "2024", None),
        ("events", "start_date", "2024/12/9", "2024-12-09", "form of the package"),
        ("events", "start_date", "2024-12-09 00:00:00", "2024-12-09", "form of the package"),
        ("events", "start_date", "2024年12月", "2024-12", "form of the package"),
        ("events", "start_date", "2024-07~", "2024-07~", None),
        ("base_requirements", "quantity_min", 14.0, "14", None),
        ("base_requirements", "quantity_min", "14.0", "14", "lost its .0"),
        ("places", "latitude", 12.5, "12.5", None),
        ("places", "latitude", 12.0, "12", None),
        ("places", "latitude", 1e-7, "0.0000001", None),
        ("sco_bodies", "permanent", True, "true", None),
        ("sco_bodies", "permanent", "FALSE", "false", None),
        ("places", "place_id", "port–xyz", "port-xyz", "smart quotes or dashes"),
        ("places", "name", "“Port”", "“Port”", None),  # free text keeps them
        ("places", "name", "\u00a0Cafe\u0301 ", "Café", "stray spaces"),
        ("vessels", "hull_number", 175, "175", None),
    ],
)
def test_what_is_certain_is_mended(declared, table, column, value, meant, what):
    text, mended = cells.reading(declared.schemas[table].field(column), value, datetime(1899, 12, 30))
    assert text == meant and (what in mended if what else mended is None), (text, mended)


@pytest.mark.parametrize(
    "table, column, value, words",
    [
        ("base_requirements", "quantity_min", "1.23457E+11", "cut short"),
        ("base_requirements", "quantity_min", 1234567890123456789, "more than 15 digits"),
        ("places", "latitude", "12,5", "write 12.5 if it parts the decimals"),
        ("base_requirements", "quantity_min", "1,234", "has a comma"),
        ("events", "start_date", "45635", "write 2024-12-09"),
        ("events", "start_date", "13.12.2024", "write 2024-12-13"),
        ("events", "start_date", "9 Dec 2024", "write the year first"),
    ],
)
def test_what_is_not_certain_is_told(declared, table, column, value, words):
    with pytest.raises(cells.Unclear) as told:
        cells.reading(declared.schemas[table].field(column), value, datetime(1899, 12, 30))
    assert words in f"{told.value} {told.value.hint}"


def test_zeros_that_were_lost_are_told_by_the_form_of_the_column(package, tmp_path):
    path = package / "schemas/places.json"
    schema = json.loads(path.read_text("utf-8"))
    field = {"name": "code", "type": "string", "description": "A code.", "constraints": {"pattern": "^[0-9]{5}$"}}
    schema["fields"].append(field)
    path.write_text(json.dumps(schema), "utf-8")
    table = package / "tables/places.csv"
    lines = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([f"{lines[0]},code", *(f"{line}," for line in lines[1:])]) + "\n", "utf-8")
    file = workbook(tmp_path / "places.xlsx", places=[["place_id", "code"], ["beijing", 123]])
    (problem,) = Merge(load(package), file).problems()
    assert "cell B2 (code): 123 lost zeros in front" in problem.message
    assert "write 00123 if that is meant" in problem.hint
    file = workbook(tmp_path / "places.xlsx", places=[["place_id", "code"], ["beijing", "00123"]])
    assert Merge(load(package), file).differences[0].changed == {"beijing": {"code": ("", "00123")}}


def test_what_is_hidden_is_noted_and_what_is_merged_refused(sound, tmp_path):
    file = workbook(tmp_path / "book.xlsx", cover=[["x"]], places=[["place_id"], ["beijing"], ["tashkent"]])
    book = load_workbook(file)
    page = book["places"]
    page.column_dimensions["C"].hidden = True
    page.row_dimensions[3].hidden = True
    page.sheet_state = "hidden"
    book.save(file)
    told = " ".join(Merge(load(sound), file).notes)
    for words in ("hidden columns were read too: C", "hidden rows were read too: 1", "the sheet is hidden"):
        assert f"sheet places: {words}" in told
    page.merge_cells("C2:C3")
    book.save(file)
    assert "sheet places: the cells C2:C3 are merged" in [each.message for each in Merge(load(sound), file).problems()]


def test_what_check_would_tell_of_the_result_is_told_at_the_cell(package, tmp_path):
    """A rule over tables, and two sheets of one file that need one another."""
    lines = [*HEAD[:-1], "part_of_id"]
    sheets = {"places": [lines, [*NEW[:-1], "port-all"], ["port-all", *NEW[1:-1], None]]}
    body = rows(package, "sco_bodies")["regional-anti-terrorist-structure"]
    names = ["sco_body_id", "seat_place_id", "attributed_to"]
    sheets["sco_bodies"] = [names, [body["sco_body_id"], "port-xyz", "Nobody Known"]]
    result = run("import", workbook(tmp_path / "book.xlsx", **sheets), folder=package)
    assert result.returncode == 1
    assert "sheet sco_bodies, cell C2 (attributed_to): 'Nobody Known' is no name in" in result.stdout
    assert "foreign-key" not in result.stdout


CAFE = "port-xyz,Café Port,port,LKA,yu-2024-offshore-bases,para 1,\n"
ZH = "port-xyz,Port Xyz,port,LKA,yu-2024-offshore-bases,para 1,港口说明文字\n"


@pytest.mark.parametrize(
    "encode, line, note",
    [
        (lambda text: text.encode("utf-8-sig"), CAFE, None),
        (lambda text: text.encode("utf-16"), ZH, "UTF-16"),
        (lambda text: text.encode("cp1252"), CAFE, "read as Windows-1252, as in 'port-xyz,Café Port"),
        (lambda text: text.encode("gb18030"), ZH, "read as GB18030"),
        (lambda text: text.replace(",", ";").replace("\n", "\r\n").encode(), CAFE, "parted by semicolons"),
        (lambda text: b"sep=\t\r\n" + text.replace(",", "\t").encode(), ZH, "parted by tabs"),
        (lambda text: text.replace("\n", "\r").encode(), CAFE, None),
    ],
)
def test_csv_files_of_many_kinds(sound, tmp_path, encode, line, note):
    file = tmp_path / "places.csv"
    file.write_bytes(encode(",".join(HEAD) + "\n" + line))
    merge = Merge(load(sound), file)
    assert (note in merge.notes[0]) if note else not merge.notes
    row = merge.differences[0].added["port-xyz"]
    assert [row[name] for name in HEAD] == line.strip("\n").split(",")


@pytest.mark.parametrize(
    "data, words",
    [
        (b"place_id,name\nbeijing,\xd6\xd0\n", "may be Windows-1252 or GB18030"),
        ("place_id,name\nbeijing,x\n".encode("utf-16-le"), "UTF-16 without its mark"),
        (b'place_id,name\nbeijing,"x\n', "cannot be read"),
        (b"", "the sheet is empty"),
        (b"place_id,name\nbeijing,#N/A\n", "cell B2 (name): shows the error #N/A"),
    ],
)
def test_csv_files_that_cannot_be_read_surely(sound, tmp_path, data, words):
    (tmp_path / "places.csv").write_bytes(data)
    try:
        (problem,) = Merge(load(sound), tmp_path / "places.csv").problems()
    except Broken as broken:
        (problem,) = broken.problems
    assert words in problem.message


@pytest.mark.parametrize(
    "name, data, words",
    [
        ("x.xlsx", b"PK\x03\x04 no", "is no Excel workbook that can be read"),
        ("x.xls", b"", "is neither an .xlsx nor a .csv file"),
        ("nothing.csv", None, "there is no such file"),
        ("plcaes.csv", b"place_id,name\n", "did you mean places?"),
    ],
)
def test_files_that_are_no_spreadsheets(sound, tmp_path, name, data, words):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(Broken) as told:
        Merge(load(sound), tmp_path / name)
    assert words in f"{told.value} {told.value.problems[0].hint}"


@pytest.mark.parametrize("inside", [True, False], ids=["a sheet cut short", "packed bytes changed"])
def test_a_damaged_workbook(sound, tmp_path, inside):
    file = workbook(tmp_path / "places.xlsx", places=[HEAD, *[NEW] * 50])
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
        start = old.getinfo("xl/worksheets/sheet1.xml").header_offset
    if inside:
        with zipfile.ZipFile(file, "w") as new:
            for name, data in parts.items():
                new.writestr(name, data[:-40] if "sheet1" in name else data)
    else:
        data = bytearray(file.read_bytes())
        data[start + 60 : start + 160] = b"\xff" * 100
        file.write_bytes(data)
    with pytest.raises(Broken, match="is no Excel workbook that can be read"):
        Merge(load(sound), file)


def test_the_table_is_said_where_the_name_does_not_tell(package, tmp_path):
    file = workbook(tmp_path / "book.xlsx", Sheet1=[HEAD, NEW])
    assert "say which with --table" in run("import", file, folder=package).stdout
    assert run("import", file, "--table", "places", folder=package).returncode == 0
    assert "port-xyz" in rows(package, "places")


def spreadsheet(path: Path, rows: str = "", **parts: str) -> Path:
    """A workbook of places with `rows` of XML behind its own, and with other parts, by their names without folder."""
    file = workbook(path, places=[HEAD, NEW])
    with zipfile.ZipFile(file) as old:
        content = {name: old.read(name).decode() for name in old.namelist()}
    content["xl/worksheets/sheet1.xml"] = content["xl/worksheets/sheet1.xml"].replace(
        "</sheetData>", f"{rows}</sheetData>"
    )
    content |= {name: parts[Path(name).stem] for name in content if Path(name).stem in parts}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, text in content.items():
            new.writestr(name, text)
    return file


@pytest.mark.parametrize(
    "rows, words",
    [
        ("<row><c><v>1</v></c></row>" * 1_000_000, "unpacks to more than can be read"),
        ('<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>', "has more than 1,048,576 rows"),
        ('<row><c r="XFD1"><v>1</v></c></row>' * 200, "or 2,000,000 cells"),
        ('<row><c r="ZZZ1"><v>1</v></c></row>', "16,384 columns"),
    ],
    ids=["packed nothing", "a row far below", "wide rows", "a column far right"],
)
def test_a_workbook_that_could_not_be_held_is_refused(sound, tmp_path, rows, words):
    with pytest.raises(Broken) as told:
        Merge(load(sound), spreadsheet(tmp_path / "places.xlsx", rows))
    assert words in told.value.problems[0].message


def test_a_csv_file_too_wide_is_refused(sound, tmp_path):
    (tmp_path / "places.csv").write_text("place_id" + ",x" * 20_000 + "\n")
    with pytest.raises(Broken, match="16,384 columns"):
        Merge(load(sound), tmp_path / "places.csv")


def test_of_many_problems_of_a_sheet_a_thousand_are_told(sound, tmp_path):
    (tmp_path / "places.csv").write_text("place_id,name\n" + "x,y\n" * 5_000)
    merge = Merge(load(sound), tmp_path / "places.csv")
    assert 1_000 < len(merge.problems()) < 1_100
    assert "from row 1004 on it was not looked at" in merge.notes[0]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "nan"])
def test_a_number_that_is_none_is_told(sound, tmp_path, number):
    letter = get_column_letter(HEAD.index("name") + 1)
    row = f'<row r="3"><c r="A3" t="inlineStr"><is><t>far</t></is></c><c r="{letter}3"><v>{number}</v></c></row>'
    try:
        found = Merge(load(sound), spreadsheet(tmp_path / "places.xlsx", row)).problems()
    except Broken as broken:
        found = broken.problems
    assert found and found[0].rule in ("spreadsheet", "unreadable-file")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_only_an_ordinary_file_is_read(sound, tmp_path, kind):
    """A pipe to which nobody writes and a device without end would keep it for ever."""
    file = tmp_path / "places.csv"
    os.mkfifo(file) if kind == "pipe" else file.symlink_to("/dev/zero")
    with pytest.raises(Broken, match="is not an ordinary file"):
        Merge(load(sound), file)


def test_numbers_that_signal_that_they_are_none_are_compared(declared):
    field = next(each for each in declared.schemas["places"].fields if each.type == "number")
    assert not cells.same(field, "snan", "1") and cells.same(field, "1.0", "1")


@pytest.mark.parametrize(
    "text, meant",
    [
        ("13 000 000 million", ["13000000000000"]),
        ("1,5 million", ["1500000"]),
        ("1,234 million", ["1234000000"]),
        ("2.5 thousand", ["2500"]),
        ("3万", ["30000"]),
        ("1.000.000 million", []),
    ],
)
def test_a_number_of_millions(declared, text, meant):
    fields = (each for schema in declared.schemas.values() for each in schema.fields)
    field = next(each for each in fields if each.type == "integer")
    assert readings.readings(field, text) == meant


@pytest.mark.parametrize("text", ["9" * 5000, "፩", "²", "1" * 400 + " million", "a" * 100_000])
def test_odd_numbers_are_read_as_nothing(declared, text):
    """Digits that are no numbers, and numbers longer than Python turns into text."""
    for field in (each for schema in declared.schemas.values() for each in schema.fields):
        readings.readings(field, text)
    for field in declared.schemas["events"].fields:
        with contextlib.suppress(cells.Unclear):
            cells.reading(field, text, CALENDAR_WINDOWS_1900)


def test_a_pattern_that_tries_all_ways_keeps_nobody_waiting(declared):
    """Where a cell is held against a pattern while rows are brought in, frictionless and its time limit are not there."""
    name = next(each for each in declared.schemas["places"].fields if each.name == "name")
    slow = name.model_copy(update={"constraints": name.constraints.model_copy(update={"pattern": "^(a+)+$"})})
    start = time.process_time()
    assert cells.reading(slow, "a" * 60 + "!", CALENDAR_WINDOWS_1900) == ("a" * 60 + "!", None)
    assert time.process_time() - start < 5
