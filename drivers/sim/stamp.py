"""STAMP reflectors (RFC 8762) of a simulated element: its own, and those of customers' routers behind its ports.

A customer's router has the other address of a link of two or four addresses that an interface of the element is given, as far as
it is a loopback address of this machine. It answers while the port is up, and loses what the port loses. The fault `slow` at
phase `measure` is a delay on the way; others keep packets from being answered.
"""

import asyncio
import random
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface

from drivers.probing.clock import ErrorEstimate
from drivers.probing.reflector import Reflections
from drivers.sim.errors import DisconnectedByFault, PortInUse, RefusedByFault
from drivers.sim.faults import ElementFaults, Phase
from drivers.sim.state import ElementState, EventKind, SimPort

LARGEST = 65_535
MOST_WAITING = 1000
"""Packets on their way; more are dropped."""
SMALLEST_LINK = 30
"""Prefix length: what is longer has one address for each side."""
SYNCHRONISED = ErrorEstimate(synchronised=True, seconds=0.000_001)
"""All elements and fabd share one clock."""

Source = tuple[str, int]


class StampReflectors:
    """`start` and `stop` as the element's other servers have them."""

    def __init__(self, state: ElementState, faults: ElementFaults) -> None:
        self._state, self._faults = state, faults
        self._random = random.Random(state.name)  # noqa: S311  the same network loses the same packets
        self._reflectors: dict[str, _Reflector] = {}
        self._port = 0

    async def start(self, host: str, port: int) -> None:
        """Raises `PortInUse`."""
        try:
            self._reflectors[host] = _Reflector(self, host, port, None)
        except OSError as error:
            raise PortInUse(
                f"cannot listen on {host} port {port}: {error.strerror}; "
                "stop the other process or choose another port in the network file"
            ) from error
        self._port = port
        self._state.listeners.append(self._on_event)
        self._follow()

    async def stop(self) -> None:
        with suppress(ValueError):  # it was never started
            self._state.listeners.remove(self._on_event)
        for reflector in self._reflectors.values():
            await reflector.close()
        self._reflectors.clear()

    @property
    def addresses(self) -> list[str]:
        """Where somebody answers."""
        return sorted(self._reflectors)

    def hears(self, port: SimPort | None) -> bool:
        """Whether a packet reaches who is behind the port, or the element itself."""
        if not self._state.reachable:
            return False
        return port is None or (port.oper_up and self._random.random() >= port.loss)

    async def delayed(self) -> bool:
        """Play what is armed; whether the packet is answered after that."""
        try:
            await self._faults.before(Phase.MEASURE)
        except (RefusedByFault, DisconnectedByFault):
            return False
        return True

    def _on_event(self, state: ElementState, kind: EventKind, port: SimPort | None) -> None:  # noqa: ARG002  a listener
        if kind in {"config", "coldStart"}:
            self._follow()

    def _follow(self) -> None:
        """Customers' routers come and go with the addresses of the element's interfaces."""
        wanted = dict(self._customers())
        for address in [each for each, reflector in self._reflectors.items() if reflector.port and each not in wanted]:
            self._reflectors.pop(address).close_soon()
        for address, port in wanted.items():
            if address not in self._reflectors:
                with suppress(OSError):  # somebody else is there already
                    self._reflectors[address] = _Reflector(self, address, self._port, port)

    def _customers(self) -> Iterator[tuple[str, SimPort]]:
        for interface in self._state.interfaces.values():
            port = self._state.ports.get(interface.name) or self._state.ports.get(interface.name.rpartition(".")[0])
            if port is None or not interface.enabled:
                continue
            for address in interface.ipv4:
                if (other := _other(f"{address.ip}/{address.prefix_length}")) is not None:
                    yield other, port


class _Reflector:
    """One address. `port`: behind which its owner is; None for the element itself."""

    def __init__(self, element: StampReflectors, host: str, udp_port: int, port: SimPort | None) -> None:
        """Raises `OSError`."""
        self.port = port
        self._element = element
        self._reflections = Reflections(port=udp_port, estimate=lambda: SYNCHRONISED)
        self._waiting: set[asyncio.Task[None]] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind((host, udp_port))
        except OSError:
            self._socket.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def close_soon(self) -> None:
        self._loop.remove_reader(self._socket)
        for task in self._waiting:
            task.cancel()
        self._socket.close()

    async def close(self) -> None:
        waiting = list(self._waiting)
        self.close_soon()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _read(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(LARGEST)
            except OSError:
                return
            if self._element.hears(self.port) and len(self._waiting) < MOST_WAITING:
                task = self._loop.create_task(self._reflect(data, source))
                self._waiting.add(task)
                task.add_done_callback(self._waiting.discard)

    async def _reflect(self, data: bytes, source: Source) -> None:
        if await self._element.delayed() and (answer := self._reflections.answer(data, source, time.time_ns(), 64)):
            with suppress(OSError):  # who asked has gone
                self._socket.sendto(answer, source)


def _other(interface: str) -> str | None:
    """The address of the other side of a link, if it is one of this machine's loopback."""
    found = IPv4Interface(interface)
    if not found.is_loopback or found.network.prefixlen < SMALLEST_LINK:
        return None
    hosts: list[IPv4Address] = [each for each in found.network.hosts() if each != found.ip]
    return str(hosts[0]) if hosts else None
