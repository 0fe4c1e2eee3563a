"""Which of this machine's labs is meant. Each is a whole one, and they may be used beside each other by processes of their own.

It is named by a number, which the first one has not: FABDLAB, and from there on one for each of pytest's workers.
"""

import os


def _number() -> str:
    first, worker = os.environ.get("FABDLAB", "0"), os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    if not first.isdecimal():
        raise ValueError(f"FABDLAB={first}: a lab is named by a number")
    return str(int(first) + int(worker) or "")


NUMBER = _number()
NAME = f"fabdlab{NUMBER}"
"""What namespaces and users of this lab begin with."""
FOLDER = f"/run/fabd-lab{NUMBER}"
