"""Requests on their way over one NETCONF session, and what came back.

Several requests leave at once (RFC 6241 §4.5 lets a client send on without waiting; a server answers in order), so that a phase
costs one round trip and not one per operation.
"""

from collections.abc import Sequence
from itertools import count

from lxml import etree
from ncclient.transport.errors import TransportError

from drivers.netconf.rpc import BASE, parse
from drivers.netconf.wire import DrivenSession

_REPLY = f"{{{BASE}}}rpc-reply"
_ENVELOPE = b'<nc:rpc xmlns:nc="' + BASE.encode() + b'" message-id="%b">%b</nc:rpc>'


class Exchange:
    """Used by one thread at a time."""

    def __init__(self, session: DrivenSession) -> None:
        self._session = session
        self._numbers = count(1)

    def ask(self, operations: Sequence[etree._Element], deadline: float) -> list[etree._Element]:
        """The replies in the order of the operations. `TimeoutError`, or what broke the session (ncclient's own errors)."""
        requests = {str(next(self._numbers)): operation for operation in operations}
        self._session.send_all((_request(number, operation) for number, operation in requests.items()), deadline)
        replies: dict[str, etree._Element] = {}
        while len(replies) < len(requests):
            message = _read(self._session.receive(deadline))
            if message.tag == _REPLY:  # anything else is a notification that nobody here subscribed to
                # a server that cannot read a request may answer it without its id; answers come in order
                number = message.get("message-id") or next(each for each in requests if each not in replies)
                if number in requests:
                    replies.setdefault(number, message)
        return [replies[number] for number in requests]


def _read(message: bytes) -> etree._Element:
    try:
        return parse(message)
    except etree.XMLSyntaxError as error:
        raise TransportError(f"what it sends is not XML: {error}") from error


def _request(number: str, operation: etree._Element) -> bytes:
    return _ENVELOPE % (number.encode(), etree.tostring(operation, encoding="utf-8"))
