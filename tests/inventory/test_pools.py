"""The arithmetic of pools, by table and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.errors import InvalidPool
from inventory.pools import PoolSpace, space_of

SPACES: dict[str, tuple[str, dict[str, object]]] = {
    "vlan": ("vlan", {"ranges": [[100, 199], [300, 399]]}),
    "vni": ("vni", {"ranges": [[1, 16_777_215]]}),
    "integer": ("integer", {"ranges": [[0, 0], [7, 9]]}),
    "ipv4 links": ("ipv4-prefix", {"prefix": "10.0.0.0/8", "length": 31}),
    "ipv6 links": ("ipv6-prefix", {"prefix": "2001:db8::/32", "length": 127}),
    "ipv4 hosts": ("ipv4-address", {"prefix": "192.0.2.0/24"}),
    "ipv6 hosts": ("ipv6-address", {"prefix": "2001:db8::/64"}),
    "rd": ("rd", {"administrator": 65000, "ranges": [[1, 999]]}),
    "rt": ("rt", {"administrator": "192.0.2.1"}),
}


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> PoolSpace:
    return space_of(*SPACES[request.param])


@given(data=st.data())
@pytest.mark.parametrize("name", SPACES)
def test_every_offset_gives_a_value_that_leads_back_to_it(name: str, data: st.DataObject) -> None:
    space = space_of(*SPACES[name])
    offset = data.draw(st.integers(0, space.size - 1))
    assert space.offset(space.at(offset)) == offset


@pytest.mark.parametrize(
    ("name", "size", "first", "last"),
    [
        ("vlan", 200, "100", "399"),
        ("integer", 4, "0", "9"),
        ("ipv4 links", 2**23, "10.0.0.0/31", "10.255.255.254/31"),
        ("ipv6 links", 2**95, "2001:db8::/127", "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/127"),
        ("ipv4 hosts", 254, "192.0.2.1", "192.0.2.254"),
        ("ipv6 hosts", 2**64 - 1, "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"),
        ("rd", 999, "65000:1", "65000:999"),
        ("rt", 65535, "192.0.2.1:1", "192.0.2.1:65535"),
    ],
)
def test_size_and_ends(name: str, size: int, first: str, last: str) -> None:
    space = space_of(*SPACES[name])
    assert (space.size, space.at(0), space.at(space.size - 1)) == (size, first, last)


@pytest.mark.parametrize(
    ("prefix", "usable"),
    [("192.0.2.0/31", ["192.0.2.0", "192.0.2.1"]), ("192.0.2.7/32", ["192.0.2.7"]), ("192.0.2.0/30", ["192.0.2.1", "192.0.2.2"])],
)
def test_small_networks_give_every_usable_address(prefix: str, usable: list[str]) -> None:
    space = space_of("ipv4-address", {"prefix": prefix})
    assert [space.at(offset) for offset in range(space.size)] == usable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vlan", "200"),
        ("vlan", "x"),
        ("vlan", "-1"),
        ("ipv4 links", "11.0.0.0/31"),
        ("ipv4 links", "10.0.0.0/30"),
        ("ipv4 links", "10.0.0.1/31"),
        ("ipv4 links", "2001:db8::/127"),
        ("ipv4 hosts", "192.0.2.0"),
        ("ipv4 hosts", "192.0.2.255"),
        ("ipv6 hosts", "192.0.2.1"),
        ("rd", "65001:1"),
        ("rd", "65000:1000"),
    ],
)
def test_a_value_outside_the_pool_has_no_offset(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        space_of(*SPACES[name]).offset(value)


@pytest.mark.parametrize(
    ("kind", "definition", "path"),
    [
        ("vlans", {}, "kind"),
        ("vlan", {}, "ranges"),
        ("vlan", {"ranges": []}, "ranges"),
        ("vlan", {"ranges": [[0, 5]]}, "ranges[0]"),
        ("vlan", {"ranges": [[1, 2], [5, 4095]]}, "ranges[1]"),
        ("vlan", {"ranges": [[9, 1]]}, "ranges[0]"),
        ("vlan", {"ranges": [[True, 5]]}, "ranges[0]"),
        ("vlan", {"ranges": [[1, 5], [5, 9]]}, "ranges"),
        ("vlan", {"ranges": [[1, 5]], "size": 3}, "size"),
        ("ipv4-prefix", {"prefix": "10.0.0.1/8", "length": 31}, "prefix"),
        ("ipv4-prefix", {"prefix": "2001:db8::/32", "length": 127}, "prefix"),
        ("ipv4-prefix", {"prefix": "10.0.0.0/16", "length": 8}, "length"),
        ("ipv4-prefix", {"prefix": "10.0.0.0/16"}, "length"),
        ("rd", {"administrator": "acme"}, "administrator"),
        ("rd", {"administrator": 70000, "ranges": [[1, 65536]]}, "ranges[0]"),
        ("bandwidth", {"capacity_bps": 0}, "capacity_bps"),
    ],
)
def test_a_definition_without_sense_is_refused_where_it_is_wrong(kind: str, definition: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidPool) as refusal:
        space_of(kind, definition)
    assert refusal.value.path == path
