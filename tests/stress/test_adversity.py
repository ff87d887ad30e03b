"""Full disks, limits, read-only folders, others at work at the same time: the old or the new state, and a plain word."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import SEED, run, serving
from jobs import Job, jobs, noted, real_package, small_package, sound, state
from test_interruptions import COMMANDS, left_in

NOBODY = 65534
_READ = "-all,+dac_read_search"  # the one power of root that is left: to read where this environment lies
SOMEBODY_ELSE = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
SOMEBODY_ELSE += ("--securebits=+no_setuid_fixup",)  # access(2) else asks as if that power were gone
SOMEBODY_ELSE += (f"--inh-caps={_READ}", f"--ambient-caps={_READ}", f"--bounding-set={_READ}")
ROOT_ALONE = pytest.mark.skipif(os.geteuid() != 0, reason="takes root: to mount a small disk, or to be somebody else")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> dict[str, Job]:
    folder = tmp_path_factory.mktemp("jobs")
    return jobs(small_package(folder / "package"), folder)


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes, in memory, at `folder`; the test is skipped where that may not be mounted."""
    folder.mkdir(exist_ok=True)
    options = f"size={size},mode=0777"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)


def only(full: bool, command: str, *some: str) -> None:
    """Without --full leave out the commands but `some`."""
    if not full and command not in some:
        pytest.skip("only with --full: another command takes the same way")


def judged(job: Job, folder: Path, temporary: Path, process: subprocess.Popen) -> str:
    """What became of the command: written, or refused in plain words with everything as it was; nothing else may be."""
    out, error = process.communicate(timeout=120)
    said = out + error
    assert "Traceback" not in said and process.returncode in (0, 2), (process.returncode, said)
    found = state(folder)
    if process.returncode == 0:
        assert found == job.after, (job.torn(found), job.strange(found))
        return "written"
    assert "cannot be" in said or "is full" in said, said
    assert job.torn(found) == [] and job.strange(found) == [] and not job.mixed(found), (job.strange(found), said)
    assert left_in(temporary) == []
    if job.together:
        assert found == job.before
    return "refused"


def again(job: Job, folder: Path, temporary: Path) -> None:
    """When what was wrong is over the same command does its work."""
    process = job.start(folder, temporary)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0 and state(folder) == job.after, out + error


