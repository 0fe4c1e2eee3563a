"""Orders per second on elements that answer at once, beside a plain journal on the same database.

An order adds a shipped product (two prefixes, a port, one element): it is placed, staged, committed, verified, confirmed, saved
and activated, with every event. The peer only writes: three transactions per plan, each a step of the plan and a line.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
import structlog
from sqlalchemy import func, select

from agent.fulfillment.requests import ItemRequest, OrderRequest
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import OrderRow
from bench.instant import PORTS, Operator, database
from inventory.db import Database

CLIENTS = 16
"""Threads that place orders."""
WORKERS = 32
PEER_PLANS = 1_000
ELEMENTS = 200
"""One plan at a time works on an element: with few of them the orders would stand in line, and the bench would measure that."""
LONGEST_S = 600.0
STEPS = ("stage", "commit", "confirm")


@dataclass(frozen=True, slots=True)
class Rate:
    per_second: float
    cpu_ms: float
    """Of this process, for each order: user and system time of all its threads."""


@dataclass(frozen=True, slots=True)
class Result:
    database: str
    orders: int
    placed: Rate
    """While nothing else is done."""
    run: Rate
    """From the first claim to the last activation, of orders that were all placed before."""
    whole: Rate
    """Placed and run at the same time."""
    peer: Rate

    @property
    def ratio(self) -> float:
        """How many plans the plain journal writes while fabd places and carries out one order."""
        return self.peer.per_second / self.whole.per_second


def measure(kind: str, orders: int) -> Result:
    """`kind`: sqlite or postgresql."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with _operator(kind, orders) as operator:
        placed = _rate(orders, lambda: _place(operator, orders))
        run = _rate(orders, lambda: _run(operator, orders))
    with _operator(kind, orders) as operator:

        def both() -> None:
            operator.service.start()
            _place(operator, orders)
            _await(operator.database, orders)

        whole = _rate(orders, both)
    with database(kind) as made:
        peer = _rate(PEER_PLANS, lambda: _journal(made))
    return Result(kind, orders, placed, run, whole, peer)


@contextmanager
def _operator(kind: str, orders: int) -> Iterator[Operator]:
    with database(kind) as made:
        operator = Operator(made, elements=_elements(orders), settings=replace(FulfilmentSettings(), workers=WORKERS))
        yield operator
        operator.service.stop(timedelta(seconds=10))


def _place(operator: Operator, orders: int) -> None:
    elements = _elements(orders)
    requests = iter([_request(operator.account, number, elements) for number in range(orders)])
    turn = threading.Lock()

    def client() -> None:
        while True:
            with turn:
                request = next(requests, None)
            if request is None:
                return
            operator.service.submit(request, "bench")

    _together([client] * CLIENTS)


def _elements(orders: int) -> int:
    return max(ELEMENTS, -(-orders // PORTS))


def _request(account: str, number: int, elements: int) -> OrderRequest:
    port = f"pe{number % elements}/ge-0/0/{number // elements}"
    return OrderRequest(account, (ItemRequest("1", "add", "internet-access", characteristics={"port": port}),))


def _run(operator: Operator, orders: int) -> None:
    operator.service.start()
    _await(operator.database, orders)


def _await(made: Database, orders: int) -> None:
    ended = select(func.count()).select_from(OrderRow).where(OrderRow.state == "completed")
    deadline = time.monotonic() + LONGEST_S
    while True:
        with made.read() as session:
            if session.scalar(ended) == orders:
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"not all of {orders} orders were completed in {LONGEST_S:.0f} s")
        time.sleep(0.1)


def _journal(made: Database) -> None:
    if made.is_sqlite:
        with sqlite3.connect(str(made.url.database), isolation_level=None) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("CREATE TABLE peer_plan (id INTEGER PRIMARY KEY, step TEXT)")
            connection.execute("CREATE TABLE peer_line (id INTEGER PRIMARY KEY, plan INTEGER, step TEXT, detail TEXT)")
            _steps(lambda statement, *values: connection.execute(statement, values), "BEGIN IMMEDIATE")
        return
    url = made.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE TABLE peer_plan (id INTEGER PRIMARY KEY, step TEXT)")
        server.execute("CREATE TABLE peer_line (id SERIAL PRIMARY KEY, plan INTEGER, step TEXT, detail TEXT)")
        _steps(lambda statement, *values: server.execute(statement.replace("?", "%s"), values or None), "BEGIN")


def _steps(execute: Callable[..., object], begin: str) -> None:
    for plan in range(PEER_PLANS):
        for step in STEPS:
            execute(begin)
            if step == STEPS[0]:
                execute("INSERT INTO peer_plan (id, step) VALUES (?, ?)", plan, step)
            else:
                execute("UPDATE peer_plan SET step = ? WHERE id = ?", step, plan)
            execute("INSERT INTO peer_line (plan, step, detail) VALUES (?, ?, ?)", plan, step, "done")
            execute("COMMIT")


def _rate(orders: int, work: Callable[[], None]) -> Rate:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Rate(orders / (time.perf_counter() - wall), (time.process_time() - cpu) / orders * 1000)


def _together(calls: Iterable[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
