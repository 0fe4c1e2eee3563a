"""Many pushes in flight while some elements accept connections and never answer: what the others notice of it."""

import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from agent.fulfillment.tables import OrderRow
from bench.installation import Installation, installation
from bench.over_http import document, place
from bench.progress import Progress, Say, silent
from bench.scratch import scratch
from bench.simulation import simulation

LONGEST_S = 900.0
PORTS = 2
"""Of each element: one is ordered."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From the order to the active service, of the orders on elements that answer."""

    orders: int
    median_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class Comparison:
    elements: int
    hanging: int
    without: Latency
    beside: Latency
    """While `hanging` elements hang."""

    @property
    def p95_ratio(self) -> float:
        return self.beside.p95_s / self.without.p95_s


def compare(elements: int, share: float, workers: int, progress: Progress | None = None) -> Comparison:
    """One order per element, all placed at once; `share` of the elements hang in the second run, spread over all."""
    every = round(1 / share)
    with scratch() as folder:
        say = progress or silent
        without = _run(Path(folder, "without"), elements, frozenset(), workers, say)
        hanging = frozenset(range(0, elements, every))
        beside = _run(Path(folder, "beside"), elements, hanging, workers, say)
    return Comparison(elements, len(hanging), without, beside)


def _run(scratch: Path, elements: int, hanging: frozenset[int], workers: int, say: Say) -> Latency:
    scratch.mkdir()
    say(f"starting {elements} elements")
    with simulation(scratch / "network", elements, PORTS) as network:
        for number in hanging:
            network.hang(f"n{number + 1}")
        with installation(scratch / "fabd", network, workers) as fabd:
            begun = time.perf_counter()
            doing = f"orders while {len(hanging)} elements hang" if hanging else "orders while all answer"
            say(doing)
            place(fabd, (document(fabd.account, number, elements) for number in range(elements)))
            answering = {f"bench-{number}" for number in range(elements)} - {f"bench-{number}" for number in hanging}
            while len(took := _took(fabd, answering)) < len(answering):
                if time.perf_counter() - begun > LONGEST_S:
                    raise RuntimeError(
                        f"{len(answering) - len(took)} orders on answering elements did not end in {LONGEST_S:.0f} s"
                    )
                say(doing, len(took), len(answering))
                time.sleep(0.1)
    seconds = sorted(each.total_seconds() for each in took)
    return Latency(len(seconds), statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1])


def _took(fabd: Installation, orders: set[str]) -> list[timedelta]:
    with fabd.database.read() as session:
        rows = session.execute(
            select(OrderRow.external_id, OrderRow.state, OrderRow.order_date, OrderRow.completed_at).where(
                OrderRow.completed_at.is_not(None)
            )
        )
        ended = [row for row in rows if row.external_id in orders]
    for row in ended:
        if row.state != "completed":
            raise RuntimeError(f"order {row.external_id}, on an element that answers, {row.state}: nothing can be compared")
    return [row.completed_at - row.order_date for row in ended]
