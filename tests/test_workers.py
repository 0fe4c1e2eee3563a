import os
import subprocess
import sys
from pathlib import Path

import pytest

HOOKS = "from tests.workers import pytest_sessionfinish, pytest_testnodedown\n"
ENDING = 'import os\ndef {hook}():\n    if os.environ.get("PYTEST_XDIST_WORKER") == "gw0": os._exit(1)\n'
PATIENCE_S = 120


def run(folder: Path, conftest: str) -> subprocess.CompletedProcess:
    """pytest, of one test, by two processes."""
    (folder / "conftest.py").write_text(HOOKS + conftest)
    (folder / "test_one.py").write_text("def test_one(): pass\n")
    options = ["-n", "2", "--max-worker-restart=0", "-p", "no:schemathesis", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    command = [sys.executable, "-m", "pytest", *options, str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.mark.parametrize("hook", ["pytest_sessionstart", "pytest_collection_finish"])
def test_a_run_of_which_a_process_ends_before_its_first_test_has_failed(tmp_path, hook):
    ended = run(tmp_path, ENDING.format(hook=hook))
    assert (ended.returncode, "node down" in ended.stdout) == (1, True), ended.stdout + ended.stderr


def test_one_that_loses_none_has_not(tmp_path):
    ended = run(tmp_path, "")
    assert (ended.returncode, "1 passed" in ended.stdout) == (0, True), ended.stdout + ended.stderr
