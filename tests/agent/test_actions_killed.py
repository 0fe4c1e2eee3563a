"""The daemon is killed while it has a port shut: the next one opens it; and a service test that a rule runs, over real sockets."""

import pytest

from tests.agent import installation as place
from tests.agent.installation import ORDERS, Installation, add, eventually, simulated_network
from tests.loopback import numbered

RULES = """
rules:
  - name: bounce-for-long
    title: shut a customer port for longer than it takes to kill the daemon meanwhile
    deed: bounce-port
    trigger: {causes: [linkDown], standing_s: 0}
    guards: {per_object: 1, in_all: 5, within_s: 3600, pause_s: 0, elements_at_once: 1}
    shut_s: 30
"""
SETTINGS = """
[actions]
look_every_s = 0.2
[actions.modes]
bounce-for-long = "manual"
test-degraded-service = "manual"
[catalog]
actions = ["{folder}"]
"""


@pytest.fixture
def network(host_keys):
    with simulated_network(2, host_keys) as sim:
        yield sim


@pytest.fixture
def house(tmp_path, network, monkeypatch):
    """Customers' routers have loopback addresses here, so that the simulated network can answer for them."""
    links = numbered(5).replace(".0/24", ".0/29")
    monkeypatch.setattr(
        place, "POOLS", [{**pool, "prefix": links} if pool["name"] == "ipv4-links" else pool for pool in place.POOLS]
    )
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yaml").write_text(RULES)
    with Installation(tmp_path / "fabd", network, more=SETTINGS.format(folder=rules)) as installation:
        yield installation


def ordered(house, http, *items):
    path = f"{ORDERS}/{http.post(ORDERS, json=house.order(*items)).json()['id']}"
    done = eventually(lambda: (found := http.get(path).json())["state"] in {"completed", "failed"} and found)
    assert done["state"] == "completed", done
    return [item["service"]["id"] for item in done["serviceOrderItem"]]


def ended(http):
    def look():
        found = http.get("/api/v1/actions", params={"open": "false"}).json()
        return found[0] if found else None

    return eventually(look)


def is_up(house, port):
    element, _, name = port.partition("/")
    return house.sim.call(lambda network: network.elements[element].state.ports[name].oper_up)


@pytest.mark.parametrize("port", ["pe1/ge-0/0/1", "sw1/1"], ids=["confirmed", "immediate"])
def test_a_port_that_a_killed_daemon_left_shut_is_opened_by_the_next_one(house, port):
    with house.running() as first, house.client(first) as http:
        ordered(house, http, add("1", port="pe1/ge-0/0/1"), add("2", accessPort="sw1/1"))
        before = house.running_texts()
        answer = http.post("/api/v1/actions", json={"rule": "bounce-for-long", "about": port})
        assert answer.status_code == 201, answer.text
        eventually(lambda: not is_up(house, port))
        first.kill()
    assert not is_up(house, port)
    with house.running() as second, house.client(second) as http:
        action = ended(http)
        assert is_up(house, port)
        assert action["state"] == "failed"
        assert "the worker ended after the network may have been changed" in action["outcome"]
        plan = http.get(f"/api/v1/plans/{action['plan_id']}").json()
        assert (plan["state"], plan["decision"]) == ("failed", "revert")
        assert http.get("/api/v1/elements", params={"in_doubt": "true"}).json() == []
        assert house.running_texts() == before


def test_a_service_test_is_run_again_and_its_verdict_is_the_outcome(house):
    with house.running() as process, house.client(process) as http:
        (service,) = ordered(house, http, add("1", port="pe1/ge-0/0/0", measure="stamp", measurePort=8620))
        answer = http.post("/api/v1/actions", json={"rule": "test-degraded-service", "about": service})
        assert answer.status_code == 201, answer.text
        action = ended(http)
        assert (action["state"], action["object"], action["services"]) == ("done", f"service:{service}", [service])
        assert action["outcome"].startswith("test msr-")
        assert "passed" in action["outcome"]
        tests = http.get(f"/api/v1/services/{service}/tests").json()
        assert f"action:{action['id']}" in {test["by"] for test in tests}
