"""Requests on their way over one NETCONF session, and what came back.

Several requests leave at once (RFC 6241 §4.5 lets a client send on without waiting; a server answers in order), so that a phase
costs one round trip and not one per operation. An answer may be left until it is wanted, and need not be wanted at all.
"""

import time
from collections.abc import Sequence
from functools import partial
from itertools import count

from lxml import etree
from ncclient.transport.errors import TransportError

from drivers.netconf.rpc import BASE, Message, Operation, get
from drivers.netconf.wire import DrivenSession

_ENVELOPE = f'<nc:rpc xmlns:nc="{BASE}" message-id="%s">%s</nc:rpc>'
UNHEARD_S = 1.0
"""After so long without an answer to the first request of a session, another one is sent. netconfd (Yuma) leaves a request lie that
it reads together with the hello, as it does when it was busy meanwhile, until it reads something more."""
_NOTHING = get("")
"""The filter that selects nothing (RFC 6241 §6.4.2)."""


class Exchange:
    """Used by one thread at a time. What is raised: `TimeoutError`, or what broke the session (ncclient's own errors)."""

    def __init__(self, session: DrivenSession) -> None:
        self._session = session
        self._numbers = count(1)
        self._due: dict[str, Message | None] = {}
        """Requests without an answer in the order in which they left, and answers that nobody has asked for yet."""
        self._unwanted: set[str] = set()
        self._heard = False
        """Whether the first answer has come, or was asked for twice."""
        self._shortest = 0
        """Octets of an <ok/>, the shortest of replies; 0 until one has come."""

    def post(self, operations: Sequence[Operation], deadline: float) -> tuple[str, ...]:
        """Under these numbers their replies can be had."""
        numbers = tuple(str(next(self._numbers)) for _ in operations)
        requests = [(_ENVELOPE % (number, each.text)).encode() for number, each in zip(numbers, operations, strict=True)]
        self._session.send_all(requests, deadline)
        self._due.update((number, None) for number in numbers)
        return numbers

    def replies(self, numbers: Sequence[str], deadline: float) -> list[Message]:
        """In the order of the numbers."""
        if not self._heard:
            self._rouse(deadline)
        due = partial(self._octets_until, numbers[-1])
        for number in numbers:
            while self._due[number] is None:
                self._take(_read(self._session.receive(deadline, due)))
        return [reply for number in numbers if (reply := self._due.pop(number)) is not None]

    def forget(self, numbers: Sequence[str]) -> None:
        """Nobody will ask for these replies."""
        for number in numbers:
            if self._due.get(number) is not None:
                del self._due[number]
            elif number in self._due:
                self._unwanted.add(number)

    def _octets_until(self, last: str) -> int:
        """How many are to come at least with the reply to `last`: who waits for it is woken once, not by each before it."""
        missing = 0
        for number, reply in self._due.items():
            missing += reply is None
            if number == last:
                break
        return max(missing * self._shortest, 1)

    def _rouse(self, deadline: float) -> None:
        """Ask for nothing where the first request was not heard."""
        self._heard = True
        unheard_at = time.monotonic() + UNHEARD_S
        if unheard_at < deadline and self._session.is_silent_until(unheard_at):
            self.forget(self.post([_NOTHING], deadline))

    def _take(self, message: Message) -> None:
        if not message.is_reply:
            return  # a notification that nobody here subscribed to
        # a server that cannot read a request may answer it without its id; answers come in order
        if message.acknowledges:
            self._shortest = min(len(message.text), self._shortest or len(message.text))
        number = message.number or next((number for number, reply in self._due.items() if reply is None), "")
        if number in self._unwanted:
            self._unwanted.discard(number)
            del self._due[number]
        elif number in self._due:
            self._due[number] = self._due[number] or message


def _read(text: bytes) -> Message:
    try:
        return Message.read(text)
    except etree.XMLSyntaxError as error:
        raise TransportError(f"what it sends is not XML: {error}") from error
