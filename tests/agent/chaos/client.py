"""A client of the daemon that does not give up: it sends its order again, by the same `externalId`, until it is answered."""

from contextlib import suppress
from itertools import count
from typing import Any

import httpx

from tests.agent.chaos.truth import Twin, untruths
from tests.agent.installation import ORDERS, Installation, Process, add, delete, eventually

FINAL = ("completed", "failed", "partial", "cancelled", "rejected")


class Client:
    """Its orders are one network transaction over NETCONF, a command line and SNMP: there, then gone again, in turns."""

    def __init__(self, installation: Installation, twin: Twin) -> None:
        self.installation, self._twin = installation, twin
        self._numbers = count(1)
        self._services: list[str] = []

    def next_order(self) -> dict[str, Any]:
        external_id = f"chaos-{next(self._numbers)}"
        if self._services:
            first, second = self._services
            items = [delete("1", first), delete("2", second, bundle="1")]
        else:
            branch = add("2", bundle="1", accessPort="sw1/1", rate=100, description="Branch")
            items = [add("1", port="pe1/ge-0/0/1", description="Head office"), branch]
        return self.installation.order(*items, external_id=external_id)

    def send(self, process: Process, order: dict[str, Any]) -> dict[str, Any]:
        """Raises httpx.TransportError when the daemon dies meanwhile."""
        with self.installation.client(process) as http:
            answer = http.post(ORDERS, json=order)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def finish(self, process: Process, order: dict[str, Any]) -> dict[str, Any]:
        """The order as it ended, and everything else as it should be then."""
        order_id = self.send(process, order)["id"]
        ended = eventually(lambda: self._ended(process, order_id))
        wrong = untruths(self.installation.database, self.installation.sim, self._twin)
        assert not wrong, "\n".join([*wrong, process.log])
        assert '"level": "error"' not in process.log, process.log
        added = order["serviceOrderItem"][0]["action"] == "add"
        if ended["state"] == "completed":
            self._services = [item["service"]["id"] for item in ended["serviceOrderItem"]] if added else []
        return ended

    def survive_a_reboot(self) -> None:
        """What the elements run stands in their startup configuration, too."""
        before = self.installation.running_texts()
        self.installation.sim.call(lambda network: [network.reboot(name) for name in network.elements])
        assert self.installation.running_texts() == before

    def _ended(self, process: Process, order_id: str) -> dict[str, Any] | None:
        with self.installation.client(process) as http:
            answer = http.get(f"{ORDERS}/{order_id}")
        assert answer.status_code == 200, answer.text
        order: dict[str, Any] = answer.json()
        return order if order["state"] in FINAL else None


def quietly(send: Any) -> None:
    """The daemon may die before it answers."""
    with suppress(httpx.TransportError):
        send()
