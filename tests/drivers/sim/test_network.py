import socket
import time
from pathlib import Path

import pytest

from drivers.sim.errors import PortInUse, UnknownObject
from drivers.sim.inventory import inventory_document
from drivers.sim.network import Demand, SimNetwork
from drivers.sim.paths import End
from drivers.sim.state import EventKind, SimPort
from drivers.sim.thread import SimThread
from tests.drivers.sim.exchange import until
from tests.drivers.sim.networks import TRIANGLE, running, topology

DIRECT = ("pe1", "ge-0/0/0"), ("pe2", "GigabitEthernet0/0")
CUSTOMER = ("pe1", "ge-0/0/2")


def port(sim: SimThread, element: str, name: str) -> SimPort:
    return sim.call(SimNetwork.port, element, name)


def oper_up(sim: SimThread, *ends: tuple[str, str]) -> list[bool]:
    return [port(sim, *end).oper_up for end in ends]


def listen(sim: SimThread, element: str) -> list[tuple[EventKind, str]]:
    heard: list[tuple[EventKind, str]] = []
    sim.call(
        lambda n: n.elements[element].state.listeners.append(
            lambda _, kind, changed: heard.append((kind, changed.name if changed else ""))
        )
    )
    return heard


# -- links


def test_cutting_a_link_takes_down_both_ends_and_restoring_brings_them_back() -> None:
    with running() as sim:
        near, far = listen(sim, "pe1"), listen(sim, "pe2")
        sim.call(SimNetwork.cut, "direct")
        assert oper_up(sim, *DIRECT) == [False, False]
        sim.call(SimNetwork.restore, "pe1:ge-0/0/0")
        assert oper_up(sim, *DIRECT) == [True, True]
    assert near == [("linkDown", "ge-0/0/0"), ("linkUp", "ge-0/0/0")]
    assert far == [("linkDown", "GigabitEthernet0/0"), ("linkUp", "GigabitEthernet0/0")]


def test_a_port_that_is_shut_takes_its_far_end_down() -> None:
    with running() as sim:
        sim.call(SimNetwork.set_admin, *DIRECT[0], up=False)
        assert oper_up(sim, *DIRECT) == [False, False]
        assert port(sim, *DIRECT[0]).carrier
        sim.call(SimNetwork.set_admin, *DIRECT[1], up=False)
        sim.call(SimNetwork.set_admin, *DIRECT[0], up=True)
        assert oper_up(sim, *DIRECT) == [False, False]
        sim.call(SimNetwork.set_admin, *DIRECT[1], up=True)
        assert oper_up(sim, *DIRECT) == [True, True]


def test_a_cable_pulled_from_a_cut_link_does_not_come_up_when_put_back() -> None:
    with running() as sim:
        sim.call(SimNetwork.cut, "direct")
        sim.call(SimNetwork.plug, *DIRECT[0], plugged=False)
        heard = listen(sim, "pe1")
        sim.call(SimNetwork.plug, *DIRECT[0], plugged=True)
        assert oper_up(sim, *DIRECT) == [False, False]
    assert heard == []


def test_a_customer_port_goes_down_with_its_cable() -> None:
    with running() as sim:
        sim.call(SimNetwork.plug, *CUSTOMER, plugged=False)
        assert oper_up(sim, CUSTOMER) == [False]
        sim.call(SimNetwork.plug, *CUSTOMER, plugged=True)
        assert oper_up(sim, CUSTOMER) == [True]


def test_a_flapping_port_ends_up_and_takes_its_far_end_along() -> None:
    with running() as sim:
        far = listen(sim, "pe2")
        sim.call(lambda n: n.elements["pe1"].faults.flap("ge-0/0/0", 3, 0.02))
        assert until(lambda: len(far) == 6)
        assert oper_up(sim, *DIRECT) == [True, True]
    assert far == [("linkDown", "GigabitEthernet0/0"), ("linkUp", "GigabitEthernet0/0")] * 3


# -- traffic


def rates(sim: SimThread, element: str, name: str) -> tuple[float, float]:
    found = port(sim, element, name)
    return found.in_bps, found.out_bps


