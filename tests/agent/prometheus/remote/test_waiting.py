"""The line before a receiver, over a real socket: delivered in order, tried again, given up, and always counted."""

import asyncio
from collections import Counter

import httpx
import pytest

from agent.config import RemoteWriteSettings
from agent.errors import CredentialUnresolved
from agent.prometheus.receivers import client
from agent.prometheus.remote import waiting
from agent.prometheus.remote.gathering import Batch
from agent.prometheus.remote.waiting import Line, Lost, Sender
from drivers.port import Credential
from tests.agent.prometheus.listener import Listener

PATIENCE_S = 60.0


class Receiver(Listener):
    """Answers with one status after the other, the last one for ever."""

    def __init__(self, *statuses: str) -> None:
        super().__init__()
        self._statuses = list(statuses)
        self.taken: list[bytes] = []
        self.heads: list[str] = []
        self.asked = 0

    path = "/api/v1/write"

    def answered(self, head, body):
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        self.asked += 1
        if status.startswith("2"):
            self.taken.append(body)
            self.heads.append(head.lower())
        return status, "no"


def unknown(reference):
    raise CredentialUnresolved(reference, "add it")


async def deliver(line, receiver, until, *, credential="", resolve=unknown):
    async with client(30.0, credential, resolve) as http:
        sending = asyncio.create_task(Sender(line, http, receiver.url).run())
        async with asyncio.timeout(PATIENCE_S):
            while not until():  # noqa: ASYNC110  what is waited for is another's, over a socket
                await asyncio.sleep(0.01)
        sending.cancel()
        await asyncio.wait({sending})


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(waiting, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE_S", 0.02)


def batches(*names: bytes) -> list[Batch]:
    return [Batch(name, 10) for name in names]


@pytest.mark.parametrize("later", ["503 Away", "500 Oops", "429 Slower"])
def test_what_is_not_taken_now_is_tried_again_in_its_order(clock, later):
    async def run():
        async with Receiver(later, later, "200 Ok") as receiver:
            line = Line(clock, 100, 900.0)
            line.put(batches(b"a", b"b"))
            assert (line.waiting, line.room) == (20, 80)
            await deliver(line, receiver, lambda: line.sent == 20)
            assert receiver.taken == [b"a", b"b"]
            assert (line.waiting, line.lost) == (0, Counter())

    asyncio.run(run())


def test_what_the_receiver_refuses_is_not_tried_again(clock):
    async def run():
        async with Receiver("400 Bad", "200 Ok") as receiver:
            line = Line(clock, 100, 900.0)
            line.put(batches(b"a", b"b"))
            await deliver(line, receiver, lambda: line.sent == 10)
            assert receiver.taken == [b"b"]
            assert line.lost == {Lost.REFUSED: 10}

    asyncio.run(run())


def test_what_could_not_be_delivered_for_too_long_is_given_up(clock):
    async def run():
        async with Receiver("503 Away") as receiver:
            line = Line(clock, 100, 900.0)
            line.put(batches(b"a"))

            def tried():
                if receiver.asked:
                    clock.advance(901)
                return bool(line.lost)

            await deliver(line, receiver, tried)
            assert (line.lost, line.waiting) == ({Lost.TOO_LATE: 10}, 0)

    asyncio.run(run())


def test_nobody_there_is_no_end(clock):
    async def run():
        async with Receiver("200 Ok") as receiver:
            pass
        line = Line(clock, 100, 900.0)
        line.put(batches(b"a"))
        looks = iter(range(20))
        await deliver(line, receiver, lambda: next(looks, None) is None)
        assert (line.waiting, line.sent) == (10, 0)
        line.abandon()
        assert (line.waiting, line.lost) == (0, {Lost.STOPPED: 10})

    asyncio.run(run())


@pytest.mark.parametrize(
    ("credential", "header"),
    [
        (Credential("c", username="fabd", password="p"), "authorization: basic zmfizdpw"),
        (Credential("c", password="token-1"), "authorization: bearer token-1"),
    ],
)
def test_who_sends_says_who_it_is(clock, credential, header):
    async def run():
        async with Receiver("200 Ok") as receiver:
            line = Line(clock, 100, 900.0)
            line.put(batches(b"a"))
            await deliver(line, receiver, lambda: line.sent, credential="c", resolve=lambda _: credential)
            assert header in receiver.heads[0]

    asyncio.run(run())


def test_a_secret_that_is_not_there_yet_is_waited_for(clock):
    async def run():
        async with Receiver("200 Ok") as receiver:
            line, asked = Line(clock, 100, 900.0), []

            def resolve(reference):
                asked.append(reference)
                if len(asked) < 3:
                    raise CredentialUnresolved(reference, "add it")
                return Credential(reference, password="late")

            line.put(batches(b"a"))
            await deliver(line, receiver, lambda: line.sent, credential="c", resolve=resolve)
            assert len(asked) == 3

    asyncio.run(run())


@pytest.mark.parametrize("secret", ["paßwort", "two\nlines"])
def test_a_secret_that_no_token_can_be_ends_nothing_and_is_not_shown(clock, secret, capsys):
    async def run():
        async with Receiver("200 Ok") as receiver:
            found = iter([secret, secret])
            line = Line(clock, 100, 900.0)
            line.put(batches(b"a"))
            resolve = lambda reference: Credential(reference, password=next(found, "good"))  # noqa: E731
            await deliver(line, receiver, lambda: line.sent, credential="c", resolve=resolve)
            assert "authorization: bearer good" in receiver.heads[0]

    asyncio.run(run())
    assert secret not in capsys.readouterr().out


@pytest.mark.parametrize("url", ["ftp://h/x", "http://", "host:9090/api/v1/write", "http://user:secret@host/"])
def test_an_address_that_cannot_be_posted_to_is_refused(url):
    with pytest.raises(ValueError, match="url") as refused:
        RemoteWriteSettings(url=url)
    assert "with http:// or" in str(refused.value) or "secrets" in str(refused.value)


@pytest.mark.parametrize("name", ["element", "Site", "__name__", "a-b", ""])
def test_a_label_that_is_none_or_fabds_own_is_refused(name):
    with pytest.raises(ValueError, match="label"):
        RemoteWriteSettings(labels={name: "x"})


def test_the_wait_that_a_receiver_wishes_for_is_bounded():
    assert waiting._pause(httpx.Response(429, headers={"retry-after": "86400"})) == waiting.LONGEST_PAUSE_S
    assert waiting._pause(httpx.Response(429, headers={"retry-after": "soon"})) is None
    assert waiting._pause(httpx.Response(429, headers={"retry-after": "0"})) == waiting.FIRST_PAUSE_S
