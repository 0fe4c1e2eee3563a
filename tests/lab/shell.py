"""Running programs and waiting for their effects; nothing here waits without a deadline."""

import subprocess
import time
from collections.abc import Callable, Sequence

from tests.lab.errors import CommandFailed, NotReady

POLL = 0.1  # seconds between two looks, each of which costs what is looked at some of the machine
PATIENCE = 120.0  # seconds; what is certain to happen is waited for as long as a machine may take that does many other things


def run(
    argv: Sequence[str],
    *,
    timeout: float = PATIENCE,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run to the end and return its text output. Without `stdin` the program reads end-of-file.

    :raises CommandFailed: it ended with an error (only with `check`), or ran longer than `timeout` seconds.
    """
    try:
        result = subprocess.run(
            argv,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            env=env,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise CommandFailed(f"`{' '.join(argv)}` was stopped after {timeout:g} s") from expired
    if check and result.returncode:
        said = (result.stderr or result.stdout).strip()
        raise CommandFailed(f"`{' '.join(argv)}` ended with {result.returncode}: {said}")
    return result


def wait_until(
    what: str, holds: Callable[[], bool], *, within: float = PATIENCE, seen: Callable[[], object] | None = None
) -> float:
    """Look until `holds()`; return the seconds it took. `seen`: what there is instead, for the error.

    :raises NotReady: it still did not hold after `within` seconds.
    """
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > within:
            instead = "" if seen is None else f"; there is instead: {seen()!r}"
            raise NotReady(f"{what}: not so after {within:g} s{instead}")
        time.sleep(POLL)
    return time.monotonic() - start
