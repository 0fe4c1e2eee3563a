import json

import pytest

from drivers.ssh import limits


def rule(chain: str, table: str = "fabd", **limit: object) -> dict[str, object]:
    said = {"rate": 2_500_000, "burst": 250_000, "per": "second", "inv": True, "rate_unit": "bytes", "burst_unit": "bytes"} | limit
    return {"rule": {"family": "netdev", "table": table, "chain": chain, "handle": 3, "expr": [{"limit": said}, {"drop": None}]}}


def shown(*found: dict[str, object]) -> str:
    return json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "netdev", "name": "fabd"}}, *found]})


def test_a_limit_is_read_where_both_ways_have_the_same() -> None:
    told = shown(rule("in-eth1.7"), rule("out-eth1.7"), rule("in-eth2"), rule("in-eth3"), rule("out-eth3", rate=1))
    assert limits.render(told) == "limit eth1.7\n rate 2500000 bytes/second burst 250000 bytes\n"


@pytest.mark.parametrize(
    ("printed", "unit", "rate"),
    [(125_000, "kbytes", 128_000_000), (3, "mbytes", 3 * 1024**2), (7, "bytes", 7)],
)
def test_units_that_nftables_chooses_are_octets_again(printed: int, unit: str, rate: int) -> None:
    said: dict[str, object] = {"rate": printed, "rate_unit": unit}
    told = shown(rule("in-eth1", **said), rule("out-eth1", **said))
    assert limits.render(told) == f"limit eth1\n rate {rate} bytes/second burst 250000 bytes\n"


@pytest.mark.parametrize("said", [{"inv": False}, {"per": "minute"}, {"rate_unit": "packets"}])
def test_what_limits_something_else_is_not_ours(said: dict[str, object]) -> None:
    told = shown(rule("in-eth1", **said), rule("out-eth1", **said))
    assert " rate " not in limits.render(told)


def test_tables_of_others_are_nobodys_business() -> None:
    named = {"rule": {"table": "other", "chain": "in-eth1", "expr": [{"limit": "by name"}, {"drop": None}]}}
    assert limits.render(shown(rule("in-eth1", "other"), rule("out-eth1", "other"), named)) == ""
    assert limits.render("") == ""


@pytest.mark.parametrize("answer", ["Error: syntax error", "[]", '{"nftables": 1}'])
def test_what_is_no_ruleset_is_told(answer: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|list|valid"):
        limits.render(answer)
