"""`fabd element redeploy` where the daemon does not say all that is asked of it."""

import pytest

from tests.agent.cli.daemon import Call, Reply, Stub

DRIFT = {
    "element": "pe1",
    "state": "drifted",
    "missing": ["vlan 5"],
    "unexpected": [],
    "services": ["svc-1"],
    "reason": "",
    "payload": "",
}
PLAN = {"id": "pln-1", "state": "done", "failures": []}


def answer(call: Call) -> Reply:
    if call.path.endswith("/redeploy"):
        return Reply(200, {"plan_id": "pln-1", "elements": [DRIFT, DRIFT | {"element": "pe2"}]})
    if call.path.endswith("/plans/pln-1"):
        return Reply(200, PLAN)
    if call.path.endswith("/pe1/check-sync"):
        return Reply(409, {"code": "conflict", "message": "pe1 cannot be looked at"})
    return Reply(200, DRIFT | {"element": "pe2", "state": "inSync"})


@pytest.fixture
def redeployed(fabd):
    def run(*more: str):
        with Stub(answer) as stub:
            return fabd("element", "redeploy", "pe1", *more, "--url", stub.url, "--token", "fabd_id_secret")

    return run


def test_what_a_plan_came_to_is_told_whatever_comes_of_comparing_again(redeployed):
    said = redeployed()
    assert said.code == 0
    assert said.out.splitlines()[-3:] == ["plan pln-1: done; see: fabd plan show pln-1", "pe1: unknown", "pe2: inSync"]
    assert said.err == "fabd: pe1 was not compared again: pe1 cannot be looked at\n"


def test_programs_are_told_the_same(redeployed):
    said = redeployed("--json")
    assert (said.code, said.json["plan"], said.json["now"]) == (0, PLAN, {"pe1": "unknown", "pe2": "inSync"})
