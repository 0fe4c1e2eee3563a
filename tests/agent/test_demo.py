"""What the demonstration tells its audience to try."""

import subprocess
from types import SimpleNamespace

from agent.demo.show import surroundings


def test_what_is_to_be_copied_lets_a_bare_shell_find_the_program_and_the_daemon(tmp_path):
    stage = SimpleNamespace(folder=tmp_path / "my demo", url="http://127.0.0.1:8640", token="fabd_secret")
    script = "\n".join([*surroundings(stage), 'command -v fabd; echo "$FABD_CONFIG|$FABD_URL|$FABD_TOKEN"'])
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    program, names = done.stdout.splitlines()
    assert program.endswith("/fabd")
    assert names == f"{stage.folder / 'fabd.toml'}|{stage.url}|{stage.token}"
