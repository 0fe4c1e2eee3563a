"""The command line without its transport: lines in, lines out, state."""

import pytest

from drivers.sim.cli.command import Logout
from drivers.sim.cli.errors import CliError
from drivers.sim.cli.render import running_config
from drivers.sim.cli.shell import Shell
from drivers.sim.state import Address, Announcement, ElementState
from tests.drivers.sim.elements import router

SERVICE = """\
vrf definition CUST-A
 rd 65000:1
 address-family ipv4
  route-target both 65000:1
 exit-address-family
 address-family ipv6
  route-target import 65000:1
vlan 100
 name eline-7
interface Loopback0
 ip address 10.255.255.2 255.255.255.255
interface GigabitEthernet0/1
 description to customer A
 ip address 192.0.2.0 255.255.255.254
 ipv6 address 2001:db8::/127
 rate-limit input 100000000
 rate-limit output 50000000
interface GigabitEthernet0/2
 mtu 9000
 shutdown
interface GigabitEthernet0/2.100
 encapsulation dot1Q 100
 vrf forwarding CUST-A
 ip address 10.0.0.1 255.255.255.0
 ip address 10.0.1.1 255.255.255.0 secondary
interface GigabitEthernet0/3
 switchport mode trunk
 switchport trunk allowed vlan add 100
router bgp 65000
 address-family ipv4
  network 192.0.2.0 mask 255.255.255.254
 address-family ipv6
  network 2001:db8::/127
 address-family ipv4 vrf CUST-A
  network 10.0.0.0 mask 255.255.255.0
"""


def type_in(shell: Shell, text: str) -> list[str]:
    """What the lines print, errors included, as on a screen."""
    printed: list[str] = []
    for line in text.splitlines():
        try:
            parsed = shell.parse(line)
            printed += shell.run(parsed) if parsed else []
        except CliError as error:
            printed += error.lines(0)
    return printed


def configured(state: ElementState, text: str) -> list[str]:
    """The complaints while `text` is typed in configuration mode."""
    return type_in(Shell(state), f"configure terminal\n{text}")[1:]


def test_a_service_is_configured_without_complaint() -> None:
    state = router()
    assert configured(state, SERVICE) == []
    port = state.interfaces["GigabitEthernet0/1"]
    assert (port.ipv4, port.ipv6) == ([Address("192.0.2.0", 31)], [Address("2001:db8::", 127)])
    assert (port.rate_bps, port.rate_out_bps) == (100_000_000, 50_000_000)
    assert state.ports["GigabitEthernet0/1"].alias == "to customer A"
    assert not state.ports["GigabitEthernet0/2"].admin_up
    assert (state.interfaces["GigabitEthernet0/2.100"].vlan, state.interfaces["GigabitEthernet0/2.100"].vrf) == (
        100,
        "CUST-A",
    )
    assert state.vlans[100].egress == {3}
    assert Announcement("CUST-A", "10.0.0.0/24") in state.prefixes


def test_the_running_configuration_typed_into_a_blank_element_gives_the_same() -> None:
    state, twin = router(), router()
    configured(state, SERVICE)
    text = "\n".join(line for line in running_config(state) if line not in ("end", f"hostname {state.name}"))
    assert configured(twin, text) == []
    assert running_config(twin) == running_config(state)


REMOVAL = """\
router bgp 65000
 no address-family ipv4 vrf CUST-A
no router bgp 65000
interface GigabitEthernet0/1
 no description
 no ip address
 no ipv6 address 2001:db8::/127
 no rate-limit
interface GigabitEthernet0/2
 no mtu
 no shutdown
no interface GigabitEthernet0/2.100
no interface Loopback0
interface GigabitEthernet0/3
 switchport trunk allowed vlan remove 100
 no switchport mode
no vlan 100
no vrf definition CUST-A
"""


def test_every_line_has_a_no_that_leaves_no_trace() -> None:
    state = router()
    blank = running_config(state)
    configured(state, SERVICE)
    assert configured(state, REMOVAL) == []
    assert running_config(state) == blank


