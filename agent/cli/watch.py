"""Following an order to its end: live in a terminal, a line per change elsewhere."""

import time
from collections.abc import Callable
from functools import cache

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.cli.client import Daemon, Document
from agent.cli.errors import CliError, DaemonRefused, DaemonTimeout, DaemonUnreachable, Unfinished
from agent.cli.output import clean, note, stderr
from agent.fulfillment.states import FINAL

DEADLINE_S = 900.0
INTERVAL_S = 0.5
PATIENCE_S = 60.0
"""How long a daemon may be away, as while it is restarted."""
_AWAY = (502, 503, 504)
_MARKS = {"completed": ("✓", "green"), "failed": ("✗", "red"), "rejected": ("✗", "red"), "cancelled": ("✗", "red")}


def watch_order(daemon: Daemon, order_path: str, plans_path: str, timeout: float) -> Document:
    """The order once it has ended; raises `Unfinished` when that takes longer than `timeout` seconds."""
    with _View() as tell:
        return _Watch(daemon, order_path, plans_path, tell).until_end(time.monotonic() + timeout, timeout)


class _Watch:
    def __init__(self, daemon: Daemon, order_path: str, plans_path: str, tell: "_Tell") -> None:
        self._daemon, self._order_path, self._plans_path, self._tell = daemon, order_path, plans_path, tell
        self._order: Document = {}
        self._away_since: float | None = None

    def until_end(self, deadline: float, timeout: float) -> Document:
        while True:
            self._look()
            if self._order and self._order["state"] in FINAL:
                return self._order
            if time.monotonic() >= deadline:
                state = self._order.get("state", "unknown")
                raise Unfinished(f"the order is still {state} after {timeout:.0f} s; it goes on, look again with `fabd order show`")
            time.sleep(INTERVAL_S)

    def _look(self) -> None:
        try:
            order = self._daemon.get(self._order_path)
            plans = self._daemon.objects(self._plans_path)
        except (DaemonUnreachable, DaemonTimeout) as error:
            self._bear(error)
        except DaemonRefused as error:
            if error.status not in _AWAY:
                raise
            self._bear(error)
        else:
            self._away_since, self._order = None, order
            self._tell(order, plans)

    def _bear(self, error: CliError) -> None:
        """A daemon that was there may go away for a while; one that never was is told at once."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        if not self._order or now - self._away_since > PATIENCE_S:
            raise error


_Tell = Callable[[Document, list[Document]], None]


class _View:
    """Redraws in a terminal; elsewhere prints what changed."""

    def __init__(self) -> None:
        self._live = Live(console=stderr(), transient=True, auto_refresh=False) if stderr().is_terminal else None
        self._last: list[str] = []

    def __enter__(self) -> _Tell:
        if self._live:
            self._live.start()
        return self._draw if self._live else self._print

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def _draw(self, order: Document, plans: list[Document]) -> None:
        if self._live:
            self._live.update(_picture(order, plans), refresh=True)

    def _print(self, order: Document, plans: list[Document]) -> None:
        lines = _lines(order, plans)
        for line in lines:
            if line not in self._last:
                note(line)
        self._last = lines


def _lines(order: Document, plans: list[Document]) -> list[str]:
    items = [f"item {item['id']}: {_told(item)}" for item in order.get("serviceOrderItem", [])]
    return [f"order {order['id']}: {order['state']}", *items, *(f"plan {plan['id']}: {_stage(plan)}" for plan in plans)]


def _told(item: Document) -> str:
    """Its state, and what it waits for."""
    errors = item.get("errorMessage", [])
    waits = item["state"] in {"pending", "held"} and errors
    return f"{item['state']}: {errors[0]['message']}" if waits else str(item["state"])


def _picture(order: Document, plans: list[Document]) -> RenderableType:
    title = Text.assemble((clean(f"order {order['id']}"), "bold"), "  ", clean(str(order["state"])))
    items = Table.grid(padding=(0, 2))
    for item in order.get("serviceOrderItem", []):
        mark, style = _MARKS.get(str(item["state"]), ("…", "yellow"))
        items.add_row(Text(mark, style=style), f"item {clean(str(item['id']))}", Text(clean(_told(item)), style=style))
    steps = Table.grid(padding=(0, 2))
    for plan in plans:
        steps.add_row("", Text(clean(", ".join(change["element"] for change in plan["changes"])), style="dim"), _bar(plan))
    return Group(title, items, steps)


def _bar(plan: Document) -> Text:
    """The steps, those behind in green, the present one in bold."""
    if plan["state"] == "done":
        return Text("done", style="green")
    step = str(plan["step"])
    path = _path()
    if step not in path:
        return Text(_stage(plan), style="red")
    at = path.index(step)
    styles = ["green"] * at + ["bold yellow"] + ["dim"] * (len(path) - at - 1)
    return Text(" ").join(Text(name, style=style) for name, style in zip(path, styles, strict=True))


def _stage(plan: Document) -> str:
    decided = f", decided to {plan['decision']}" if plan["decision"] else ""
    if plan.get("waits"):
        return f"waiting for {plan['waits']}"
    return f"{plan['state']} at {plan['step']}{decided}"


@cache
def _path() -> tuple[str, ...]:
    """The steps of a plan on its way forward."""
    from agent.fulfillment.plan import Step  # noqa: PLC0415  it brings the database along, which only this line's picture needs

    return tuple(step.value for step in Step if step not in (Step.REVERT, Step.RELEASE))
