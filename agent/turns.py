"""How long a thread of the daemon keeps the interpreter while others wait for it.

Each thread that waits looks every so often whether its turn has come. With dozens of plans under way that alone was a tenth of
what talking to elements cost at Python's 5 ms. Whoever waits for an element, the database or a socket gives its turn away at once
all the same, so that requests are answered no later: `GET /-/healthy` took no longer with three times as much.
"""

import sys

TURN_S = 0.015


def settle() -> None:
    """For when the daemon begins its work."""
    sys.setswitchinterval(TURN_S)
