"""Any sequence of orders and misfortunes over NETCONF, command lines and SNMP at once, carried out by a daemon that may be killed.

After each of them the network is what a fresh activation of the services that are there makes of it; so it is after a reboot of
everything. The same over elements in memory, with many more sequences: `tests/agent/test_any_sequence.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import OrderRow
from drivers.sim.faults import Fault, FaultKind, Phase
from drivers.sim.network import SimNetwork
from tests.agent.chaos.client import Client, Order, everywhere, modify, of_each, quietly
from tests.agent.chaos.mortal import Mortal
from tests.agent.chaos.results import note, whole
from tests.agent.chaos.scenarios import IMPATIENT, WAY, mended
from tests.agent.chaos.test_element_faults import HANGS_S
from tests.agent.installation import add, delete, eventually

pytestmark = pytest.mark.chaos

ELEMENTS = ("pe1", "pe2", "pe3", "sw1")
PHASES = (Phase.CONNECT, Phase.LOCK, Phase.EDIT, Phase.COMMIT, Phase.AFTER_COMMIT, Phase.CONFIRM, Phase.READ, Phase.SAVE)
ON_THE_WAY = WAY[:-1]
"""After the last one the order has ended, and nobody waits for what happens then."""
BUNDLE, LINE = "everywhere", "line"


@dataclass(frozen=True)
class Trouble:
    kind: str = ""
    """A fault of an element, killed, cancelled or rebooted; "" for none."""
    element: str = ""
    where: str = ""
    """A phase of the element, or a checkpoint of the journal."""


@dataclass(frozen=True)
class Wish:
    product: str
    action: str
    words: str
    trouble: Trouble


KINDS: tuple[FaultKind, ...] = ("disconnect", "refuse", "hang")
TROUBLES = st.one_of(
    st.just(Trouble()),
    st.builds(Trouble, st.sampled_from(KINDS), st.sampled_from(ELEMENTS[:3]), st.sampled_from(PHASES)),
    st.builds(Trouble, st.just("killed"), st.just(""), st.sampled_from(ON_THE_WAY)),
    st.builds(Trouble, st.just("cancelled"), st.just(""), st.sampled_from(ON_THE_WAY)),
    st.builds(Trouble, st.just("rebooted"), st.sampled_from(ELEMENTS[:3]), st.sampled_from(ON_THE_WAY)),
)
WISHES = st.builds(
    Wish,
    st.sampled_from([BUNDLE, BUNDLE, LINE]),
    st.sampled_from(["modify", "modify", "delete", "suspend", "resume"]),
    st.sampled_from(["first", "second", "third"]),
    TROUBLES,
)


class Customer:
    """Wants one bundle and one line, changed and called off as it likes."""

    def __init__(self, client: Client, mortal: Mortal) -> None:
        self.client, self.mortal = client, mortal
        self.services: dict[str, list[str]] = {}
        self.suspended: set[str] = set()

    def has(self, wish: Wish) -> str:
        """Ordered, with its trouble, and everything seen to be well; how the order ended."""
        action, items = self._items(wish)
        order = self.client.order(*items)
        self._befall(wish.trouble, order)
        ended = self.client.finish(self.mortal.process, order)
        self.client.installation.sim.call(mended)
        if ended["state"] == "completed":
            self._remember(wish.product, action, [item["service"]["id"] for item in ended["serviceOrderItem"]])
        return str(ended["state"])

    def leave(self) -> None:
        for product in list(self.services):
            self.has(Wish(product, "delete", "", Trouble()))

    def _items(self, wish: Wish) -> tuple[str, list[Order]]:
        """What it comes to: of what is not there, an add."""
        there, asleep = self.services.get(wish.product), wish.product in self.suspended
        if there is None:
            first = everywhere(wish.words) if wish.product == BUNDLE else [add("1", "l2-eline", a="sw1/2", b="sw1/3")]
            return "add", first
        if wish.action == "delete":
            return "delete", of_each(delete, there)
        if asleep or wish.action in {"suspend", "resume"}:
            wanted = "active" if asleep else "inactive"
            return wanted, of_each(lambda reference, service: modify(reference, service, state=wanted), there)
        changed = {"description": wish.words} if wish.product == BUNDLE else {"vlan": 200 + len(wish.words) % 4}
        return "modify", of_each(lambda reference, service: modify(reference, service, **changed), there)

    def _remember(self, product: str, action: str, services: list[str]) -> None:
        if action == "delete":
            del self.services[product]
            self.suspended.discard(product)
        elif action == "add":
            self.services[product] = services
        elif action in {"active", "inactive"}:
            (self.suspended.discard if action == "active" else self.suspended.add)(product)

    def _befall(self, trouble: Trouble, order: Order) -> None:
        """Send the order, and let it happen when there is an occasion."""
        client, mortal = self.client, self.mortal
        acts: dict[str, tuple[str, Callable[[], object]]] = {
            "killed": ("die", lambda: mortal.be_reborn(1)),
            "cancelled": ("wait", lambda: client.cancel(mortal.process, order)),
            "rebooted": ("wait", lambda: client.installation.sim.call(SimNetwork.reboot, trouble.element)),
        }
        how, act = acts.get(trouble.kind, ("", lambda: None))
        line = f"{how} {trouble.where}"
        mortal.follow((line,) if how else ())
        if trouble.kind in KINDS:
            fault = Fault(trouble.kind, Phase(trouble.where), seconds=HANGS_S, times=1)
            client.installation.sim.call(lambda network: network.elements[trouble.element].faults.inject(fault))
        quietly(lambda: client.send(mortal.process, order))
        if how and eventually(lambda: "happened" if mortal.has_told(line) else self._ended(order)) == "happened":
            act()
            if how == "wait":
                mortal.go_on()
        mortal.follow(())

    def _ended(self, order: Order) -> str:
        """The state it has ended in, as the database says: the daemon may be dead."""
        with self.client.installation.database.read() as session:
            state = session.scalar(select(OrderRow.state).where(OrderRow.external_id == order["externalId"]))
        return state if state in FINAL else ""


@pytest.fixture
def more_settings() -> str:
    return IMPATIENT


# each example leaves nothing behind, and sees that it does
@settings(max_examples=10 if whole() else 2, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(wishes=st.lists(WISHES, min_size=4, max_size=7))
def test_whatever_is_ordered_and_whatever_happens_the_network_is_as_if_freshly_activated(client, mortal, wishes):
    client.expects_errors = True
    customer = Customer(client, mortal)
    for wish in wishes:
        end = customer.has(wish)
        note("sequence", f"{wish.trouble.kind or 'undisturbed'}", wish.trouble.where, end)
    client.survive_a_reboot()
    customer.leave()
