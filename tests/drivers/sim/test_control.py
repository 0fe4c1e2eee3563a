import time
from collections.abc import Iterator

import httpx
import pytest

from drivers.sim.client import SimControl
from drivers.sim.errors import ControlError, PortInUse, SimError
from drivers.sim.faults import Phase
from drivers.sim.thread import SimThread
from tests.drivers.sim.exchange import until
from tests.drivers.sim.networks import topology


@pytest.fixture
def sim() -> Iterator[SimThread]:
    with SimThread(topology(), control=("127.0.0.1", 0)) as running:
        yield running


@pytest.fixture
def control(sim: SimThread) -> Iterator[SimControl]:
    with SimControl(sim.control_url) as client:
        yield client


def port(control: SimControl, element: str, name: str) -> dict[str, object]:
    return next(p for p in control.element(element)["ports"] if p["name"] == name)  # type: ignore[attr-defined]


def test_it_lists_elements_with_their_endpoints(control: SimControl, sim: SimThread) -> None:
    first = control.elements()[0]
    address = sim.network.elements["pe1"].state.address
    assert (first["name"], first["platform"], first["address"]) == ("pe1", "ietf", address)
    assert first["endpoints"]["netconf"] == {"host": address, "port": 8300}  # type: ignore[index]


@pytest.mark.parametrize(
    ("element", "line"), [("pe1", "<description>to pe2 GigabitEthernet0/0</description>"), ("pe2", "hostname pe2")]
)
def test_it_shows_the_running_configuration(control: SimControl, element: str, line: str) -> None:
    assert line in str(control.element(element)["running"])
    assert control.element(element)["running"] == control.element(element)["running"]


def test_it_cuts_and_restores_links(control: SimControl) -> None:
    control.cut("direct")
    assert control.links()[0] == {
        "name": "direct",
        "a": "pe1:ge-0/0/0",
        "b": "pe2:GigabitEthernet0/0",
        "cut": True,
    }
    assert port(control, "pe1", "ge-0/0/0")["oper_up"] is False
    control.restore("direct")
    assert port(control, "pe1", "ge-0/0/0")["oper_up"] is True


def test_it_changes_ports(control: SimControl) -> None:
    control.shut("pe1", "ge-0/0/3")
    assert port(control, "pe1", "ge-0/0/3")["admin_up"] is False
    control.no_shut("pe1", "ge-0/0/3")
    control.plug("pe1", "ge-0/0/3", plugged=False)
    assert port(control, "pe1", "ge-0/0/3")["oper_up"] is False
    control.lose("pe1", "ge-0/0/3", 0.5)
    assert port(control, "pe1", "ge-0/0/3")["loss"] == 0.5


def test_it_changes_traffic(control: SimControl) -> None:
    control.set_traffic("office", 1e6)
    [office] = control.traffic()
    assert (office["bps"], office["reverse_bps"], office["source"]) == (1e6, 2e6, "pe1:ge-0/0/2")
    assert port(control, "pe1", "ge-0/0/2")["in_bps"] == 1e6


def test_it_arms_and_clears_faults(control: SimControl) -> None:
    first = control.inject("pe1", "refuse", phase=Phase.EDIT, message="no", times=2)
    control.inject("pe1", "snmp_silent", times=None)
    assert [(f["kind"], f["phase"], f["times"]) for f in control.faults("pe1")] == [
        ("refuse", "edit", 2),
        ("snmp_silent", "any", None),
    ]
    control.clear("pe1", first)
    assert [f["kind"] for f in control.faults("pe1")] == ["snmp_silent"]
    control.clear("pe1")
    assert control.faults("pe1") == []


def test_it_reboots(control: SimControl) -> None:
    begun = time.monotonic()
    control.reboot("pe2", seconds=0.5)
    assert control.element("pe2")["reachable"] is False or time.monotonic() - begun > 0.5
    assert until(lambda: control.element("pe2")["reachable"] is True)


def test_it_flaps_a_port(control: SimControl) -> None:
    control.flap("pe1", "ge-0/0/3", times=60, period=1.0)
    assert until(lambda: port(control, "pe1", "ge-0/0/3")["oper_up"] is False)
    assert until(lambda: port(control, "pe1", "ge-0/0/3")["oper_up"] is True)


def test_it_resets_counters(control: SimControl) -> None:
    control.set_traffic("office", 8e8)
    assert until(lambda: octets(control) > 10_000_000)
    control.set_traffic("office", 0)
    control.reset_counters("pe1")
    assert octets(control) == 0


def octets(control: SimControl) -> int:
    return port(control, "pe1", "ge-0/0/2")["counters"]["in_octets"]  # type: ignore[index,no-any-return]


def test_it_gives_inventory_and_host_keys(control: SimControl, sim: SimThread) -> None:
    assert [e["name"] for e in control.inventory()["elements"]] == ["pe1", "pe2", "p1"]  # type: ignore[attr-defined]
    assert control.known_hosts() == sim.network.known_hosts()


@pytest.mark.parametrize(
    ("ask", "status", "complaint"),
    [
        (lambda c: c.cut("nowhere"), 404, "there is no link nowhere"),
        (lambda c: c.element("pe9"), 404, "there is no element pe9"),
        (lambda c: c.shut("pe1", "x"), 404, "pe1 has no port x"),
        (lambda c: c.clear("pe1", 99999), 404, "no fault 99999 is armed"),
        (lambda c: c.lose("pe1", "ge-0/0/3", 2), 422, "less than or equal to 1"),
        (lambda c: c.inject("pe1", "gremlin"), 422, "Input should be 'refuse'"),
        (lambda c: c.flap("pe1", "x", 1, 1), 404, "no port x"),
        (lambda c: [c.reboot("pe1", 600), c.reboot("pe1", 600)], 409, "rebooting already"),
    ],
)
def test_a_mistake_is_answered_with_its_name(control: SimControl, ask: object, status: int, complaint: str) -> None:
    with pytest.raises(ControlError, match=complaint) as caught:
        ask(control)  # type: ignore[operator]
    assert caught.value.status == status


def test_a_request_under_another_host_name_is_refused(sim: SimThread) -> None:
    assert httpx.get(f"{sim.control_url}/elements", headers={"host": "evil.example"}).status_code == 400


def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(SimError, match=r"0\.0\.0\.0 is not loopback"):
        SimThread(topology(), control=("0.0.0.0", 0)).start()


def test_a_control_port_that_is_taken_is_named(sim: SimThread) -> None:
    taken = int(sim.control_url.rpartition(":")[2])
    with pytest.raises(PortInUse, match=f"port {taken}"):
        SimThread(topology(), control=("127.0.0.1", taken)).start()
