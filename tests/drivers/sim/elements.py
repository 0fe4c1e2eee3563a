"""Elements and loops for the tests of the command line and the SNMP agent."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from drivers.sim.state import ElementState, SimPort, Vlan

T = TypeVar("T")


def router(name: str = "pe2", ports: int = 3) -> ElementState:
    names = [f"GigabitEthernet0/{number}" for number in range(1, ports + 1)]
    return ElementState(name, "ios", "127.0.0.1", {port: SimPort(port, at) for at, port in enumerate(names, start=1)})


def switch(name: str = "acc1", ports: int = 10) -> ElementState:
    """ifIndex 101…, so that it differs from the bridge port; VLAN 1 exists."""
    state = ElementState(name, "qbridge", "127.0.0.1", {f"ge{at}": SimPort(f"ge{at}", 100 + at) for at in range(1, ports + 1)})
    state.vlans[1] = Vlan(1, "default")
    state.save()
    return state


class Loop:
    """An event loop in a thread of its own, for clients that block."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated elements")
        self._thread.start()

    def run(self, coroutine: Coroutine[object, object, T], deadline: float = 60.0) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(deadline)

    def call(self, function: Callable[[], T]) -> T:
        async def wrapped() -> T:
            return function()

        return self.run(wrapped())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


@contextmanager
def loop_thread() -> Iterator[Loop]:
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()


def eventually(condition: Callable[[], bool], deadline: float = 60.0) -> bool:
    """For events that arrive over real sockets."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
