"""The audit: silent on a sound network, and every kind of leak found that is planted."""

import pytest
from sqlalchemy import delete, select, update

from agent.fulfillment.leaks import Books, LeakKind, read_books
from agent.fulfillment.tables import ElementHoldRow, PlanRow
from agent.fulfillment.unowned import Search
from drivers.platform import load_platform
from inventory.allocation import allocate, held, release_service, reserve
from inventory.ports import claim
from inventory.tables import AllocationRow, ElementRow, EndpointRow, ServicePartRow, ServiceRow
from tests.agent.fulfillment.field import CATALOG, field
from tests.agent.fulfillment.network import REALISES
from tests.inventory.factory import port_id

ADDRESS = """\
<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">
  <interface>
    <name>ge-0/0/3</name>
    <type xmlns:i="urn:ietf:params:xml:ns:yang:iana-if-type">i:ethernetCsmacd</type>
    <ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">
      <address><ip>10.0.0.200</ip><prefix-length>31</prefix-length></address>
    </ipv4>
  </interface>
</interfaces>
"""


@pytest.fixture
def ground(database, tmp_path, host_keys):
    with field(database, tmp_path, host_keys) as made:
        yield made


@pytest.fixture
def written(ground):
    """With a service of each kind in the books."""
    return with_services(ground, push=False)


@pytest.fixture
def sound(ground):
    """With a service of each kind in the books and on the network."""
    return with_services(ground, push=True)


def with_services(ground, *, push):
    ground.services = [
        ground.activate("internet-access", push=push, port="pe1/ge-0/0/1", description="Acme"),
        ground.activate("internet-access", push=push, accessPort="sw1/1"),
        ground.activate("l2-eline", push=push, a="sw1/2", b="pe2/Gi0/1"),
    ]
    return ground


def books(ground):
    with ground.database.read() as session:
        return read_books(session, CATALOG, REALISES)


def found(ground, only=None):
    return Search(ground.database, ground.doors, load_platform).run(only)


def kinds(leaks):
    return [(leak.kind, leak.object) for leak in leaks]


def test_a_sound_network_has_no_leak(sound):
    assert books(sound) == Books((), {})
    seen = found(sound)
    assert (seen.leaks, seen.asked, seen.unasked) == ((), ("pe1", "pe2", "sw1"), {})


def test_values_that_are_given_to_nobody_are_found(written):
    with written.database.write() as session:
        allocate(session, "vlan-access", owner="itm-1", role="vlan", service_id="svc-lost", at=written.clock.now(), wanted="177")
    (leak,) = books(written).leaks
    assert (leak.kind, leak.object) == (LeakKind.ALLOCATION, "pool vlan-access 177")
    assert "it is given to service svc-lost, which is not there" in leak.message


def test_values_of_a_service_that_ended_are_found(written):
    with written.database.write() as session:
        session.execute(update(ServiceRow).where(ServiceRow.id == written.services[0]).values(state="terminated"))
    leaks = books(written).leaks
    assert {kind for kind, _ in kinds(leaks)} == {LeakKind.ALLOCATION, LeakKind.CLAIM, LeakKind.PART}
    assert (LeakKind.CLAIM, "port pe1/ge-0/0/1") in kinds(leaks)
    assert (LeakKind.PART, "element pe1") in kinds(leaks)


def test_a_service_without_a_value_that_it_should_hold_is_found(written):
    with written.database.write() as session:
        gone = AllocationRow.service_id == written.services[2]
        session.execute(delete(AllocationRow).where(gone))
    (leak,) = books(written).leaks
    assert (leak.kind, leak.object) == (LeakKind.MISSING, f"service {written.services[2]}")
    assert "should hold a value as 'vlan' and holds none" in leak.message


def test_a_service_whose_specification_is_not_installed_is_not_judged_and_said_so(written):
    with written.database.write() as session:
        session.execute(update(ServiceRow).where(ServiceRow.id == written.services[2]).values(specification="gone"))
    judged = books(written)
    assert judged.leaks == ()
    assert list(judged.unjudged) == [written.services[2]]


