"""Values that are kept back: set aside, or found in use; by hand and by document."""

import textwrap
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from inventory.allocation import allocate, release_service, reserve, unreserve
from inventory.db import Database
from inventory.errors import InvalidDocument, NotReserved, PoolExhausted, ValueTaken
from inventory.exporter import export, to_yaml
from inventory.fill import fill, fills, forecasts, kept_back, note_samples
from inventory.forecast import Sample, days_left
from inventory.importer import import_document
from inventory.source import Source
from inventory.tables import PoolSampleRow
from tests.clock import EPOCH
from tests.inventory.factory import add_pool

DAY = timedelta(days=1)
POOLS = """\
pools:
  - name: vlans
    kind: vlan
    ranges: [[100, 103]]
    quarantine_s: 3600
    reserved: [100, {value: "102", reason: legacy line}]
"""


def load(database: Database, text: str, *, prune: bool = False) -> list[str]:
    with database.write() as session:
        source = Source.of_text(textwrap.dedent(text), "network.yaml")
        return [str(change) for change in import_document(session, source, platforms={"ios"}, at=EPOCH, prune=prune)]


def take(database: Database, owner: str, **more: str) -> str:
    with database.write() as session:
        return allocate(session, "vlans", owner=owner, role="vlan", service_id=f"svc-{owner}", at=EPOCH, **more).value  # type: ignore[arg-type]


def test_a_document_keeps_values_back_and_a_second_import_changes_nothing(database: Database) -> None:
    assert load(database, POOLS) == ["+ pool vlans", "+ reservation vlans 100", "+ reservation vlans 102"]
    assert load(database, POOLS) == []
    assert [take(database, owner) for owner in ("a", "b")] == ["101", "103"]
    with pytest.raises(PoolExhausted):
        take(database, "c")


@pytest.mark.parametrize(
    ("kept", "found", "ended", "why"),
    [
        (0, 0, 0, "none of its 4 values is free; extend the pool or delete services that use it"),
        (0, 0, 2, "is free: 2 rest in quarantine; the next one leaves quarantine at 2026-01-05T10:00:00+00:00; extend the pool"),
        (2, 0, 0, "is free: 2 are kept back; extend the pool, delete services that use it, or release what need not be kept back"),
        (3, 1, 0, "is free: 3 are kept back (1 of them found in use); extend the pool"),
        (2, 2, 1, "is free: 1 rests in quarantine and 2 are kept back (2 of them found in use); the next one leaves"),
    ],
)
def test_a_pool_that_has_nothing_to_give_says_what_has_it(database: Database, kept: int, found: int, ended: int, why: str) -> None:
    load(database, POOLS.partition("reserved")[0].rstrip())
    with database.write() as session:
        for number in range(kept):
            reason = "found in use on sw1" if number < found else "legacy"
            reserve(session, "vlans", str(100 + number), reason=reason, at=EPOCH)
    for number in range(4 - kept):
        take(database, str(number))
    with database.write() as session:
        for number in range(ended):
            release_service(session, f"svc-{number}", EPOCH)
    with pytest.raises(PoolExhausted) as told:
        take(database, "last")
    assert why in str(told.value)


def test_what_is_kept_back_is_exported_with_its_reason(database: Database) -> None:
    load(database, POOLS)
    with database.read() as session:
        text = to_yaml(export(session))
    assert "legacy line" in text
    assert load(database, text, prune=True) == []


def test_a_reason_can_be_corrected(database: Database) -> None:
    load(database, POOLS)
    assert load(database, POOLS.replace("legacy line", "old line")) == ["~ reservation vlans 102: reason legacy line → old line"]


def test_a_document_that_does_not_know_of_a_reservation_does_not_give_it_away(database: Database) -> None:
    load(database, POOLS)
    assert load(database, POOLS.replace('100, {value: "102", reason: legacy line}', ""), prune=True) == []
    with database.read() as session:
        assert [each.value for each in kept_back(session, "vlans")] == ["100", "102"]


