"""Which claimed plan may begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fulfillment.admission import LINE, PATIENCE_S, Admission
from inventory.work import Claim, Work


def claim(key: str, fence: int = 1) -> Claim:
    return Claim(Work("plan", key), "w", fence, 1)


class Desk:
    def __init__(self, *, lane: int = 1) -> None:
        self.silent: set[str] = set()
        self.admission = Admission(lambda elements: not self.silent.isdisjoint(elements), lane=lane)

    def add(self, key: str, elements: str, now: float = 0.0) -> None:
        self.admission.add(claim(key), elements.split(), now)

    def begun(self, now: float = 0.0) -> list[str]:
        """All that may begin now, begun."""
        keys = []
        while (found := self.admission.next(now)) is not None:
            keys.append(found.work.key)
        return keys

    def done(self, key: str) -> None:
        self.admission.done(claim(key))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_plans_on_different_elements_begin_together(desk):
    desk.add("a", "pe1 sw1")
    desk.add("b", "pe2")
    desk.add("c", "")
    assert desk.begun() == ["a", "b", "c"]


def test_plans_on_one_element_begin_one_after_the_other_in_the_order_they_came(desk):
    for key in "abc":
        desk.add(key, "pe1")
    assert desk.begun() == ["a"]
    desk.done("a")
    assert desk.begun() == ["b"]
    desk.done("b")
    assert desk.begun() == ["c"]
    assert desk.admission.waiting == 0


def test_a_plan_on_two_elements_is_not_overtaken_for_ever_on_either(desk):
    desk.add("a", "pe1")
    assert desk.begun() == ["a"]
    desk.add("both", "pe1 pe2")
    desk.add("b", "pe2")
    assert desk.begun() == []
    desk.done("a")
    assert desk.begun() == ["both"]


def test_who_is_tired_of_waiting_begins_to_say_so_in_its_journal(desk):
    desk.add("a", "pe1")
    desk.add("b", "pe1")
    assert desk.begun() == ["a"]
    assert desk.begun(PATIENCE_S) == []
    assert desk.begun(PATIENCE_S + 0.1) == ["b"]


def test_elements_that_are_silent_keep_only_each_other_waiting(desk):
    desk.silent = {"pe1", "pe2"}
    desk.add("a", "pe1")
    desk.add("b", "pe2")
    desk.add("c", "pe3")
    assert desk.begun() == ["a", "c"]
    desk.done("c")
    assert desk.begun(PATIENCE_S + 1) == []
    desk.done("a")
    assert desk.begun() == ["b"]


def test_an_element_that_answers_again_is_let_out_of_the_lane(desk):
    desk.silent = {"pe1", "pe2"}
    desk.add("a", "pe1")
    desk.add("b", "pe2")
    assert desk.begun() == ["a"]
    desk.silent = set()
    assert desk.begun() == ["b"]


def test_what_has_not_begun_can_be_given_back(desk):
    desk.add("a", "pe1")
    desk.add("b", "pe1")
    assert desk.begun() == ["a"]
    assert [each.work.key for each in desk.admission.withdraw()] == ["b"]
    assert desk.admission.waiting == 0


def test_the_end_of_an_old_claim_is_not_the_end_of_the_new_one(desk):
    desk.admission.add(claim("a", fence=2), ["pe1"], 0.0)
    assert desk.begun() == ["a"]
    desk.admission.done(claim("a", fence=1))
    desk.add("b", "pe1")
    assert desk.begun() == []


def test_what_would_wait_long_leaves_its_place_to_others(desk):
    desk.silent = {"pe1", "pe2", "pe3"}
    for number, elements in enumerate(["pe1", "pe2", "pe3", "pe4", *["pe5"] * (LINE + 2)]):
        desk.add(str(number), elements)
    assert [each.work.key for each in desk.admission.crowd()] == ["1", "2", str(4 + LINE), str(5 + LINE)]
    assert desk.admission.crowd() == []
    assert desk.begun() == ["0", "3", "4"]


@given(st.lists(st.frozensets(st.sampled_from("abcde"), max_size=3), max_size=12))
def test_all_begin_in_the_end_and_never_two_on_one_element(wanted):
    desk = Desk()
    for number, elements in enumerate(wanted):
        desk.add(str(number), " ".join(sorted(elements)))
    running: list[str] = []
    ended = 0
    while ended < len(wanted):
        running += desk.begun()
        assert running
        held = [element for key in running for element in wanted[int(key)]]
        assert len(held) == len(set(held))
        desk.done(running.pop(0))
        ended += 1
