"""An address is settled when everybody whose it may be was asked, however many there are."""

from agent.assurance.problems.enquiry import Enquiry
from agent.assurance.problems.whose import MOST_ADDRESSES, MOST_ELEMENTS, Owner

ELEMENTS = [f"e{number:05}" for number in range(10_000)]


def everything(enquiry: Enquiry, own: dict[str, dict[str, int]]) -> tuple[dict[str, Owner | None], list[str]]:
    """What is found out, and who was asked for it."""
    found: dict[str, Owner | None] = {}
    asked: list[str] = []
    while turn := enquiry.turn():
        assert len(turn) <= MOST_ELEMENTS
        asked += turn
        found |= enquiry.hear({element: own.get(element, {}) for element in turn})
    return found, asked


def test_an_address_of_the_last_of_ten_thousand_elements_is_found() -> None:
    enquiry = Enquiry()
    enquiry.ask(["10.0.0.1"], ELEMENTS)
    found, asked = everything(enquiry, {ELEMENTS[-1]: {"10.0.0.1": 7}})
    assert found == {"10.0.0.1": Owner(ELEMENTS[-1], 7)}
    assert asked == ELEMENTS


def test_an_address_of_the_first_and_the_last_of_them_is_nobodys() -> None:
    enquiry = Enquiry()
    enquiry.ask(["10.0.0.1", "10.0.0.9"], ELEMENTS)
    both = {element: {"10.0.0.1": 7} for element in (ELEMENTS[0], ELEMENTS[-1])}
    assert everything(enquiry, both)[0] == {"10.0.0.1": None, "10.0.0.9": None}


def test_nothing_is_settled_while_somebody_whose_it_may_be_is_still_to_be_asked() -> None:
    enquiry = Enquiry()
    enquiry.ask(["10.0.0.1"], ["a", "b"])
    enquiry.ask(["10.0.0.2"], ["a"])
    assert enquiry.hear({"a": {"10.0.0.1": 1, "10.0.0.2": 2}}) == {"10.0.0.2": Owner("a", 2)}
    assert enquiry.turn() == {"b": {"10.0.0.1"}}
    assert enquiry.hear({"b": {}}) == {"10.0.0.1": Owner("a", 1)}
    assert enquiry.turn() == {}


def test_nobody_is_asked_twice_for_one_address() -> None:
    enquiry = Enquiry()
    enquiry.ask(["10.0.0.1"], ["a", "b"])
    enquiry.hear({"a": {}})
    enquiry.ask(["10.0.0.1"], ["a", "c"])
    assert enquiry.turn().keys() == {"b", "c"}


def test_answers_to_what_nobody_asked_for_are_nothing() -> None:
    enquiry = Enquiry()
    assert enquiry.hear({"a": {"10.0.0.1": 1}}) == {}
    enquiry.ask(["10.0.0.2"], ["a"])
    assert enquiry.hear({"a": {"10.0.0.1": 1}}) == {"10.0.0.2": None}


def test_there_is_room_for_a_bounded_number_of_addresses_until_they_are_settled() -> None:
    enquiry = Enquiry()
    addresses = [f"10.0.0.{number}" for number in range(MOST_ADDRESSES)]
    enquiry.ask(addresses, ["a"])
    assert enquiry.has_room(addresses[:1])
    assert not enquiry.has_room(["10.9.9.9"])
    enquiry.hear({"a": {}})
    assert enquiry.has_room(["10.9.9.9"])
