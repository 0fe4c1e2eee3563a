"""Simulated elements, and customers' routers behind their ports, reflect STAMP."""

import time

import pytest

from drivers.probing.prober import ProbeLimits, Prober
from drivers.probing.tally import Figures, figures
from drivers.probing.target import target_of
from drivers.sim.faults import Fault, Phase
from drivers.sim.state import Address
from tests.drivers.sim.networks import running
from tests.loopback import fresh

PORT = "ge-0/0/2"


@pytest.fixture
def sim():
    with running() as network:
        yield network


@pytest.fixture
def customer(sim):
    """Address of the router behind the customer port of pe1."""
    base = fresh().rpartition(".")[0]

    def configure(network):
        state = network.elements["pe1"].state
        state.interface(f"{PORT}.100").ipv4.append(Address(f"{base}.0", 31))
        state.interface(PORT).ipv4.append(Address("10.0.0.1", 30))
        state.interface("lo0").ipv4.append(Address(f"{base}.9", 32))
        state.changed()

    sim.call(configure)
    return f"{base}.1"


@pytest.fixture
def ask(sim):
    port = sim.network.elements["pe1"].reflecting.port

    def asked(address: str, packets: int = 3, patience_s: float = 30.0) -> Figures:
        target = target_of("stamp", address, port)
        prober = Prober(ProbeLimits(timeout_s=patience_s))
        prober.start()
        try:
            return figures(prober.measure([target], packets=packets, interval_s=0.01, deadline=time.monotonic() + 60)[target])
        finally:
            prober.stop()

    return asked


def addresses(sim):
    return sim.call(lambda network: network.elements["pe1"]._stamp.addresses)


def test_an_element_reflects_unless_nothing_reaches_it(sim, ask):
    own = sim.network.elements["pe1"].reflecting.host
    assert ask(own).received == 3
    sim.call(lambda network: network.isolate("pe1"))
    assert ask(own, patience_s=0.3).received == 0


def test_a_customers_router_reflects_while_its_port_is_up(sim, ask, customer):
    assert ask(customer).received == 3
    sim.call(lambda network: network.plug("pe1", PORT, plugged=False))
    assert ask(customer, patience_s=0.3).received == 0
    sim.call(lambda network: network.plug("pe1", PORT, plugged=True))
    assert ask(customer).received == 3


def test_what_a_port_loses_is_not_reflected(sim, ask, customer):
    sim.call(lambda network: network.lose("pe1", PORT, 0.5))
    assert 0.2 < ask(customer, packets=60, patience_s=1.0).loss_ratio < 0.8


def test_a_slow_way_is_a_delay_and_refused_packets_are_lost(sim, ask, customer):
    sim.call(lambda network: network.elements["pe1"].faults.slow(0.05, Phase.MEASURE))
    assert 0.05 <= ask(customer).delay_min_s < 30
    sim.call(lambda network: network.elements["pe1"].faults.clear())
    sim.call(lambda network: network.elements["pe1"].faults.inject(Fault("refuse", Phase.MEASURE)))
    assert ask(customer, patience_s=0.3).received == 0


def test_a_fault_of_any_phase_leaves_test_packets_alone(sim, ask, customer):
    armed = sim.call(lambda network: network.elements["pe1"].faults.inject(Fault("refuse", Phase.ANY, times=1)))
    assert ask(customer).received == 3
    assert sim.call(lambda network: network.elements["pe1"].faults.armed()) == [armed]


def test_routers_come_and_go_with_the_configuration_and_are_only_on_loopback(sim, customer):
    own = sim.network.elements["pe1"].reflecting.host
    assert addresses(sim) == sorted([own, customer])

    def clear(network):
        state = network.elements["pe1"].state
        state.interfaces[f"{PORT}.100"].ipv4.clear()
        state.changed()

    sim.call(clear)
    assert addresses(sim) == [own]
