"""The same package gives the same bytes, whoever makes them, where and when.

What may differ between two machines is a `Factor`. `make test` compares plain surroundings with ones that differ
in every factor at once; with --full each factor differs alone, on the real package, and each pair of them.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import PACKAGE_FILES, ROOT
from cutting import cut
from jobs import state
from test_adversity import SOMEBODY_ELSE

from scripts.export import TEXTS


@dataclass
class Surroundings:
    """Where and how the command is run: a package is put into `folder`, file after file in the order of `ordered`."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    umask: int = 0o022
    processors: set[int] | None = None
    ordered: Callable[[Iterable[str]], list[str]] = sorted
    modified: int | None = None  # seconds since 1970
    top: Path | None = None  # of what is to be removed in the end, if that is not below the test's own folder

    def setting(self, **settings: str) -> None:
        self.settings |= settings


class Missing(Exception):
    """What a factor needs is not on this machine."""


def time_zone(our: Surroundings) -> None:
    our.setting(TZ="Asia/Kathmandu")


def hash_seed(our: Surroundings) -> None:
    our.setting(PYTHONHASHSEED="4711")


def turkish(our: Surroundings) -> None:
    _locale(our, "tr_TR", "ISO-8859-9")


def chinese(our: Surroundings) -> None:
    _locale(our, "zh_CN", "GB18030")