def test_an_error_does_not_undo_the_lines_before_it() -> None:
    state = router()
    complaints = configured(state, "interface Gi0/1\n description kept\n ip address 192.0.2.0 255.255.255.0\n mtu 1400")
    assert complaints == ["% Bad mask /24 for address 192.0.2.0"]
    assert (state.interfaces["GigabitEthernet0/1"].description, state.interfaces["GigabitEthernet0/1"].mtu) == (
        "kept",
        1400,
    )


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("interface GigabitEthernet0/9", "% Invalid input detected at '^' marker."),
        ("interface Gi0/1\n ip address 192.0.2.1 255.0.255.0", "% Bad mask 255.0.255.0 for address 192.0.2.1"),
        ("interface Gi0/1\n ip address 192.0.2.255 255.255.255.0", "% Bad mask /24 for address 192.0.2.255"),
        ("interface Gi0/1\n ip address 192.0.2.1", "% Incomplete command."),
        ("interface Gi0/1\n ip address 10.1.0.1 255.255.0.0", "% 10.1.0.0 overlaps with GigabitEthernet0/3"),
        ("interface Gi0/1\n ipv6 address 2001:db8:1::2/64", "% 2001:db8:1:: overlaps with GigabitEthernet0/3"),
        ("interface Gi0/1\n ip address 10.9.0.1 255.255.255.0 secondary", "% Primary address must be configured"),
        ("interface Gi0/1\n vrf forwarding NONE", "% VRF NONE not configured."),
        ("interface Gi0/1\n mtu 63", "% Invalid input detected at '^' marker."),
        ("interface Gi0/1\n rate-limit input 100", "% Invalid input detected at '^' marker."),
        ("interface Gi0/1\n no ip address 10.9.0.1 255.255.255.0", "% Invalid address"),
        ("interface Gi0/1\n encapsulation dot1q 5", "% Invalid input detected at '^' marker."),
        ("interface Gi0/1.5\n ip address 10.9.0.1 255.255.255.0", "% Configuring IP routing on a LAN subinterface"),
        (
            "interface Gi0/1.5\n encapsulation dot1q 5\ninterface Gi0/1.6\n encapsulation dot1q 5",
            "% Configuration of multiple subinterfaces",
        ),
        ("interface Gi0/1\n switchport trunk allowed vlan add 77,78", "% VLAN 77-78 does not exist"),
        ("interface Gi0/1\n switchport access vlan 77", "% Access VLAN does not exist. Creating vlan 77"),
        ("interface Loopback0\n switchport access vlan 1", "% Loopback0 is not a switching port."),
        ("no interface Gi0/1", "% Removal of physical interfaces is not permitted."),
        ("no interface Gi0/1.7", "% Invalid input detected at '^' marker."),
        ("vlan 4095", "% Invalid input detected at '^' marker."),
        ("no vlan 1", "% Default VLAN 1 may not be deleted."),
        ("vlan 10\n name x\nvlan 11\n name x", "% VLAN name x is in use by another VLAN."),
        ("vrf definition A\n rd 1:1\n rd 1:2", "% Cannot change the RD of VRF A; remove 1:1 first."),
        ("vrf definition A\n rd 1:1\nvrf definition B\n rd 1:1", "% Cannot set RD, 1:1 is in use by VRF A."),
        ("vrf definition A\n no route-target import 1:1", "% Route target 1:1 is not configured."),
        ("no vrf definition A", "% VRF A does not exist."),
        ("router bgp 1\nrouter bgp 2", "% BGP is already running; AS is 1"),
        ("no router bgp 1", "% BGP is not running with AS 1."),
        ("router bgp 1\n address-family ipv4 vrf A", "% VRF A does not exist."),
        (
            "vrf definition A\nrouter bgp 1\n address-family ipv4 vrf A",
            "% VRF A needs an RD and the ipv4 address family first.",
        ),
        ("router bgp 1\n address-family ipv4\n network 10.0.0.1 mask 255.0.0.0", "% Bad mask 255.0.0.0"),
        ("router bgp 1\n address-family ipv6\n network 10.0.0.0 mask 255.0.0.0", "% An ipv4 network cannot"),
        ("router bgp 1\n address-family ipv4\n no network 10.0.0.0 mask 255.0.0.0", "% Network 10.0.0.0/8 is not"),
        ("switchport mode trunk", "% Invalid input detected at '^' marker."),
        ("show version", "% Invalid input detected at '^' marker."),
        ("do configure", "% Incomplete command."),
    ],
)
def test_what_does_not_fit_is_refused_with_a_percent_sign(lines: str, complaint: str) -> None:
    state = router()
    configured(state, "interface Gi0/3\n ip address 10.1.2.1 255.255.255.0\n ipv6 address 2001:db8:1::1/48")
    complaints = [line for line in configured(state, lines) if line.startswith("%")]
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint)


def test_the_same_network_may_live_in_two_vrfs() -> None:
    state = router()
    lines = """\
vrf definition A
vrf definition B
interface Gi0/1
 vrf forwarding A
 ip address 10.0.0.1 255.255.255.0
interface Gi0/2
 vrf forwarding B
 ip address 10.0.0.1 255.255.255.0
"""
    assert configured(state, lines) == []


def test_moving_to_a_vrf_takes_the_addresses() -> None:
    state = router()
    said = configured(state, "vrf definition A\ninterface Gi0/1\n ip address 10.0.0.1 255.255.255.0\n vrf forwarding A")
    assert said == ["% Interface GigabitEthernet0/1 IPv4 and IPv6 disabled and address(es) removed due to enabling VRF A"]
    assert state.interfaces["GigabitEthernet0/1"].ipv4 == []


