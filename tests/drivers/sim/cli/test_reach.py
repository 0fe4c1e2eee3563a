"""What a simulated element answers when it is asked whether others do."""

import pytest

from drivers.sim.cli.shell import Shell
from drivers.sim.state import ElementState
from tests.drivers.sim.elements import router


def said(state: ElementState, *lines: str) -> str:
    shell, answer = Shell(state), ""
    for line in lines:
        parsed = shell.parse(line)
        assert parsed is not None
        answer = "\n".join(shell.run(parsed))
    return answer


@pytest.fixture
def pe2() -> ElementState:
    state = router()
    said(state, "configure terminal", "interface GigabitEthernet0/1", "ip address 10.0.0.0 255.255.255.254")
    return state


@pytest.mark.parametrize(("address", "rate"), [("10.0.0.1", 100), ("10.0.0.0", 100), ("10.0.0.2", 0), ("2001:db8::1", 0)])
def test_who_shares_a_network_with_a_working_port_answers(pe2: ElementState, address: str, rate: int) -> None:
    assert f"Success rate is {rate} percent" in said(pe2, f"ping {address} repeat 3")


def test_nobody_answers_behind_a_port_that_is_down(pe2: ElementState) -> None:
    pe2.enable("GigabitEthernet0/1", enabled=False)
    assert "Success rate is 0 percent" in said(pe2, "ping 10.0.0.1")


def test_who_is_beyond_answers_in_its_vrf_only(pe2: ElementState) -> None:
    said(pe2, "configure terminal", "vrf definition ACME")
    pe2.beyond = lambda vrf, address: (vrf, address) == ("ACME", "192.0.2.1")
    assert "Success rate is 100 percent" in said(pe2, "ping vrf ACME 192.0.2.1 repeat 3")
    assert "Success rate is 0 percent" in said(pe2, "ping 192.0.2.1 repeat 3")


def test_a_neighbour_is_established_when_it_can_be_reached(pe2: ElementState) -> None:
    said(pe2, "configure terminal", "router bgp 65000")
    assert "BGP state = Established" in said(pe2, "show bgp all neighbors 10.0.0.1")
    assert "BGP state = Active" in said(pe2, "show bgp all neighbors 192.0.2.9")
