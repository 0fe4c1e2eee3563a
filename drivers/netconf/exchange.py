"""Requests on their way over one NETCONF session, and what came back.

Several requests leave at once (RFC 6241 §4.5 lets a client send on without waiting; a server answers in order), so that a phase
costs one round trip and not one per operation. An answer may be left until it is wanted, and need not be wanted at all.
"""

from collections.abc import Sequence
from itertools import count

from lxml import etree
from ncclient.transport.errors import TransportError

from drivers.netconf.rpc import BASE, Message, Operation
from drivers.netconf.wire import DrivenSession

_ENVELOPE = f'<nc:rpc xmlns:nc="{BASE}" message-id="%s">%s</nc:rpc>'


class Exchange:
    """Used by one thread at a time. What is raised: `TimeoutError`, or what broke the session (ncclient's own errors)."""

    def __init__(self, session: DrivenSession) -> None:
        self._session = session
        self._numbers = count(1)
        self._due: dict[str, Message | None] = {}
        """Requests without an answer in the order in which they left, and answers that nobody has asked for yet."""
        self._unwanted: set[str] = set()

    def post(self, operations: Sequence[Operation], deadline: float) -> tuple[str, ...]:
        """Under these numbers their replies can be had."""
        numbers = tuple(str(next(self._numbers)) for _ in operations)
        requests = [(_ENVELOPE % (number, each.text)).encode() for number, each in zip(numbers, operations, strict=True)]
        self._session.send_all(requests, deadline)
        self._due.update((number, None) for number in numbers)
        return numbers

    def replies(self, numbers: Sequence[str], deadline: float) -> list[Message]:
        """In the order of the numbers."""
        while any(self._due[number] is None for number in numbers):
            self._take(_read(self._session.receive(deadline)))
        return [reply for number in numbers if (reply := self._due.pop(number)) is not None]

    def forget(self, numbers: Sequence[str]) -> None:
        """Nobody will ask for these replies."""
        for number in numbers:
            if self._due.get(number) is not None:
                del self._due[number]
            elif number in self._due:
                self._unwanted.add(number)

    def _take(self, message: Message) -> None:
        if not message.is_reply:
            return  # a notification that nobody here subscribed to
        # a server that cannot read a request may answer it without its id; answers come in order
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
