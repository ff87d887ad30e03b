"""No interruption loses data: whatever command is ended at whatever moment, each file is the old or the new one, whole.

Moments are drawn with a fixed seed: over the command's whole time, from when it begins to write, and at each
single step of its dealings with files (see `stepping.py`).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import SEED, run
from jobs import Job, State, jobs, real_package, small_package, sound, state

COMMANDS = ("build", "export", "fmt", "new", "new-table", "import")
PATIENCE = 120  # seconds in which what should end must have ended
KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT


@dataclass(frozen=True)
class Moment:
    """When and how a command is ended.

    `kind` says what `when` counts: seconds from the `start`, seconds from when it `writes`, or `step`s.
    """

    kind: str
    when: float
    signal: int = KILL
    group: bool = False  # the whole process group, or the main process alone


@dataclass
class Times:
    """How long the command takes undisturbed: in all, from when it begins to write, and in steps."""

    seconds: float
    writing: float
    steps: int


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> dict[str, Job]:
    folder = tmp_path_factory.mktemp("jobs")
    return jobs(small_package(folder / "package"), folder)


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> dict[str, Job]:
    folder = tmp_path_factory.mktemp("real")
    return jobs(real_package(folder / "package"), folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_whenever_it_is_ended_each_file_is_old_or_new(command, small, full, figure, tmp_path):
    told = tried(small[command], *((200, 60) if full else (6, 3)), tmp_path)
    figure(f"{command}: {told}")


@pytest.mark.parametrize("command", COMMANDS)
def test_so_it_is_with_the_real_package(command, request, full, figure, tmp_path):
    if not full:
        pytest.skip("only with --full: the small package takes the same way")
    told = tried(request.getfixturevalue("real")[command], 60, 30, tmp_path)
    figure(f"{command}, real package: {told}")


def tried(job: Job, number: int, most_steps: int, folder: Path) -> str:
    """Interrupt the job so often: at so many of its steps, else at moments, half of them while it writes; the figures."""
    chance = random.Random(f"{SEED} {job.name}")
    times = measured(job, folder / "package", folder / "temporary", 1 + number // 50)
    steps = min(most_steps, times.steps)
    counted: Counter[str] = Counter()
    for moment in (*drawn(chance, times, number - steps), *stepped(chance, times, steps)):
        counted += Counter(interrupted(job, moment, folder / "package", folder / "temporary"))
    words = ", ".join(f"{number} {what}" for what, number in sorted(counted.items()))
    return f"{times.seconds:.1f} s, {times.writing * 1000:.0f} ms of it writing in {times.steps} steps; {words}"


def measured(job: Job, folder: Path, temporary: Path, times: int) -> Times:
    found = []
    for _ in range(times):
        job.fresh(folder)
        begun = time.monotonic()
        process = job.start(folder, temporary, steps=0)
        wrote = until_it_writes(job, process, folder) or time.monotonic()
        steps = int(process.communicate(timeout=PATIENCE)[1].split()[-1])
        found.append(Times(time.monotonic() - begun, time.monotonic() - wrote, steps))
        assert state(folder) == job.after and steps and not left_in(temporary)
    return sorted(found, key=lambda each: each.seconds)[times // 2]


def until_it_writes(job: Job, process: subprocess.Popen, folder: Path) -> float | None:
    """Wait for the first file or folder that was not there before, and say when it was; None where it ended first."""
    places = {str(folder / Path(path).parts[0]) for path in job.changed} | {str(folder)}
    places = {place: set(os.listdir(place)) if os.path.isdir(place) else set() for place in places}
    while process.poll() is None:
        for place, known in places.items():
            with suppress(FileNotFoundError, NotADirectoryError):
                if set(os.listdir(place)) - known:
                    return time.monotonic()
        time.sleep(0.0005)
    return None


def drawn(chance: random.Random, times: Times, number: int) -> Iterator[Moment]:
    """Moments over the whole time and, every second, while it writes; one in five by another signal than kill -9."""
    for index in range(number):
        kind, most = ("writes", times.writing) if index % 2 else ("start", times.seconds)
        ending = chance.choice((TERM, INT)) if index % 5 == 4 else KILL
        yield Moment(kind, chance.uniform(0, most), ending, chance.random() < 0.5)


def stepped(chance: random.Random, times: Times, number: int) -> Iterator[Moment]:
    for step in sorted(chance.sample(range(1, times.steps + 1), number)):
        yield Moment("step", step)


def interrupted(job: Job, moment: Moment, folder: Path, temporary: Path) -> list[str]:
    """End the job at the moment, and prove that nothing is lost and that the next run leaves nothing behind.

    Returns what is counted: when it hit, what was found, what was left.
    """
    job.fresh(folder)
    process = job.start(folder, temporary, int(moment.when) if moment.kind == "step" else None)
    children = ended(job, process, moment, folder)
    error = process.communicate()[1]
    if (
        moment.signal != INT or ", in main\n" in error
    ):  # before that it is Python, starting, that tells of the interrupt
        assert "Traceback" not in error, (moment, error)
    still(children)
    found = state(folder)
    assert job.torn(found) == [], (moment, job.torn(found))
    for path in found:
        assert not path.endswith(".db") or sound(folder / path), (moment, path)
    counted = [f"hit {hit(job, found)}"]
    if job.mixed(found):
        assert job.name != "export", moment  # a folder is swapped by one call
        counted.append("mixed till the next command")
    if job.strange(found):
        counted.append("files left till the next run")
    if job.strange(found) or job.mixed(found):
        result = run("explain", folder=folder)  # any command that reads the package
        assert result.returncode == 0, (moment, result)
        found = state(folder)
        assert job.torn(found) == [] and not job.mixed(found), (moment, job.torn(found))
    counted.append("new found" if found.items() >= job.after.items() else "old found")
    if job.strange(found) or left_in(temporary):
        job.start(folder, temporary).communicate(timeout=PATIENCE)
        found = state(folder)
        assert [path for path in job.after if found.get(path) != job.after[path]] == [], moment
        assert job.strange(found) == [], (moment, job.strange(found))
        assert left_in(temporary) == [], (moment, left_in(temporary))
    return counted


def hit(job: Job, found: State) -> str:
    """Where in the command's work the moment was, as the files tell."""
    if (
        job.strange(found)
        or job.torn(found)
        or len({found.get(path) == job.after.get(path) for path in job.changed}) > 1
    ):
        return "while it wrote"
    return "after that" if found.items() >= job.after.items() else "before that"


