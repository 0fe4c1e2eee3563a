"""The view and the responder over a state: no sockets."""

import pytest

from drivers.sim.snmp.ber import (
    COUNTER32,
    COUNTER64,
    END_OF_VIEW,
    GAUGE32,
    INTEGER,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    NULL,
    OCTETS,
    TIMETICKS,
    Oid,
    Value,
)
from drivers.sim.snmp.bridge import EGRESS, FORBIDDEN, NAME, PVID, ROW_STATUS, UNTAGGED, VLAN_ENTRY, bridge_objects
from drivers.sim.snmp.errors import ErrorStatus, SetRefused
from drivers.sim.snmp.interfaces import IF_ADMIN, IF_ALIAS, IF_ENTRY, IFX_ENTRY, interface_objects
from drivers.sim.snmp.message import Pdu, PduKind, VarBind
from drivers.sim.snmp.mib import SET_SERIAL, MibView
from drivers.sim.snmp.responder import respond
from drivers.sim.snmp.system import SYSTEM, system_objects
from drivers.sim.state import ElementState
from tests.drivers.sim.elements import switch

ROOM = 4000


def view_of(state: ElementState) -> MibView:
    return MibView(state, system_objects(), interface_objects(), bridge_objects())


def row(vid: int, column: int, tag: int, data: int | bytes) -> VarBind:
    return (*VLAN_ENTRY, column, vid), Value(tag, data)


def create(vid: int) -> VarBind:
    return row(vid, ROW_STATUS, INTEGER, 4)


def destroy(vid: int) -> VarBind:
    return row(vid, ROW_STATUS, INTEGER, 6)


def pvid(port: int, vid: int) -> VarBind:
    return (*PVID, port), Value(GAUGE32, vid)


def ports(*base_ports: int) -> bytes:
    """The bitmap of ten bridge ports."""
    return sum(0x8000 >> port - 1 for port in base_ports).to_bytes(2, "big")


