"""`fabd order plan` as an operator calls it, on a running daemon: everything is told, and the network does not even notice."""

import json

from drivers.sim.faults import Phase
from tests.agent.installation import ORDERS, add, delete, eventually

TRIES = 1000
"""Far more connections than any order makes."""


def test_orders_of_every_kind_are_planned_without_any_element_being_called(installation):
    quiet = "[polling]\ninterval_s = 86400\n"
    installation.config.write_text(installation.config.read_text() + quiet)
    with installation.running() as process, installation.client(process) as http:
        placed = http.post(ORDERS, json=installation.order(add("1", accessPort="sw1/1"))).json()
        eventually(lambda: http.get(placed["href"]).json()["state"] == "completed")
        service = placed["serviceOrderItem"][0]["service"]["id"]
        texts = installation.running_texts()
        for name in texts:
            installation.sim.call(lambda network, name=name: network.elements[name].faults.disconnect(Phase.CONNECT, TRIES))

        changed = {"id": service, "serviceCharacteristic": [{"name": "description", "value": "branch"}]}
        suspended = {"id": service, "state": "inactive"}
        for items, expected in (
            ([add("1", port="pe1/ge-0/0/1")], ("10.0.0.2/31", "lines added", "pe1 (ietf, confirmed)")),
            ([{"id": "1", "action": "modify", "service": changed}], ("would modify", "description")),
            ([{"id": "1", "action": "modify", "service": suspended}], ("would suspend", "no interface")),
            ([delete("1", service)], ("would delete", "no interface", "would give back")),
        ):
            file = installation.folder / "order.json"
            file.write_text(json.dumps(installation.order(*items)))
            said = installation.command("order", "plan", str(file), "--url", process.url, "--token", installation.token)
            assert said.code == 0, said.err
            for words in expected:
                assert words in said.out, (words, said.out)
            assert said.err.endswith("nothing was kept or sent\n")
            whole = installation.command("order", "plan", str(file), "--json", "--url", process.url, "--token", installation.token)
            assert json.loads(whole.out)["plans"][0]["changes"]

        assert installation.running_texts() == texts
        for name in texts:
            (armed,) = installation.sim.call(lambda network, name=name: network.elements[name].faults.armed())
            assert armed.times == TRIES, f"{name} was called"
        assert len(http.get(ORDERS).json()) == 1
        assert http.get("/api/v1/elements").json()[0]["hold"] is None
