"""Voice VLANs and multicast profiles of subscribers' ports."""

import pytest

from drivers.sim.cli import eos
from drivers.sim.cli.modes import Mode
from drivers.sim.cli.render import running_config
from drivers.sim.cli.shell import Shell
from drivers.sim.state import ElementState
from tests.drivers.sim.cli.test_shell import type_in
from tests.drivers.sim.elements import router

SUBSCRIBER = """\
configure terminal
vlan 300
ip igmp profile 10
 permit
 range 239.192.10.0 239.192.10.63
interface GigabitEthernet0/1
 switchport mode access
 switchport voice vlan 300
 ip igmp filter 10
 ip igmp max-groups 2
end
"""
GONE = """\
configure terminal
interface GigabitEthernet0/1
 no ip igmp max-groups
 no ip igmp filter
 no switchport voice vlan
 no switchport mode
no ip igmp profile 10
no vlan 300
end
"""


@pytest.fixture
def state() -> ElementState:
    return router()


def test_a_subscribers_port_is_shown_as_it_was_typed(state: ElementState) -> None:
    assert type_in(Shell(state), SUBSCRIBER)[1:] == []
    text = "\n".join(running_config(state))
    assert "ip igmp profile 10\n permit\n range 239.192.10.0 239.192.10.63\n!" in text
    assert " switchport voice vlan 300\n ip igmp filter 10\n ip igmp max-groups 2\n" in text


def test_what_was_typed_can_be_taken_back(state: ElementState) -> None:
    before = running_config(state)
    printed = type_in(Shell(state), SUBSCRIBER + GONE)
    assert [line for line in printed if line.startswith("%")] == []
    assert running_config(state) == before


def test_it_survives_a_reboot_once_saved(state: ElementState) -> None:
    type_in(Shell(state), SUBSCRIBER)
    state.save()
    type_in(Shell(state), GONE)
    state.reboot()
    assert "ip igmp profile 10" in running_config(state)
    assert " switchport voice vlan 300" in running_config(state)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("interface GigabitEthernet0/1\n switchport voice vlan 301", "VLAN 301 does not exist"),
        ("ip igmp profile 10\n range 10.0.0.0 10.0.0.9", "no range of multicast groups"),
        ("ip igmp profile 10\n range 239.1.1.9 239.1.1.1", "no range of multicast groups"),
        ("ip igmp profile 10\n no range 239.1.1.1 239.1.1.9", "is not configured"),
    ],
)
def test_what_makes_no_sense_is_refused(state: ElementState, lines: str, said: str) -> None:
    assert said in "\n".join(type_in(Shell(state), f"configure terminal\n{lines}"))


def test_eos_calls_it_a_phone() -> None:
    typed = eos.typed(" switchport phone vlan 300", Mode.INTERFACE)
    assert typed == "switchport voice vlan 300"
    assert eos.shown([f" {typed}"]) == [" switchport phone vlan 300"]
    assert eos.typed("no switchport phone vlan", Mode.INTERFACE) == "no switchport voice vlan"
