"""What may come to a socket whose questions are under way, from whoever may send: none of it can do more than be counted."""

import select
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from drivers.snmp import asking
from drivers.snmp.bulk import Packet, address_of
from drivers.snmp.exchange import PLACES, Arrival, Exchange
from drivers.snmp.speech import Refused, Verdict
from tests.drivers.snmp.messages import integer, tlv
from tests.drivers.snmp.odd_agent import content

FOUR_ZEROS = tlv(0x02, bytes(4))


@dataclass
class Question:
    address: bytes
    secured: bool = False
    opened: list[bytes] = field(default_factory=list)

    def packet(self, request_id: int) -> Packet:  # noqa: ARG002  written in when it is sent
        return Packet(*asking.community_message("public", asking.GET, asking.UPTIME))

    def open(self, datagram: bytes) -> tuple[int, bytes | Verdict | Refused]:
        self.opened.append(datagram)
        return 0, Refused("it was opened")


@dataclass
class Talk:
    exchange: Exchange[Question]
    element: socket.socket
    drops: Counter[str]

    def asked(self, question: Question) -> bytes:
        """The request-id, as it came."""
        self.exchange.ask(question, 5.0, suspect=False)
        assert list(self.exchange.flush()) == []
        return content(content(self.element.recv(4096))[2])[0]

    def question(self, *, secured: bool = False) -> Question:
        return Question(address_of(*self.element.getsockname())[1], secured)

    def comes(self, datagram: bytes, sender: socket.socket | None = None) -> Arrival[Question]:
        name = ("127.0.0.1", self._port())
        (sender or self.element).sendto(datagram, name)
        assert select.select([self.exchange.socket], [], [], 5)[0]
        found = self.exchange.receive(0.0)
        assert found is not None
        return found

    def _port(self) -> int:
        with socket.socket(fileno=socket.dup(self.exchange.socket.fileno())) as same:
            return int(same.getsockname()[1])


@pytest.fixture
def talk() -> Iterator[Talk]:
    drops: Counter[str] = Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as element:
        element.bind(("127.0.0.1", 0))
        element.settimeout(60)
        exchange: Exchange[Question] = Exchange(socket.AF_INET, drops)
        yield Talk(exchange, element, drops)
        exchange.close()


def answer(request_id: bytes) -> bytes:
    uptime = tlv(0x30, tlv(0x06, bytes.fromhex("2b06010201010300")) + b"\x43\x01\x01")
    return tlv(0x30, integer(1) + tlv(0x04, b"public") + tlv(0xA2, request_id + integer(0) * 2 + tlv(0x30, uptime)))


def sealed(message_id: bytes) -> bytes:
    """An SNMPv3 message; a report in form."""
    head = tlv(0x30, message_id + integer(65_507) + tlv(0x04, b"\x00") + integer(3))
    security = tlv(0x30, tlv(0x04, b"engine") + integer(1) * 2 + tlv(0x04, b"") * 3)
    return tlv(0x30, integer(3) + head + tlv(0x04, security) + tlv(0x30, b""))


def test_an_answer_to_a_question_that_nobody_asked_takes_no_place_twice(talk: Talk) -> None:
    question = talk.question()
    assert talk.comes(answer(talk.asked(question))).asked == [question]
    unasked = talk.comes(answer(FOUR_ZEROS))
    assert (list(unasked.asked), unasked.heads.sound.tolist()) == ([], [])
    assert (talk.exchange.room, talk.drops["late"]) == (PLACES, 1)


def test_what_others_send_as_v3_is_not_even_opened(talk: Talk) -> None:
    question = talk.question(secured=True)
    request_id = talk.asked(question)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        assert list(talk.comes(sealed(request_id), stranger).asked) == []
    assert (question.opened, talk.exchange.refused, talk.drops["foreign source"]) == ([], [], 1)


@pytest.mark.parametrize("beyond", [tlv(0x02, b"\x01" + bytes(8)), tlv(0x02, b"\xff" * 4)], ids=["too large", "negative"])
def test_a_message_id_beyond_31_bits_ends_nothing(talk: Talk, beyond: bytes) -> None:
    question = talk.question(secured=True)
    talk.asked(question)
    assert list(talk.comes(sealed(beyond)).asked) == []
    assert (question.opened, talk.drops["malformed"]) == ([], 1)


def test_a_v3_answer_that_comes_too_late_is_counted_as_such_and_speaks_against_nobody(talk: Talk) -> None:
    talk.asked(talk.question(secured=True))
    talk.exchange.ask(waiting := talk.question(secured=True), 0.0, suspect=False)
    assert list(talk.exchange.flush()) == []
    assert list(talk.comes(sealed(tlv(0x02, (2**31 - 1).to_bytes(4, "big")))).asked) == []
    assert (talk.drops["late"], talk.drops["malformed"]) == (1, 0)
    assert talk.exchange.expired(float("inf"))[-1] == (waiting, "")
