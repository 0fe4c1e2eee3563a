"""Collectors and what is foreseen, over HTTP."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from agent.api.app import create_app
from agent.assurance.alarms import conditions
from agent.assurance.collectors.asking import Asking
from agent.assurance.collectors.collecting import Collecting, CollectingParts
from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition
from agent.assurance.history.store import History, SeriesKey
from agent.catalog import load_foresight
from agent.config import CollectorSettings
from agent.security.roles import Role
from drivers.errors import EditRefused
from drivers.port import Credential, Target
from inventory.tables import ElementRow, EndpointRow
from inventory.topology import load_topology
from policies.collecting.meaning import parse_collector
from policies.values import Severity, new_id
from tests.agent.api.office import Office

COLLECTORS = "/api/v1/collectors"
TEXT = """
name: things
title: Things of the kind
platforms: [ietf, ios]
ask: {get: <things/>}
read: {xml: 'things/thing', fields: {name: name, state: state, port: port, rx: rx}}
states: [{cause: thingDown, qualifier: "{name}", good: up, text: "{element}: {name} is {state}"}]
values: [{metric: receive_power_dbm, value: rx}]
samples: [{answer: ''}]
"""
ANSWER = "<things><thing><name>a</name><state>down</state><port>ge-0/0/1</port><rx>-7.5</rx></thing></things>"


class Session:
    def __init__(self, element):
        self.element = element

    def show(self, question, deadline):
        del deadline
        assert question.get == "<things/>"
        if self.element == "pe2":
            raise EditRefused(self.element, "unknown namespace")
        return ANSWER

    def close(self):
        pass


class Driver:
    def open(self, target, deadline):
        del deadline
        return Session(target.element)


@pytest.fixture
def office(database, clock):
    office = Office(database, clock)
    with database.write() as session:
        for row in session.scalars(select(ElementRow).where(ElementRow.name.in_(["pe1", "pe2"]))):
            row.endpoints.append(EndpointRow(id=new_id("end"), protocol="netconf", host=row.name, port=830, credential="x"))

    async def store(work):
        with database.write() as session:
            work(session)

    async def topology():
        with database.read() as session:
            return load_topology(session)

    def target_of(place):
        return Target(place.element, place.platform, place.protocol, place.host, place.port, Credential("x"))

    asking = Asking(lambda _: Driver(), target_of, clock)
    parts = CollectingParts([parse_collector(TEXT, "things.yaml")], asking, CollectorSettings())
    collecting = Collecting(parts, database, clock, History(database), store, topology, lambda _: False)
    office.parts = replace(office.parts, collecting=collecting, foresight=load_foresight())
    office.app = create_app(office.parts)
    return office


def test_without_collectors_they_are_not_available(database, clock):
    office = Office(database, clock)
    assert office.get(COLLECTORS).status_code == 409
    assert office.post(f"{COLLECTORS}/x/run", json={"element": "pe1"}).status_code == 409
    assert office.get("/api/v1/collected").json() == []


def test_a_run_shows_what_was_answered_and_how_it_is_read_and_counts(office):
    found = office.post(f"{COLLECTORS}/things/run", json={"element": "pe1"}).json()
    assert found["rows"] == [{"name": "a", "state": "down", "port": "ge-0/0/1", "rx": "-7.5"}]
    assert found["states"] == [{"cause": "thingDown", "qualifier": "a", "standing": "bad", "shown": "down"}]
    assert found["values"] == [{"port": "ge-0/0/1", "metric": "receive_power_dbm", "value": -7.5}]
    assert found["failure"] == ""
    (collected,) = office.get("/api/v1/collected", params={"standing": "bad"}).json()
    assert (collected["element"], collected["qualifier"], collected["shown"]) == ("pe1", "a", "down")
    (alarm,) = office.get("/api/v1/alarms", params={"cause": "thingDown"}).json()
    assert alarm["text"] == "pe1: a is down"
    (entry,) = [each for each in office.get("/api/v1/audit").json() if each["action"] == "run"]
    assert (entry["object"], entry["after"]) == ("collector things", {"element": "pe1"})


def test_collectors_are_listed_with_how_their_runs_ended(office):
    office.post(f"{COLLECTORS}/things/run", json={"element": "pe1"})
    refused = office.post(f"{COLLECTORS}/things/run", json={"element": "pe2"})
    assert refused.json()["failure"] == "it refuses: unknown namespace"
    found = office.get(COLLECTORS).json()
    assert found["collectors"] == [
        {
            "name": "things",
            "title": "Things of the kind",
            "platforms": ["ietf", "ios"],
            "protocol": "netconf",
            "asks": "a subtree over NETCONF",
            "interval_s": 60.0,
            "causes": ["thingDown"],
            "metrics": ["receive_power_dbm"],
        }
    ]
    assert {run["element"]: (run["failure"], run["states"], run["values"]) for run in found["runs"]} == {
        "pe1": ("", 1, 1),
        "pe2": ("it refuses: unknown namespace", 0, 0),
    }


@pytest.mark.parametrize(
    ("name", "element", "why"),
    [
        ("nothing", "pe1", "there is no collector 'nothing'"),
        ("things", "nowhere", "there is no element 'nowhere' in the inventory"),
        ("things", "pe3", "things does not ask pe3"),
    ],
)
def test_what_cannot_be_asked_is_not_found_with_the_reason(office, name, element, why):
    answer = office.post(f"{COLLECTORS}/{name}/run", json={"element": element})
    assert answer.status_code == 404
    assert why in answer.text


def test_a_viewer_does_not_ask_elements(office):
    assert office.post(f"{COLLECTORS}/things/run", json={"element": "pe1"}, role=Role.VIEWER).status_code == 403
    assert office.get(COLLECTORS, role=Role.VIEWER).status_code == 200


def test_what_is_foreseen_is_listed_with_its_value_and_its_rules(office):
    rules = office.get("/api/v1/foresight/rules").json()
    assert {"optical-power-low", "pool-exhausts"} <= {rule["name"] for rule in rules}
    assert office.get("/api/v1/foresight").json() == []
    at = office.clock.now()
    history = History(office.database)
    history.take(at, {SeriesKey("port:pe1/ge-0/0/1", "receive_power_dbm"): -29.0})
    history.write(at)
    meaning = Meaning(
        "opticalPowerLow", True, Severity.WARNING, "optical-power-low", AlarmType.QUALITY, "thresholdCrossed"
    )  # as foresight raises it
    told = {"text": "pe1/ge-0/0/1: received optical power in dBm is low: -29 (limit -27)"}
    with office.database.write() as session:
        found = Finding("foreseen", "pe1", "ge-0/0/1", Transition.at(at), Source.BOOKS, told, meaning=meaning)
        conditions.take(session, [found], at)
    office.clock.advance(60)
    (warning,) = office.get("/api/v1/foresight").json()
    assert (warning["rule"], warning["subject"]) == ("optical-power-low", "port:pe1/ge-0/0/1")
    assert (warning["metric"], warning["value"], warning["expected"]) == ("receive_power_dbm", -29.0, None)


def test_stopping_leaves_no_thread_behind(office):
    office.post(f"{COLLECTORS}/things/run", json={"element": "pe1"})
    asyncio.run(office.parts.collecting.stop())
    assert office.get(COLLECTORS).status_code == 200