def test_traffic_takes_the_direct_link_and_the_detour_when_it_is_cut() -> None:
    with running() as sim:
        assert rates(sim, *DIRECT[0]) == (2e6, 8e6)
        assert rates(sim, "p1", "xe-0/0/0") == (0, 0)
        sim.call(SimNetwork.cut, "direct")
        assert rates(sim, *DIRECT[0]) == (0, 0)
        assert rates(sim, "p1", "xe-0/0/0") == (8e6, 2e6)
        assert rates(sim, "p1", "xe-0/0/1") == (2e6, 8e6)
        assert rates(sim, "pe2", "GigabitEthernet0/2") == (2e6, 8e6)


def test_traffic_stops_when_either_customer_port_is_down() -> None:
    with running() as sim:
        sim.call(SimNetwork.set_admin, "pe2", "GigabitEthernet0/2", up=False)
        assert rates(sim, *CUSTOMER) == (0, 0)
        assert rates(sim, *DIRECT[0]) == (0, 0)


def test_counters_hold_what_flowed() -> None:
    with running() as sim:
        begun, before = time.monotonic(), _octets(sim)
        assert until(lambda: _octets(sim) - before > 20_000)
        flowed, took = _octets(sim) - before, time.monotonic() - begun
    assert flowed <= 8e6 / 8 * took * 1.02 + 2_000


def _octets(sim: SimThread) -> int:
    def read(network: SimNetwork) -> int:
        network.elements["pe1"].state.count()
        return network.port(*CUSTOMER).counters.in_octets

    return sim.call(read)


def test_a_demand_can_change_and_a_rate_limits_it() -> None:
    with running() as sim:
        sim.call(SimNetwork.set_demand, "office", 4e6)
        assert rates(sim, *CUSTOMER) == (4e6, 2e6)

        def limit(network: SimNetwork) -> None:
            state = network.elements["pe1"].state
            state.interface("ge-0/0/2").rate_bps = 1_000_000
            state.changed()

        sim.call(limit)
        assert rates(sim, *CUSTOMER) == (1e6, 2e6)


def test_a_demand_that_requires_a_service_waits_for_it() -> None:
    [demand] = TRIANGLE["traffic"]  # type: ignore[misc]
    with running(traffic=[{**demand, "requires_service": True}]) as sim:
        assert rates(sim, *CUSTOMER) == (0, 0)
        sim.call(_configure, "pe1", "ge-0/0/2")
        assert rates(sim, *CUSTOMER) == (0, 0)
        sim.call(_configure, "pe2", "GigabitEthernet0/2.100")
        assert rates(sim, *CUSTOMER) == (8e6, 2e6)
        sim.call(_configure, "pe2", "GigabitEthernet0/2.100", enabled=False)
        assert rates(sim, *CUSTOMER) == (0, 0)


def _configure(network: SimNetwork, element: str, interface: str, *, enabled: bool = True) -> None:
    state = network.elements[element].state
    state.interface(interface).vlan = 100
    state.enable(interface, enabled)
    state.changed()


def test_loss_shows_behind_the_port() -> None:
    with running() as sim:
        sim.call(SimNetwork.lose, "pe2", "GigabitEthernet0/0", 0.25)
        assert rates(sim, "pe2", "GigabitEthernet0/2") == (2e6, 6e6)


# -- management


def test_inband_an_element_without_a_path_is_out_of_reach() -> None:
    with running(management={"inband": True, "via": "p1"}) as sim:
        reachable = lambda: [e.state.reachable for e in sim.network.elements.values()]  # noqa: E731
        assert sim.call(lambda _: reachable()) == [True, True, True]
        sim.call(SimNetwork.cut, "west")
        assert sim.call(lambda _: reachable()) == [True, True, True]
        heard_when_unreachable = []
        sim.call(
            lambda n: n.elements["pe1"].state.listeners.append(
                lambda state, kind, _: heard_when_unreachable.append((kind, state.reachable))
            )
        )
        sim.call(SimNetwork.cut, "direct")
        assert sim.call(lambda _: reachable()) == [False, True, True]
        # so the element's own linkDown finds no way out, as it would be
        assert heard_when_unreachable == [("linkDown", False)]
        sim.call(SimNetwork.restore, "direct")
        assert sim.call(lambda _: reachable()) == [True, True, True]


