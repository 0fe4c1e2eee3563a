"""Golden texts of object operations, and what a desired state may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.diff import objects
from drivers.diff.objects import AddMember, EnsureVlan, Intent, ReleaseVlan, RemoveMember, VlanIntent

ACCESS = """\
vlans: {100: {name: acme, tagged: [24], untagged: [3]}}
pvid: {3: 100}
admin: {3: up}
alias: {3: "Acme, Ghent"}
"""
CREATED = """\
[
  {"op": "ensure-vlan", "vlan": 100, "name": "acme"},
  {"op": "add-member", "vlan": 100, "port": 24, "tagging": "tagged"},
  {"op": "add-member", "vlan": 100, "port": 3, "tagging": "untagged"},
  {"op": "set", "leaf": "admin", "port": 3, "value": "up"},
  {"op": "set", "leaf": "alias", "port": 3, "value": "Acme, Ghent"},
  {"op": "set", "leaf": "pvid", "port": 3, "value": 100}
]
"""
RELEASED = """\
[
  {"op": "remove-member", "vlan": 100, "port": 3},
  {"op": "remove-member", "vlan": 100, "port": 24},
  {"op": "release", "leaf": "admin", "port": 3, "was": "up"},
  {"op": "release", "leaf": "alias", "port": 3, "was": "Acme, Ghent"},
  {"op": "release", "leaf": "pvid", "port": 3, "was": 100},
  {"op": "release-vlan", "vlan": 100, "name": "acme"}
]
"""


def test_creating_names_the_row_then_members_then_port_objects() -> None:
    assert objects.forward("", ACCESS) == CREATED


def test_deleting_gives_back_in_the_opposite_spirit() -> None:
    assert objects.forward(ACCESS, "") == RELEASED


@pytest.mark.parametrize("same", ["", "vlans: {}\n", ACCESS, "# nothing\n"])
def test_the_same_state_needs_no_operation(same: str) -> None:
    assert objects.forward(same, same) == ""


def test_spelling_and_order_make_no_difference() -> None:
    assert objects.forward("vlans: {7: {name: a, tagged: [1, 2]}}", "vlans:\n  7:\n    tagged: [2, 1]\n    name: a\n") == ""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "vlans: {5: {name: a, tagged: [1]}}",
            "vlans: {5: {name: a, tagged: [1, 2]}}",
            (EnsureVlan(5, "a"), AddMember(5, 2, "tagged")),
        ),
        ("vlans: {5: {name: a, tagged: [1, 2]}}", "vlans: {5: {name: a, tagged: [1]}}", (RemoveMember(5, 2),)),
        (
            "vlans: {5: {name: a, tagged: [1]}}",
            "vlans: {5: {name: a, untagged: [1]}}",
            (EnsureVlan(5, "a"), AddMember(5, 1, "untagged")),
        ),
        ("vlans: {5: {name: a}}", "vlans: {5: {name: b}}", (EnsureVlan(5, "b", was="a"),)),
        ("vlans: {5: {name: a}}", "vlans: {6: {name: b}}", (EnsureVlan(6, "b"), ReleaseVlan(5, "a"))),
    ],
    ids=["member added", "member removed", "tagging changed", "renamed", "other vlan"],
)
def test_only_what_differs_is_operated(before: str, after: str, expected: tuple[objects.Operation, ...]) -> None:
    assert objects.parse_operations(objects.forward(before, after)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vlans: [", "not YAML"),
        ("- 1", "desired objects: a mapping is needed, not list"),
        ("vlan: {}", r"unknown keys \['vlan'\]"),
        ("vlans: {0: {name: a}}", "vlan: 0 is not a whole number from 1 to 4094"),
        ("vlans: {4095: {name: a}}", "vlan: 4095"),
        ("vlans: {true: {name: a}}", "vlan: True"),
        ("vlans: {'5': {name: a}}", "vlan: '5'"),
        ("vlans: {5: {name: ''}}", "an empty name cannot mark the row as ours"),
        ("vlans: {5: {name: " + "x" * 33 + "}}", "33 octets, the object holds 32"),
        ("vlans: {5: {ports: [1]}}", r"vlan 5: unknown keys \['ports'\]"),
        ("vlans: {5: {tagged: 1}}", "vlan 5: tagged: a list of ports is needed"),
        ("vlans: {5: {tagged: [1], untagged: [1]}}", r"ports \[1\] are both tagged and untagged"),
        ("pvid: {3: 5000}", "pvid of port 3: 5000"),
        ("pvid: {x: 5}", "pvid: port"),
        ("admin: {3: sideways}", "'sideways' is neither up nor down"),
        ("admin: {3: [up]}", "neither up nor down"),
        ("alias: {3: " + "ü" * 33 + "}", "66 octets, the object holds 64"),
    ],
)
def test_what_does_not_fit_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        objects.parse_intent(text)


@pytest.mark.parametrize("text", ["{", "[1]", '[{"op": "explode"}]', '[{"op": "set", "leaf": "pvid"}]', '[{"vlan": 1}]', "7"])
def test_operations_that_are_not_ours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a list of object operations"):
        objects.parse_operations(text)


def test_facts_read_like_sentences() -> None:
    assert sorted(map(str, objects.facts(objects.parse_intent(ACCESS)))) == [
        "port 3: admin up",
        "port 3: alias Acme, Ghent",
        "port 3: pvid 100",
        "vlan 100",
        "vlan 100: port 24 tagged",
        "vlan 100: port 3 untagged",
    ]


PORTS = st.integers(1, 12)


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    vlans = {}
    for vlan in draw(st.sets(st.integers(1, 6), max_size=3)):
        members = draw(st.dictionaries(PORTS, st.booleans(), max_size=4))
        tagged = frozenset(port for port, tag in members.items() if tag)
        vlans[vlan] = VlanIntent(draw(st.sampled_from(["acme", "zeta"])), tagged, frozenset(members) - tagged)
    leaves: dict[tuple[objects.Leaf, int], objects.Value] = {}
    for port in draw(st.sets(PORTS, max_size=3)):
        leaves["pvid", port] = draw(st.integers(2, 9))
        leaves["alias", port] = draw(st.text("äb c:#", min_size=1, max_size=5))
    return Intent(vlans, leaves)


@given(before=intents(), after=intents())
def test_rendering_and_reading_operations_are_inverse(before: Intent, after: Intent) -> None:
    listed = objects.operations(before, after)
    assert objects.parse_operations(objects.render(listed)) == listed
