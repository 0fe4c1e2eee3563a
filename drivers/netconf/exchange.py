"""Requests on their way over one NETCONF session, and what came back.

Several requests leave at once (RFC 6241 §4.5 lets a client send on without waiting; a server answers in order), so that a phase
costs one round trip and not one per operation.
"""

import threading
from collections.abc import Sequence
from itertools import count

from lxml import etree
from ncclient.transport.session import SessionListener

from drivers.netconf.rpc import BASE
from drivers.netconf.wire import WakingSession

_REPLY = f"{{{BASE}}}rpc-reply"


class Exchange(SessionListener):  # type: ignore[misc]  # ncclient ships no types
    """Used by one thread at a time; ncclient's own thread hands in what arrives."""

    def __init__(self, session: WakingSession) -> None:
        self._session = session
        self._numbers = count(1)
        self._waiting: dict[str, str | None] = {}
        """Message id → reply, None while it is awaited; in the order in which they were sent."""
        self._missing = 0
        self._complete = threading.Event()
        self._error: Exception | None = None
        session.add_listener(self)

    def ask(self, operations: Sequence[etree._Element], timeout: float) -> list[str]:
        """The replies in the order of the operations. `TimeoutError`, or what broke the session (ncclient's own errors)."""
        requests = {str(next(self._numbers)): operation for operation in operations}
        self._complete.clear()
        self._waiting, self._missing = dict.fromkeys(requests), len(requests)
        if self._error is None:
            self._session.send_all([_request(number, operation) for number, operation in requests.items()])
            if not self._complete.wait(timeout):
                raise TimeoutError
        if self._error is not None:
            raise self._error
        return [reply or "" for reply in self._waiting.values()]

    def callback(self, root: tuple[str, dict[str, str]], raw: str) -> None:
        tag, attributes = root
        if tag != _REPLY:
            return
        number = attributes.get("message-id") or next((each for each, reply in self._waiting.items() if reply is None), "")
        if number in self._waiting and self._waiting[number] is None:
            self._waiting[number] = raw
            self._missing -= 1
            if not self._missing:
                self._complete.set()

    def errback(self, ex: Exception) -> None:
        self._error = ex
        self._complete.set()


def _request(number: str, operation: etree._Element) -> str:
    rpc = etree.Element(f"{{{BASE}}}rpc", {"message-id": number}, nsmap={"nc": BASE})
    rpc.append(operation)
    return etree.tostring(rpc, encoding="unicode")