@pytest.mark.parametrize(
    ("reserved", "problem"),
    [
        ("[99]", r"reserved\[0\]: 99 is no value of pool vlans: it is outside 100-103"),
        ('[100, "100"]', r"reserved\[1\]: 100 is kept back in pool vlans already"),
    ],
)
def test_what_cannot_be_kept_back_is_named_with_its_place(database: Database, reserved: str, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        load(database, POOLS.replace('[100, {value: "102", reason: legacy line}]', reserved))


def test_what_a_service_has_cannot_be_kept_back(database: Database) -> None:
    load(database, "pools: [{name: vlans, kind: vlan, ranges: [[100, 103]]}]")
    take(database, "a", wanted="102")
    with pytest.raises(InvalidDocument, match=r"reserved\[1\]: 102 of pool vlans cannot be kept back: service svc-a has it"):
        load(database, POOLS)
    with database.write() as session, pytest.raises(ValueTaken, match="svc-a has it"):
        reserve(session, "vlans", "102", reason="", at=EPOCH)


def test_a_value_that_rests_can_be_kept_back_and_one_kept_back_twice_is_so_once(database: Database) -> None:
    load(database, "pools: [{name: vlans, kind: vlan, ranges: [[100, 103]], quarantine_s: 3600}]")
    take(database, "a")
    with database.write() as session:
        release_service(session, "svc-a", EPOCH)
        assert reserve(session, "vlans", "100", reason="found in use on sw1", at=EPOCH) == "100"
        assert reserve(session, "vlans", "100", reason="still in use on sw1", at=EPOCH) == "100"
        assert [each.reason for each in kept_back(session, "vlans")] == ["still in use on sw1"]


def test_what_is_given_back_can_be_given_out_even_behind_the_cursor(database: Database) -> None:
    load(database, POOLS)
    assert [take(database, owner) for owner in ("a", "b")] == ["101", "103"]
    with database.write() as session:
        assert unreserve(session, "vlans", "100", EPOCH) == "100"
    assert take(database, "c") == "100"


def test_only_what_is_kept_back_can_be_given_back(database: Database) -> None:
    load(database, POOLS)
    take(database, "a")
    with database.write() as session:
        with pytest.raises(NotReserved, match="service svc-a has it"):
            unreserve(session, "vlans", "101", EPOCH)
        with pytest.raises(NotReserved, match="it is free"):
            unreserve(session, "vlans", "103", EPOCH)


def test_what_has_rested_counts_as_free_when_the_time_is_known(database: Database) -> None:
    load(database, POOLS)
    take(database, "a")
    with database.write() as session:
        release_service(session, "svc-a", EPOCH)
        assert (fill(session, "vlans").free, fill(session, "vlans").quarantined) == (1, 1)
        assert fill(session, "vlans", EPOCH).free == 1
        assert fill(session, "vlans", EPOCH + DAY).free == 2
        assert [pool.free for pool in fills(session, EPOCH + DAY)] == [2]


def samples(*used: int) -> list[Sample]:
    return [Sample(date(2026, 1, 5) + n * DAY, each) for n, each in enumerate(used)]


@pytest.mark.parametrize(
    ("used", "free", "days"),
    [
        ((), 10, None),
        ((5,), 10, None),
        ((5, 6), 10, None),
        ((5, 5, 5), 10, None),
        ((9, 7, 5), 10, None),
        ((5, 6, 7), 10, 10),
        ((5, 7, 9, 11), 3, 1),
        ((0, 10, 20, 5_000, 40, 50), 100, 10),
        ((5, 6, 7), 0, 0),
        ((), 0, 0),
        ((0, 0, 1), 10**30, None),
    ],
)
def test_days_left_follow_the_usual_growth_and_are_unknown_without_one(used: tuple[int, ...], free: int, days: int | None) -> None:
    assert days_left(samples(*used), free) == days


@given(st.integers(1, 1000), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(3, 20))
def test_a_steady_growth_is_found_whatever_it_is(step: int, start: int, free: int, days: int) -> None:
    found = days_left(samples(*(start + step * day for day in range(days))), free)
    assert found == (free // step if free // step <= 36_500 else None)


def test_the_last_look_of_a_day_counts_and_old_days_are_forgotten(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[1, 100]])
        for day in range(70):
            for owner in ("first", "second"):
                allocate(session, "vlans", owner=f"{owner}-{day}", role="v", service_id="s", at=EPOCH) if day < 40 else None
                note_samples(session, fills(session), EPOCH + day * DAY)
        days = session.scalars(select(PoolSampleRow.day).order_by(PoolSampleRow.day)).all()
        used = session.scalars(select(PoolSampleRow.used).order_by(PoolSampleRow.day)).all()
    assert len(days) == 61
    assert used[0] == "20"


def test_a_forecast_is_made_of_what_was_noted(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[1, 100]])
        add_pool(session, "quiet", "vlan", ranges=[[1, 100]])
        for day in range(4):
            for turn in range(5):
                allocate(session, "vlans", owner=f"{day}-{turn}", role="v", service_id="s", at=EPOCH)
            note_samples(session, fills(session), EPOCH + day * DAY)
        assert forecasts(session, fills(session)) == {"vlans": 16, "quiet": None}
