"""The NETCONF server of one element: sessions over SSH, one set of datastores, the event stream."""

from collections.abc import Callable
from copy import deepcopy
from typing import Literal

from drivers.sim.credentials import SimCredentials
from drivers.sim.faults import ElementFaults
from drivers.sim.netconf import notify
from drivers.sim.netconf.datastore import Datastores
from drivers.sim.netconf.locks import Target, Who
from drivers.sim.netconf.names import Element
from drivers.sim.netconf.operations import Operations
from drivers.sim.netconf.session import Session
from drivers.sim.sshd import HostKeys, Process, SshFront
from drivers.sim.state import ElementState, EventKind, SimPort


class NetconfServer:
    """Serves the state of one element; `port` is bound after `start`."""

    def __init__(self, state: ElementState, faults: ElementFaults, credentials: SimCredentials, host_keys: HostKeys) -> None:
        self._state = state
        self._faults = faults
        self._stores = Datastores(state, self._publish)
        self._operations = Operations(self._stores, faults)
        self._sessions: dict[int, Session] = {}
        self._last_id = 0
        self._front = SshFront(faults, credentials, host_keys, self._serve, encoding=None)

    async def start(self, host: str, port: int) -> None:
        await self._front.start(host, port)
        self._state.listeners.append(self._on_event)

    async def stop(self) -> None:
        if self._on_event in self._state.listeners:
            self._state.listeners.remove(self._on_event)
        await self._front.stop()
        self._stores.close()

    @property
    def port(self) -> int:
        return self._front.port

    def running(self) -> Element:
        """A copy of the running configuration, for the control API and the tests."""
        return deepcopy(self._stores.read(Target.RUNNING))

    def kill(self, session_id: int, by: Who) -> None:
        session = self._sessions.get(session_id)
        if session_id == by.session_id:
            raise LookupError("a session cannot kill itself; use close-session")
        if session is None:
            raise LookupError(f"there is no session {session_id}")
        session.drop()
        self._end(session, "killed", by)

    async def _serve(self, process: Process) -> None:
        if process.subsystem != "netconf":
            process.stderr.write(b"this port speaks only the subsystem netconf\n")
            process.exit(1)
            return
        self._last_id += 1
        host, *_ = process.get_extra_info("peername", ("unknown",))
        who = Who(self._last_id, process.get_extra_info("username", ""), host)
        session = Session(process, who, self._operations, self._faults, self)
        self._sessions[who.session_id] = session
        self._publish(notify.session_start(who))
        closed = False
        try:
            closed = await session.run()
        finally:
            self._end(session, "closed" if closed else "dropped")
            process.close()

    def _end(self, session: Session, reason: Literal["closed", "killed", "dropped"], by: Who | None = None) -> None:
        if self._sessions.pop(session.who.session_id, None) is None:
            return  # killed before
        self._stores.session_ended(session.who)
        self._publish(notify.session_end(session.who, reason, by.session_id if by else None))

    def _publish(self, event: Element) -> None:
        for session in list(self._sessions.values()):
            session.notify(deepcopy(event))

    def _on_event(self, _: ElementState, kind: EventKind, port: SimPort | None) -> None:
        handlers: dict[EventKind, Callable[[], None]] = {
            "config": self._stores.take_over,
            "coldStart": self._reboot,
            "linkUp": lambda: self._link(port, up=True),
            "linkDown": lambda: self._link(port, up=False),
        }
        handlers[kind]()

    def _link(self, port: SimPort | None, *, up: bool) -> None:
        if port:
            self._publish(notify.link(port, up=up))

    def _reboot(self) -> None:
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            session.drop()
        self._stores.reboot()
