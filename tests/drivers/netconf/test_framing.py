import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.netconf import framing
from drivers.netconf.framing import Decoder, FramingError

MESSAGES = st.lists(st.binary(min_size=1).filter(lambda data: framing.END not in data), min_size=1, max_size=4)


def decoded(stream: bytes, cuts: list[int], *, chunked: bool) -> list[bytes]:
    decoder, messages, start = Decoder(), [], 0
    decoder.chunked = chunked
    for cut in [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]:
        decoder.feed(stream[start:cut])
        start = cut
        while (message := decoder.next()) is not None:
            messages.append(message)
    return messages


@given(MESSAGES, st.lists(st.integers(min_value=0), max_size=6), st.booleans())
def test_messages_survive_any_cutting_of_the_stream(messages: list[bytes], cuts: list[int], chunked: bool) -> None:
    # a message that ends in the beginning of the marker would move it
    messages = messages if chunked else [message + b">" for message in messages]
    stream = b"".join(framing.encode(message, chunked=chunked) for message in messages)
    assert decoded(stream, cuts, chunked=chunked) == messages


def test_a_message_may_come_in_several_chunks() -> None:
    assert decoded(b"\n#3\nabc\n#2\nde\n##\n", [], chunked=True) == [b"abcde"]


def test_the_framing_may_change_within_one_packet() -> None:
    decoder = Decoder()
    decoder.feed(b"<hello/>" + framing.END + b"\n#6\n<rpc/>\n##\n")
    assert decoder.next() == b"<hello/>"
    decoder.chunked = True
    assert decoder.next() == b"<rpc/>"


@pytest.mark.parametrize(
    "stream",
    [b"<rpc/>", b"\n#0\n", b"\n#-1\n", b"\n#x\n", b"\n#007\nabcdefg", b"\n##\n", b"\n#4294967296\n", b"\n#99999999999999"],
)
def test_what_is_no_chunk_is_an_error(stream: bytes) -> None:
    with pytest.raises(FramingError):
        decoded(stream, [], chunked=True)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_message_has_a_largest_size(monkeypatch: pytest.MonkeyPatch, chunked: bool) -> None:
    monkeypatch.setattr(framing, "MAX_MESSAGE", 10)
    with pytest.raises(FramingError, match="more than 10 octets"):
        decoded(framing.encode(b"x" * 11, chunked=chunked) * 2, [5], chunked=chunked)
