"""Orders per second on elements that answer at once, beside a plain journal on the same database.

In one process, and on PostgreSQL in two as well: one places, the other carries out. An order adds a shipped product (two prefixes,
a port, one element): it is placed, staged, committed, verified, confirmed, saved and activated, with every event. The peer only
writes: three transactions per plan, each a step of the plan and a line.
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
from sqlalchemy import func, select, text

from agent import garbage
from agent.fulfillment.requests import ItemRequest, OrderRequest
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import OrderRow
from bench.beside import beside
from bench.instant import PORTS, Operator, database
from bench.process import cpu_seconds, family_cpu_seconds, parent_of
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
    """Of fabd's processes, for each order: user and system time of all their threads."""
    server_ms: float = 0.0
    """Of the database's own processes."""


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
    two: Rate | None
    """The same by two processes; None where one only may work on the database."""
    peer: Rate

    @property
    def ratio(self) -> float:
        """How many plans the plain journal writes while fabd places and carries out one order."""
        return self.peer.per_second / self.whole.per_second


def measure(kind: str, orders: int) -> Result:
    """`kind`: sqlite or postgresql."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with _operator(kind, orders) as operator:
        meter = _Meter(operator.database)
        placed = meter.rate(orders, lambda: _place(operator, orders))
        run = meter.rate(orders, lambda: _run(operator, orders))
    with _operator(kind, orders) as operator:

        def both() -> None:
            operator.service.start()
            _place_and_await(operator, orders)

        whole = _Meter(operator.database).rate(orders, both)
    two = None if kind == "sqlite" else _two(kind, orders)
    with database(kind) as made:
        peer = _Meter(made).rate(PEER_PLANS, lambda: _journal(made))
    return Result(kind, orders, placed, run, whole, two, peer)


def _two(kind: str, orders: int) -> Rate:
    with _operator(kind, orders) as operator, beside(operator.database, WORKERS) as other:
        return _Meter(operator.database, other).rate(orders, lambda: _place_and_await(operator, orders))


@contextmanager
def _operator(kind: str, orders: int) -> Iterator[Operator]:
    with database(kind) as made:
        operator = Operator(made, elements=_elements(orders), settings=replace(FulfilmentSettings(), workers=WORKERS))
        garbage.settle()  # as the daemon does when it is up
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


def _place_and_await(operator: Operator, orders: int) -> None:
    _place(operator, orders)
    _await(operator.database, orders)


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


class _Meter:
    """Wall time, and CPU of this process, of another one of fabd's and of the database's server."""

    def __init__(self, made: Database, other: int | None = None) -> None:
        self._other, self._server = other, None if made.is_sqlite else _server(made)

    def rate(self, orders: int, work: Callable[[], None]) -> Rate:
        wall, cpu, server = time.perf_counter(), self._cpu(), self._server_cpu()
        work()
        wall, cpu, server = time.perf_counter() - wall, self._cpu() - cpu, self._server_cpu() - server
        return Rate(orders / wall, cpu / orders * 1000, server / orders * 1000)

    def _cpu(self) -> float:
        return time.process_time() + (cpu_seconds(self._other) if self._other is not None else 0.0)

    def _server_cpu(self) -> float:
        return family_cpu_seconds(self._server) if self._server is not None else 0.0


def _server(made: Database) -> int:
    """The process that is the parent of all the server's others."""
    with made.read() as session:
        return parent_of(session.scalars(text("SELECT pg_backend_pid()")).one())


def _together(calls: Iterable[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
