from sqlalchemy import select

from agent.security.audit import Actor, record
from agent.security.tables import AuditRow

NOC = Actor("noc", "operator", "192.0.2.7", "c-1")


def test_a_change_is_recorded_with_who_what_where_before_and_after(database, clock):
    with database.write() as session:
        record(session, NOC, "rename", "site ste-1", clock.now(), before={"n": 1}, after={"n": 2})
    with database.read() as session:
        row = session.scalars(select(AuditRow)).one()
    assert (row.actor, row.role, row.source, row.correlation_id) == ("noc", "operator", "192.0.2.7", "c-1")
    assert (row.action, row.object, row.at, row.before, row.after) == ("rename", "site ste-1", clock.now(), {"n": 1}, {"n": 2})


def test_what_is_rolled_back_was_not_changed_and_is_not_recorded(database, clock):
    with database.write() as session:
        record(session, NOC, "rename", "site ste-1", clock.now())
        session.rollback()
    with database.read() as session:
        assert session.scalars(select(AuditRow)).all() == []
