"""One spelling per value: addresses in their shortest form, everything else as it is."""

from ipaddress import ip_address, ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.diff.values import canonical


def spelled(token: str) -> str:
    """By Python alone."""
    try:
        return str(ip_interface(token)) if "/" in token else str(ip_address(token))
    except ValueError:
        return token


@pytest.mark.parametrize(
    "token",
    ["", "up", "10.5", "ge-0/0/1", "65000:1", "10.0.0.256", "010.0.0.1", "10.0.0.1\n", "1.1.1.٣", "1e:2f:aa:bb:cc:dd", "1.2.3.4:5"],
)
def test_what_is_no_address_stays_as_it_is(token: str) -> None:
    assert canonical(token) == token


@pytest.mark.parametrize(
    ("token", "short"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("2001:DB8::0:0/127", "2001:db8::/127"),
        ("10.0.0.1/255.255.255.0", "10.0.0.1/24"),
        ("::ffff:192.0.2.1", "::ffff:c000:201"),
    ],
)
def test_an_address_has_its_shortest_form(token: str, short: str) -> None:
    assert canonical(token) == short


@given(st.text("0123456789abcdef.:/", min_size=1, max_size=20) | st.ip_addresses().map(str))
def test_every_token_is_spelled_as_python_spells_it(token: str) -> None:
    assert canonical(token) == spelled(token)


@given(st.lists(st.sampled_from(["", "0", "1", "a0", "0a", "f00", "2001", "10000"]), min_size=2, max_size=9).map(":".join))
def test_so_is_every_row_of_groups(token: str) -> None:
    assert canonical(token) == spelled(token)
