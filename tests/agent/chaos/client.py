"""A client of the daemon that does not give up: it sends its order again, by the same `externalId`, until it is answered."""

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import httpx
from sqlalchemy import select

from agent.fulfillment.plan import ENDED
from agent.fulfillment.tables import PlanRow
from tests.agent.chaos.truth import Twin, untruths
from tests.agent.installation import NETWORK as THREE_ELEMENTS
from tests.agent.installation import ORDERS, Installation, Process, add, eventually

NETWORK = {
    **THREE_ELEMENTS,
    "elements": [*THREE_ELEMENTS["elements"], {"name": "pe3", "platform": "eos", "ports": ["Ethernet[1-3]"]}],
}
"""NETCONF and a command line with confirmed commits, a plain command line, SNMP."""
CANCELS = "/tmf-api/serviceOrdering/v4/cancelServiceOrder"
WORDS = ("as ordered", "as ordered later")
FINAL = ("completed", "failed", "partial", "cancelled", "rejected")
Order = dict[str, Any]


class Client:
    """Remembers which of its services are there."""

    def __init__(self, installation: Installation, twin: Twin) -> None:
        self.installation, self._twin = installation, twin
        self._numbers = count(1)
        self.services: list[str] = []
        self.suspended = False
        self.words = WORDS[0]
        """What services are described by."""
        self.expects_errors = False
        """In the daemon's log."""

    # -- orders --------------------------------------------------------------------------------------------------------

    def order(self, *items: Order) -> Order:
        return self.installation.order(*items, external_id=f"chaos-{next(self._numbers)}")

    def send(self, process: Process, order: Order) -> Order:
        """Raises httpx.TransportError when the daemon dies meanwhile."""
        with self.installation.client(process) as http:
            answer = http.post(ORDERS, json=order)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def finish(self, process: Process, order: Order) -> Order:
        """The order as it ended, and everything else as it should be then."""
        ended = self.wait_for_end(process, self.send(process, order)["id"])
        self.see_that_all_is_well(process)
        if ended["state"] == "completed":
            self._remember(ended)
        return ended

    def wait_for_end(self, process: Process, order_id: str) -> Order:
        return self.wait_for_state(process, order_id, FINAL)

    def wait_for_state(self, process: Process, order_id: str, states: Container[str]) -> Order:
        """The order, as soon as its state is one of these."""

        def look() -> Order | None:
            with self.installation.client(process) as http:
                answer = http.get(f"{ORDERS}/{order_id}")
            assert answer.status_code == 200, answer.text
            order: Order = answer.json()
            return order if order["state"] in states else None

        found: Order = eventually(look, every=0.1)  # more often than 1,200 times a minute a client is told to wait
        return found

    def cancel(self, process: Process, order: Order) -> None:
        """Unless it has ended."""
        order_id = self.send(process, order)["id"]
        with self.installation.client(process) as http:
            answer = http.post(CANCELS, json={"serviceOrder": {"id": order_id}, "cancellationReason": "chaos"})
        assert answer.status_code in {201, 409}, answer.text

    def done(self, process: Process, *items: Order) -> None:
        """Ordered, and completed undisturbed."""
        ended = self.finish(process, self.order(*items))
        assert ended["state"] == "completed", ended

    # -- redeployment --------------------------------------------------------------------------------------------------

    def redeploy(self, process: Process, service_id: str) -> None:
        """Raises httpx.TransportError when the daemon dies meanwhile."""
        with self.installation.client(process) as http:
            answer = http.post(f"/api/v1/services/{service_id}/redeploy", json={"dry_run": False})
        assert answer.status_code == 200, answer.text

    def redeployed(self, process: Process) -> str:
        """How the latest redeployment ended."""
        latest = select(PlanRow.state).where(PlanRow.purpose == "redeploy").order_by(PlanRow.id.desc()).limit(1)

        def ended() -> str:
            with self.installation.database.read() as session:
                state = session.scalars(latest).one()
            return state if state in ENDED else ""

        try:
            return str(eventually(ended))
        except AssertionError as error:
            raise AssertionError(f"no redeployment has ended:\n{process.log}") from error

    # -- looking -------------------------------------------------------------------------------------------------------

    def see_that_all_is_well(self, process: Process) -> None:
        found: list[str] = []

        def well() -> bool:
            found[:] = untruths(self.installation.database, self.installation.sim, self._twin)
            return not found

        with suppress(
            AssertionError
        ):  # what follows an order's end (a recheck, a late push, a cancellation's last word) has its time
            eventually(well, every=0.2)
        assert not found, "\n".join([*found, process.log])
        if not self.expects_errors:
            assert '"level": "error"' not in process.log, process.log

    def survive_a_reboot(self) -> None:
        """What the elements run stands in their startup configuration, too."""
        before = self.installation.running_texts()
        self.installation.sim.call(lambda network: [network.reboot(name) for name in network.elements])
        assert self.installation.running_texts() == before

    def _remember(self, ended: Order) -> None:
        actions = {item["action"] for item in ended["serviceOrderItem"]}
        if actions == {"add"}:
            self.services = [item["service"]["id"] for item in ended["serviceOrderItem"]]
        elif actions == {"delete"}:
            self.services, self.suspended = [], False
        for item in ended["serviceOrderItem"]:
            wanted = item["service"].get("state", "")
            if item["action"] == "modify" and wanted in {"active", "inactive"}:
                self.suspended = wanted == "inactive"


def everywhere(words: str) -> list[Order]:
    """One network transaction over NETCONF, command lines with and without confirmed commits, and SNMP."""
    return together(
        add("1", port="pe1/ge-0/0/1", description=words),
        add("2", accessPort="sw1/1", description=words, rate=len(words)),
        add("3", port="pe3/Ethernet1", description=words),
    )


def together(*items: Order) -> list[Order]:
    """All of them are one plan."""
    first, *others = items
    return [first, *(item | _bundled(first["id"]) for item in others)]


def modify(reference: str, service_id: str, *, state: str = "", **characteristics: object) -> Order:
    values = [{"name": name, "value": value} for name, value in characteristics.items()]
    service: Order = {"id": service_id, "serviceCharacteristic": values}
    return {"id": reference, "action": "modify", "service": service | ({"state": state} if state else {})}


def of_each(make: Callable[[str, str], Order], services: Sequence[str]) -> list[Order]:
    return together(*(make(str(number), service) for number, service in enumerate(services, 1)))


def quietly(send: Callable[[], object]) -> None:
    """The daemon may die before it answers."""
    with suppress(httpx.TransportError):
        send()


def _bundled(other: str) -> Order:
    return {"serviceOrderItemRelationship": [{"relationshipType": "bundle", "orderItem": {"itemId": other}}]}
