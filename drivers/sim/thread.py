"""A simulated network in a thread of its own, for tests and the demo."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from drivers.sim.control import ControlServer
from drivers.sim.errors import SimError
from drivers.sim.network import SimNetwork
from drivers.sim.topology import Topology

DEADLINE = 30.0
"""Seconds for start, stop and every call."""

P = ParamSpec("P")
T = TypeVar("T")


class SimThread:
    """Runs a SimNetwork, and its control API when `control` names (host, port) for it.

    with SimThread(topology) as sim:
        sim.call(SimNetwork.cut, "pe1:xe-0/1/0")
    """

    def __init__(self, topology: Topology, keys: Path | None = None, control: tuple[str, int] | None = None) -> None:
        self.network = SimNetwork(topology, keys)
        """Touch it only through `call`; `topology`, endpoints and host keys never change and may be read."""
        self.control_url = ""
        self._control = control
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name=f"sim-{topology.name}", daemon=True)

    def start(self) -> None:
        """Returns when every element answers. Raises what kept the network from starting."""
        self._thread.start()
        if not self._started.wait(DEADLINE):
            self.stop()
            raise SimError(f"the simulated network did not start within {DEADLINE:.0f} s")
        if self._failure:
            self._thread.join(DEADLINE)
            raise self._failure

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(DEADLINE)

    def call(self, act: Callable[Concatenate[SimNetwork, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `act(network, …)` in the network's loop and return what it returns or raise what it raises."""

        async def run() -> T:
            return act(self.network, *args, **kwargs)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(DEADLINE)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            async with self.network:
                control = ControlServer(self.network)
                if self._control:
                    self.control_url = await control.start(*self._control)
                self._started.set()
                try:
                    await self._stopping.wait()
                finally:
                    await control.stop()
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that started this one
            self._failure = failure
        finally:
            self._started.set()