SERVICE = [
    row(100, NAME, OCTETS, b"eline-7"),
    row(100, UNTAGGED, OCTETS, ports(1)),
    row(100, EGRESS, OCTETS, ports(1, 10)),
    row(100, FORBIDDEN, OCTETS, ports(2)),
    create(100),
    pvid(1, 100),
]
REMOVAL = [pvid(1, 1), row(100, UNTAGGED, OCTETS, b""), row(100, EGRESS, OCTETS, b""), destroy(100)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_vlan_is_made_in_one_set_whatever_the_order(order: int) -> None:
    state = switch()
    view_of(state).set(SERVICE[::order])
    vlan = state.vlans[100]
    assert (vlan.name, vlan.egress, vlan.untagged, vlan.forbidden) == ("eline-7", {101, 110}, {101}, {102})
    assert state.ports["ge1"].pvid == 100


@pytest.mark.parametrize("order", [1, -1])
def test_a_vlan_is_removed_in_one_set_whatever_the_order(order: int) -> None:
    state = switch()
    view = view_of(state)
    view.set(SERVICE)
    view.set(REMOVAL[::order])
    assert (list(state.vlans), state.ports["ge1"].pvid) == ([1], 1)


NAMED = row(1, NAME, OCTETS, b"renamed")
"""A write that is good by itself."""
BAD_SETS = {
    "pvid as INTEGER": ((*PVID, 1), Value(INTEGER, 1), ErrorStatus.WRONG_TYPE),
    "pvid 0": (*pvid(1, 0), ErrorStatus.WRONG_VALUE),
    "pvid 4095": (*pvid(1, 4095), ErrorStatus.WRONG_VALUE),
    "pvid of a VLAN that is not there": (*pvid(1, 100), ErrorStatus.INCONSISTENT_VALUE),
    "pvid of a port that is not there": (*pvid(11, 1), ErrorStatus.NO_CREATION),
    "name as number": (*row(1, NAME, INTEGER, 1), ErrorStatus.WRONG_TYPE),
    "name of 33 octets": (*row(1, NAME, OCTETS, b"x" * 33), ErrorStatus.WRONG_LENGTH),
    "name with a control character": (*row(1, NAME, OCTETS, b"a\nb"), ErrorStatus.WRONG_VALUE),
    "name that is no UTF-8": (*row(1, NAME, OCTETS, b"\xff"), ErrorStatus.WRONG_VALUE),
    "port list as number": (*row(1, EGRESS, INTEGER, 1), ErrorStatus.WRONG_TYPE),
    "port list too long": (*row(1, EGRESS, OCTETS, bytes(513)), ErrorStatus.WRONG_LENGTH),
    "port that is not there": (*row(1, EGRESS, OCTETS, b"\x00\x20"), ErrorStatus.WRONG_VALUE),
    "untagged but not a member": (*row(1, UNTAGGED, OCTETS, ports(3)), ErrorStatus.INCONSISTENT_VALUE),
    "column of a row that is not there": (*row(7, NAME, OCTETS, b"x"), ErrorStatus.INCONSISTENT_NAME),
    "row 0": (*create(0), ErrorStatus.NO_CREATION),
    "row 4095": (*create(4095), ErrorStatus.NO_CREATION),
    "row that is there": (*create(1), ErrorStatus.INCONSISTENT_VALUE),
    "default row destroyed": (*destroy(1), ErrorStatus.INCONSISTENT_VALUE),
    "createAndWait": (*row(7, ROW_STATUS, INTEGER, 5), ErrorStatus.WRONG_VALUE),
    "row status 7": (*row(7, ROW_STATUS, INTEGER, 7), ErrorStatus.WRONG_VALUE),
    "active on a row that is not there": (*row(7, ROW_STATUS, INTEGER, 1), ErrorStatus.INCONSISTENT_VALUE),
    "admin status testing": ((*IF_ADMIN, 101), Value(INTEGER, 3), ErrorStatus.WRONG_VALUE),
    "admin status as text": ((*IF_ADMIN, 101), Value(OCTETS, b"down"), ErrorStatus.WRONG_TYPE),
    "admin status of no port": ((*IF_ADMIN, 1), Value(INTEGER, 1), ErrorStatus.NO_CREATION),
    "admin status of a longer index": ((*IF_ADMIN, 101, 1), Value(INTEGER, 1), ErrorStatus.NO_CREATION),
    "alias of 65 octets": ((*IF_ALIAS, 101), Value(OCTETS, b"x" * 65), ErrorStatus.WRONG_LENGTH),
    "name of an interface": ((*IFX_ENTRY, 1, 101), Value(OCTETS, b"x"), ErrorStatus.NOT_WRITABLE),
    "object that is not there": ((1, 3, 6, 1, 99, 1), Value(INTEGER, 1), ErrorStatus.NO_ACCESS),
    "second instance of a scalar": ((*SYSTEM, 6, 1), Value(OCTETS, b"x"), ErrorStatus.NO_CREATION),
    "stale serial number": ((*SET_SERIAL, 0), Value(INTEGER, 5), ErrorStatus.INCONSISTENT_VALUE),
}


@pytest.mark.parametrize("bad", BAD_SETS.values(), ids=BAD_SETS)
def test_a_bad_varbind_is_named_and_nothing_of_the_set_happens(bad: tuple[Oid, Value, ErrorStatus]) -> None:
    state = switch()
    oid, value, status = bad
    with pytest.raises(SetRefused) as refused:
        view_of(state).set([NAMED, (oid, value), ((*IF_ALIAS, 102), Value(OCTETS, b"never"))])
    assert (refused.value.status, refused.value.index) == (status, 2)
    assert (state.vlans[1].name, list(state.vlans), state.ports["ge2"].alias) == ("default", [1], "")


def test_a_vlan_that_a_port_still_uses_is_not_destroyed() -> None:
    state = switch()
    view = view_of(state)
    view.set(SERVICE)
    with pytest.raises(SetRefused) as refused:
        view.set([destroy(100)])
    assert (refused.value.status, refused.value.index) == (ErrorStatus.INCONSISTENT_VALUE, 1)
    assert 100 in state.vlans


def test_a_forbidden_port_is_no_member() -> None:
    with pytest.raises(SetRefused) as refused:
        view_of(switch()).set([row(1, FORBIDDEN, OCTETS, ports(4)), row(1, EGRESS, OCTETS, ports(4))])
    assert refused.value.status is ErrorStatus.INCONSISTENT_VALUE


def test_the_serial_number_goes_up_with_a_set_that_carries_it() -> None:
    view = view_of(switch())
    serial = (*SET_SERIAL, 0)
    view.set([(serial, Value(INTEGER, 0)), NAMED])
    assert view.get(serial) == Value(INTEGER, 1)
    with pytest.raises(SetRefused):
        view.set([(serial, Value(INTEGER, 0)), NAMED])
    with pytest.raises(SetRefused):
        view.set([(serial, Value(INTEGER, 1)), create(1)])
    assert view.get(serial) == Value(INTEGER, 1)


def test_admin_status_and_alias_are_the_ports_own() -> None:
    state = switch()
    heard: list[str] = []
    state.listeners.append(lambda _, event, port: heard.append(f"{event} {port.name if port else ''}"))
    view_of(state).set([((*IF_ADMIN, 101), Value(INTEGER, 2)), ((*IF_ALIAS, 101), Value(OCTETS, b"to A"))])
    port = state.ports["ge1"]
    assert (port.admin_up, port.alias, state.interfaces["ge1"].description) == (False, "to A", "to A")
    assert heard == ["linkDown ge1"]


def test_a_counter_is_shown_in_both_widths() -> None:
    state = switch()
    state.ports["ge1"].counters.in_octets = 2**32 * 5 + 7
    view = view_of(state)
    assert view.get((*IFX_ENTRY, 6, 101)) == Value(COUNTER64, 2**32 * 5 + 7)
    assert view.get((*IF_ENTRY, 10, 101)) == Value(COUNTER32, 7)


@pytest.mark.parametrize(
    ("oid", "tag"),
    [
        ((1, 3, 6, 1), NO_SUCH_OBJECT),
        ((2, 5), NO_SUCH_OBJECT),
        ((*SYSTEM, 1), NO_SUCH_INSTANCE),
        ((*SYSTEM, 1, 1), NO_SUCH_INSTANCE),
        ((*IF_ALIAS, 1), NO_SUCH_INSTANCE),
        ((*VLAN_ENTRY, 6, 1), NO_SUCH_OBJECT),
    ],
)
def test_what_is_not_there_says_so(oid: Oid, tag: int) -> None:
    assert view_of(switch()).get(oid) == Value(tag)


def test_a_walk_meets_every_instance_once_in_order() -> None:
    state = switch()
    view = view_of(state)
    view.set(SERVICE)
    walked: list[Oid] = []
    oid: Oid = (0, 0)
    while (bound := view.next(oid))[1].tag != END_OF_VIEW:
        oid = bound[0]
        walked.append(oid)
        assert view.get(oid).tag == bound[1].tag
    assert walked == sorted(set(walked))
    scalars = 7 + 1 + 1 + 4 + 1
    per_port, per_vlan = 19 + 19 + 2 + 1, 5
    assert len(walked) == scalars + 10 * per_port + 2 * per_vlan


def request(kind: PduKind, *oids: Oid, status: int = 0, index: int = 0) -> Pdu:
    return Pdu(kind, 42, tuple((oid, Value(NULL)) for oid in oids), status, index)


def test_an_answer_too_big_is_refused_whole() -> None:
    get = request(PduKind.GET, *[(*IFX_ENTRY, 1, port) for port in range(101, 111)])
    view = view_of(switch())
    assert respond(get, view, ROOM).status == ErrorStatus.NO_ERROR
    refused = respond(get, view, 100)
    assert (refused.status, refused.varbinds, refused.request_id) == (ErrorStatus.TOO_BIG, (), 42)


def test_a_bulk_repeats_some_and_not_others() -> None:
    bulk = request(PduKind.GET_BULK, (*SYSTEM, 5), (*IFX_ENTRY, 1), (*IF_ALIAS,), status=1, index=3)
    answered = [oid for oid, _ in respond(bulk, view_of(switch()), ROOM).varbinds]
    assert answered == [
        (*SYSTEM, 5, 0),
        *[oid for port in (101, 102, 103) for oid in ((*IFX_ENTRY, 1, port), (*IF_ALIAS, port))],
    ]


def test_a_bulk_is_cut_to_the_room_and_stops_at_the_end() -> None:
    view = view_of(switch())
    cut = respond(request(PduKind.GET_BULK, (1, 3), index=10_000), view, 300)
    assert 0 < len(cut.varbinds) < 20
    end = respond(request(PduKind.GET_BULK, (*IFX_ENTRY, 19, 109), index=10_000), view, ROOM)
    assert [value.tag for _, value in end.varbinds] == [TIMETICKS, INTEGER, END_OF_VIEW]


@pytest.mark.parametrize(("non_repeaters", "repetitions"), [(-1, -1), (5, 0), (0, 0)])
def test_a_bulk_with_odd_numbers_is_answered(non_repeaters: int, repetitions: int) -> None:
    bulk = request(PduKind.GET_BULK, (*SYSTEM, 5), status=non_repeaters, index=repetitions)
    assert len(respond(bulk, view_of(switch()), ROOM).varbinds) == (1 if non_repeaters > 0 else 0)
