"""Warnings out of the history: raised once, cleared, kept through a restart, without a ticket."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from agent.assurance.collection.tracks import CAUSES
from agent.assurance.history import foresight as module
from agent.assurance.history.foresight import Foresight
from agent.assurance.history.store import History, SeriesKey
from agent.assurance.tables import AlarmRow
from agent.catalog import load_foresight
from crm_bridge.tables import TicketRow
from policies.detection.rules import parse_rules
from tests.clock import EPOCH
from tests.inventory.factory import add_element

PORT = "port:pe1/c1"
BUSY = """
rules:
  - name: busy
    metric: utilisation_ratio
    threshold: {raise_at: 0.9, clear_at: 0.8, raise_after: 3, clear_after: 6}
    cause: utilisationHigh
    text: utilisation is high
"""
RULES = (*load_foresight(), *parse_rules(BUSY, "busy.yaml"))
MINUTE, FIVE, DAY = timedelta(minutes=1), timedelta(minutes=5), timedelta(days=1)


@pytest.fixture
def history(database):
    with database.write() as session:
        add_element(session, "pe1")
    return History(database)


@pytest.fixture
def foresight(database):
    return Foresight(database, RULES)


def fed(history, start, minutes, value):
    for minute in range(minutes):
        history.take(start + minute * MINUTE, {SeriesKey(PORT, "utilisation_ratio"): value})
    history.write(start + minutes * MINUTE)
    return start + minutes * MINUTE


def standing(database):
    with database.read() as session:
        rows = session.scalars(select(AlarmRow).where(AlarmRow.cleared_at.is_(None)).order_by(AlarmRow.qualifier))
        return [(row.element, row.object, row.cause, row.qualifier, row.severity) for row in rows]


HIGH = ("pe1", "c1", "utilisationHigh", "busy", "warning")


def test_a_threshold_raises_one_warning_and_clears_it_without_a_ticket(database, history, foresight):
    at = fed(history, EPOCH, 15, 0.95)
    (found,) = foresight.look(at)
    assert found.detail["text"] == "pe1/c1: utilisation is high: 0.95 (limit 0.9)"
    assert standing(database) == [HIGH]
    assert foresight.look(at + MINUTE) == []
    at = fed(history, at, 25, 0.85)
    assert foresight.look(at) == []
    at = fed(history, at, 30, 0.2)
    foresight.look(at)
    assert standing(database) == []
    with database.read() as session:
        assert session.scalars(select(TicketRow)).all() == []


def test_a_warning_that_stands_is_known_after_a_restart(database, history, foresight):
    at = fed(history, EPOCH, 15, 0.95)
    foresight.look(at)
    assert Foresight(database, RULES).look(at + MINUTE) == []


def test_a_warning_of_a_rule_that_is_not_in_force_any_more_is_cleared(database, history, foresight):
    at = fed(history, EPOCH, 15, 0.95)
    foresight.look(at)
    assert standing(database) == [HIGH]
    (found,) = Foresight(database, load_foresight()).look(at + MINUTE)
    assert found.detail["text"] == "pe1/c1: the rule busy is not in force any more"
    assert standing(database) == []


def test_a_warning_that_could_not_be_cleared_after_the_start_is_cleared_by_the_next_look(database, history, foresight, monkeypatch):
    at = fed(history, EPOCH, 15, 0.95)
    foresight.look(at)
    later = Foresight(database, load_foresight())

    def fail(*_):
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(module.conditions, "take", fail)
        with pytest.raises(OperationalError):
            later.look(at)
    assert standing(database) == [HIGH]
    later.look(at + MINUTE)
    assert standing(database) == []


def test_no_shipped_rule_repeats_a_threshold_of_polling(database):
    del database
    assert not {rule.cause for rule in load_foresight()} & CAUSES


def test_a_warning_of_what_is_not_measured_any_more_goes(database, history, foresight):
    at = fed(history, EPOCH, 15, 0.95)
    foresight.look(at)
    foresight.look(at + timedelta(hours=20))
    assert standing(database) == [HIGH]
    foresight.look(at + timedelta(hours=25))
    assert standing(database) == []


def test_a_pool_that_fills_up_is_told_of_with_the_day(database, history, foresight):
    at = EPOCH
    for hour in range(24 * 20):
        history.take(EPOCH + timedelta(hours=hour), {SeriesKey("pool:vlans", "pool_used_ratio"): 0.4 + hour * 0.001})
    at = EPOCH + 20 * DAY
    history.write(at)
    (found,) = foresight.look(at)
    assert (found.element, found.object) == ("pool:vlans", "")
    assert found.detail["text"].startswith("pool:vlans: the pool fills up: will be at 1 in ")
    assert standing(database) == [("pool:vlans", "", "poolExhausting", "pool-exhausts", "warning")]
    assert foresight.look(at + FIVE) == []


def test_what_is_usual_is_learnt_and_what_is_not_is_told(database, history, foresight):
    for step in range(12 * 24 * 10):
        at = EPOCH + step * FIVE
        history.take(at, {SeriesKey(PORT, "utilisation_ratio"): 0.4 + 0.01 * (step % 3)})
    at = EPOCH + 10 * DAY
    history.write(at)
    foresight.look(at)
    assert standing(database) == []
    at = fed(history, at, 15, 0.01)
    foresight.look(at)
    assert standing(database) == [("pe1", "c1", "trafficUnusuallyLow", "traffic-gone", "warning")]


def test_what_is_unusual_of_a_service_is_told_of_the_service(database, history, foresight):
    subject = SeriesKey("service:svc-1", "delay_s")
    for step in range(12 * 24 * 10):
        history.take(EPOCH + step * FIVE, {subject: 0.01 + 0.0001 * (step % 3)})
    at = EPOCH + 10 * DAY
    history.write(at)
    assert foresight.look(at) == []
    for minute in range(15):
        history.take(at + minute * MINUTE, {subject: 0.5})
    history.write(at + 15 * MINUTE)
    foresight.look(at + 15 * MINUTE)
    assert standing(database) == [("service:svc-1", "", "delayUnusual", "delay-unusual", "warning")]
    assert foresight.look(at + 20 * MINUTE) == []
    foresight.look(at + 2 * DAY)
    assert standing(database) == []


def test_of_all_series_a_bounded_number_is_learnt_in_a_turn_the_oldest_knowledge_first(database, history, monkeypatch):
    learnt, real = [], module.read_all

    def reading(session, metric, span, resolution, *, subjects):
        if span.end - span.start > DAY:
            learnt.append((metric, tuple(subjects)))
        return real(session, metric, span, resolution, subjects=subjects)

    monkeypatch.setattr(module, "read_all", reading)
    monkeypatch.setattr(module, "SUBJECTS", 2)
    rules = [rule for rule in RULES if rule.unusual is not None]
    ports = [f"port:pe1/c{number}" for number in range(4)]
    metrics = ("errors_per_second", "utilisation_ratio")
    for name in ports:
        history.take(EPOCH, {SeriesKey(name, metric): 0.1 for metric in metrics})
    history.write(EPOCH + FIVE)
    foresight = Foresight(database, rules, learnt_at_once=3)
    known = []
    for turn in range(1, 4):
        foresight.look(EPOCH + turn * FIVE)
        (family,) = foresight.families()
        known.append(8 - next(iter(family.samples)).value)
    assert known == [3, 6, 8]
    assert sorted((metric, name) for metric, names in learnt for name in names) == [(m, p) for m in metrics for p in ports]
    assert max(len(names) for _, names in learnt) == 2
    before = sorted(foresight._learnt, key=lambda lesson: foresight._learnt[lesson].at)[:3]
    foresight.look(EPOCH + FIVE + DAY)
    assert {lesson for lesson, each in foresight._learnt.items() if each.at == EPOCH + FIVE + DAY} == set(before)
