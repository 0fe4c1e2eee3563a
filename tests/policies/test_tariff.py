"""Rating: golden figures, and properties that hold for every tariff."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InvalidPolicy
from policies.money import exact_sum, rounded
from policies.rating import Line, Volume, rate_recurring, rate_volume, recurring_fee
from policies.tariff import Tariff, parse_tariff
from policies.values import Interval

GB = 10**9
JANUARY = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
BIN = Interval(JANUARY.start, JANUARY.start + timedelta(minutes=5))
TEXT = """
name: test
versions:
  - version: "1"
    since: 2025-01-01
    charges:
      - {basis: flat, name: access, title: Access, price: 310.00}
      - basis: bytes
        name: traffic
        title: Traffic
        direction: %s
        steps: [{up_to: 10, price: 0}, {up_to: 100, price: 0.02}, {price: 0.013}]
"""


def tariff(direction: str = "sum") -> Tariff:
    return parse_tariff(TEXT % direction, "test.yaml")


def volume_lines(before: Volume, usage: Volume, direction: str = "sum") -> list[Line]:
    return rate_volume(tariff(direction).versions[0], before, usage, BIN)


def written(lines: list[Line]) -> list[tuple[str, str, str]]:
    return [(line.charge, f"{line.quantity} {line.unit}", str(line.amount)) for line in lines]


@pytest.mark.parametrize(
    ("before", "usage", "expected"),
    [
        (Volume(), Volume(GB, GB), [("traffic#1", "2.000000000 GB", "0E-9")]),
        (Volume(), Volume(), []),
        (Volume(5 * GB, 5 * GB), Volume(1, 0), [("traffic#2", "1E-9 GB", "2E-11")]),
        (
            Volume(0, 9 * GB),
            Volume(0, 101 * GB),
            [
                ("traffic#1", "1.000000000 GB", "0E-9"),
                ("traffic#2", "90.000000000 GB", "1.80000000000"),
                ("traffic#3", "10.000000000 GB", "0.130000000000"),
            ],
        ),
    ],
)
def test_a_record_pays_each_step_for_what_lies_within_it(before: Volume, usage: Volume, expected: list[Any]) -> None:
    assert written(volume_lines(before, usage)) == expected


@pytest.mark.parametrize(("direction", "gigabytes"), [("in", 30), ("out", 50), ("sum", 80), ("max", 50)])
def test_the_direction_says_what_counts(direction: str, gigabytes: int) -> None:
    lines = volume_lines(Volume(), Volume(30 * GB, 50 * GB), direction)
    assert sum(line.quantity for line in lines) == gigabytes


volumes = st.lists(st.builds(Volume, st.integers(0, 60 * GB), st.integers(0, 60 * GB)), max_size=12)


@given(volumes, st.randoms(use_true_random=False), st.sampled_from(["in", "out", "sum", "max"]))
def test_the_total_depends_on_the_volume_and_not_on_the_order(records: list[Volume], random: Any, direction: str) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)
    whole = exact_sum(line.amount for line in volume_lines(Volume(), sum(records, Volume()), direction))
    assert total_of(records, direction) == total_of(shuffled, direction) == whole


def total_of(records: list[Volume], direction: str) -> Decimal:
    before, amounts = Volume(), []
    for record in records:
        amounts += [line.amount for line in volume_lines(before, record, direction)]
        before += record
    return exact_sum(amounts)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_largest_counters_lose_no_digit(before: int, usage: int) -> None:
    lines = volume_lines(Volume(before, 0), Volume(usage, 0), "in")
    assert exact_sum(line.quantity for line in lines) == Decimal(usage).scaleb(-9)


@given(st.lists(st.integers(0, 31 * 86400 * 10**6), max_size=8), st.decimals(0, 10**6, places=4))
def test_the_parts_of_a_period_add_up_to_its_price(cuts: list[int], price: Decimal) -> None:
    bounds = [0, *sorted(cuts), 31 * 86400 * 10**6]
    instants = [JANUARY.start + timedelta(microseconds=bound) for bound in bounds]
    data = tariff().model_dump()
    data["versions"][0]["charges"][0]["price"] = price
    lines = rate_recurring(Tariff.model_validate(data), [Interval(a, b) for a, b in pairwise(instants)])
    assert exact_sum(line.amount for line in lines) == price


def test_a_part_of_a_month_costs_its_part_of_the_price() -> None:
    ten_days = Interval(JANUARY.start, JANUARY.start + timedelta(days=10))
    assert recurring_fee(tariff(), ten_days) == 100
    assert recurring_fee(tariff(), JANUARY) == 310
    across = Interval(JANUARY.end - timedelta(days=1), JANUARY.end + timedelta(days=1))
    assert rounded(recurring_fee(tariff(), across), "EUR") == Decimal("21.07")  # a day of January and a longer one of February


def test_a_new_version_counts_from_its_instant() -> None:
    first = tariff().model_dump()["versions"][0]
    dearer = {"version": "2", "since": "2026-01-16T12:00:00Z", "charges": [{**first["charges"][0], "price": "620"}]}
    lines = rate_recurring(tariff().with_terms({"versions": [first, dearer]}), [JANUARY])
    assert [(line.unit_price, line.amount) for line in lines] == [(Decimal(310), Decimal(155)), (Decimal(620), Decimal(310))]


def test_before_its_first_version_a_tariff_charges_nothing() -> None:
    assert rate_recurring(tariff(), [Interval(datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))]) == []


def test_a_contract_may_have_a_shorter_period() -> None:
    short = tariff().with_terms({"period": "5 minutes"})
    assert recurring_fee(short, BIN) == 310


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.005", "EUR", "0.01"),
        ("-0.005", "EUR", "-0.01"),
        ("0.0049999999", "EUR", "0.00"),
        ("2.5", "JPY", "3"),
        ("1.0005", "KWD", "1.001"),
    ],
)
def test_half_a_minor_unit_is_rounded_away_from_zero(amount: str, currency: str, expected: str) -> None:
    assert str(rounded(Decimal(amount), currency)) == expected


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{price: 0.013}", "{up_to: 200, price: 0.013}", "last step"),
        ("up_to: 100", "up_to: 5", "must rise"),
        ("name: traffic", "name: access", "two charges have one name"),
        ("basis: bytes", "basis: light-years", "basis"),
        ("price: 310.00", "price: -1", "greater than or equal"),
        ("since: 2025-01-01", "since: yesterday", "since"),
        ("direction: sum", "direction: up", "direction"),
    ],
)
def test_mistakes_in_a_tariff_are_named(old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidPolicy, match=said):
        parse_tariff((TEXT % "sum").replace(old, new), "test.yaml")


def test_mistakes_are_told_once_and_where_the_text_has_them() -> None:
    with pytest.raises(InvalidPolicy) as caught:
        parse_tariff((TEXT % "sum").replace("310.00", ".nan"), "test.yaml")
    assert str(caught.value) == "test.yaml:7: versions[0].charges[0].price: should be a finite number"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("310.00", "-1", "greater than or equal to 0"),
        ("310.00", "1e400", "24 digits"),
        ("310.00", "1.0e+400", "finite"),
        ("310.00", "'Infinity'", "finite"),
        ("up_to: 10,", "up_to: '1e999999',", "18 digits"),
        ("up_to: 10,", "up_to: 0.0000001,", "6 decimal places"),
        ("since: 2025-01-01", "since: 0001-01-01T00:00:00+14:00", "beyond the calendar"),
    ],
)
def test_absurd_numbers_are_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidPolicy, match=said):
        parse_tariff((TEXT % "sum").replace(old, new), "test.yaml")


def test_the_currencies_without_two_digits_are_rounded_to_theirs() -> None:
    assert [str(rounded(Decimal("1.23456"), each)) for each in ("EUR", "XOF", "KWD", "CLF")] == ["1.23", "1", "1.235", "1.2346"]
