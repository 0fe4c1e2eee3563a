"""Requests of one session, against a session that says what the test wants said."""

import re
import time
from collections.abc import Callable
from typing import cast

import pytest

from drivers.netconf import rpc
from drivers.netconf.exchange import Exchange
from drivers.netconf.wire import DrivenSession
from tests.drivers.simulated import soon

ASKED = rpc.get_config("running", "")


class Deaf:
    """A server that answers what it has read, and reads its first request only with the next one, as netconfd does.

    `DrivenSession` as far as an exchange needs one.
    """

    def __init__(self, *, hears_at_once: bool) -> None:
        self.requests: list[str] = []
        self.due: list[int] = []
        """How many octets each reading was told to wait for."""
        self._hears = hears_at_once
        self._answered = 0

    def send_all(self, messages: list[bytes], deadline: float) -> None:
        assert deadline > time.monotonic()
        self._hears = self._hears or bool(self.requests)
        self.requests += [message.decode() for message in messages]

    def is_silent_until(self, instant: float) -> bool:
        assert instant > time.monotonic()
        return not self._hears

    def receive(self, _deadline: float, due: Callable[[], int]) -> bytes:
        self.due.append(due())
        if not self._hears or self._answered == len(self.requests):
            raise TimeoutError
        request = self.requests[self._answered]
        self._answered += 1
        number = re.findall(r'message-id="(\d+)"', request)[0]
        said = f"<data>{number}</data>" if "<nc:get" in request else "<ok/>"
        return f'<rpc-reply xmlns="{rpc.BASE}" message-id="{number}">{said}</rpc-reply>'.encode()


def ask(exchange: Exchange, deadline: float) -> list[str | None]:
    replies = exchange.replies(exchange.post([ASKED], deadline), deadline)
    return [reply.tree.findtext("{*}data") for reply in replies]


def test_a_first_request_that_was_not_heard_is_followed_by_one_for_nothing_and_answered() -> None:
    server = Deaf(hears_at_once=False)
    exchange = Exchange(cast(DrivenSession, server))
    assert ask(exchange, soon(60)) == ["1"]
    assert ["<nc:get>" in request for request in server.requests] == [False, True]
    assert ask(exchange, soon(60)) == ["3"]  # what came for the one for nothing is passed over
    assert len(server.requests) == 3


def test_a_server_that_answers_is_asked_for_nothing_more() -> None:
    server = Deaf(hears_at_once=True)
    exchange = Exchange(cast(DrivenSession, server))
    assert [ask(exchange, soon(60)) for _ in range(3)] == [["1"], ["2"], ["3"]]
    assert len(server.requests) == 3


def test_nothing_more_is_asked_where_the_deadline_comes_first() -> None:
    server = Deaf(hears_at_once=False)
    with pytest.raises(TimeoutError):
        ask(Exchange(cast(DrivenSession, server)), soon(0.9))
    assert len(server.requests) == 1


def test_who_waits_for_several_replies_waits_for_as_many_of_the_shortest() -> None:
    server = Deaf(hears_at_once=True)
    exchange = Exchange(cast(DrivenSession, server))
    ask(exchange, soon(60))
    exchange.replies(exchange.post([rpc.lock("candidate"), rpc.lock("running")], soon(60)), soon(60))
    acknowledged = len(f'<rpc-reply xmlns="{rpc.BASE}" message-id="2"><ok/></rpc-reply>')
    assert server.due == [1, 1, acknowledged]  # before the first of them nobody knows how short a reply may be
    server.due.clear()
    first, *others = exchange.post([rpc.commit(), ASKED, ASKED], soon(60))
    exchange.replies([first], soon(60))
    exchange.replies(others, soon(60))
    assert server.due == [acknowledged * count for count in (1, 2, 1)]
