"""One NETCONF session: requests with deadlines, failures as element errors."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from lxml import etree
from ncclient.transport.errors import SessionError, TransportError
from paramiko import SSHException

from drivers.errors import EditRefused, ElementDisconnected, ElementError, ElementLocked, ElementTimeout, ElementUnreachable
from drivers.netconf import rpc
from drivers.netconf.exchange import Exchange
from drivers.netconf.hello import Hello
from drivers.netconf.line import Line
from drivers.netconf.rpc import Message, Operation
from drivers.netconf.wire import DrivenSession
from drivers.port import Target
from drivers.timing import remaining
from drivers.transport import open_transport

_LOCKED = frozenset({"lock-denied", "in-use"})
_BREAKS = (SessionError, TransportError, SSHException, EOFError, OSError)
"""What breaks a session; a time-out (an `OSError`) does so, too."""


class Client:
    """Used by one thread at a time. After a time-out or a lost connection it is no longer `alive`."""

    def __init__(self, element: str, session: DrivenSession, hello: Hello) -> None:
        self._element, self._session, self._hello = element, session, hello
        self._exchange = Exchange(session)
        self._broken = False
        self._capabilities: dict[str, bool] = {}
        """Those that were asked for: a hello names hundreds, and says them once."""
        self.serves_state = False
        """Whether it is known to serve the states of ports; found out by who asks."""

    @classmethod
    def connect(cls, target: Target, deadline: float) -> "Client":
        transport = open_transport(target, deadline, partial(Line, deadline=deadline), keeps_deadline=True)
        session = DrivenSession(transport)
        try:
            remaining(target.element, deadline, "to start NETCONF")
            return cls(target.element, session, session.begin(deadline))
        except _BREAKS as error:
            session.close()
            if isinstance(error, ElementError):
                raise
            if time.monotonic() >= deadline:
                raise ElementTimeout(target.element, "no NETCONF hello in time") from error
            raise ElementUnreachable(
                target.element, f"it does not start a NETCONF session: {error}; check that the NETCONF subsystem is enabled"
            ) from error

    @property
    def session_id(self) -> str:
        return self._hello.session

    @property
    def alive(self) -> bool:
        if not self._broken:
            self._session.heed()
        return self._usable

    @property
    def _usable(self) -> bool:
        return not self._broken and self._session.usable

    def has(self, capability: str) -> bool:
        """`:candidate`, `:confirmed-commit:1.1` and the like (RFC 6241 §8)."""
        known = self._capabilities.get(capability)
        if known is None:
            known = self._capabilities[capability] = capability in self._hello.capabilities
        return known

    def knows(self, namespace: str) -> bool:
        """Whether its hello names the YANG module of that namespace."""
        return any(capability.split("?")[0] == namespace for capability in self._hello.capabilities)

    def request(self, operation: Operation, deadline: float) -> etree._Element:
        """The reply. `EditRefused` or `ElementLocked` when it carries errors."""
        return self.replies([operation], deadline)[0].content

    def replies(self, operations: Sequence[Operation], deadline: float) -> "list[Reply]":
        """All sent at once, each carried out whether or not the one before it was refused; their replies in that order."""
        return self.post(operations, deadline).replies(deadline)

    def post(self, operations: Sequence[Operation], deadline: float) -> "Posted":
        """All sent at once as by `replies`, which are waited for when they are wanted."""
        names = tuple(operation.name for operation in operations)
        remaining(self._element, deadline, f"for {', '.join(names)}")
        if not self._usable:
            raise ElementDisconnected(self._element, "the element ended the NETCONF session")
        try:
            return Posted(self, names, self._exchange.post(operations, deadline))
        except _BREAKS as error:
            raise self._broke(names, error) from error

    def collect(self, names: Sequence[str], numbers: Sequence[str], deadline: float) -> "list[Reply]":
        """What was posted under these numbers is answered by."""
        if self._broken:
            raise ElementDisconnected(self._element, f"the connection broke before the answer to <{', '.join(names)}>")
        try:
            return [Reply(self._element, message) for message in self._exchange.replies(numbers, deadline)]
        except _BREAKS as error:
            raise self._broke(names, error) from error

    def forget(self, numbers: Sequence[str]) -> None:
        self._exchange.forget(numbers)

    def _broke(self, names: Sequence[str], error: Exception) -> ElementError:
        """The session is not used any more; why, in the operator's words."""
        self._broken = True
        if isinstance(error, TimeoutError):
            return ElementTimeout(self._element, f"no answer to <{', '.join(names)}> in time")
        return ElementDisconnected(self._element, f"the connection broke before the answer to <{', '.join(names)}>")

    def next_message(self, deadline: float) -> etree._Element:
        """What the element sends unasked, on a session on which nothing more is asked. `TimeoutError` when nothing came."""
        if not self._usable:
            raise ElementDisconnected(self._element, "the element ended the NETCONF session")
        try:
            return rpc.parse(self._session.receive(deadline))
        except TimeoutError:
            raise
        except etree.XMLSyntaxError as error:
            self._broken = True
            raise ElementDisconnected(self._element, f"what it sends is not XML: {error}") from error
        except _BREAKS as error:
            self._broken = True
            raise ElementDisconnected(self._element, "the connection of its notifications broke") from error

    def interrupt(self) -> None:
        """From another thread: who waits for the element is told that the connection broke."""
        self._session.interrupt()

    def end(self) -> None:
        """Close the connection; the element ends the session with it (RFC 6241 §7.8)."""
        self._broken = True
        self._session.close()


@dataclass(frozen=True, slots=True)
class Posted:
    """Requests that have left."""

    client: Client
    names: tuple[str, ...]
    numbers: tuple[str, ...]

    def parted(self, first: int) -> "tuple[Posted, Posted]":
        """The first of them, whose replies are wanted sooner, and the others."""
        return (
            Posted(self.client, self.names[:first], self.numbers[:first]),
            Posted(self.client, self.names[first:], self.numbers[first:]),
        )

    def replies(self, deadline: float) -> "list[Reply]":
        """Once."""
        return self.client.collect(self.names, self.numbers, deadline)

    def forget(self) -> None:
        """Their replies are not wanted any more."""
        self.client.forget(self.numbers)


@dataclass(frozen=True)
class Reply:
    element: str
    message: Message

    @property
    def refusal(self) -> "EditRefused | ElementLocked | None":
        """What its errors say (warnings are none); None when there are none."""
        return None if self.message.acknowledges else self._refusal

    @cached_property
    def _refusal(self) -> "EditRefused | ElementLocked | None":
        found = rpc.faults(self.message.tree)
        if not found:
            return None
        words = "; ".join(map(str, found))
        held = next((fault for fault in found if fault.tag in _LOCKED), None)
        if held is not None:
            return ElementLocked(self.element, words, session=held.session)
        return EditRefused(self.element, words)

    @property
    def content(self) -> etree._Element:
        """The reply. `EditRefused` or `ElementLocked` when it carries errors."""
        self.accept()
        return self.message.tree

    def accept(self) -> None:
        """`EditRefused` or `ElementLocked` when it carries errors."""
        if (refusal := self.refusal) is not None:
            raise refusal
