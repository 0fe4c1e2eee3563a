"""The benches run, and say what they promise; how fast anything is, is no test."""

import json
import sys

import pytest

from bench import activation

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
