"""Every shipped platform says how a port is shut and opened again, and each leads exactly back."""

import pytest
from pydantic import ValidationError

from drivers.diff import change_set
from drivers.platform import Toggle, load_platform, platforms

SHUT = {
    "eos": ["interface Ethernet3", "shutdown", "exit"],
    "frr": ["interface eth3", "shutdown", "exit"],
    "frr-linux": ["$ ip link set dev eth3 down"],
    "ietf": ["<enabled>false</enabled>"],
    "ios": ["shutdown"],
    "junos": ["<disable/>"],
    "qbridge": ['{"op": "set", "leaf": "admin", "port": 7, "value": "down"}'],
    "vyos": ["set interfaces ethernet eth3 disable"],
}
OPEN = {
    "eos": ["no shutdown"],
    "frr": ["no shutdown"],
    "frr-linux": ["$ ip link set dev eth3 up"],
    "ietf": ["<enabled>true</enabled>"],
    "ios": ["no shutdown"],
    "junos": ['<disable nc:operation="remove"/>'],
    "qbridge": ['{"op": "set", "leaf": "admin", "port": 7, "value": "up"}'],
    "vyos": ["delete interfaces ethernet eth3 disable"],
}


@pytest.mark.parametrize("name", platforms())
def test_a_port_is_shut_and_opened_in_the_platform_s_own_words(name):
    platform = load_platform(name)
    assert platform.toggle is not None
    opened, shut = platform.toggle.texts(platform.sample_port.format(n=3), 7)
    there = change_set(platform, "pe1", opened, shut)
    back = change_set(platform, "pe1", shut, opened)
    said, undone = (list(map(str.strip, text.splitlines())) for text in (there.forward, there.reverse))
    assert all(line in said for line in SHUT[name])
    assert all(line in undone for line in OPEN[name])
    assert (back.forward, back.reverse) == (there.reverse, there.forward)


def test_nothing_is_removed_but_the_leaf_itself():
    """An interface of Junos that says nothing but `disable` is still an interface."""
    platform = load_platform("junos")
    assert platform.toggle is not None
    there = change_set(platform, "pe1", *platform.toggle.texts("ge-0/0/3", None))
    assert there.reverse.count("operation=") == 1


@pytest.mark.parametrize("shut", ["shutdown", "interface {port", "interface {port} {speed}", "interface {}"])
def test_a_toggle_that_names_no_port_or_more_than_can_be_filled_in_is_refused(shut):
    with pytest.raises(ValidationError):
        Toggle(shut=shut)


def test_a_bridge_s_port_needs_its_index():
    with pytest.raises(ValueError, match="ifIndex of 3 is not known"):
        Toggle(shut="admin: {{{if_index}: down}}").texts("3", None)
