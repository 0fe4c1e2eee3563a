import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.installation import eventually

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


def test_a_server_ends_with_the_process_that_it_was_for_and_leaves_no_files(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with subprocess.Popen(["sleep", str(PATIENCE_S)]) as server:
        (folder / "postmaster.pid").write_text(f"{server.pid}\nmore\n")
        words = f"import os; from pathlib import Path; from tests.workers import *; folder = Path({str(folder)!r})"
        hangs = f"{words}\nwith no_longer_than_this_process(folder): os._exit(1)"
        subprocess.run([sys.executable, "-c", hangs], cwd=Path(__file__).parents[1], timeout=PATIENCE_S, check=False)
        assert server.wait(PATIENCE_S / 2) == -signal.SIGQUIT
    eventually(lambda: not folder.exists())
