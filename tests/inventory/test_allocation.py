"""Giving out values: exact, repeatable, all or nothing, and fair to other pools."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from inventory.allocation import (
    Allocation,
    allocate,
    held,
    release_owner,
    release_service,
    release_some,
    reserve,
)
from inventory.capacity import free_bps
from inventory.db import Database
from inventory.errors import AllocationError, PoolExhausted, RoleTaken, UnknownObject, ValueNotInPool, ValueTaken
from inventory.fill import fill
from inventory.lockedpools import lock_pools
from inventory.tables import AllocationRow
from tests.clock import EPOCH
from tests.inventory.factory import add_pool

_numbers = count()
HOUR = timedelta(hours=1)


@pytest.fixture
def pools(database: Database) -> Database:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[100, 103]], quarantine_s=3600, low_watermark=50)
        add_pool(session, "links", "ipv4-prefix", prefix="10.0.0.0/24", length=31)
        add_pool(session, "trunk", "bandwidth", capacity_bps=1000)
    return database


def take(session: Session, pool: str, owner: str, role: str = "value", **more: object) -> Allocation:
    return allocate(session, pool, owner=owner, role=role, service_id=f"svc-{owner}", at=EPOCH, **more)  # type: ignore[arg-type]


def test_values_come_in_order(pools: Database) -> None:
    with pools.write() as session:
        assert [take(session, "links", owner).value for owner in ("a", "b")] == ["10.0.0.0/31", "10.0.0.2/31"]


def test_asking_again_gives_the_same(pools: Database) -> None:
    with pools.write() as session:
        first = take(session, "vlans", "a")
    with pools.write() as session:
        assert take(session, "vlans", "a") == first
        assert take(session, "vlans", "a", role="other").value != first.value


def test_a_transaction_that_fails_gives_all_back(pools: Database) -> None:
    def fail() -> None:
        with pools.write() as session:
            take(session, "vlans", "a")
            take(session, "links", "a", role="link")
            take(session, "vlans", "b", wanted="100")

    with pytest.raises(ValueTaken):
        fail()
    with pools.write() as session:
        assert session.scalar(select(func.count()).select_from(AllocationRow)) == 0
        assert take(session, "vlans", "c").value == "100"


def test_what_a_savepoint_took_is_free_again_when_it_is_taken_back(pools: Database) -> None:
    with pools.write() as session:
        before = [take(session, "vlans", "a").value, take(session, "trunk", "a", "rate", amount_bps=100).amount_bps]
        savepoint = session.begin_nested()
        lost = take(session, "vlans", "b").value
        take(session, "trunk", "b", "rate", amount_bps=600)
        assert free_bps(session, "trunk") == 300
        savepoint.rollback()
        assert free_bps(session, "trunk") == 900
        assert take(session, "vlans", "c").value == lost
        with session.begin_nested():
            take(session, "trunk", "c", "rate", amount_bps=700)
        take(session, "trunk", "d", "rate", amount_bps=200)
    assert before == ["100", 100]
    with pools.read() as session:
        assert fill(session, "trunk").allocated == 1000


def test_a_wanted_value_is_given_and_passed_over_later(pools: Database) -> None:
    with pools.write() as session:
        assert take(session, "vlans", "a", wanted="101").value == "101"
        assert [take(session, "vlans", owner).value for owner in ("b", "c", "d")] == ["100", "102", "103"]


@pytest.mark.parametrize("wanted", ["99", "x", "104"])
def test_a_wanted_value_outside_the_pool_is_refused(pools: Database, wanted: str) -> None:
    with pools.write() as session, pytest.raises(ValueNotInPool, match="pool vlans"):
        take(session, "vlans", "a", wanted=wanted)


def test_a_taken_value_names_who_has_it(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "a", wanted="101")
        with pytest.raises(ValueTaken, match="service svc-a has it"):
            take(session, "vlans", "b", wanted="101")


def test_one_role_is_served_from_one_pool(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "a")
        with pytest.raises(RoleTaken, match="pool vlans"):
            take(session, "links", "a")


def test_an_unknown_pool_is_named(pools: Database) -> None:
    with pools.write() as session, pytest.raises(UnknownObject, match="no pool 'nowhere'"):
        take(session, "nowhere", "a")


def test_an_exhausted_pool_says_when_it_will_have_one(pools: Database) -> None:
    with pools.write() as session:
        for owner in "abcd":
            take(session, "vlans", owner)
        release_service(session, "svc-b", EPOCH)
        with pytest.raises(PoolExhausted, match="leaves quarantine at 2026-01-05T10:00:00") as refusal:
            take(session, "vlans", "e")
    assert refusal.value.reusable_at == EPOCH + HOUR


def test_what_was_used_rests_before_it_is_given_again(pools: Database) -> None:
    with pools.write() as session:
        for owner in "abcd":
            take(session, "vlans", owner)
        released = release_service(session, "svc-b", EPOCH)
        assert [(gone.role, gone.value) for gone in released] == [("value", "101")]
        with pytest.raises(ValueTaken, match="rests in quarantine until 2026-01-05T10:00:00"):
            take(session, "vlans", "e", wanted="101")
        later = allocate(session, "vlans", owner="e", role="value", service_id="svc-e", at=EPOCH + HOUR)
        assert later.value == "101"


def test_what_rests_because_of_a_service_the_service_itself_may_have_again(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "b")
        (gone,) = release_service(session, "svc-b", EPOCH)
        again = allocate(session, "vlans", owner="b2", role="value", service_id="svc-b", at=EPOCH, wanted=gone.value)
        assert again.value == gone.value
        with pytest.raises(ValueTaken, match="service svc-b has it"):
            take(session, "vlans", "e", wanted=gone.value)


def test_a_rested_value_can_be_asked_for(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "a")
        release_service(session, "svc-a", EPOCH)
        again = allocate(session, "vlans", owner="b", role="value", service_id="svc-b", at=EPOCH + HOUR, wanted="100")
        assert again.value == "100"


def test_what_was_never_used_is_free_at_once(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "a")
        release_owner(session, "a", EPOCH, used=False)
        assert take(session, "vlans", "b").value == "100"


def test_releasing_twice_releases_once(pools: Database) -> None:
    with pools.write() as session:
        take(session, "trunk", "a", amount_bps=400)
        assert len(release_service(session, "svc-a", EPOCH)) == 1
        assert release_service(session, "svc-a", EPOCH) == ()
        assert fill(session, "trunk").allocated == 0


def test_single_values_can_be_released(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "a", role="vlan")
        link = take(session, "links", "a", role="link")
        release_some(session, [link.id], EPOCH)
        assert {role: allocation.value for role, allocation in held(session, "svc-a").items()} == {"vlan": "100"}


def test_bandwidth_is_given_up_to_the_capacity(pools: Database) -> None:
    with pools.write() as session:
        take(session, "trunk", "a", amount_bps=600)
        with pytest.raises(PoolExhausted, match="500 bit/s wanted, 400 of 1000 bit/s left"):
            take(session, "trunk", "b", amount_bps=500)
        take(session, "trunk", "b", amount_bps=400)
        release_service(session, "svc-a", EPOCH)
        assert fill(session, "trunk").free == 600


@pytest.mark.parametrize("amount", [0, -5])
def test_bandwidth_must_be_positive(pools: Database, amount: int) -> None:
    with pools.write() as session, pytest.raises(ValueNotInPool, match="positive"):
        take(session, "trunk", "a", amount_bps=amount)


def test_a_reserved_value_is_never_given(pools: Database) -> None:
    with pools.write() as session:
        reserve(session, "vlans", "100", reason="found on sw1", at=EPOCH)
        assert take(session, "vlans", "a").value == "101"
        with pytest.raises(ValueTaken, match="found on sw1"):
            take(session, "vlans", "b", wanted="100")


def test_fill_counts_every_state_and_knows_the_watermark(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "a")
        take(session, "vlans", "b")
        assert not fill(session, "vlans").low
        release_service(session, "svc-b", EPOCH)
        reserve(session, "vlans", "103", reason="", at=EPOCH)
        found = fill(session, "vlans")
    assert (found.allocated, found.quarantined, found.reserved, found.free, found.low) == (1, 1, 1, 1, True)


def test_a_released_value_names_no_owner(pools: Database) -> None:
    with pools.write() as session:
        take(session, "vlans", "a")
        release_service(session, "svc-a", EPOCH)
        row = session.scalars(select(AllocationRow).execution_options(populate_existing=True)).one()
        assert (row.owner, row.role, row.service_id, row.state) == (None, None, None, "quarantined")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(st.tuples(st.sampled_from(["take", "release", "want"]), st.integers(0, 7)), max_size=25))
def test_whatever_happens_no_value_has_two_holders_and_none_is_lost(database: Database, actions: list[tuple[str, int]]) -> None:
    name = f"p{next(_numbers)}"
    model: dict[str, str] = {}
    with database.write() as session:
        add_pool(session, name, "vlan", ranges=[[10, 12], [20, 22]])
        for action, number in actions:
            owner = f"{name}-{number}"
            if action == "release":
                release_owner(session, owner, EPOCH)
                model.pop(owner, None)
                continue
            wanted = str(10 + number) if action == "want" else None
            try:
                given_value = take(session, name, owner, wanted=wanted).value
            except AllocationError:
                assert owner not in model
                assert wanted is not None or len(model) == 6
            else:
                assert model.get(owner, given_value) == given_value
                model[owner] = given_value
        assert len(set(model.values())) == len(model)
        assert fill(session, name).allocated == len(model)


def test_the_number_of_statements_does_not_grow_with_the_fill(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "big", "ipv4-prefix", prefix="10.0.0.0/8", length=31)
        take(session, "big", "locks")
        first = count_statements(database, lambda: take(session, "big", "first"))
        for number in range(300):
            take(session, "big", f"o{number}")
        assert count_statements(database, lambda: take(session, "big", "last")) == first


def test_a_long_run_of_wanted_values_is_passed_in_few_steps(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "big", "vlan", ranges=[[1, 4000]])
        for number in range(1, 701):
            take(session, "big", f"w{number}", wanted=str(number))
        statements = count_statements(database, lambda: take(session, "big", "next"))
        assert take(session, "big", "next").value == "701"
    assert statements < 15


@pytest.mark.parametrize("clients", [12])
def test_many_clients_at_once_never_get_the_same_value(database: Database, clients: int) -> None:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[1, 4000]])
        add_pool(session, "links", "ipv4-prefix", prefix="10.0.0.0/16", length=31)
    each, errors = 5, []

    def client(number: int) -> None:
        try:
            for turn in range(each):
                with database.write() as session:
                    lock_pools(session, ["vlans", "links"] if number % 2 else ["links", "vlans"])
                    for pool in ("vlans", "links") if number % 2 else ("links", "vlans"):
                        take(session, pool, f"{number}-{turn}", role=pool)
        except Exception as error:  # noqa: BLE001  reported by the assertion below
            errors.append(error)

    run_together([partial(client, number) for number in range(clients)])
    assert errors == []
    with database.read() as session:
        for pool in ("vlans", "links"):
            assert fill(session, pool).allocated == clients * each


def test_clients_that_race_for_the_last_value_one_wins(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "last", "vlan", ranges=[[7, 7]])
    outcomes: list[str] = []

    def client(number: int) -> None:
        try:
            with database.write() as session:
                outcomes.append(take(session, "last", str(number)).value)
        except PoolExhausted:
            outcomes.append("exhausted")

    run_together([partial(client, number) for number in range(6)])
    assert sorted(outcomes) == ["7", *["exhausted"] * 5]


def test_the_same_owner_asking_twice_at_once_gets_one_value(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[1, 4000]])
    values: list[str] = []

    def client() -> None:
        with database.write() as session:
            values.append(take(session, "vlans", "same").value)

    run_together([client] * 6)
    assert values == ["1"] * 6


def run_together(targets: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def count_statements(database: Database, action: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        action()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(seen)
