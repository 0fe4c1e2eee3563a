"""How many ports go into one GET."""

from drivers.snmp.sizing import FORGIVE_AFTER, GetSize


def test_each_success_adds_one_up_to_the_largest() -> None:
    size = GetSize(size=4, largest=6)
    seen = []
    for _ in range(4):
        size.succeeded(0.0)
        seen.append(size.size)
    assert seen == [5, 6, 6, 6]


def test_a_failure_halves_down_to_one() -> None:
    size = GetSize(size=8)
    seen = []
    for _ in range(4):
        size.halve()
        seen.append(size.size)
    assert seen == [4, 2, 1, 1]


def test_a_size_that_failed_twice_is_not_tried_again_for_half_an_hour() -> None:
    size = GetSize(size=4, largest=8)
    size.blame(5, 0.0)
    size.succeeded(1.0)
    assert size.size == 5
    size.cut_short(5, 2.0)
    size.succeeded(3.0)
    assert size.size == 4
    size.succeeded(FORGIVE_AFTER + 1.0)
    assert size.size == 5
