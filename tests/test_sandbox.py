"""SQL of a stranger's own: what ends it, what it may have, and what it cannot ask."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from scripts.sandbox import ADDRESSES, ANSWER, Interrupted, Row, Sandbox, guard

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


@pytest.fixture
def sandbox(tmp_path):
    path = tmp_path / "a ?#%.db"
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE things (name TEXT, size INTEGER); INSERT INTO things VALUES ('one', 1), ('北', 2);"
        )
    database.close()
    made = Sandbox(path)
    yield made
    made.close()


def test_a_query_is_answered_with_its_columns_and_values(sandbox):
    answer = sandbox.ask("SELECT name, size AS a, size AS a FROM things WHERE size > :size", {"size": 1}, 2, 10)
    assert answer == (["name", "a", "a"], [("北", 2, 2)], False)
    assert sandbox.ask("SELECT * FROM things", {}, 2, 1).truncated
    row = Row(answer.rows[0])
    row.columns = answer.columns
    assert (row["name"], row[1], tuple(row), row.keys()) == ("北", 2, ("北", 2, 2), ["name", "a", "a"])


@pytest.mark.parametrize("sql", [f"{ENDLESS} SELECT count(*) FROM c", "SELECT printf('%.*c', 2000000000, 'x')",
                                 "SELECT instr(hex(zeroblob(499998)), hex(zeroblob(249999)) || '1')"], ids=["recursion", "printf", "instr"])  # fmt: skip
def test_what_takes_too_long_ends_even_within_one_function(sandbox, sql):
    start = time.monotonic()
    with pytest.raises(Interrupted):
        sandbox.ask(sql, {}, 0.5, 10)
    assert time.monotonic() - start < 10  # to its own end printf takes 13, on a machine that does nothing else
    assert sandbox.ask("SELECT 1", {}, 2, 10).rows == [(1,)]  # and the next one is answered


@pytest.mark.parametrize("sql", [f"{ENDLESS} SELECT json_group_array(hex(randomblob(10000))) FROM c", f"{ENDLESS} SELECT count(DISTINCT x || hex(zeroblob(9999))) FROM c",
                                 f"{ENDLESS} SELECT x || hex(zeroblob(9999)) FROM c ORDER BY 1"], ids=["json", "distinct", "order"])  # fmt: skip
def test_what_takes_too_much_memory_ends(sandbox, sql):
    with pytest.raises(sqlite3.OperationalError, match="more than 64 MB of memory"):
        sandbox.ask(sql, {}, 20, 10)
    if Path("/proc/self/status").exists():
        status = Path(f"/proc/{sandbox._process.pid}/status").read_text()
        assert int(status.split("VmPeak:")[1].split()[0]) * 1024 <= ADDRESSES
    assert sandbox.ask("SELECT 1", {}, 2, 10).rows == [(1,)]


def test_an_answer_is_not_larger_than_it_may_be(sandbox):
    with pytest.raises(sqlite3.OperationalError, match=f"more than {ANSWER // 1_000_000} MB"):
        sandbox.ask(f"{ENDLESS} SELECT hex(zeroblob(100000)) FROM c", {}, 5, 2_000)
    with pytest.raises(sqlite3.OperationalError, match="too big"):
        sandbox.ask("SELECT length(replace(hex(zeroblob(300000000)), '0', 'aaaa'))", {}, 5, 10)
    with pytest.raises(sqlite3.OperationalError, match="too many columns"):
        sandbox.ask(f"SELECT {', '.join('1' for _ in range(101))}", {}, 5, 10)


@pytest.mark.parametrize("sql", ["DELETE FROM things", "ATTACH ':memory:' AS x", "SELECT * FROM pragma_database_list", "SELECT * FROM sqlite_stmt",
                                 "SELECT * FROM dbstat", "SELECT load_extension('x')", "SELECT fts3_tokenizer('simple')", "VACUUM INTO 'x.db'",
                                 "PRAGMA hard_heap_limit = 0", "SELECT * FROM pragma_max_page_count(1)", "SELECT 1; SELECT 2"])  # fmt: skip
def test_a_connection_only_reads(sandbox, sql, tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        sandbox.ask(sql, {}, 2, 10)
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE things (name)")
        guard(database)
        with pytest.raises((sqlite3.DatabaseError, sqlite3.Warning)):
            database.execute(sql)
    database.close()


def test_a_table_may_be_wider_than_an_answer_need_be(tmp_path):
    with sqlite3.connect(tmp_path / "wide.db") as database:
        database.execute(f"CREATE TABLE wide ({', '.join(f'c{number}' for number in range(150))})")
        guard(database)
        assert len(database.execute("SELECT * FROM wide").description) == 150
    database.close()


def test_a_sandbox_that_is_killed_is_made_again_and_none_stays(sandbox):
    sandbox.ask("SELECT 1", {}, 2, 10)
    first = sandbox._process.pid
    os.kill(first, signal.SIGKILL)
    sandbox._process.wait()
    assert sandbox.ask("SELECT 2", {}, 2, 10).rows == [(2,)]
    second = sandbox._process
    assert second.pid != first
    second.stdin.close()  # as when the server is gone
    assert second.wait(5) == 0
