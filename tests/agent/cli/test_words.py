"""Values as people read them, and what people write read as values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from agent.cli.facts import flat
from agent.cli.words import BitRate, Count, Octets, parse_rate, seconds, taken, told, when


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (None, ""),
        ("", ""),
        (datetime(2026, 1, 5, 9, 0, 7, tzinfo=UTC), "2026-01-05 09:00:07"),
        (datetime(2026, 1, 5, 9, 0, tzinfo=timezone(timedelta(hours=2))), "2026-01-05 07:00:00"),
        ("2026-01-05T09:00:07.5Z", "2026-01-05 09:00:07"),
        ("2026-01-05T09:00:07+02:00", "2026-01-05 07:00:07"),
        ("soon", "soon"),
    ],
)
def test_instants_are_utc(at, shown):
    assert when(at) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (BitRate(0), "0 bit/s"),
        (BitRate(999), "999 bit/s"),
        (BitRate(64_000), "64 kbit/s"),
        (BitRate(2_500_000_000), "2.5 Gbit/s"),
        (BitRate(10**12), "1 Tbit/s"),
        (Octets(999), "999 B"),
        (Octets(1500), "1.5 kB"),
        (Octets(1_234_567_890), "1.23 GB"),
        (Count(32768), "32768"),
        (Count(2**79), "6.04e+23"),
    ],
)
def test_sizes_are_short(value, shown):
    assert str(value) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(0.5, "0.5 s"), (59, "59 s"), (61, "1 min 01 s"), (3599.6, "1 h 00 min 00 s"), (93784, "26 h 03 min 04 s")]
)
def test_spans_have_the_units_that_people_count_in(count, shown):
    assert seconds(count) == shown


@pytest.mark.parametrize(("text", "rate"), [("0", 0), ("64k", 64e3), ("20M", 20e6), ("1.5G", 1.5e9), ("2T", 2e12), ("5", 5)])
def test_rates_are_read(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "M", "-1M", "fast", "1X", "infT", "nan", "1e999"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="is no rate; write bit/s as 20M"):
        parse_rate(text)


def test_nested_facts_become_names_and_values():
    document = {
        "rule": "adjacent",
        "path": {"from_port": "pe1", "hops": [1, 2]},
        "outages": [{"start": "2026-01-05T09:00:00Z"}, {"start": None}],
        "empty": [],
    }
    assert flat(document) == {
        "rule": "adjacent",
        "path from port": "pe1",
        "path hops": "1, 2",
        "outages 1 start": "2026-01-05 09:00:00",
        "outages 2 start": "",
        "empty": "",
    }


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (True, "True"), (3, "3"), ("2026-01-05", "2026-01-05"), ([["a"], "b"], "a, b")]
)
def test_values_are_told(value, shown):
    assert told(value) == shown


def test_what_is_taken_of_a_link_is_told_as_a_rate_and_of_other_pools_as_its_value():
    assert taken({"value": "alo-1", "amount_bps": 60_000_000}) == "60 Mbit/s"
    assert taken({"value": "10.0.0.0/31", "amount_bps": 0}) == "10.0.0.0/31"
    assert taken({"value": "10.0.0.0/31"}) == "10.0.0.0/31"
