"""Reading NetBox over HTTP: pages, tokens, trouble."""

import pytest

from inventory.netbox.client import ATTEMPTS, Clocks, NetBoxFailed, connect
from tests.inventory.netbox.server import TOKEN, FakeNetBox, network


@pytest.fixture
def netbox():
    with FakeNetBox(network()) as fake:
        yield fake


def read(netbox, *, token=TOKEN, url=None):
    pauses: list[float] = []
    with connect(url or netbox.url, token, clocks=Clocks(lambda: 0.0, pauses.append)) as client:
        return client.dump(), pauses


def test_every_page_of_every_kind_is_read(netbox):
    found, pauses = read(netbox)
    assert found == network()
    assert pauses == []


@pytest.mark.parametrize("suffix", ["/", "/api", "/api/"])
def test_the_address_may_be_written_as_people_have_it(netbox, suffix):
    assert read(netbox, url=netbox.url + suffix)[0] == network()


def test_tokens_of_the_second_kind_are_sent_as_bearer_tokens():
    with FakeNetBox(network(), token="Bearer nbt_abc.def") as fake:
        assert read(fake, token="nbt_abc.def")[0] == network()


def test_a_wrong_token_is_told_and_never_shown(netbox):
    with pytest.raises(NetBoxFailed, match=r"refuses the token \(403\); check the credential") as refusal:
        read(netbox, token="not-this-one")
    assert "not-this-one" not in str(refusal.value)


def test_what_passes_is_tried_again_after_the_pause_that_is_asked_for(netbox):
    netbox.trouble = lambda path, attempt: 503 if path.endswith("/devices/") and attempt < 3 else None
    found, pauses = read(netbox)
    assert found == network()
    assert pauses[:2] == [7.0, 7.0]


def test_what_does_not_pass_ends(netbox):
    netbox.trouble = lambda path, _attempt: 503 if path.endswith("/vlans/") else None
    with pytest.raises(NetBoxFailed, match="/api/ipam/vlans/ answers 503"):
        read(netbox)
    assert len([call for call in netbox.calls if "/vlans/" in call]) == ATTEMPTS


def test_the_token_follows_no_page_to_another_host(netbox):
    netbox.next_host = "elsewhere.example"
    with pytest.raises(NetBoxFailed, match=r"its next page is at another host, elsewhere\.example"):
        read(netbox)


def test_the_token_follows_no_redirect(netbox):
    netbox.trouble = lambda _path, _attempt: 302
    with pytest.raises(NetBoxFailed, match=r"it redirects to http://elsewhere\.example/"):
        read(netbox)


def test_what_is_no_netbox_is_told(netbox):
    netbox.content = dict.fromkeys(netbox.content, "nothing")
    with pytest.raises(NetBoxFailed, match="does not answer as NetBox does"):
        read(netbox)


@pytest.mark.parametrize("url", ["netbox.example", "ftp://netbox.example", "https://user@netbox.example", "https://x/?token=1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(NetBoxFailed, match="no address of a NetBox"), connect(url, TOKEN):
        pass


def test_a_host_that_does_not_answer_is_told():
    pauses: list[float] = []
    remedy = "check the address, and that it is reached from here"
    clocks = Clocks(lambda: 0.0, pauses.append)
    with connect("http://127.0.0.1:9", TOKEN, clocks=clocks) as client, pytest.raises(NetBoxFailed, match=remedy):
        client.dump()
    assert pauses == [1.0, 2.0, 4.0]
