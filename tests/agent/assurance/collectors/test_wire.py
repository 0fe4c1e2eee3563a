"""Shipped collectors against simulated elements over real sockets: NETCONF, and the command lines of IOS and EOS."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.assurance.collectors.asking import Asking
from agent.assurance.collectors.roster import Place
from agent.catalog import load_collectors
from agent.clock import SystemClock
from drivers.port import Credential, Target
from drivers.registry import Drivers
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from tests.loopback import fresh

COLLECTORS = {collector.name: collector for collector in load_collectors()}
SECONDS = 60.0
TOPOLOGY = {
    "name": "three",
    "elements": [
        {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/[1-2]"]},
        {"name": "pe2", "platform": "eos", "ports": ["Ethernet[1-2]"]},
        {"name": "pe3", "platform": "ios", "ports": ["GigabitEthernet0/[1-2]"]},
        {"name": "sw1", "platform": "qbridge", "ports": ["1"]},
    ],
    "links": [
        {"name": "one", "a": "pe1:ge-0/0/1", "b": "pe3:GigabitEthernet0/1"},
        {"name": "two", "a": "pe2:Ethernet1", "b": "pe3:GigabitEthernet0/2"},
    ],
    "bgp": ["pe1", "pe2", "pe3"],
}
WAYS = {"pe1": ("ietf", "netconf"), "pe2": ("eos", "ssh"), "pe3": ("ios", "ssh")}
ALL = [("openconfig-bgp", "pe1"), ("eos-bgp", "pe2"), ("ios-bgp", "pe3")]


@pytest.fixture(scope="module")
def sim() -> Iterator[SimThread]:
    with SimThread(parse_topology(TOPOLOGY).moved(fresh())) as thread:
        yield thread


@pytest.fixture(scope="module")
def ask(sim: SimThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., object]]:
    known_hosts: Path = tmp_path_factory.mktemp("keys") / "known_hosts"
    known_hosts.write_text(sim.network.known_hosts())
    secrets = sim.network.topology.credentials.resolve()
    drivers = Drivers()

    def target_of(place: Place) -> Target:
        credential = Credential("sim", secrets.user, secrets.password)
        return Target(place.element, place.platform, place.protocol, place.host, place.port, credential, known_hosts)

    asking = Asking(drivers, target_of, SystemClock())

    def asked(name: str, element: str):
        platform, protocol = WAYS[element]
        endpoint = sim.network.elements[element].endpoints[protocol]
        place = Place(element, platform, protocol, endpoint.host, endpoint.port, "sim")
        (reply,) = asking(place, [COLLECTORS[name]], SECONDS)
        return reply

    yield asked
    drivers.close()


def standings(reply) -> dict[str, str]:
    assert reply.found is not None, reply.failure
    return {state.qualifier: str(state.standing) for state in reply.found.states}


def address(sim: SimThread, element: str) -> str:
    return sim.network.elements[element].state.address


@pytest.mark.parametrize(("name", "element"), ALL)
def test_neighbours_are_well_until_their_session_is_held_down(sim, ask, name, element):
    others = [other for other in WAYS if other != element]
    assert standings(ask(name, element)) == {address(sim, other): "good" for other in others}
    sim.call(lambda network: network.hold_session(element, others[0], held=True))
    try:
        assert standings(ask(name, element)) == {address(sim, others[0]): "bad", address(sim, others[1]): "good"}
    finally:
        sim.call(lambda network: network.hold_session(element, others[0], held=False))


@pytest.mark.parametrize(("name", "element", "link"), [("eos-ospf", "pe2", "two"), ("ios-ospf", "pe3", "two")])
def test_an_adjacency_goes_with_its_link(sim, ask, name, element, link):
    other = f"{address(sim, 'pe3' if element == 'pe2' else 'pe2')}.0"
    assert standings(ask(name, element))[other] == "good"
    sim.call(lambda network: network.cut(link))
    try:
        assert other not in standings(ask(name, element))
    finally:
        sim.call(lambda network: network.restore(link))


@pytest.mark.parametrize(
    ("name", "element", "port"),
    [
        ("openconfig-optics", "pe1", "ge-0/0/2"),
        ("eos-optics", "pe2", "Ethernet2"),
        ("ios-optics", "pe3", "GigabitEthernet0/2"),
    ],
)
def test_what_the_fibre_takes_away_is_missing_at_the_port(sim, ask, name, element, port):
    shown = port.replace("GigabitEthernet", "Gi")

    def light() -> dict[str, float]:
        found = ask(name, element).found
        return {value.metric: value.value for value in found.values if value.port == shown}

    assert light() == {"receive_power_dbm": -6.0, "transmit_power_dbm": -2.0, "temperature_celsius": 35.0}
    sim.call(lambda network: network.attenuate(element, port, 21.5))
    try:
        assert light()["receive_power_dbm"] == -27.5
    finally:
        sim.call(lambda network: network.attenuate(element, port, 0))


def test_an_element_that_does_not_know_the_command_refuses_and_one_that_is_not_trusted_is_not_spoken_to(sim, ask):
    platform, protocol = WAYS["pe3"]
    endpoint = sim.network.elements["pe3"].endpoints[protocol]
    reply = ask("eos-bgp", "pe3")
    assert (reply.found, reply.reached) == (None, True)
    assert reply.failure.startswith("it refuses: 'show ip bgp summary vrf all | json': % Invalid input")
    drivers = Drivers()
    place = Place("pe3", platform, protocol, endpoint.host, endpoint.port, "sim")
    stranger = Target("pe3", platform, protocol, endpoint.host, endpoint.port, Credential("sim"))
    refused = Asking(drivers, lambda _: stranger, SystemClock())
    (reply,) = refused(place, [COLLECTORS["ios-bgp"]], SECONDS)
    drivers.close()
    assert (reply.found, reply.reached) == (None, False)
    assert "known_hosts" in reply.failure


def test_a_credential_that_cannot_be_read_is_an_answer_too():
    def nothing(place: Place) -> Target:
        raise LookupError(f"there is no credential {place.credential!r}")

    asking = Asking(Drivers(), nothing, SystemClock())
    (reply,) = asking(Place("pe9", "ios", "ssh", "192.0.2.1", 22, "gone"), [COLLECTORS["ios-bgp"]], SECONDS)
    assert (reply.reached, reply.failure) == (False, "there is no credential 'gone'")
