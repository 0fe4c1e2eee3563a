"""Faults on demand, one switchboard per element.

Every server asks `await faults.before(phase)` ahead of what it is about to do and plays what comes back:
`RefusedByFault` as the element's own refusal (`<rpc-error>`, `% message`, failed log-in), `DisconnectedByFault`
as a transport that is gone. Delays and hangs happen inside `before`. The SNMP agent asks `snmp_silent`.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from drivers.sim.errors import DisconnectedByFault, RefusedByFault, UnknownObject
from drivers.sim.state import ElementState, SimPort

UNREACHABLE_DEADLINE = 600.0
"""Seconds after which a session gives up waiting for the path to return, as TCP would."""

FaultKind = Literal["refuse", "hang", "disconnect", "slow", "snmp_silent"]


class Phase(StrEnum):
    """What a server is about to do; NETCONF and the command line use the same words."""

    CONNECT = "connect"
    LOCK = "lock"
    EDIT = "edit"
    VALIDATE = "validate"
    COMMIT = "commit"
    AFTER_COMMIT = "after_commit"
    """The commit is applied and its answer not sent yet."""
    CONFIRM = "confirm"
    READ = "read"
    SAVE = "save"
    TEST = "test"
    """A service test is asked for: a ping, a neighbour."""
    MEASURE = "measure"
    """A test packet (STAMP) is to be answered."""
    ANY = "any"
    """Only in a fault: matches every phase but `connect` and `measure`, which must be named."""


@dataclass(slots=True)
class Fault:
    """One armed fault. `times` counts down to its end; None means until cleared. `seconds` is for hang and slow."""

    kind: FaultKind
    phase: Phase = Phase.ANY
    message: str = "refused by fault injection"
    seconds: float = 0.0
    times: int | None = None
    id: int = field(default_factory=itertools.count(1).__next__)

    def matches(self, phase: Phase) -> bool:
        return self.phase == phase or (self.phase is Phase.ANY and phase not in {Phase.CONNECT, Phase.MEASURE})


class ElementFaults:
    """The armed faults of one element, and the misfortunes that act at once (reboot, counters, flap, loss)."""

    def __init__(self, state: ElementState) -> None:
        self.on_plug: Callable[[], None] | None = None
        """Set by the network, which knows what else a cable means; a lone element just loses carrier."""
        self._state = state
        self._armed: dict[int, Fault] = {}
        self._flapping: set[asyncio.Task[None]] = set()
        self._path = asyncio.Event()
        self._path.set()

    # -- armed by the control API and the tests

    def inject(self, fault: Fault) -> Fault:
        self._armed[fault.id] = fault
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        """Disarm one fault, or all of them."""
        if fault_id is None:
            self._armed.clear()
        elif self._armed.pop(fault_id, None) is None:
            raise UnknownObject(f"{self._state.name}: no fault {fault_id} is armed; list them with GET /faults")

    def armed(self) -> list[Fault]:
        return list(self._armed.values())

    def refuse_edit(self, message: str, times: int | None = 1) -> Fault:
        return self.inject(Fault("refuse", Phase.EDIT, message=message, times=times))

    def hang(self, phase: Phase, seconds: float, times: int | None = 1) -> Fault:
        return self.inject(Fault("hang", phase, seconds=seconds, times=times))

    def disconnect(self, phase: Phase, times: int | None = 1) -> Fault:
        return self.inject(Fault("disconnect", phase, times=times))

    def slow(self, seconds: float, phase: Phase = Phase.ANY) -> Fault:
        return self.inject(Fault("slow", phase, seconds=seconds))

    def silence_snmp(self) -> Fault:
        return self.inject(Fault("snmp_silent"))

    # -- asked by the servers

    async def before(self, phase: Phase) -> None:
        """Wait while the element is out of reach, then play what is armed for `phase`.

        Raises RefusedByFault or DisconnectedByFault, which the caller turns into its protocol's words.
        """
        await self.reachable()
        for fault in [f for f in self._armed.values() if f.kind != "snmp_silent" and f.matches(phase)]:
            self._use(fault)
            if fault.kind in ("slow", "hang"):
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "refuse":
                raise RefusedByFault(fault.message)
            else:
                raise DisconnectedByFault(f"{self._state.name}: disconnected at {phase}")
        await self.reachable()

    async def reachable(self) -> None:
        """Return when packets reach the element; a session that waits too long is disconnected."""
        try:
            async with asyncio.timeout(UNREACHABLE_DEADLINE):
                await self._path.wait()
        except TimeoutError:
            raise DisconnectedByFault(f"{self._state.name}: out of reach") from None

    @property
    def snmp_silent(self) -> bool:
        """True while the agent must not answer: by fault, or because nothing reaches it."""
        return not self._state.reachable or any(fault.kind == "snmp_silent" for fault in self._armed.values())

    # -- misfortunes that act at once

    def set_reachable(self, reachable: bool) -> None:
        """Called by the network when the management path comes or goes."""
        self._state.reachable = reachable
        if reachable:
            self._path.set()
        else:
            self._path.clear()

    def reboot(self) -> None:
        """Counters and uptime to zero, running from startup; servers close their sessions on the coldStart event."""
        self._state.reboot()

    def reset_counters(self) -> None:
        self._state.reset_counters()

    def lose(self, port: str, fraction: float) -> None:
        """Drop `fraction` (0..1) of what passes `port`."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"{self._state.name} {port}: loss is a fraction between 0 and 1, not {fraction}")
        self._state.count()
        self._port(port).loss = fraction

    def plug(self, port: str, *, plugged: bool) -> None:
        """Put the cable in or pull it out; the far end loses carrier as well (see `drivers.sim.network`)."""
        found = self._port(port)
        if found.plugged == plugged:
            return
        found.plugged = plugged
        if self.on_plug:
            self.on_plug()
        else:
            self._state.set_carrier(found, up=plugged)

    def flap(self, port: str, times: int, period: float) -> None:
        """Pull the port's cable and put it back `times` times, one cycle per `period` seconds, in the background."""
        task = asyncio.get_running_loop().create_task(self._flap(self._port(port), times, period))
        self._flapping.add(task)
        task.add_done_callback(self._flapping.discard)

    async def stop(self) -> None:
        for task in list(self._flapping):
            task.cancel()
        await asyncio.gather(*self._flapping, return_exceptions=True)

    async def _flap(self, port: SimPort, times: int, period: float) -> None:
        try:
            for _ in range(times):
                self.plug(port.name, plugged=False)
                await asyncio.sleep(period / 2)
                self.plug(port.name, plugged=True)
                await asyncio.sleep(period / 2)
        finally:
            self.plug(port.name, plugged=True)

    def _port(self, name: str) -> SimPort:
        port = self._state.ports.get(name)
        if port is None:
            known = ", ".join(self._state.ports)
            raise UnknownObject(f"{self._state.name}: no port {name}; it has {known}")
        return port

    def _use(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._armed.pop(fault.id, None)
