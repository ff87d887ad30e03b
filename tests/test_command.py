"""The command line: help, exit status, formats, and `fmt`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, run

BODIES = Path("tables/sco_bodies.csv")


def test_the_installed_command_is_the_module():
    command = Path(sys.executable).with_name("prc-reach")
    assert (
        subprocess.run([command, "--version"], capture_output=True, text=True).stdout
        == run("--version").stdout
        == "prc-reach 0.1.0\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [[]]
    + [
        [name]
        for name in (
            "check",
            "fmt",
            "new",
            "new-table",
            "import",
            "show",
            "explain",
            "diff",
            "build",
            "export",
            "serve",
        )
    ],
)
def test_help_reads_well(arguments):
    result = run(*arguments, "--help")
    assert result.returncode == 0
    assert "Usage: prc-reach" in result.stdout and "<bool>" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["chek"],
        ["check", "--fromat", "json"],
        ["check", "--format", "xml"],
        ["serve", "--port", "seven"],
        ["check", "sco_bodis"],
    ],
)
def test_wrong_usage_is_status_2_without_a_traceback(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr + result.stdout


@pytest.mark.parametrize("typed", ["\u202egnp.exe", "\u009b31m", "\b\x7f"])
@pytest.mark.parametrize("before", [["build"], ["check", "--format"], []])
def test_what_was_typed_is_repeated_visibly(before, typed):
    """In a usage error typer shows it as it is."""
    result = run(*before, typed, "x")
    assert result.returncode == 2 and not set("\u202e\u009b\b\x7f") & set(result.stdout + result.stderr)


def test_an_unknown_table_gets_the_nearest():
    assert "did you mean 'sco_bodies'?" in run("check", "sco_bodis").stdout


def test_another_folder_is_checked_by_the_same_program(package, tmp_path):
    (package / BODIES).unlink()
    result = run("check", "--package", package, folder=tmp_path)
    assert result.returncode == 1 and "tables/sco_bodies.csv: there is no such file" in result.stdout


def test_checking_some_tables_tells_only_their_problems(package):
    (package / BODIES).unlink()
    assert run("check", "places", folder=package).returncode == 0


def test_text_ends_with_a_line_that_counts():
    last = run("check", "places", "countries").stdout.splitlines()[-1]
    assert last.startswith("no problems in 2 tables, ") and last.endswith(" s")


def test_json_has_problems_and_a_summary(package):
    (package / BODIES).unlink()
    told = json.loads(run("check", "--format", "json", folder=package).stdout)
    assert told["summary"]["problems"] == 1
    keys = {"file", "line", "table", "row_id", "column", "value", "rule", "message", "hint", "found_by", "cause"}
    assert [set(problem) for problem in told["problems"]] == [keys]


def test_github_annotations_are_escaped(package):
    path = package / "tables/places.csv"
    path.write_text(path.read_text("utf-8").replace("\ntashkent,Tashkent,", "\ntashkent,100%: a place ,", 1), "utf-8")
    result = run("check", "places", "--format", "github", folder=package)
    lines = result.stdout.splitlines()
    assert result.returncode == 1
    assert (
        lines[0].startswith("::error file=tables/places.csv,line=")
        and "title=stray-space::places/tashkent, name '100%25: a place ': ends with a space; " in lines[0]
    )


def test_nothing_of_a_progress_bar_goes_into_a_pipe():
    result = run("check")
    assert result.stderr == "" and "\x1b" not in result.stdout


def test_a_person_who_waits_sees_progress():
    """On a terminal the bar is drawn; it leaves nothing behind."""
    parent, child = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts", "check"], cwd=ROOT, stdout=child, stderr=child, env=environment
    )
    os.close(child)
    shown = b""
    while True:
        try:
            shown += os.read(parent, 4096)
        except OSError:
            break
        if process.poll() is not None and not shown:
            break
    assert process.wait() == 0
    assert b"checking" in shown and b"no problems in" in shown


def spoil_form(package: Path) -> bytes:
    """Put a table out of form in every way that `fmt` mends; its content in canonical form."""
    path = package / BODIES
    canonical = path.read_bytes()
    header, *rows = canonical.decode().splitlines()
    rows = ["".join(f'"{cell}",' for cell in row.split(","))[:-1] if '"' not in row else row for row in reversed(rows)]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([header, *rows, "", ""]).encode())
    assert path.read_bytes() != canonical
    return canonical


def test_fmt_mends_the_form_and_says_so(package):
    canonical = spoil_form(package)
    result = run("fmt", folder=package)
    assert (result.returncode, result.stdout) == (
        0,
        "tables/sco_bodies.csv: byte-order mark removed, 8 line ends made LF, 1 blank line removed, 5 rows sorted\n",
    )
    assert (package / BODIES).read_bytes() == canonical
    assert run("fmt", folder=package).stdout == ""


def test_fmt_check_shows_the_difference_and_changes_nothing(package):
    spoil_form(package)
    before = (package / BODIES).read_bytes()
    result = run("fmt", "--check", folder=package)
    assert result.returncode == 1
    assert result.stdout == (
        "tables/sco_bodies.csv:1: is not in canonical form; run `prc-reach fmt`: byte-order mark removed, "
        "8 line ends made LF, 1 blank line removed, 5 rows sorted (format)\n"
    )
    assert (package / BODIES).read_bytes() == before


def test_fmt_takes_out_stray_and_invisible_characters(package):
    path = package / "tables/places.csv"
    canonical = path.read_text("utf-8")
    path.write_text(canonical.replace("\ntashkent,Tashkent,", "\ntashkent, Tash\u200bkent\u00a0,", 1), "utf-8")
    assert run("fmt", "places", folder=package).returncode == 0
    assert path.read_text("utf-8") == canonical


def test_fmt_never_glues_two_rows(package):
    """A quote that is not closed, and one further down that closes it, look like a line break in a cell."""
    path = package / "tables/countries.csv"
    header, first, second, *rest = path.read_text("utf-8").splitlines()
    spoilt = "\n".join([header, first.rsplit(",", 1)[0] + ',"one', second.rsplit(",", 1)[0] + ',two"', *rest]) + "\n"
    path.write_text(spoilt, "utf-8")
    result = run("fmt", "countries", folder=package)
    assert result.returncode == 1 and "its quote may not be closed" in result.stdout
    assert path.read_text("utf-8") == spoilt


@pytest.mark.parametrize("spoil", [b"\xff\xfe", b"", b"a,b\n1,2\n", b'"sco_body_id'])
def test_fmt_leaves_alone_what_it_cannot_read(package, spoil):
    (package / BODIES).write_bytes(spoil)
    for arguments in (["fmt"], ["fmt", "--check"]):
        result = run(*arguments, folder=package)
        assert result.returncode == 1 and "Traceback" not in result.stderr
        assert result.stdout.startswith("tables/sco_bodies.csv")
    assert (package / BODIES).read_bytes() == spoil


def test_fmt_of_a_missing_table(package):
    (package / BODIES).unlink()
    assert run("fmt", "--check", folder=package).returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device here that is full")
@pytest.mark.parametrize(
    "arguments", [["explain"], ["check", "places"], ["--help"], ["--version"], ["no-such-command"]]
)
def test_output_that_cannot_be_written_is_told(arguments):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "scripts", *arguments], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr and "Exception ignored" not in result.stderr
    if arguments != ["no-such-command"]:
        assert result.stderr == "the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", ["<&- >&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", ["explain", "check places", "--help", "fmt --diff places"])
def test_closed_streams_are_no_matter(closed, arguments):
    command = f"exec {sys.executable} -m scripts {arguments} {closed}"
    result = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0 and "Traceback" not in result.stderr


def test_a_patch_is_exact_but_moves_no_cursor(package):
    """To a file or a pipe it goes byte for byte, as `git apply` needs it; to a terminal with controls written out."""
    path = package / "tables/countries.csv"
    path.write_bytes(path.read_bytes().replace(b"Kazakhstan", b"Kazakh\x1b[2Jstan"))
    assert "Kazakh\x1b[2Jstan" in run("fmt", "--diff", "countries", folder=package).stdout
    main, other = pty.openpty()
    command = [sys.executable, "-m", "scripts", "fmt", "--diff", "countries"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=package, stdout=other, stderr=subprocess.DEVNULL, env=environment)
    os.close(other)
    shown = b""
    try:
        while piece := os.read(main, 65536):
            shown += piece
    except OSError:
        pass  # the terminal's other end is closed
    process.wait()
    assert b"\x1b" not in shown and "⟨U+001B⟩".encode() in shown


@pytest.mark.parametrize("host", ["a" * 100, "x" * 64 + ".example", "..", ""])
def test_a_host_that_cannot_be_is_told(host):
    result = run("serve", "--port", "0", f"--host={host}", "--exported", "--output", "/nowhere")
    assert result.returncode == 2 and "Traceback" not in result.stderr
