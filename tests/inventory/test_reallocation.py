"""Values of a service that changes: kept where they fit, else taken beside the old ones until the change holds."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from inventory.allocation import allocate, held, release_owner
from inventory.errors import PoolExhausted, ValueNotInPool
from inventory.fill import fill
from inventory.reallocation import reallocate, settle
from inventory.tables import AllocationRow
from tests.clock import EPOCH
from tests.inventory.factory import add_pool

SERVICE = {"service_id": "svc-1", "at": EPOCH}
LATER = {"service_id": "svc-1", "at": EPOCH + timedelta(days=1)}


@pytest.fixture
def session(database):
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[100, 199]], quarantine_s=60)
        add_pool(session, "others", "vlan", ranges=[[200, 299]])
        add_pool(session, "trunk", "bandwidth", capacity_bps=1000)
        yield session


def values(session):
    return {role: one.value for role, one in held(session, "svc-1").items()}


def bandwidth(session):
    return fill(session, "trunk").allocated, [row.amount_bps for row in rows(session)]


def rows(session):
    return session.scalars(select(AllocationRow).where(AllocationRow.state == "allocated").order_by(AllocationRow.id)).all()


@pytest.mark.parametrize("wanted", [None, "100"])
def test_what_fits_is_kept(session, wanted):
    old = allocate(session, "vlans", owner="itm-1", role="vlan", **SERVICE)
    kept = reallocate(session, "vlans", owner="itm-2", role="vlan", wanted=wanted, **LATER)
    assert (kept.id, kept.value) == (old.id, "100")
    settle(session, "svc-1", "itm-2", {"vlan": 0}, EPOCH)
    assert values(session) == {"vlan": "100"}


@pytest.mark.parametrize(("pool", "wanted", "value"), [("vlans", "150", "150"), ("others", None, "200")])
def test_what_does_not_fit_is_taken_beside_it_and_rests_when_the_change_holds(session, pool, wanted, value):
    allocate(session, "vlans", owner="itm-1", role="vlan", **SERVICE)
    assert reallocate(session, pool, owner="itm-2", role="vlan", wanted=wanted, **LATER).value == value
    assert values(session) == {"vlan": "100"}, "until then it has what it had"
    settle(session, "svc-1", "itm-2", {"vlan": 0}, EPOCH)
    assert values(session) == {"vlan": value}
    assert session.scalars(select(AllocationRow.value).where(AllocationRow.state == "quarantined")).all() == ["100"]


def test_what_is_not_in_the_pool_is_refused(session):
    allocate(session, "vlans", owner="itm-1", role="vlan", **SERVICE)
    with pytest.raises(ValueNotInPool):
        reallocate(session, "vlans", owner="itm-2", role="vlan", wanted="4000", **LATER)


def test_asking_again_gives_the_same(session):
    allocate(session, "vlans", owner="itm-1", role="vlan", **SERVICE)
    one, other = (reallocate(session, "vlans", owner="itm-2", role="vlan", wanted="150", **LATER) for _ in range(2))
    assert one == other


def test_a_change_that_does_not_hold_gives_back_just_what_it_took(session):
    allocate(session, "vlans", owner="itm-1", role="vlan", **SERVICE)
    allocate(session, "trunk", owner="itm-1", role="bandwidth", amount_bps=400, **SERVICE)
    reallocate(session, "vlans", owner="itm-2", role="vlan", wanted="150", **LATER)
    reallocate(session, "trunk", owner="itm-2", role="bandwidth", amount_bps=900, **LATER)
    release_owner(session, "itm-2", EPOCH, used=False)
    assert values(session)["vlan"] == "100"
    assert fill(session, "trunk").allocated == 400


def test_a_role_that_is_no_longer_needed_rests(session):
    allocate(session, "vlans", owner="itm-1", role="vlan", **SERVICE)
    settle(session, "svc-1", "itm-2", {}, EPOCH)
    assert values(session) == {}


def test_bandwidth_grows_by_what_it_lacks_and_is_one_again(session):
    allocate(session, "trunk", owner="itm-1", role="bandwidth", amount_bps=600, **SERVICE)
    grown = reallocate(session, "trunk", owner="itm-2", role="bandwidth", amount_bps=1000, **LATER)
    assert grown.amount_bps == 1000
    assert bandwidth(session) == (1000, [600, 400])
    settle(session, "svc-1", "itm-2", {"bandwidth": 1000}, EPOCH)
    assert bandwidth(session) == (1000, [1000])
    release_owner(session, "itm-1", EPOCH)
    assert bandwidth(session) == (0, [])


def test_bandwidth_shrinks_when_the_change_holds_and_not_before(session):
    allocate(session, "trunk", owner="itm-1", role="bandwidth", amount_bps=600, **SERVICE)
    reallocate(session, "trunk", owner="itm-2", role="bandwidth", amount_bps=100, **LATER)
    assert bandwidth(session) == (600, [600])
    settle(session, "svc-1", "itm-2", {"bandwidth": 100}, EPOCH)
    assert bandwidth(session) == (100, [100])


def test_more_than_there_is_is_refused_and_leaves_what_was(session):
    allocate(session, "trunk", owner="itm-1", role="bandwidth", amount_bps=600, **SERVICE)
    with pytest.raises(PoolExhausted, match="401 bit/s wanted, 400 of 1000 bit/s left"):
        reallocate(session, "trunk", owner="itm-2", role="bandwidth", amount_bps=1001, **LATER)
    assert bandwidth(session) == (600, [600])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 1000), st.booleans()), max_size=6))
def test_however_often_it_is_resized_the_pool_knows_what_is_taken(database, steps):
    with database.write() as session:
        add_pool(session, "trunk", "bandwidth", capacity_bps=1000)
        allocate(session, "trunk", owner="itm-0", role="bandwidth", amount_bps=500, **SERVICE)
        now = 500
        for number, (amount, holds) in enumerate(steps, start=1):
            owner = f"itm-{number}"
            reallocate(session, "trunk", owner=owner, role="bandwidth", amount_bps=amount, **LATER)
            if holds:
                settle(session, "svc-1", owner, {"bandwidth": amount}, EPOCH)
                now = amount
            else:
                release_owner(session, owner, EPOCH, used=False)
            assert bandwidth(session) == (now, [now])
        session.rollback()