@ROOT_ALONE
@pytest.mark.parametrize("command", COMMANDS)
def test_the_disk_runs_full_at_any_point(command, small, full, figure, tmp_path):
    only(full, command, "export", "import")
    job = small[command]
    needed = 2 * sum(map(len, job.after.values()))
    counted: Counter[str] = Counter()
    for fraction in [each / 24 for each in range(24)] if full else [random.Random(SEED).random()]:
        with disk(tmp_path / "disk", 64 << 20) as mounted:
            folder = job.fresh(mounted / "package")
            used = shutil.disk_usage(mounted).used
            remount(mounted, f"size={used + 4096 + int(needed * fraction**2) // 4096 * 4096}")
            temporary = mounted / "temporary"
            counted[became := judged(job, folder, temporary, job.start(folder, temporary))] += 1
            remount(mounted, f"size={64 << 20}")
            if became == "refused":
                again(job, folder, temporary)
    figure(f"full disk, {command}: {dict(counted)}")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_may_grow_so_far_and_no_further(command, small, full, figure, tmp_path):
    """A limit on the size of files fails a write wherever it comes to it; every machine can set one."""
    only(full, command, "build", "new")
    job, chance = small[command], random.Random(SEED)
    most = max(len(data) for path, data in job.after.items() if path in job.changed)
    counted: Counter[str] = Counter()
    limits = [0, *(int(most * chance.random() ** 3) for _ in range(24 if full else 1))]
    for limit in limits:
        folder, temporary = job.fresh(tmp_path / "package"), tmp_path / "temporary"

        def limited(limit=limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        counted[became := judged(job, folder, temporary, job.start(folder, temporary, preexec_fn=limited))] += 1
        if became == "refused":
            again(job, folder, temporary)
    figure(f"limit on files, {command}: {dict(counted)}")


@ROOT_ALONE
@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_may_only_be_read(command, small, full, tmp_path):
    only(full, command, "fmt", "import")
    job = small[command]
    with disk(tmp_path / "disk", 64 << 20) as mounted:
        folder = job.fresh(mounted / "package")
        remount(mounted, "ro")
        temporary = tmp_path / "temporary"
        assert judged(job, folder, temporary, job.start(folder, temporary)) == "refused"


@ROOT_ALONE
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", ["folders", "files"])
def test_what_this_user_may_only_read(command, what, small, full, tmp_path):
    """Root may write everywhere, so that the command is run as somebody who may not, though read all that there is."""
    only(full, command, *(("new-table",) if what == "folders" else ("build", "fmt")))
    if subprocess.run([*SOMEBODY_ELSE, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let root become somebody else by setpriv")
    job = small[command]
    folder, temporary = job.fresh(tmp_path / "package"), tmp_path / "temporary"
    temporary.mkdir()
    temporary.chmod(0o777)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
        if path.is_dir() == (what == "folders"):
            path.chmod(0o555 if path.is_dir() else 0o444)
    process = job.start(folder, temporary, prefix=SOMEBODY_ELSE)
    free = what == "files" and command == "export"  # it replaces the folder, whose files are its own
    assert judged(job, folder, temporary, process) == ("written" if free else "refused")


@pytest.mark.parametrize(
    "pair",
    [
        ("build", "build"),
        ("export", "export"),
        ("import", "import"),
        ("fmt", "build"),
        ("import", "new-table"),
        ("new-table", "new"),
        ("fmt", "new"),
    ],
)
def test_two_commands_at_once(pair, small, full, figure, tmp_path):
    """Each says how it ended, and what ended well is there: nothing that was said to be written is lost."""
    counted: Counter[str] = Counter()
    for number in range(20 if full else 1):
        folder = small[pair[0]].fresh(tmp_path / "package")
        first = small[pair[0]].start(folder, tmp_path / "temporary")
        time.sleep(random.Random(number).uniform(0, 0.4) if number else 0)
        both = [first, small[pair[1]].start(folder, tmp_path / "temporary")]
        told = [process.communicate(timeout=240) for process in both]
        assert "Traceback" not in str(told), told
        codes = [process.returncode for process in both]
        assert 0 in codes and set(codes) <= {0, 1, 2}, told
        found = state(folder)
        for name, code in zip(pair, codes):
            job = small[name]
            if code == 0:
                missing = {path for path in job.changed if not _has(found, path, job)}
                assert not missing, (name, missing, told)
        if pair[0] == pair[1]:
            assert found == small[pair[0]].after, told
        assert not [path for path in found if ".partial" in path or ".unfinished" in path], told
        assert all(sound(folder / path) for path in found if path.endswith(".db"))
        assert run("check", folder=folder).returncode == 0 or codes != [0, 0]
        counted[f"exit {codes[0]} and {codes[1]}"] += 1
    figure(f"{pair[0]} and {pair[1]} at once: {dict(counted)}")


def _has(found: dict[str, bytes], path: str, job: Job) -> bool:
    """Whether the file is there with every line that the command had put into it."""
    if not path.startswith(("tables/", "schemas/")):
        return path in found
    new = set(job.after[path].splitlines()) - set(job.before.get(path, b"").splitlines())
    return new <= set(found[path].splitlines())


PAGES = ["/", "/prc-reach/places.json?_size=max", "/prc-reach/countries.json?_shape=array&_size=max", "/about"]
PAGES += ["/search?q=Beidou", "/prc-reach/sco_bodies.json?_facet=status", "/downloads", "/downloads/SHA256SUMS"]
PAGES += ["/downloads/tables/countries.csv", "/downloads/prc-reach.db", "/prc-reach.db"]


def content(answer: httpx.Response) -> bytes:
    """What the answer says, without how long it took."""
    return re.sub(rb'"query_ms": [0-9.]+', b"", answer.content)


def test_a_site_stays_as_it_is_while_a_build_and_an_export_replace_its_files(full, figure, tmp_path):
    """A running server answers every request from the state that it was started with, and a new one from the new state."""
    package = (real_package if full else small_package)(tmp_path / "package")
    with serving(package) as client:
        pages = [page for page in PAGES if client.get(page).status_code == 200]
        assert len(pages) > 8
        first = {page: content(client.get(page)) for page in pages}
        noted(package)
        answers: list[tuple[str, int, bool]] = []
        ended = threading.Event()
        errors: list[Exception] = []

        def read(offset: int) -> None:
            try:
                with httpx.Client(base_url=client.base_url, timeout=60) as reader:
                    while not ended.is_set():
                        for page in pages[offset:] + pages[:offset]:
                            answer = reader.get(page)
                            answers.append((page, answer.status_code, content(answer) == first[page]))
            except httpx.HTTPError as error:
                errors.append(error)

        readers = [threading.Thread(target=read, args=(offset,)) for offset in range(2)]
        for each in readers:
            each.start()
        for command in ("build", "export") * (5 if full else 1):
            assert run(command, folder=package).returncode == 0
        during = len(answers)
        while len(answers) < during + 4 * len(pages) and not errors:
            time.sleep(0.1)
        ended.set()
        for each in readers:
            each.join()
        assert not errors and len(answers) > during > 0
        wrong = Counter(f"{page}: {status}" for page, status, same in answers if status != 200 or not same)
        assert not wrong, wrong
    assert not [name for name in os.listdir(package) if name.startswith(".")]
    with serving(package, "--exported") as client:
        assert b"Looked at again." in client.get("/prc-reach/countries.json?_size=max").content
    figure(
        f"served: {during} answers while the files were replaced and {len(answers) - during} after, all 200 and alike"
    )
