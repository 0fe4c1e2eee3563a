"""What a measurement leaves behind when it ends, and when it is killed: nothing."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.scratch import scratch

PATIENCE_S = 60
KILLED = """
import subprocess, sys, time
from bench.scratch import scratch
with scratch() as folder:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(folder / "data")])
    print(folder, sleeper.pid, flush=True)
    time.sleep(600)
"""


def soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def test_the_folder_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with scratch() as folder:
        (folder / "data").write_text("x")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_bench_that_is_killed_leaves_neither_folder_nor_process(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={"PYTHONPATH": str(root)}
    ) as bench:
        assert bench.stdout is not None
        folder, pid = bench.stdout.readline().split()
        bench.kill()
    assert soon(lambda: not Path(folder).exists())
    assert soon(lambda: not Path("/proc", pid).exists())
