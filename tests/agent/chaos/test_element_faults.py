"""An element hangs up, refuses, hangs, reboots or is cut off, at each phase: the order ends truthfully, and all is well again."""

from itertools import product

import pytest
from sqlalchemy import select

from agent.fulfillment.tables import OrderRow, PlanRow
from drivers.sim.faults import Fault, FaultKind, Phase
from drivers.sim.network import SimNetwork
from inventory.tables import WorkItemRow
from tests.agent.chaos.client import Client
from tests.agent.chaos.results import note, whole
from tests.agent.chaos.scenarios import IMPATIENT, all_of_them, gone, mended, nothing, services
from tests.agent.installation import eventually

pytestmark = pytest.mark.chaos

PHASES = tuple(phase for phase in Phase if phase not in {Phase.ANY, Phase.TEST})
KINDS: tuple[FaultKind, ...] = ("disconnect", "refuse", "hang")
ROUTERS = ("pe1", "pe2", "pe3")
"""The switch speaks SNMP alone, which knows no phases."""
HANGS_S = 8.0
"""Longer than fabd waits here."""
WAITS = ("after hold", "after stage", "after commit", "after decide", "after confirm")
"""Where the daemon is held while something happens to an element."""
FAULTS = [("disconnect", Phase.AFTER_COMMIT, "pe1"), ("refuse", Phase.COMMIT, "pe3"), ("disconnect", Phase.SAVE, "pe2")]
LOSSES = [("cut off", "after commit", "pe2"), ("reboots", "after decide", "pe1")]
if whole():
    FAULTS = list(product(KINDS, PHASES, ROUTERS))
    LOSSES = [*product(["cut off"], WAITS, (*ROUTERS, "sw1")), *product(["reboots"], WAITS, ROUTERS)]
FAULTS_OF = {kind: [fault for fault in FAULTS if fault[0] == kind] for kind in KINDS} if whole() else {"each kind": FAULTS}
"""By the name that a test has for them."""
WAYS = {"add": (nothing, all_of_them), "delete": (services, gone)}
ENDS = {"completed", "failed"}


@pytest.fixture
def more_settings() -> str:
    """The daemon does not wait long."""
    return IMPATIENT


@pytest.mark.parametrize("faults", FAULTS_OF)
@pytest.mark.parametrize("way", WAYS)
def test_a_fault_at_any_phase(client, mortal, way, faults):
    client.expects_errors = True
    prepare, items = WAYS[way]
    for kind, phase, element in FAULTS_OF[faults]:
        prepare(client, mortal.process)
        fault = Fault(kind, phase, seconds=HANGS_S, times=1)
        client.installation.sim.call(lambda network, fault=fault, element=element: network.elements[element].faults.inject(fault))
        end = client.finish(mortal.process, client.order(*items(client)))["state"]
        client.installation.sim.call(mended)
        assert end in ENDS
        note("fault", f"{kind}, {way}", str(phase), end)
    client.survive_a_reboot()


@pytest.mark.parametrize("way", WAYS)
def test_an_element_that_is_lost_and_comes_back(client, mortal, way):
    client.expects_errors = True
    prepare, items = WAYS[way]
    for kind, where, element in LOSSES:
        prepare(client, mortal.process)
        order = client.order(*items(client))
        mortal.follow((f"wait {where}",))
        order_id = client.send(mortal.process, order)["id"]
        mortal.arrive(f"wait {where}")
        client.installation.sim.call(lose, kind, element)
        mortal.go_on()
        if kind == "cut off":
            seen_by_fabd(client, order_id)
            client.installation.sim.call(mended)
        end = client.finish(mortal.process, order)["state"]
        assert end in ENDS
        note("partition" if kind == "cut off" else "fault", f"{kind}, {way}", where, end)
    client.survive_a_reboot()


def lose(network: SimNetwork, kind: str, element: str) -> None:
    if kind == "reboots":
        network.reboot(element)
    else:
        network.isolate(element)


def seen_by_fabd(client: Client, order_id: str) -> None:
    """The order has ended without the element, waits for it to be tried again, or it is in doubt."""
    put_back = (
        select(WorkItemRow.id)
        .join(PlanRow, PlanRow.id == WorkItemRow.key)
        .where(PlanRow.order_id == order_id, WorkItemRow.last_error != "")
    )

    def seen() -> bool:
        with client.installation.database.read() as session:
            return session.scalars(put_back).first() is not None or session.get_one(OrderRow, order_id).state in {"held", *ENDS}

    eventually(seen)
