"""What both sides of a session say first."""

import pytest

from drivers.netconf import hello, rpc

BASE, CANDIDATE = "urn:ietf:params:netconf:base:1.1", "urn:ietf:params:netconf:capability:candidate:1.0"
LISTED = f"<capabilities><capability>{BASE}</capability><capability/><capability>{CANDIDATE}</capability></capabilities>"


@pytest.mark.parametrize("namespace", [f' xmlns="{rpc.BASE}"', ""])
@pytest.mark.parametrize(("session", "number"), [("<session-id>17</session-id>", "17"), ("<session-id/>", "0"), ("", "0")])
def test_a_hello_says_the_session_and_what_the_element_can(namespace: str, session: str, number: str) -> None:
    said = hello.read(f"<hello{namespace}>{LISTED}{session}</hello>".encode())
    assert said is not None
    assert said.session == number
    assert list(said.capabilities) == [BASE, CANDIDATE]
    assert ":candidate" in said.capabilities
    assert ":startup" not in said.capabilities


@pytest.mark.parametrize("text", [b"", b"<hello", b"login:", b"<rpc-reply/>", b'<hello xmlns="urn:other"/>'])
def test_what_is_no_hello_is_none(text: bytes) -> None:
    assert hello.read(text) is None


@pytest.mark.parametrize("half", ["urn:ietf:params:netconf:capability:candidate", "urn:ietf:params:xml:ns:netconf:capability:x"])
def test_half_a_capability_is_none(half: str) -> None:
    said = hello.read(f"<hello><capabilities><capability>{half}</capability></capabilities></hello>".encode())
    assert said is not None
    assert ":candidate" not in said.capabilities
    assert hello.CHUNKED not in said.capabilities


def test_elements_that_say_the_same_share_what_it_means() -> None:
    first, second = (hello.read(f"<hello>{LISTED}<session-id>{number}</session-id></hello>".encode()) for number in (1, 2))
    assert first is not None
    assert second is not None
    assert first.capabilities is second.capabilities
    assert (first.session, second.session) == ("1", "2")


def test_what_a_hello_longer_than_any_means_is_not_kept() -> None:
    listed = LISTED.replace("<capability/>", f"<capability>{'x' * 600_000}</capability>")
    first, second = (hello.read(f"<hello>{listed}</hello>".encode()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.capabilities is not second.capabilities
    assert list(first.capabilities) == list(second.capabilities)


def test_ours_says_that_messages_may_come_in_chunks() -> None:
    ours = hello.read(hello.ours())
    assert ours is not None
    assert hello.CHUNKED in ours.capabilities
