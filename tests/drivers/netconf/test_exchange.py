"""Requests of one session, against a session that says what the test wants said."""

import re
import time
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
        self._hears = hears_at_once
        self._answered = 0

    def send_all(self, messages: list[bytes], deadline: float) -> None:
        assert deadline > time.monotonic()
        self._hears = self._hears or bool(self.requests)
        self.requests += [message.decode() for message in messages]

    def is_silent_until(self, instant: float) -> bool:
        assert instant > time.monotonic()
        return not self._hears

    def receive(self, _deadline: float) -> bytes:
        if not self._hears or self._answered == len(self.requests):
            raise TimeoutError
        request = self.requests[self._answered]
        self._answered += 1
        number = re.findall(r'message-id="(\d+)"', request)[0]
        return f'<rpc-reply xmlns="{rpc.BASE}" message-id="{number}"><data>{number}</data></rpc-reply>'.encode()


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
