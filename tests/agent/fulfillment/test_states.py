import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fulfillment.states import FINAL, TRANSITIONS, ItemState, can_become, item_can_become, order_state

S = ItemState
ANY = st.lists(st.sampled_from([state for state in ItemState if state is not S.PARTIAL]), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("items", "order"),
    [
        (["acknowledged", "acknowledged"], "acknowledged"),
        (["acknowledged", "inProgress"], "inProgress"),
        (["acknowledged", "completed"], "inProgress"),
        (["completed", "completed"], "completed"),
        (["completed", "failed"], "partial"),
        (["completed", "cancelled"], "partial"),
        (["failed", "cancelled"], "cancelled"),
        (["cancelled", "cancelled"], "cancelled"),
        (["held", "completed"], "held"),
        (["held", "inProgress"], "inProgress"),
        (["pending", "completed"], "pending"),
        (["assessingCancellation", "inProgress"], "assessingCancellation"),
    ],
)
def test_the_state_of_an_order_follows_from_its_items(items, order):
    assert order_state(items) == order


@pytest.mark.parametrize(
    ("items", "order"),
    [
        (["assessingCancellation", "completed"], "assessingCancellation"),
        (["pendingCancellation", "cancelled"], "pendingCancellation"),
        (["held", "cancelled"], "pendingCancellation"),
        (["completed", "cancelled"], "pendingCancellation"),
        (["cancelled"], "pendingCancellation"),
    ],
)
def test_until_a_cancellation_has_ended_the_order_shows_that(items, order):
    assert order_state(items, cancelling=True) == order


def test_a_completed_item_leaves_that_state_only_undone():
    ways = [state for state in ItemState if item_can_become(S.COMPLETED, state)]
    assert ways == [S.CANCELLED]
    assert all(item_can_become(state, other) for state, others in TRANSITIONS.items() for other in others)


@given(ANY)
def test_an_order_has_ended_exactly_when_its_items_have(items):
    assert (order_state(items) in FINAL) == all(item in FINAL for item in items)


@given(ANY)
def test_an_order_is_completed_exactly_when_every_item_is(items):
    assert (order_state(items) is S.COMPLETED) == (set(items) == {S.COMPLETED})


@given(ANY, st.randoms())
def test_the_order_of_the_items_does_not_matter(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    assert order_state(items) is order_state(shuffled)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_follows_on_an_end(state):
    assert not any(can_become(state, other) for other in ItemState)
    assert state not in TRANSITIONS
