"""Usage records: once, guided, or kept aside with a reason. On both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from crm_bridge.errors import IllegalTransition, UnknownUsage, UsageConflict
from crm_bridge.tables import UsageRecordRow
from crm_bridge.usage import LATE_LIMIT, Quality, UsageInput, receive, recycle, rejected
from inventory.db import Database
from policies.values import Interval, derived_id
from tests.clock import EPOCH
from tests.crm_bridge.rows import party

BIN = timedelta(minutes=5)


def usage(service_id: str = "svc-acme", number: int = 0, octets: int = 1000, source: str = "counters") -> UsageInput:
    start = EPOCH + number * BIN
    source_id = derived_id("use", service_id, "prt-1", "octets", start.isoformat())
    return UsageInput(
        source, source_id, service_id, Interval(start, start + BIN), octets, octets, evidence={"bin": f"bin-{number}"}
    )


def test_a_record_delivered_again_is_the_one_that_is_there(database: Database) -> None:
    with database.write() as session:
        customer = party(session, EPOCH).customer
        first = receive(session, usage(), EPOCH)
        again = receive(session, replace(usage(), evidence={"bin": "in other words"}), EPOCH + BIN)
        assert again is first
        assert (first.status, first.customer_id, first.received_at, first.id) == ("guided", customer.id, EPOCH, usage().source_id)


def test_concurrent_deliveries_make_one_record(database: Database) -> None:
    with database.write() as session:
        party(session, EPOCH)

    def deliver(_: int) -> str:
        with database.write() as session:
            return receive(session, usage(), EPOCH).id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(deliver, range(24)))) == 1
    with database.read() as session:
        assert session.scalar(select(func.count(UsageRecordRow.id))) == 1


@pytest.mark.parametrize(
    "change",
    [{"octets_in": 1001}, {"octets_out": 0}, {"quality": Quality.INTERPOLATED}, {"usage_type": "voice"}, {"service_id": "svc-x"}],
)
def test_the_same_id_with_another_content_is_a_conflict(database: Database, change: dict[str, Any]) -> None:
    with database.write() as session:
        party(session, EPOCH)
        first = receive(session, usage(), EPOCH)
        with pytest.raises(UsageConflict, match=first.id):
            receive(session, replace(usage(), **change), EPOCH)
        assert (first.octets_in, first.status) == (1000, "guided")


def test_the_same_id_of_two_sources_are_two_records(database: Database) -> None:
    with database.write() as session:
        party(session, EPOCH)
        assert receive(session, usage(), EPOCH).id != receive(session, usage(source="radius"), EPOCH).id


def test_the_largest_counter_survives_the_database(database: Database) -> None:
    with database.write() as session:
        party(session, EPOCH)
        record = receive(session, usage(octets=2**64 - 1), EPOCH).id
    with database.read() as session:
        assert session.get_one(UsageRecordRow, record).octets_in == 2**64 - 1


def test_what_belongs_to_no_service_waits_and_can_be_recycled(database: Database) -> None:
    with database.write() as session:
        customer = party(session, EPOCH).customer
        lost = receive(session, usage("svc-nobody"), EPOCH)
        assert (lost.status, lost.customer_id) == ("rejected", None)
        assert "svc-nobody" in lost.status_reason
        assert rejected(session) == [lost]
        assert recycle(session, lost.id).status == "rejected"
        found = recycle(session, lost.id, service_id="svc-acme")
        assert (found.status, found.customer_id, found.status_reason) == ("guided", customer.id, "")
        assert rejected(session) == []
        with pytest.raises(IllegalTransition, match="guided"):
            recycle(session, lost.id)


def test_usage_before_the_agreement_waits(database: Database) -> None:
    with database.write() as session:
        party(session, EPOCH + BIN)
        assert "no agreement covers" in receive(session, usage(), EPOCH + BIN).status_reason


def test_usage_that_is_too_old_waits_until_a_person_says_so(database: Database) -> None:
    with database.write() as session:
        party(session, EPOCH)
        late = receive(session, usage(), EPOCH + LATE_LIMIT + BIN)
        assert "older than 92 days" in late.status_reason
        assert recycle(session, late.id).status == "guided"


def test_an_unknown_record_cannot_be_recycled(database: Database) -> None:
    with database.write() as session, pytest.raises(UnknownUsage, match="use-0"):
        recycle(session, "use-0")


@pytest.mark.parametrize("bad", [{"octets_in": -1}, {"octets_out": 2**64}, {"source": ""}, {"source_id": ""}])
def test_impossible_records_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"octets|source"):
        replace(usage(), **bad)
