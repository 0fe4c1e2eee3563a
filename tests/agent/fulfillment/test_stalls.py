"""Which plans make no headway, and which elements are silent."""

from hypothesis import given
from hypothesis import strategies as st

from agent.fulfillment.stalls import Stalls

AFTER = 5


class Clock:
    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["beat", "rest", "forget"]), st.sampled_from("abcde")),
            st.tuples(st.just("wait"), st.integers(0, 2 * AFTER)),
        ),
        max_size=40,
    )
)
def test_a_plan_is_stalled_that_has_been_with_an_element_for_too_long(steps):
    clock = Clock()
    stalls = Stalls(clock, AFTER)
    moved: dict[str, float] = {}
    for verb, what in steps:
        if verb == "wait":
            clock.at += what
        else:
            getattr(stalls, verb)(what)
            moved.pop(what, None)
            if verb != "forget":
                moved[what] = clock.at if verb == "beat" else float("inf")
        still = sum(at < clock.at - AFTER for at in moved.values())
        assert (stalls.stalled(), stalls.expected()) == (still, len(moved) - still)


def test_plans_at_a_point_are_counted_and_told_of(monkeypatch):
    stalls, told = Stalls(Clock()), []
    monkeypatch.setattr(stalls, "at_point", lambda: told.append(stalls.at_points))
    with stalls.waiting(), stalls.waiting():
        assert stalls.at_points == 2
    assert (stalls.at_points, told) == (0, [1, 2])
