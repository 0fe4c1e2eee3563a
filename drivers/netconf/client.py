"""One NETCONF session: requests with deadlines, failures as element errors."""

import time

from lxml import etree
from ncclient.devices.default import DefaultDeviceHandler
from ncclient.manager import Manager
from ncclient.operations import RaiseMode
from ncclient.operations.errors import TimeoutExpiredError
from ncclient.transport.errors import SessionError, TransportError
from paramiko import SSHException

from drivers.errors import EditRefused, ElementDisconnected, ElementError, ElementLocked, ElementTimeout, ElementUnreachable
from drivers.netconf import rpc
from drivers.netconf.wire import WakingSession
from drivers.port import Target
from drivers.timing import remaining
from drivers.transport import closed_at, open_transport

_LOCKED = frozenset({"lock-denied", "in-use"})


class Client:
    """Used by one thread at a time. After a time-out or a lost connection it is no longer `alive`."""

    def __init__(self, element: str, session: WakingSession, manager: Manager) -> None:
        self._element, self._session, self._manager = element, session, manager
        self._broken = False

    @classmethod
    def connect(cls, target: Target, deadline: float) -> "Client":
        transport = open_transport(target, deadline)
        handler = DefaultDeviceHandler()
        session = WakingSession(handler)
        try:
            with closed_at(target.element, transport, deadline):
                session.attach(transport, target.host, remaining(target.element, deadline, "to start NETCONF"))
        except (SessionError, TransportError, SSHException, EOFError, OSError) as error:
            transport.close()
            session.close()
            if isinstance(error, ElementError):
                raise
            if time.monotonic() >= deadline:
                raise ElementTimeout(target.element, "no NETCONF hello in time") from error
            raise ElementUnreachable(
                target.element, f"it does not start a NETCONF session: {error}; check that the NETCONF subsystem is enabled"
            ) from error
        return cls(target.element, session, Manager(session, handler, raise_mode=RaiseMode.NONE))

    @property
    def session_id(self) -> str:
        return str(self._session.id)

    @property
    def alive(self) -> bool:
        return not self._broken and bool(self._session.connected)

    def has(self, capability: str) -> bool:
        """`:candidate`, `:confirmed-commit:1.1` and the like (RFC 6241 §8)."""
        return capability in self._session.server_capabilities

    def request(self, operation: etree._Element, deadline: float) -> etree._Element:
        """The reply. `EditRefused` or `ElementLocked` when it carries errors."""
        reply = rpc.parse(self._exchange(operation, deadline))
        found = rpc.faults(reply)
        if found:
            self._refuse(found)
        return reply

    def end(self) -> None:
        """Close the connection; the element ends the session with it (RFC 6241 §7.8)."""
        self._broken = True
        self._session.close()

    def _exchange(self, operation: etree._Element, deadline: float) -> str:
        name = etree.QName(operation).localname
        self._manager.timeout = remaining(self._element, deadline, f"for {name}")
        if not self.alive:
            raise ElementDisconnected(self._element, "the element ended the NETCONF session")
        try:
            return str(self._manager.rpc(operation).xml)
        except TimeoutExpiredError as error:
            self._broken = True
            raise ElementTimeout(self._element, f"no answer to <{name}> in time") from error
        except (TransportError, SessionError, SSHException, EOFError, OSError) as error:
            self._broken = True
            raise ElementDisconnected(self._element, f"the connection broke before the answer to <{name}>") from error

    def _refuse(self, found: tuple[rpc.Fault, ...]) -> None:
        words = "; ".join(map(str, found))
        held = next((fault for fault in found if fault.tag in _LOCKED), None)
        if held is not None:
            raise ElementLocked(self._element, words, session=held.session)
        raise EditRefused(self._element, words)
