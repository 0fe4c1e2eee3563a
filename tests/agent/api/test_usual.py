"""What is read by two expressions is what h11 would have read."""

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.api.usual import LARGEST, read_head

FIELDS = b"Host: fabd\r\nConnection: Keep-Alive\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
POST = b"POST /orders?a=%20b HTTP/1.1\r\n" + FIELDS + b"\r\n"

LINES = (
    b"Host: fabd|host: other|Host:|Content-Length: 2|Content-Length: 2, 2|Content-Length: +2|content-length: 3|Content-Length : 2"
    b"|Transfer-Encoding: chunked|TE: trailers| folded|Connection: close|connection: keep-alive|Expect: 100-continue|Upgrade: h2c"
    b"|X: a b | HTTP/1.1| HTTP/1.0| HTTP/2.0|"
).split(b"|")
WORDS = b"GET |POST |BREW |HEAD |get |/|/a?b=c|*|http://x/| |\t|:|,|;|\0|\x7f|\n|\r|\r\n\r\n|\xff|\xc3\xa4|{}|x".split(b"|")

pieces = st.sampled_from([line + b"\r\n" for line in LINES] + WORDS)


@st.composite
def edited(draw) -> bytes:
    """A usual request with a few pieces put in, taken out or doubled."""
    data = POST + b"{}"
    for _ in range(draw(st.integers(0, 4))):
        at, end = draw(st.integers(0, len(data))), draw(st.integers(0, 3))
        data = data[:at] + draw(pieces | st.binary(max_size=2)) + data[at + end :]
    return data


@given(edited() | st.lists(pieces, max_size=12).map(b"".join))
@example(POST + b"{}")
@example(POST.replace(b"POST /orders?a=%20b", b"GET /"))
def test_what_is_read_is_read_as_h11_does(data):
    head = read_head(data)
    if head is None:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    request = connection.next_event()
    assert isinstance(request, h11.Request)
    assert (head.method.encode(), head.target, b"1.1") == (request.method, request.target, request.http_version)
    assert head.fields == [(name, value) for name, value in request.headers]
    assert not connection.they_are_waiting_for_100_continue
    body = data[head.end :]
    rest = connection.trailing_data[0]
    event = connection.next_event()
    assert rest == body
    if head.length == 0:
        assert isinstance(event, h11.EndOfMessage)
        assert connection.their_state is h11.DONE  # and not MUST_CLOSE
    elif body:
        assert isinstance(event, h11.Data)
        assert event.data == body[: head.length]
    else:
        assert event is h11.NEED_DATA


def test_the_usual_request_is_read():
    head = read_head(POST + b"{}")
    assert (head.method, head.target, head.length, head.end) == ("POST", b"/orders?a=%20b", 2, len(POST))
    assert head.fields == [
        (b"host", b"fabd"),
        (b"connection", b"Keep-Alive"),
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(POST.replace(b"POST", b"HEAD"), id="answered without content"),
        pytest.param(POST.replace(b"POST", b"BREW"), id="a rare method"),
        pytest.param(POST.replace(b"/orders", b"http://fabd/orders"), id="a whole address"),
        pytest.param(POST.replace(b"1.1", b"1.0"), id="an older version"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b""), id="no host"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b"Host: fabd\r\nHost: fabd\r\n"), id="two hosts"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b"Host: fabd\r\n\tfolded\r\n"), id="a folded field"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b"Host: fabd \r\n"), id="a space at the end"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b"Host : fabd\r\n"), id="a space before the colon"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b"Host: fabd\n"), id="half a line's end"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b"Host: fabd\r\nX:\r\n"), id="an empty field"),
        pytest.param(POST.replace(b"fabd", b"f\0bd"), id="a NUL"),
        pytest.param(POST.replace(b"Keep-Alive", b"close"), id="the last of its connection"),
        pytest.param(POST.replace(b"Keep-Alive", b"Upgrade"), id="another protocol"),
        pytest.param(POST.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"), id="two lengths"),
        pytest.param(POST.replace(b"Content-Length: 2", b"Content-Length: -2"), id="no length"),
        pytest.param(POST.replace(b"Content-Length: 2", b"Content-Length: %d" % (LARGEST + 1)), id="a large body"),
        pytest.param(POST.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"), id="chunks"),
        pytest.param(POST.replace(b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"), id="both"),
        pytest.param(POST.replace(b"Content-Length: 2", b"Content-Length: 2\r\nExpect: 100-continue"), id="a question first"),
        pytest.param(POST.replace(b"Host: fabd\r\n", b"Host: fabd\r\nX: %b\r\n" % (b"x" * 9_000)), id="a long head"),
        pytest.param(POST[:-2], id="half a head"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_written_otherwise_is_left_to_h11(data):
    assert read_head(data) is None
