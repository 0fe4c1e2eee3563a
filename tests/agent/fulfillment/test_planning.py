from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.fulfillment.planning import Intent, bundles, changes, circle
from drivers.platform import load_platform

NAMES = [str(number) for number in range(7)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12)
PLATFORMS = {"pe1": load_platform("ios"), "sw1": load_platform("qbridge"), "nc1": load_platform("ietf")}


def text(number: int) -> str:
    return f"interface Gi0/1.{number}\n encapsulation dot1Q {number}\n ip address 10.0.0.{number} 255.255.255.254\n"


@given(EDGES)
def test_bundles_are_the_connected_groups_and_hold_every_item_once(pairs):
    groups = bundles(NAMES, pairs)
    assert sorted(name for group in groups for name in group) == NAMES
    group_of = {name: group for group in groups for name in group}
    assert all(group_of[one] is group_of[other] for one, other in pairs)
    for group in groups:
        reached = {group[0]}
        for _ in group:
            reached |= {name for pair in pairs for name in pair if reached & set(pair)}
        assert set(group) <= reached


@given(EDGES)
def test_a_circle_is_found_exactly_when_there_is_one(edges):
    needs = {name: [to for start, to in edges if start == name] for name in NAMES}
    found = circle(needs)
    left = dict(needs)
    while free := [name for name, wanted in left.items() if not set(wanted) & set(left)]:
        for name in free:
            del left[name]
    assert bool(found) == bool(left)
    assert all(following in needs[name] for name, following in pairwise(found))
    assert not found or found[0] == found[-1]


def test_nothing_changes_where_before_and_after_mean_the_same():
    same = Intent({"pe1": text(1)}, {"pe1": text(1).replace("ip address", "ip  address")}, {})
    assert changes([same], PLATFORMS) == ()


@given(st.lists(st.integers(1, 200), min_size=1, max_size=4, unique=True))
def test_services_on_one_element_share_a_change_that_says_all_of_them(numbers):
    (change,) = changes([Intent({}, {"pe1": text(number)}, {"pe1": (f"Gi0/1.{number}",)}) for number in numbers], PLATFORMS)
    assert set(change.set.ports) == {f"Gi0/1.{number}" for number in numbers}
    assert all(f"interface Gi0/1.{number}\n" in change.set.forward for number in numbers)
    assert all(f"no interface Gi0/1.{number}" in change.set.reverse for number in numbers)


def test_changes_come_sorted_by_element_with_their_commitment():
    objects = "vlans:\n  100: {name: x, tagged: [1], untagged: []}\n"
    made = changes([Intent({}, {"sw1": objects, "pe1": text(1)}, {})], PLATFORMS)
    assert [(change.set.element, change.commitment) for change in made] == [("pe1", "immediate"), ("sw1", "immediate")]


def test_what_leaves_and_what_comes_in_one_plan_are_one_change():
    (change,) = changes([Intent({"pe1": text(1)}, {}, {}), Intent({}, {"pe1": text(2)}, {"pe1": ("Gi0/1.2",)})], PLATFORMS)
    assert "no interface Gi0/1.1" in change.set.forward
    assert "interface Gi0/1.2" in change.set.forward