def test_a_primary_address_is_replaced_and_secondaries_stay() -> None:
    state = router()
    configured(
        state,
        "interface Gi0/1\n ip address 10.0.0.1 255.255.255.0\n ip address 10.0.1.1 255.255.255.0 secondary\n"
        " ip address 10.0.2.1 255.255.255.0",
    )
    assert state.interfaces["GigabitEthernet0/1"].ipv4 == [Address("10.0.2.1", 24), Address("10.0.1.1", 24)]


@pytest.mark.parametrize(
    ("lines", "prompt"),
    [
        ("", "pe2#"),
        ("conf t", "pe2(config)#"),
        ("conf t\ninterface gi0/1", "pe2(config-if)#"),
        ("conf t\ninterface gigabitethernet 0/1.20", "pe2(config-subif)#"),
        ("conf t\nvlan 5", "pe2(config-vlan)#"),
        ("conf t\nvrf definition A", "pe2(config-vrf)#"),
        ("conf t\nvrf definition A\naddress-family ipv6", "pe2(config-vrf-af)#"),
        ("conf t\nvrf definition A\naddress-family ipv6\nexit", "pe2(config-vrf)#"),
        ("conf t\nvrf definition A\naddress-family ipv6\nvlan 3", "pe2(config-vlan)#"),
        ("conf t\nrouter bgp 65000", "pe2(config-router)#"),
        ("conf t\nrouter bgp 65000\naddress-family ipv4 unicast", "pe2(config-router-af)#"),
        ("conf t\nrouter bgp 65000\naddress-family ipv4\nexit-address-family", "pe2(config-router)#"),
        ("conf t\ninterface gi0/1\nend", "pe2#"),
        ("conf t\ninterface gi0/1\nexit\nexit", "pe2#"),
        ("conf t\ninterface gi0/1\nnonsense", "pe2(config-if)#"),
        ("conf t\ninterface gi0/1\nno vlan 1", "pe2(config-if)#"),
        ("conf t\ninterface gi0/1\ndo show version", "pe2(config-if)#"),
    ],
)
def test_the_prompt_shows_the_mode(lines: str, prompt: str) -> None:
    shell = Shell(router())
    type_in(shell, lines)
    assert shell.prompt == prompt


def test_the_caret_stands_under_the_wrong_word() -> None:
    shell = Shell(router())
    with pytest.raises(CliError) as refused:
        shell.parse("show running-config interface Gi0/1 | include (")
    assert refused.value.lines(len(shell.prompt))[0] == " " * (len(shell.prompt) + 46) + "^"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("show run | include ^interface Gig", [f"interface GigabitEthernet0/{port}" for port in (1, 2, "2.100", 3)]),
        ("show run | section ^vlan", ["vlan 100", " name eline-7"]),
        ("show run | begin ^end", ["end", ""]),
        (
            "show vrf | exclude Name",
            ["  CUST-A                           65000:1               ipv4,ipv6   GigabitEthernet0/2.100"],
        ),
        ("show vlan brief | include eline", ["100  eline-7                          active    GigabitEthernet0/3"]),
        (
            "show ip interface brief | include 0/2",
            [
                "GigabitEthernet0/2     unassigned      YES manual administratively down down",
                "GigabitEthernet0/2.100 10.0.0.1        YES manual down                  down",
            ],
        ),
    ],
)
def test_output_is_filtered_behind_the_pipe(command: str, expected: list[str]) -> None:
    state = router()
    configured(state, SERVICE)
    assert type_in(Shell(state), command) == expected


def test_one_interface_of_the_running_configuration() -> None:
    state = router()
    configured(state, SERVICE)
    assert type_in(Shell(state), "show running-config interface gi0/2.100")[3:-2] == [
        "interface GigabitEthernet0/2.100",
        " encapsulation dot1Q 100",
        " vrf forwarding CUST-A",
        " ip address 10.0.0.1 255.255.255.0",
        " ip address 10.0.1.1 255.255.255.0 secondary",
    ]


def test_a_reboot_brings_back_what_was_saved() -> None:
    state = router()
    configured(state, "interface Gi0/1\n description saved")
    type_in(Shell(state), "write memory")
    saved = running_config(state)
    configured(state, "vlan 7\nrouter bgp 65000\ninterface Gi0/1\n description not saved\n switchport access vlan 7")
    state.reboot()
    assert running_config(state) == saved


def test_exit_at_the_top_ends_the_session() -> None:
    shell = Shell(router())
    parsed = shell.parse("exit")
    assert parsed is not None
    with pytest.raises(Logout):
        shell.run(parsed)