def no_utf_8(our: Surroundings) -> None:
    our.setting(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")


def posix(our: Surroundings) -> None:
    our.setting(LC_ALL="POSIX", LANG="")


def umask(our: Surroundings) -> None:
    our.umask = 0o077


def date(our: Surroundings) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise Missing("the Debian package libfaketime")
    our.setting(LD_PRELOAD=str(library), FAKETIME="@2001-02-03 04:05:06", DONT_FAKE_MONOTONIC="1")
    command = [sys.executable, "-c", "import datetime; print(datetime.date.today())"]
    told = subprocess.run(command, env=os.environ | our.settings, capture_output=True, text=True).stdout
    assert told == "2001-02-03\n"


def date_of_sources(our: Surroundings) -> None:
    our.setting(SOURCE_DATE_EPOCH="1")


def threads(our: Surroundings) -> None:
    our.setting(POLARS_MAX_THREADS="7", OMP_NUM_THREADS="7")


def one_processor(our: Surroundings) -> None:
    if not hasattr(os, "sched_setaffinity"):
        raise Missing("a system that binds processes to processors")
    our.processors = {min(os.sched_getaffinity(0))}


def order_of_files(our: Surroundings) -> None:
    our.ordered = lambda names: sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def file_system(our: Surroundings) -> None:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or os.stat(memory).st_dev == os.stat(our.folder.parent).st_dev:
        raise Missing("another file system at /dev/shm")
    our.top = memory / f"prc-reach-test-{os.getpid()}"
    our.folder = our.top / our.folder.name


def age_of_files(our: Surroundings) -> None:
    our.modified = 1_000_000_000


def place(our: Surroundings) -> None:
    our.folder = our.folder.with_name("a longer one") / "with blanks, ünïcödé 包 and 'quotes'" / ("deep " * 9 + "down")


def user(our: Surroundings) -> None:
    if os.geteuid() or subprocess.run([*SOMEBODY_ELSE, "true"], capture_output=True).returncode:
        raise Missing("root, and setpriv")
    our.prefix = SOMEBODY_ELSE
    our.setting(HOME="/nonexistent", USER="nobody")


def optimized(our: Surroundings) -> None:
    our.options = ("-O",)


def _locale(our: Surroundings, name: str, encoding: str) -> None:
    """Run in this locale, which is made beside the package; Python is to read and write its encoding."""
    made = our.folder.parent / "locales" / f"{name}.{encoding}"
    made.parent.mkdir(parents=True, exist_ok=True)
    command = shutil.which("localedef")
    if not command or subprocess.run([command, "-i", name, "-f", encoding, made], capture_output=True).returncode:
        raise Missing(f"localedef, and the source of {name}")
    our.setting(LOCPATH=str(made.parent), LC_ALL=made.name, LANG=made.name, PYTHONUTF8="0")
    command = [sys.executable, "-c", "import locale; print(locale.setlocale(locale.LC_ALL, ''))"]
    told = subprocess.run(command, env=os.environ | our.settings, capture_output=True, text=True).stdout
    assert told.strip() == made.name


ALL = (time_zone, hash_seed, turkish, chinese, no_utf_8, posix, umask, date, date_of_sources, threads, one_processor)
ALL += (order_of_files, file_system, age_of_files, place, user, optimized)
LOCALES = (turkish, chinese, no_utf_8, posix)  # one process has one
NAMES = [each.__name__ for each in ALL]


def made(source: Path, folder: Path, factors: Iterable[Callable[[Surroundings], None]]) -> dict[str, bytes]:
    """The files that export and build make of the package `source`, in surroundings that differ in the `factors`."""
    folder.mkdir(parents=True, exist_ok=True)
    our = Surroundings(folder / "package", {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"})
    for factor in factors:
        factor(our)
    try:
        names = our.ordered(state(source))
        for name in names:
            (our.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, our.folder / name)
            if our.modified:
                os.utime(our.folder / name, (our.modified, our.modified))
        if our.prefix:
            for path in (our.folder, *our.folder.rglob("*")):
                path.chmod(path.stat().st_mode | 0o666 | (0o111 if path.is_dir() else 0))
        _run(our, "export")
        _run(our, "build", "--no-check")
        found = state(our.folder)
        return {name: data for name, data in found.items() if name.startswith(("dist/", "build/"))}
    finally:
        shutil.rmtree(our.top or our.folder)


def _run(our: Surroundings, *arguments: str) -> None:
    def begin() -> None:
        os.umask(our.umask)
        if our.processors:
            os.sched_setaffinity(0, our.processors)

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    settings = ("env", *(f"{name}={value}" for name, value in our.settings.items()))  # not for the prefix
    command = [*our.prefix, *settings, sys.executable, *our.options, "-m", "scripts", *arguments]
    result = subprocess.run(
        command,
        cwd=our.folder,
        env=environment | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        preexec_fn=begin,
        timeout=600,
    )
    assert result.returncode == 0, (arguments, result.stdout, result.stderr)


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The real package with the texts that an export repeats."""
    folder = tmp_path_factory.mktemp("source")
    for name in (*PACKAGE_FILES, *TEXTS):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def plain(source, tmp_path_factory) -> dict[str, bytes]:
    files = made(source, tmp_path_factory.mktemp("plain"), ())
    name = next(name for name in files if name.startswith("build/"))
    assert files[name] == files[f"dist/{Path(name).name}"]
    return files


def at_once(factors: Iterable[Callable], folder: Path) -> tuple[list[Callable], list[str]]:
    """Those of the factors that this machine has what it takes for, and of the others what is missing."""
    having, missing = [], []
    for factor in factors:
        try:
            factor(Surroundings(folder / "try"))
            having.append(factor)
        except Missing as what:
            missing.append(f"{factor.__name__} ({what})")
    return having, missing


@pytest.mark.parametrize("locale", LOCALES[:1] + LOCALES[2:3], ids=lambda each: each.__name__)
def test_everything_may_differ_at_once(locale, source, plain, figure, tmp_path):
    factors, missing = at_once([each for each in ALL if each is locale or each not in LOCALES], tmp_path)
    again = made(source, tmp_path, factors)
    assert differing(plain, again) == []
    size = sum(map(len, plain.values()))
    figure(
        f"{len(factors)} factors at once, {locale.__name__} among them: {len(plain)} files, {size:,} bytes, all alike"
        + _left_out(missing)
    )


def _left_out(missing: list[str]) -> str:
    return f"; LEFT OUT, as not on this machine: {', '.join(missing)}" if missing else ""


@pytest.mark.parametrize("name", NAMES)
def test_each_factor_alone(name, full, source, plain, tmp_path):
    if not full:
        pytest.skip("only with --full: all at once is tested")
    factors, missing = at_once([ALL[NAMES.index(name)]], tmp_path)
    if missing:
        pytest.skip(f"not on this machine: {missing[0]}")
    assert differing(plain, made(source, tmp_path, factors)) == []


def test_each_pair_of_factors(full, figure, tmp_path):
    """On a small package."""
    if not full:
        pytest.skip("only with --full: all at once is tested")
    source = cut(tmp_path / "source", ["countries"])
    plain = made(source, tmp_path / "plain", ())
    factors, missing = at_once(ALL, tmp_path)
    pairs = [pair for pair in itertools.combinations(factors, 2) if not set(pair) <= set(LOCALES)]
    for one, other in pairs:
        again = made(source, tmp_path / f"{one.__name__} {other.__name__}", (one, other))
        assert differing(plain, again) == [], (one.__name__, other.__name__)
    figure(f"{len(pairs)} pairs of factors on a small package: {len(plain)} files, all alike" + _left_out(missing))
