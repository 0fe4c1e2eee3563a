"""Following an order to its end."""

import json
import re

import httpx
import pytest

from agent.cli import watch
from agent.cli.client import Daemon
from agent.cli.errors import DaemonRefused, DaemonUnreachable, Unfinished
from agent.cli.watch import watch_order
from tests.agent.cli.daemon import PATIENCE_S, Call, Reply, Stub


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(watch, "INTERVAL_S", 0.001)


def order(state: str) -> Reply:
    return Reply(200, {"id": "ord-1", "state": state, "serviceOrderItem": [{"id": "1", "action": "add", "state": state}]})


def plan(state: str, step: str, decision: str | None = None) -> dict:
    return {"id": "pln-1", "state": state, "step": step, "decision": decision, "changes": [{"element": "pe1"}]}


class Course:
    """Each look at the order takes the next reply; the last one stays."""

    def __init__(self, *orders: Reply, plans: list[dict] | None = None) -> None:
        self._orders, self._plans = list(orders), plans or []

    def __call__(self, call: Call) -> Reply:
        if call.path.endswith("/plans"):
            return Reply(200, self._plans)
        return self._orders.pop(0) if len(self._orders) > 1 else self._orders[0]


def watched(course: Course, timeout: float = 60.0) -> dict:
    with Stub(course) as stub, httpx.Client(base_url=stub.url, timeout=PATIENCE_S, trust_env=False) as http:
        return watch_order(Daemon(http), "/order", "/order/plans", timeout)


@pytest.mark.parametrize("end", ["completed", "failed", "partial", "cancelled", "rejected"])
def test_it_ends_with_the_order(end):
    assert watched(Course(order("acknowledged"), order("inProgress"), order(end)))["state"] == end


def test_an_order_that_does_not_end_in_time_is_left_to_itself():
    with pytest.raises(Unfinished, match="the order is still inProgress after 0 s; it goes on"):
        watched(Course(order("inProgress")), timeout=0.01)


def test_a_daemon_that_is_restarted_meanwhile_is_waited_for():
    away = Reply(503, {"code": "unavailable", "message": "starting"})
    assert watched(Course(order("inProgress"), away, away, order("completed")))["state"] == "completed"


def test_but_not_without_end(monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE_S", 0.0)
    with pytest.raises(DaemonRefused, match="starting"):
        watched(Course(order("inProgress"), Reply(503, {"code": "unavailable", "message": "starting"})))


def test_a_daemon_that_was_never_there_is_told_at_once():
    with httpx.Client(base_url="http://127.0.0.1:1", trust_env=False) as http, pytest.raises(DaemonUnreachable):
        watch_order(Daemon(http), "/order", "/order/plans", 10.0)


def test_a_refusal_ends_it():
    with pytest.raises(DaemonRefused, match="there is no order"):
        watched(Course(Reply(404, {"code": "notFound", "message": "there is no order"})))


def test_outside_a_terminal_every_change_is_a_line(capsys):
    watched(Course(order("inProgress"), order("inProgress"), order("completed"), plans=[plan("running", "stage")]))
    assert capsys.readouterr().err.splitlines() == [
        "order ord-1: inProgress",
        "item 1: inProgress",
        "plan pln-1: running at stage",
        "order ord-1: completed",
        "item 1: completed",
    ]


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (plan("running", "stage"), "connect hold stage commit verify decide confirm save activate"),
        (plan("running", "revert", "revert"), "running at revert, decided to revert"),
        (plan("inDoubt", "revert", "revert"), "inDoubt at revert, decided to revert"),
        (plan("done", "release", "commit"), "done"),
    ],
)
def test_in_a_terminal_the_steps_are_drawn(monkeypatch, capsys, made, shown):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    watched(Course(order("inProgress"), order("completed"), plans=[made]))
    assert shown in plain(capsys.readouterr().err)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize(("end", "code"), [("completed", 0), ("failed", 1), ("partial", 1), ("cancelled", 1)])
def test_only_a_completed_order_exits_0(fabd, end, code):
    with Stub(Course(order("inProgress"), order(end))) as stub:
        said = fabd("order", "watch", "ord-1", "--url", stub.url, "--token", "x", "--json")
    assert said.code == code
    assert json.loads(said.out)["state"] == end
