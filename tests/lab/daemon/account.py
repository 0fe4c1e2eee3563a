"""What a daemon and its network were like when a test failed, for those who cannot look at them any more."""

from collections.abc import Callable
from itertools import chain

from tests.lab.daemon.seen import TICKETS
from tests.lab.fabd import SERVICES, Fabd

MOST_LINES, MOST_LETTERS = 40, 400
"""Of each, and of each line, so that an output that is kept in part tells of every test that failed."""
_ASKED = '"event": "request"'
"""What a test asks again and again while it waits."""


def account(fabd: Fabd) -> str:
    """One line for each thing that stands, and the end of the log. Whatever cannot be asked any more says why."""
    asked: dict[str, Callable[[], object]] = {
        "not as it should be in the lab": fabd.lab.faults,
        "held": fabd.held,
        "standing alarms": lambda: _briefly(fabd.get("/api/v1/alarms", cleared="false", limit="100"), "element", "object", "text"),
        "open problems": lambda: _briefly(fabd.get("/api/v1/problems", state="open"), "root_object", "opened_at", "services"),
        "open tickets": lambda: _briefly(fabd.get(TICKETS, status="acknowledged"), "name"),
        "active services": lambda: _briefly(fabd.get(SERVICES, state="active"), "id", "name"),
        "events": lambda: [str(fabd.get("/api/v1/intake"))],
        "the end of the log": lambda: [line for line in fabd.log.read_text().splitlines() if _ASKED not in line],
    }
    return "\n".join(chain.from_iterable([f"{what}:", *_told(ask)] for what, ask in asked.items()))


def _briefly(found: list[dict[str, object]], *names: str) -> list[str]:
    return [", ".join(str(each.get(name, "")) for name in names) for each in found]


def _told(ask: Callable[[], object]) -> list[str]:
    try:
        found = ask()
    except Exception as error:  # noqa: BLE001  the test has failed already, and this is about why
        return [f"    cannot be asked: {error}"]
    lines = found if isinstance(found, list) else [found]
    return [f"    {str(line)[:MOST_LETTERS]}" for line in lines[-MOST_LINES:]]