def left_in(temporary: Path) -> list[Path]:
    """What a command left among the temporary files; not the four bytes by which Python tries the folder."""
    return [each for each in temporary.iterdir() if each.is_dir() or each.read_bytes() not in (b"", b"blat")]


def ended(job: Job, process: subprocess.Popen, moment: Moment, folder: Path) -> list[int]:
    """Send the signal at the moment, unless the process has ended by then; the processes that it had started."""
    if moment.kind == "step":
        assert process.wait(PATIENCE) == -KILL, (moment, process.stderr.read())
        return []
    if moment.kind == "writes":
        until_it_writes(job, process, folder)
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment.when)
    children = started_by(process.pid)
    if process.poll() is None:
        (os.killpg if moment.group else os.kill)(process.pid, moment.signal)
    process.wait(PATIENCE)
    return children


def started_by(process: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


def still(processes: list[int]) -> None:
    """Wait for the processes to end, which they must by themselves."""
    end = time.monotonic() + PATIENCE
    while running := [each for each in processes if works(each)]:
        assert time.monotonic() < end, f"processes outlive the command: {running}"
        time.sleep(0.05)


def works(process: int) -> bool:
    """Whether the process is the other engine, at work: one that has ended and that nobody asks after has no command."""
    try:
        return b"outside.py" in Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
