"""The benches run, and say what they promise; how fast anything is, is no test."""

import json
import sys

import pytest

from bench import activation
from bench.report import Report

TINY = {
    "http": (["--elements", "2", "--orders", "4", "--threads", "2"], {"threads", "orders", "times faster", "by CPU"}),
    "hanging": (["--elements", "4", "--share", "0.25", "--workers", "2"], {"elements", "median", "p95"}),
}


@pytest.mark.parametrize("bench", TINY)
def test_a_bench_prints_one_json_document(bench, monkeypatch, capsys):
    arguments, keys = TINY[bench]
    monkeypatch.setattr(sys, "argv", ["bench", bench, "--json", *arguments])
    activation.main()
    said = json.loads(capsys.readouterr().out)
    assert said["bench"] == bench
    assert "cores" in said["machine"]
    assert said["rows"]
    assert all(keys <= row.keys() for row in said["rows"])


def test_all_of_them_run_one_after_another_as_each_would_by_itself(monkeypatch, capsys):
    ran = []

    def bench(name):
        def run(options):
            ran.append((name, vars(options).keys() & {"orders", "elements", "taken", "sizes"}))
            options.progress("counting", 1, 1)
            return Report(name, ["n"], [["1"]])

        return run

    monkeypatch.setattr(activation, "BENCHES", {name: bench(name) for name in activation.BENCHES})
    monkeypatch.setattr(sys, "argv", ["bench", "all", "--json"])
    activation.main()
    captured = capsys.readouterr()
    assert [document["bench"] for document in json.loads(captured.out)] == ["engine", "http", "hanging", "allocation", "memory"]
    assert all(options for _, options in ran)
    assert "hanging, 0 s: counting 1 of 1" in captured.err
