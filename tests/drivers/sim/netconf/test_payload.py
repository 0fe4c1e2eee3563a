import pytest

from drivers.sim.netconf import payload, validate
from drivers.sim.netconf.errors import RpcErrors
from tests.drivers.sim.netconf.trees import TYPE, ipv4, port, raw, row, shape, tree

AT = "/if:interfaces/if:interface[if:name='a']"
ADDRESS = AT + "/ip:ipv4/ip:address[ip:ip='{}']"


@pytest.mark.parametrize(
    ("inside", "tag", "path", "message"),
    [
        (port("a", "<enabled>1</enabled>"), "invalid-value", f"{AT}/if:enabled", "not a boolean"),
        (port("a", "<type>t:pigeon</type>"), "invalid-value", f"{AT}/if:type", "'pigeon' is not an interface type"),
        (port("a", "<type>ethernetCsmacd</type>"), "invalid-value", f"{AT}/if:type", "declare its prefix"),
        (port("a", ipv4(row("192.0.2.999", 24))), "invalid-value", ADDRESS.format("192.0.2.999") + "/ip:ip", "not an IPv4"),
        (port("a", ipv4(row("192.0.2.1", 33))), "invalid-value", ADDRESS.format("192.0.2.1") + "/ip:prefix-length", "range 0..32"),
        (port("a", ipv4(row("192.0.2.1", -1))), "invalid-value", ADDRESS.format("192.0.2.1") + "/ip:prefix-length", "unsigned"),
        (port("a", "<ip:ipv4><ip:mtu>67</ip:mtu></ip:ipv4>"), "invalid-value", f"{AT}/ip:ipv4/ip:mtu", "range 68..65535"),
        (port("a", "<ip:ipv6><ip:mtu>1279</ip:mtu></ip:ipv6>"), "invalid-value", f"{AT}/ip:ipv6/ip:mtu", "range 1280.."),
        (port("a", "<oper-status>up</oper-status>"), "unknown-element", f"{AT}/if:oper-status", "state, not configuration"),
        (port("a", "<colour>red</colour>"), "unknown-element", f"{AT}/if:colour", "no element colour"),
        (port("a", '<x xmlns="urn:example"/>'), "unknown-namespace", AT, "unknown namespace 'urn:example'"),
        (port("a", "<enabled>true</enabled><enabled>true</enabled>"), "bad-element", f"{AT}/if:enabled", "more than once"),
        (port("a", "<enabled><b/></enabled>"), "bad-element", f"{AT}/if:enabled", "is a leaf"),
        (port("a", "words"), "bad-element", AT, "holds text"),
        (port("a", '<enabled operation="delete"/>'), "unknown-attribute", f"{AT}/if:enabled", "unknown attribute operation"),
        (port("a", "", "upsert"), "bad-attribute", AT, "unknown operation 'upsert'"),
        ("<interface/>", "missing-element", "/if:interfaces/if:interface[if:name='']", "lacks its key name"),
    ],
)  # fmt: skip
def test_a_payload_that_breaks_the_model_is_refused_by_name(inside: str, tag: str, path: str, message: str) -> None:
    with pytest.raises(RpcErrors) as caught:
        payload.read(raw(inside))
    error = caught.value.errors[0]
    assert (error.tag, error.path) == (tag, path)
    assert message in error.message


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(RpcErrors) as caught:
        payload.read(raw(port("a", "<enabled>1</enabled>") + port("b", "<enabled>2</enabled>")))
    assert len(caught.value.errors) == 2


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (row("192.0.2.1", "+24"), [("ip", "192.0.2.1"), ("prefix-length", "24")]),
        (row(" 192.0.2.1 ", "024"), [("ip", "192.0.2.1"), ("prefix-length", "24")]),
    ],
)
def test_values_become_canonical(sent: str, kept: list[tuple[str, str]]) -> None:
    leaves = [(path.rpartition("/")[2], text) for path, text in shape(tree(port("a", ipv4(sent)))) if "address" in path]
    assert leaves == kept


@pytest.mark.parametrize(
    ("inside", "tag", "app_tag", "path"),
    [
        (port("a"), "missing-element", None, f"{AT}/if:type"),
        (port("a", TYPE + ipv4("<ip:ip>192.0.2.1</ip:ip>")), "data-missing", "missing-choice", ADDRESS.format("192.0.2.1")),
    ],
)  # fmt: skip
def test_a_configuration_without_its_mandatory_nodes_is_not_valid(inside: str, tag: str, app_tag: str | None, path: str) -> None:
    [error] = validate.validate(tree(inside))
    assert (error.tag, error.app_tag, error.path) == (tag, app_tag, path)


def test_a_whole_configuration_is_valid() -> None:
    assert validate.validate(tree(port("a", TYPE + ipv4(row("192.0.2.1", 24))))) == []
