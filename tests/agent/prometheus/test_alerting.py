"""Open alarms, told to Alertmanagers: what is told, when, and what happens when one does not listen."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from agent.assurance.tables import AlarmRow
from agent.config import AlertmanagerSettings
from agent.prometheus import alerting
from agent.prometheus.alerting import Alerting
from drivers.port import Credential
from tests.agent.prometheus.listener import Listener

RESEND = 60.0


class Alertmanager(Listener):
    """A server that keeps what it is told, or refuses it."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = False
        self.told: list[list[dict]] = []

    def answered(self, head, body):
        assert head.startswith("POST /api/v2/alerts ")
        if self.refuses:
            return "500 Oops", ""
        self.told.append(json.loads(body))
        return "200 Ok", ""

    def taken(self) -> list[dict]:
        """Since the last time, by their names."""
        found = [alert for told in self.told for alert in told]
        self.told.clear()
        return found


class Noc:
    def __init__(self, database, clock, *desks, **settings) -> None:
        self.database, self.clock = database, clock
        urls = [desk.url for desk in desks]
        self.alerting = Alerting(AlertmanagerSettings(urls=urls, resend_s=RESEND, **settings), database, clock, Credential)
        self.alerting.start("http://fabd:8640", "fabd:8640")

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.alerting.stop()

    def raise_alarm(self, identity, **values):
        at = self.clock.now()
        row = {"element": "pe1", "object": identity, "cause": "linkDown", "severity": "major", "text": f"{identity} is down"}
        row |= {"raised_at": at, "last_at": at, "standing": "root"}
        with self.database.write() as session:
            session.add(AlarmRow(id=identity, **row | values))

    def change(self, identity, **values):
        with self.database.write() as session:
            row = session.get_one(AlarmRow, identity)
            for name, value in values.items():
                setattr(row, name, value)

    async def look(self):
        await self.alerting.look()

    def figures(self):
        return {(each.name, sample.labels["url"]): sample.value for each in self.alerting.families() for sample in each.samples}


def names(alerts):
    return sorted(each["labels"]["alarm_id"] for each in alerts)


def ends(alert):
    return datetime.fromisoformat(alert["endsAt"])


def test_an_alarm_is_told_at_once_and_again_before_it_is_forgotten(database, clock):
    async def run():
        async with Alertmanager() as desk, Noc(database, clock, desk, labels={"team": "noc"}) as noc:
            noc.raise_alarm("a", qualifier="q", problem_id=None)
            await noc.look()
            (alert,) = desk.taken()
            assert alert["labels"] == {
                "alertname": "linkDown",
                "severity": "major",
                "element": "pe1",
                "port": "a",
                "qualifier": "q",
                "alarm_id": "a",
                "source": "fabd",
                "instance": "fabd:8640",
                "team": "noc",
            }
            assert alert["annotations"] == {"summary": "a is down", "description": "fabd alarm why a"}
            assert ends(alert) == clock.now() + timedelta(seconds=4 * RESEND)
            await noc.look()
            assert desk.taken() == []
            noc.raise_alarm("b")
            await noc.look()
            assert names(desk.taken()) == ["b"]
            clock.advance(RESEND)
            await noc.look()
            assert names(desk.taken()) == ["a", "b"]

    asyncio.run(run())


def test_what_has_ended_or_changed_is_told_as_ended_once(database, clock):
    async def run():
        async with Alertmanager() as desk, Noc(database, clock, desk) as noc:
            noc.raise_alarm("a")
            noc.raise_alarm("b")
            await noc.look()
            desk.taken()
            clock.advance(5)
            noc.change("a", cleared_at=clock.now())
            noc.change("b", severity="critical")
            await noc.look()
            told = {(each["labels"]["alarm_id"], each["labels"]["severity"]): ends(each) > clock.now() for each in desk.taken()}
            assert told == {("a", "major"): False, ("b", "major"): False, ("b", "critical"): True}
            await noc.look()
            assert desk.taken() == []

    asyncio.run(run())


@pytest.mark.parametrize(
    "values", [{"standing": "symptom"}, {"standing": "pending"}, {"muted": "shelved"}, {"source": "alertmanager"}], ids=str
)
def test_what_nobody_is_to_be_told_of_is_left_out(database, clock, values):
    async def run():
        async with Alertmanager() as desk, Noc(database, clock, desk) as noc:
            noc.raise_alarm("a", **values)
            await noc.look()
            assert desk.taken() == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("element", "label"),
    [("service:svc-1", ("service_id", "svc-1")), ("pool:vlans", ("pool", "vlans")), ("ups:3", ("element", "ups:3"))],
)
def test_what_is_no_element_has_a_label_of_its_own(database, clock, element, label):
    async def run():
        async with Alertmanager() as desk, Noc(database, clock, desk) as noc:
            noc.raise_alarm("a", element=element, object="")
            await noc.look()
            (alert,) = desk.taken()
            assert label in alert["labels"].items()
            assert ("element" in alert["labels"]) == (label[0] == "element")

    asyncio.run(run())


def test_an_alertmanager_that_does_not_listen_is_told_later_and_others_at_once(database, clock):
    async def run():
        async with Alertmanager() as deaf, Alertmanager() as desk, Noc(database, clock, deaf, desk) as noc:
            deaf.refuses = True
            noc.raise_alarm("a")
            await noc.look()
            await noc.look()
            assert (names(desk.taken()), deaf.taken()) == (["a"], [])
            figures = noc.figures()
            assert figures["fabd_alertmanager_failures_total", deaf.url] == 2
            assert figures["fabd_alertmanager_alerts", desk.url] == 1
            deaf.refuses = False
            await noc.look()
            assert (names(desk.taken()), names(deaf.taken())) == ([], ["a"])

    asyncio.run(run())


def test_the_end_of_what_was_forgotten_anyway_is_not_told(database, clock):
    async def run():
        async with Alertmanager() as desk, Noc(database, clock, desk) as noc:
            noc.raise_alarm("a")
            await noc.look()
            desk.taken()
            desk.refuses = True
            noc.change("a", cleared_at=clock.now())
            await noc.look()
            clock.advance(4 * RESEND + 1)
            desk.refuses = False
            await noc.look()
            assert desk.taken() == []
            assert noc.figures()["fabd_alertmanager_alerts", desk.url] == 0

    asyncio.run(run())


def test_many_are_told_in_several_requests(database, clock, monkeypatch):
    monkeypatch.setattr(alerting, "AT_ONCE", 2)

    async def run():
        async with Alertmanager() as desk, Noc(database, clock, desk) as noc:
            for name in "abc":
                noc.raise_alarm(name)
            await noc.look()
            assert [len(told) for told in desk.told] == [2, 1]

    asyncio.run(run())
