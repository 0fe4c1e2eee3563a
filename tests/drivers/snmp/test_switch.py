"""Which objects are SET, on a model of a bridge that keeps what it is told."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.diff import objects
from drivers.diff.objects import Intent, Leaf, Value
from drivers.snmp import oids, portlist
from drivers.snmp.bridge import MAX_PDU_OCTETS, chunks
from drivers.snmp.switch import (
    ADMIN_NUMBER,
    CREATE_AND_GO,
    DESTROY,
    Binding,
    Switch,
    Syntax,
    VlanRow,
    bindings,
    unswitched,
)
from tests.drivers.diff.test_objects import intents

MAPPING = {index: index + 20 for index in range(1, 13)}
DEFAULTS: tuple[tuple[Leaf, Value], ...] = (("pvid", 1), ("alias", ""))
EMPTY = Switch(MAPPING, 4, {}, {(leaf, port): value for port in MAPPING for leaf, value in DEFAULTS})


def applied(switch: Switch, sets: Iterable[Binding]) -> Switch:
    """What a conforming agent makes of the SETs."""
    rows, leaves = dict(switch.rows), dict(switch.leaves)
    back = {number: index for index, number in switch.bridge_port.items()}
    for binding in sets:
        column, _, suffix = binding.oid.rpartition(".")
        index, value = int(suffix), binding.value
        if column == oids.VLAN_STATIC_ROW_STATUS:
            if value == CREATE_AND_GO:
                assert index not in rows
                rows[index] = VlanRow("")
            else:
                assert value == DESTROY
                del rows[index]
        elif column == oids.VLAN_STATIC_NAME:
            rows[index] = replace(rows[index], name=octets(value).decode())
        elif column == oids.VLAN_STATIC_EGRESS:
            rows[index] = replace(rows[index], egress=portlist.decode(octets(value)))
        elif column == oids.VLAN_STATIC_UNTAGGED:
            rows[index] = replace(rows[index], untagged=portlist.decode(octets(value)))
        elif column == oids.PVID:
            leaves["pvid", back[index]] = value if isinstance(value, int) else None
        elif column == oids.IF_ADMIN_STATUS:
            leaves["admin", index] = {number: word for word, number in ADMIN_NUMBER.items()}[int(value)]
        else:
            assert column == oids.IF_ALIAS
            leaves["alias", index] = octets(value).decode()
    return replace(switch, rows=rows, leaves=leaves)


def octets(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def moved(switch: Switch, before: Intent, after: Intent) -> Switch:
    return applied(switch, bindings(objects.operations(before, after), switch))


NOTHING = Intent()


@given(before=intents(), after=intents())
def test_after_the_forward_operations_every_fact_of_the_new_state_holds(before: Intent, after: Intent) -> None:
    switch = moved(moved(EMPTY, NOTHING, before), before, after)
    assert [str(fact) for fact in objects.facts(after) if not switch.holds(fact)] == []


@given(before=intents(), after=intents())
def test_the_reverse_leads_back_exactly(before: Intent, after: Intent) -> None:
    start = moved(EMPTY, NOTHING, before)
    assert moved(moved(start, before, after), after, before) == start


@given(before=intents(), after=intents())
def test_doing_it_twice_sets_nothing_more(before: Intent, after: Intent) -> None:
    operations = objects.operations(before, after)
    switch = applied(start := moved(EMPTY, NOTHING, before), bindings(operations, start))
    assert bindings(operations, switch) == ()


FOREIGN_ROWS = st.builds(VlanRow, st.sampled_from(["acme", "foreign"]), st.frozensets(st.integers(13, 20), min_size=1))
FOREIGN = st.dictionaries(st.integers(1, 6), FOREIGN_ROWS, max_size=4)


@given(foreign=FOREIGN, before=intents(), after=intents())
def test_others_rows_and_members_are_never_touched(foreign: dict[int, VlanRow], before: Intent, after: Intent) -> None:
    switch = replace(EMPTY, rows=foreign)
    for old, new in ((NOTHING, before), (before, after), (after, NOTHING)):
        switch = moved(switch, old, new)
        for vlan, row in foreign.items():
            assert row.egress <= switch.rows[vlan].egress
            assert not switch.rows[vlan].untagged & row.egress
    assert {vlan: switch.rows[vlan].egress for vlan in foreign} == {vlan: row.egress for vlan, row in foreign.items()}


def test_an_empty_row_with_our_name_that_was_there_before_survives_the_revert() -> None:
    switch = replace(EMPTY, rows={5: VlanRow("acme")})
    intent = objects.parse_intent("vlans: {5: {name: acme, tagged: [1]}}")
    found = switch.within(intent)
    assert moved(moved(switch, found, intent), intent, found).rows == {5: VlanRow("acme")}


def test_a_row_of_another_name_is_joined_and_left_but_neither_renamed_nor_destroyed() -> None:
    switch = replace(EMPTY, rows={5: VlanRow("foreign")})
    intent = objects.parse_intent("vlans: {5: {name: acme, tagged: [1]}}")
    joined = moved(switch, NOTHING, intent)
    assert joined.rows[5] == VlanRow("foreign", frozenset({21}))
    assert moved(joined, intent, NOTHING).rows == {5: VlanRow("foreign")}


@pytest.mark.parametrize(
    ("leaf", "ours", "now", "left"),
    [("pvid", 100, 100, 1), ("pvid", 100, 200, 200), ("alias", "ours", "ours", ""), ("alias", "ours", "theirs", "theirs")],
)
def test_a_port_object_is_given_back_only_while_it_holds_our_value(leaf: Leaf, ours: Value, now: Value, left: Value) -> None:
    switch = replace(EMPTY, leaves={(leaf, 3): now})
    assert moved(switch, Intent({}, {(leaf, 3): ours}), NOTHING).leaves == {(leaf, 3): left}


def test_what_was_found_in_the_places_of_a_change_can_be_given_back() -> None:
    intent = objects.parse_intent("pvid: {3: 100}\nalias: {3: ours}\nadmin: {3: up}\nvlans: {5: {name: acme, untagged: [1, 3]}}")
    start = replace(
        EMPTY,
        leaves={("pvid", 3): 7, ("alias", 3): "before", ("admin", 3): "down"},
        rows={5: VlanRow("foreign", frozenset({21, 24}), frozenset({24}))},
    )
    found = start.within(intent)
    assert objects.parse_intent(objects.render_intent(found)) == found
    assert moved(moved(start, found, intent), intent, found) == start


def test_what_an_element_shows_and_does_not_take_is_not_given_back() -> None:
    start = replace(EMPTY, leaves={("pvid", 3): 0, ("admin", 3): "testing", ("alias", 3): ""})
    assert start.within(objects.parse_intent("pvid: {3: 100}\nadmin: {3: up}\nalias: {3: x}")).leaves == {("alias", 3): ""}


def test_the_administrative_status_of_a_released_port_stays() -> None:
    intent = objects.parse_intent("admin: {3: up}")
    switch = replace(EMPTY, leaves={("admin", 3): "up"})
    assert bindings(objects.operations(intent, NOTHING), switch) == ()


def test_ports_that_cannot_be_switched_are_found_before_anything_is_set() -> None:
    intent = objects.parse_intent("vlans: {5: {name: a, tagged: [1, 99]}}\npvid: {98: 5}\nalias: {97: routed}")
    assert unswitched(objects.operations(NOTHING, intent), EMPTY) == (98, 99)


def test_many_rows_are_split_into_datagrams_without_tearing_a_row() -> None:
    rows = [
        Binding(f"{column}.{vlan}", Syntax.OCTETS, bytes(64))
        for vlan in range(1, 40)
        for column in (oids.VLAN_STATIC_NAME, oids.VLAN_STATIC_EGRESS, oids.VLAN_STATIC_UNTAGGED)
    ]
    parts = chunks(rows)
    assert [binding for part in parts for binding in part] == rows
    assert len(parts) > 1
    for part in parts:
        assert sum(24 + len(octets(binding.value)) for binding in part) <= MAX_PDU_OCTETS
        assert len(part) % 3 == 0


@given(ports=st.frozensets(st.integers(1, 400)), width=st.integers(0, 60))
def test_port_lists_survive_the_round_trip_and_keep_their_width(ports: frozenset[int], width: int) -> None:
    octets = portlist.encode(ports, width)
    assert portlist.decode(octets) == ports
    assert len(octets) == max(width, portlist.width_for(max(ports, default=0)))


def test_port_1_is_the_highest_bit() -> None:
    assert portlist.encode({1, 8, 9}, 3) == bytes([0b1000_0001, 0b1000_0000, 0])
