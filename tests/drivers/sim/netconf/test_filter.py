"""Subtree filters after the examples of RFC 6241, chapter 6.4."""

import pytest
from lxml import etree

from drivers.sim.netconf.filter import select
from drivers.sim.netconf.names import IF, IP
from tests.drivers.sim.netconf.trees import TYPE, ipv4, port, row, shape, tree

DATA = port("a", TYPE + "<description>one</description>" + ipv4(row("192.0.2.1", 24), row("192.0.2.2", 25))) + port("b", TYPE)
A_NAME, B_NAME = ("interfaces/interface/name", "a"), ("interfaces/interface/name", "b")
TYPES = ("interfaces/interface/type", "ianaift:ethernetCsmacd")
ROW = "interfaces/interface/ipv4/address"
SECOND = [(f"{ROW}/ip", "192.0.2.2"), (f"{ROW}/prefix-length", "25")]
ADDRESSES = [(f"{ROW}/ip", "192.0.2.1"), (f"{ROW}/prefix-length", "24"), *SECOND]
WHOLE_A = [A_NAME, TYPES, ("interfaces/interface/description", "one"), *ADDRESSES]


def selected(inside: str) -> list[tuple[str, str]]:
    wanted = etree.fromstring(f'<filter xmlns:ip="{IP}">{inside}</filter>'.encode())
    return shape(select(tree(DATA), wanted))


def interfaces(inside: str) -> str:
    return f'<interfaces xmlns="{IF}">{inside}</interfaces>'


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param("", [], id="an empty filter selects nothing"),
        pytest.param(interfaces(""), [*WHOLE_A, B_NAME, TYPES], id="a selection node selects all below it"),
        pytest.param('<interfaces xmlns="urn:other"/>', [], id="another namespace"),
        pytest.param("<interfaces/>", [*WHOLE_A, B_NAME, TYPES], id="no namespace matches any"),
        pytest.param(interfaces("<interface><name/></interface>"), [A_NAME, B_NAME], id="one leaf of all entries"),
        pytest.param(interfaces("<interface><name>a</name></interface>"), WHOLE_A, id="content match selects the entry"),
        pytest.param(interfaces("<interface><name>z</name></interface>"), [], id="content that nobody has"),
        pytest.param(interfaces("<interface><name>b</name><type/></interface>"), [B_NAME, TYPES], id="content and selection"),
        pytest.param(interfaces("<interface><name>b</name><mtu/></interface>"), [], id="a leaf that is not there"),
        pytest.param(
            interfaces("<interface><ip:ipv4><ip:address><ip:ip>192.0.2.2</ip:ip></ip:address></ip:ipv4></interface>"),
            [A_NAME, *SECOND],
            id="content below; keys of the lists above come along",
        ),
        pytest.param(
            interfaces("<interface><name>b</name></interface><interface><name>a</name><description/></interface>"),
            [A_NAME, ("interfaces/interface/description", "one"), B_NAME, TYPES],
            id="several patterns of one name are a union",
        ),
    ],
)  # fmt: skip
def test_a_filter_selects_what_rfc_6241_says(wanted: str, found: list[tuple[str, str]]) -> None:
    assert selected(wanted) == found


def test_no_filter_selects_everything() -> None:
    assert shape(select(tree(DATA), None)) == shape(tree(DATA))


def test_the_data_is_not_changed() -> None:
    data = tree(DATA)
    select(data, etree.fromstring(interfaces("<interface><name/></interface>").join(["<filter>", "</filter>"]).encode()))
    assert shape(data) == shape(tree(DATA))
