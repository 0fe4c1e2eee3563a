"""From light that fades, through collectors and the history, to a warning that says when it will be gone."""

import json
from datetime import timedelta

from sqlalchemy import select

from agent.assurance.history.foresight import outlook
from agent.assurance.tables import AlarmRow
from agent.catalog import load_foresight
from crm_bridge.tables import TicketRow
from tests.agent.assurance.collectors.field import made

LIMIT_DBM = -28.0
PER_HOUR = 0.02


def test_light_that_fades_is_a_warning_with_the_day_and_goes_when_the_fibre_is_cleaned(database, clock):
    field = made(database, clock, "optics")
    service = field.world.service

    def hour(number: int, received: float) -> None:
        field.show("pe1", "show optics", json.dumps({"c1": {"rx": received}}))
        field.turn(3600)
        if number % 24 == 0:
            field.world.run(service.keeping.keep())

    received = -20.0
    for number in range(24 * 10 + 1):
        received -= PER_HOUR
        hour(number, received)
    at = clock.now()
    left = timedelta(hours=(received - LIMIT_DBM) / PER_HOUR)
    with database.read() as session:
        (found,) = outlook(session, load_foresight(), at)
        assert (found.rule.name, found.subject) == ("optical-power-falls", "port:pe1/c1")
        assert found.expected is not None
        assert abs(found.expected - (at + left)) < timedelta(hours=24)
        assert found.earliest is not None
        assert found.earliest <= found.expected
        assert found.text.startswith("pe1/c1: received optical power falls: will be at -28 in ")
        raised = session.scalars(select(AlarmRow.text)).one()
        assert session.scalars(select(TicketRow)).all() == []
    assert raised != found.text, "the alarm says what was seen when it was raised"
    for number in range(24 * 6 + 1):
        hour(number, -15.0)
    with database.read() as session:
        assert outlook(session, load_foresight(), clock.now()) == []
