import pytest

from tests.agent.chaos import results
from tests.agent.chaos.__main__ import of_one_database
from tests.agent.chaos.results import COMMIT, FILE, Passed, Result


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv(FILE, str(tmp_path / "results"))
    monkeypatch.setenv(COMMIT, "0123abc")
    return tmp_path / "results"


def tried(test, *ends, passed=True):
    for end in ends:
        results.note("checkpoint", "add", "before take", end, database="sqlite")
    results.ended(test, passed=passed)


def test_what_passed_is_kept_with_its_commit_and_what_failed_is_not(file):
    tried("one", "completed", "failed")
    tried("two", "completed", passed=False)
    tried("three", "cancelled")
    kept = results.read(file)
    assert [(each.test, each.commit, [result.end for result in each.results]) for each in kept] == [
        ("one", "0123abc", ["completed", "failed"]),
        ("three", "0123abc", ["cancelled"]),
    ]


def test_nothing_has_been_tried_where_there_is_no_file(file):
    assert results.read(file) == []


def test_a_table_counts_how_orders_ended_and_says_of_which_code():
    results = [Result("sqlite", "instant", "add", "10 %", end) for end in ("completed", "completed", "failed", "cancelled")]
    passed = [
        Passed("one", "sqlite", "0123abc", "2026-01-01", tuple(results[:3])),
        Passed("two", "sqlite", "4567def", "2026-01-02", tuple(results[3:])),
    ]
    assert list(of_one_database(passed, "sqlite")) == [
        "",
        "#### Killed at random instants",
        "",
        "Tried: 3 on 2026-01-01 of commit 0123abc, 1 on 2026-01-02 of commit 4567def.",
        "",
        "| order | tried | completed | undone | cancelled |",
        "|---|---:|---:|---:|---:|",
        "| add | 4 | 2 | 1 | 1 |",
        "| **all** | **4** | **2** | **1** | **1** |",
    ]
    assert list(of_one_database(passed, "postgresql")) == []