def test_who_is_isolated_stays_so_whatever_else_happens_and_keeps_carrying_traffic() -> None:
    with running() as sim:
        sim.call(SimNetwork.isolate, "pe2")
        sim.call(SimNetwork.cut, "direct")
        sim.call(SimNetwork.restore, "direct")
        assert sim.call(lambda n: [name for name, each in n.elements.items() if not each.state.reachable]) == ["pe2"]
        assert oper_up(sim, *DIRECT) == [True, True]
        sim.call(SimNetwork.isolate, "pe2", isolated=False)
        assert sim.call(lambda n: n.elements["pe2"].state.reachable)


def test_a_reboot_takes_its_time_and_the_neighbours_notice() -> None:
    with running() as sim:
        neighbours = DIRECT[1], ("p1", "xe-0/0/0")

        def down(network: SimNetwork) -> list[bool]:
            network.reboot("pe1", 0.1)
            return [network.elements["pe1"].state.reachable, *(network.port(*each).oper_up for each in neighbours)]

        assert sim.call(down) == [False, False, False]
        assert until(lambda: sim.call(lambda n: n.elements["pe1"].state.reachable))
        assert oper_up(sim, *neighbours) == [True, True]
        assert sim.call(lambda n: n.elements["pe1"].state.uptime()) < 6000


# -- the network as a whole


def test_ten_elements_start_within_two_seconds_of_a_processor() -> None:
    platforms = ["ietf", "ios", "qbridge", "ietf", "ios"] * 2
    elements = [{"name": f"e{n}", "platform": p, "ports": ["p[1-24]"]} for n, p in enumerate(platforms)]
    begun = time.process_time()
    with running({"name": "ten", "elements": elements}):
        assert time.process_time() - begun < 2


def test_host_keys_outlive_a_restart_when_there_is_a_folder(tmp_path: Path) -> None:
    keys, described = tmp_path / "keys", topology()
    first, second = SimNetwork(described, keys).known_hosts(), SimNetwork(described, keys).known_hosts()
    assert first == second
    assert first != SimNetwork(described).known_hosts()
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}


def test_an_address_that_is_taken_is_named_and_nothing_stays_behind() -> None:
    described = topology()
    last = described.addresses()["p1"]
    with socket.create_server((last, described.protocols.netconf)), pytest.raises(PortInUse, match=f"{last} port 8300"):
        SimThread(described).start()
    with SimThread(described):
        pass


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda n: n.cut("nowhere"), "no link nowhere; the network has direct, west, east"),
        (lambda n: n.port("pe9", "x"), "no element pe9; the network has pe1, pe2, p1"),
        (lambda n: n.plug("pe1", "x", plugged=False), "pe1: no port x; it has ge-0/0/0"),
        (lambda n: n.set_demand("x", 1), "no traffic x; the network has office"),
    ],
)
def test_what_is_not_there_is_named(ask: object, complaint: str) -> None:
    with pytest.raises(UnknownObject, match=complaint):
        ask(SimNetwork(topology()))  # type: ignore[operator]


def test_the_inventory_describes_the_network() -> None:
    network = SimNetwork(topology())
    document = inventory_document(network)
    pe1 = document["elements"][0]  # type: ignore[index]
    address = network.elements["pe1"].state.address
    assert pe1["endpoints"]["netconf"] == {"host": address, "port": 8300, "credential": "sim"}
    assert set(pe1["endpoints"]) == {"netconf", "snmp"}
    assert [p["role"] for p in pe1["ports"]] == ["core", "core", "customer", "customer"]
    assert document["links"][0] == {"name": "direct", "a": "pe1/ge-0/0/0", "b": "pe2/GigabitEthernet0/0"}  # type: ignore[index]


def test_a_demand_may_be_added() -> None:

    with running() as sim:
        sim.call(SimNetwork.add_demand, Demand("new", End("pe1", "ge-0/0/3"), End("p1", "xe-0/0/3"), 5.0))
        assert rates(sim, "p1", "xe-0/0/3") == (0, 5.0)