def test_a_port_that_is_taken_by_nobody_is_found(written):
    with written.database.write() as session:
        claim(session, port_id(session, "pe2/Gi0/2"), vlan=7, service_id="svc-lost", owner="itm-1")
    (leak,) = books(written).leaks
    assert (leak.kind, leak.object) == (LeakKind.CLAIM, "port pe2/Gi0/2")
    assert "VLAN 7 is taken by service svc-lost" in leak.message


@pytest.mark.parametrize(
    ("element", "text", "value", "where"),
    [
        ("pe1", ADDRESS, "10.0.0.200/31", "ge-0/0/3"),
        ("pe2", "interface Gi0/3.133\n encapsulation dot1Q 133\n", "133", "interface Gi0/3.133"),
        ("pe2", "interface Gi0/3\n ip address 10.0.0.77 255.255.255.252\n", "10.0.0.78/31", "10.0.0.77"),
        ("pe2", "vlan 244\n name somebody\n", "244", "vlan 244"),
        ("sw1", "vlans: {144: {name: somebody, untagged: [3]}}", "144", "vlan 144 (somebody)"),
    ],
)
def test_values_of_pools_that_the_network_uses_and_nobody_has_are_found(sound, element, text, value, where):
    sound.configure({element: ("", text)})
    leaks = found(sound).leaks
    assert {leak.kind for leak in leaks} == {LeakKind.UNOWNED}
    assert {leak.object for leak in leaks} == {f"element {element}"}
    assert value in [leak.value or leak.message.partition(" ")[0] for leak in leaks]
    assert any(where in leak.message for leak in leaks)


def test_what_others_configured_outside_our_pools_is_nobodys_business(sound):
    sound.configure({"pe2": ("", "vlan 900\n name others\ninterface Gi0/3\n ip address 192.0.2.1 255.255.255.0\n")})
    assert found(sound).leaks == ()


def test_what_is_kept_back_is_known_and_not_found_again(sound):
    sound.configure({"sw1": ("", "vlans: {144: {name: somebody, untagged: [3]}}")})
    (leak,) = found(sound).leaks
    with sound.database.write() as session:
        reserve(session, leak.pool, leak.value, reason="found in use on sw1", at=sound.clock.now())
    assert found(sound).leaks == ()


def test_what_was_left_behind_by_a_service_that_ended_rests_and_is_found(sound):
    with sound.database.write() as session:
        session.execute(delete(ServicePartRow).where(ServicePartRow.service_id == sound.services[2]))
        release_service(session, sound.services[2], sound.clock.now())
    leaks = found(sound).leaks
    assert {leak.object for leak in leaks} == {"element pe2", "element sw1"}
    assert all("no service has it and rests in quarantine" in leak.message for leak in leaks)


def test_a_value_that_stands_where_its_service_has_no_part_is_found_and_cannot_be_kept_back(sound):
    with sound.database.write() as session:
        vlan = held(session, sound.services[1])["vlan"].value
        here = select(ElementRow.id).where(ElementRow.name == "pe2").scalar_subquery()
        mine = ServicePartRow.service_id == sound.services[1]
        session.execute(delete(ServicePartRow).where(mine, ServicePartRow.element_id == here))
    leaks = found(sound).leaks
    assert any(f"{vlan} of pool vlan-access is in use" in leak.message for leak in leaks)
    assert all(f"service {sound.services[1]}, which has it, does not use it here" in leak.message for leak in leaks)
    assert {leak.value for leak in leaks} == {""}


def test_elements_that_cannot_be_asked_or_are_held_are_said_so(sound):
    with sound.database.write() as session:
        at = sound.clock.now()
        session.add(PlanRow(id="pln-1", order_id="", version=1, state="running", step="stage", fence=1, created_at=at, deadline=at))
        session.flush()
        session.add(ElementHoldRow(element="sw1", plan_id="pln-1", fence=1, since=at))
        session.execute(update(EndpointRow).where(EndpointRow.protocol == "netconf").values(port=9))
    seen = found(sound)
    assert seen.asked == ("pe2",)
    assert seen.unasked["sw1"] == "held by plan pln-1"
    assert "pe1" in seen.unasked


def test_only_the_elements_that_are_named_are_asked(sound):
    assert found(sound, ["pe2"]).asked == ("pe2",)
