"""The closed loop on a network that breaks: services leave a link that is cut; a bounce in vain is told on the ticket."""

import pytest

from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from inventory.services import service_view
from tests.agent.installation import ORDERS, Installation, add, eventually
from tests.loopback import fresh

TRIANGLE = {
    "name": "triangle",
    "elements": [
        {"name": name, "platform": "qbridge", "role": "access", "ports": ["[1-3]", "up1", "up2"]} for name in ("sw1", "sw2", "sw3")
    ],
    "links": [
        {"name": "direct", "a": "sw1:up1", "b": "sw2:up1"},
        {"name": "left", "a": "sw1:up2", "b": "sw3:up1"},
        {"name": "right", "a": "sw3:up2", "b": "sw2:up2"},
    ],
}
RULES = """
rules:
  - name: move
    title: leave a link that has failed
    deed: move-path
    trigger: {causes: [linkDown], standing_s: 0}
    guards: {per_object: 1, in_all: 5, within_s: 3600, pause_s: 0, elements_at_once: 8}
    clears_within_s: 60
    measured_by: services
    return: {when: cleared, for_s: 2}
    mode: automatic
  - name: bounce
    title: shut a port for a moment
    deed: bounce-port
    trigger: {causes: [linkDown], standing_s: 0}
    guards: {per_object: 1, in_all: 5, within_s: 3600, pause_s: 0, elements_at_once: 8}
    clears_within_s: 2
    mode: automatic
"""
SETTINGS = """
[actions]
look_every_s = 0.2
[polling]
interval_s = 1
[assurance]
hold_s = 1
verify_spacing_s = 0.2
[catalog]
actions = ["{folder}"]
"""


@pytest.fixture
def line(tmp_path, host_keys):
    """A daemon in front of a triangle of switches, with an Ethernet line over its direct link."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(RULES)
    more = SETTINGS.format(folder=tmp_path / "rules")
    with (
        SimThread(parse_topology(TRIANGLE | {"network": fresh()}), host_keys) as sim,
        Installation(tmp_path / "fabd", sim, more=more) as installation,
        installation.running() as process,
        installation.client(process) as http,
    ):
        order = http.post(ORDERS, json=installation.order(add("1", "l2-eline", a="sw1/1", b="sw2/1", description="Acme")))
        assert order.status_code == 201, order.text
        path = f"{ORDERS}/{order.json()['id']}"
        done = eventually(lambda: (found := http.get(path).json())["state"] in {"completed", "failed"} and found)
        assert done["state"] == "completed", done
        service = done["serviceOrderItem"][0]["service"]["id"]
        eventually(lambda: health(http, service) == "up")
        yield installation, http, service


def health(http, service):
    return http.get(f"/api/v1/services/{service}/health").json()["state"]


def ended(http, rule, **wanted):
    def look():
        found = http.get("/api/v1/actions", params={"open": "false", "rule": rule, **wanted}).json()
        return found[0] if found else None

    return http.get(f"/api/v1/actions/{eventually(look)['id']}").json()


def test_services_leave_a_link_that_is_cut_and_are_up_again(line):
    installation, http, service = line
    installation.sim.call(lambda network: network.cut("direct"))
    action = ended(http, "move", state="effective,ineffective,failed,refused")
    assert action["state"] == "effective", action
    assert (action["object"], action["services"], len(action["orders"])) == ("link:direct", [service], 1)
    assert action["outcome"].startswith("no service is down any more (1 of 1 services moved)")
    assert action["before"]["services"] == {service: "down"}
    assert action["after"]["services"] == {service: "up"}
    order = http.get(f"{ORDERS}/{action['orders'][0]}").json()
    assert action["id"] in order["description"]
    other = ended(http, "move", state="obsolete")  # of the alarm at the link's other end
    assert other["outcome"].endswith("no active service runs over link direct; nothing is to move")


def links(installation, service):
    with installation.database.read() as session:
        return set(service_view(session, service).links)


def test_services_come_back_when_the_link_has_healed_and_are_up_all_the_while(line):
    installation, http, service = line
    assert links(installation, service) == {"direct"}
    installation.sim.call(lambda network: network.cut("direct"))
    there = ended(http, "move", state="effective,ineffective,failed,refused")
    assert links(installation, service) == {"left", "right"}
    assert there["returns"] == "cleared"
    refused = http.post(f"/api/v1/actions/{there['id']}/undo", json={})
    assert refused.status_code == 409, refused.text
    assert "link direct is not healed: sw1/up1 is down" in refused.text
    installation.sim.call(lambda network: network.restore("direct"))
    back = eventually(lambda: http.get("/api/v1/actions", params={"undoes": there["id"], "state": "measuring,done"}).json())[0]
    assert (back["asked_by"], back["object"], back["services"]) == ("daemon", "link:direct", [service])
    assert links(installation, service) == {"direct"}
    assert health(http, service) == "up"
    there = http.get(f"/api/v1/actions/{there['id']}").json()
    assert there["returns"] == ""
    assert there["changes"][-1]["detail"].startswith(f"taken back by action {back['id']}: 1 of 1 services moved")
    order = http.get(f"{ORDERS}/{back['orders'][0]}").json()
    assert f"takes back action {there['id']}" in order["description"]


def test_a_dead_port_is_bounced_in_vain_and_the_ticket_says_so(line):
    installation, http, service = line
    installation.sim.call(lambda network: network.plug("sw1", "1", plugged=False))
    action = ended(http, "bounce")
    assert (action["state"], action["object"], action["services"]) == ("ineffective", "sw1/1", [service])
    assert action["outcome"].startswith("the alarm stands, ")
    tickets = http.get("/tmf-api/troubleTicket/v4/troubleTicket").json()
    assert len(tickets) == 1
    notes = [note["text"] for note in tickets[0]["note"]]
    assert any(note.startswith("Begun: bounce-port on sw1/1.") for note in notes)
    assert any(note.startswith("It did not help: the alarm stands") and "services down 1 → 1" in note for note in notes)
