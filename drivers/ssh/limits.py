"""What is let through ports at most, as lines of configuration, from what `nft -json list ruleset netdev` prints. Pure.

    limit eth1
     rate 2500000 bytes/second burst 250000 bytes

For a port there are two chains in a table of our own, `in-PORT` and `out-PORT`, of one rule each, and both say the same; what else
stands there is no limit of ours.
"""

from collections.abc import Iterator

from pydantic import BaseModel, Field, TypeAdapter

TABLE = "fabd"
INWARD, OUTWARD = "in-", "out-"
_UNITS = {"bytes": 1, "kbytes": 1024, "mbytes": 1024**2}
"""nftables prints the largest that leaves no remainder."""


class _Limit(BaseModel):
    rate: int
    rate_unit: str = "packets"
    per: str
    burst: int = 0
    burst_unit: str = "packets"
    inverted: bool = Field(False, alias="inv")


class _Expression(BaseModel):
    limit: _Limit


class _Rule(BaseModel):
    table: str
    chain: str
    expr: list[dict[str, object]] = []


class _Object(BaseModel):
    rule: _Rule | None = None


class _Ruleset(BaseModel):
    nftables: list[_Object]


_RULESET = TypeAdapter(_Ruleset)


def render(shown: str) -> str:
    """`ValueError` when it is not what `nft` prints."""
    if not shown:
        return ""
    chains: dict[str, list[str]] = {}
    for each in _RULESET.validate_json(shown).nftables:
        if each.rule is not None and each.rule.table == TABLE:
            chains.setdefault(each.rule.chain, []).extend(_lines(each.rule))
    ports = (chain.removeprefix(INWARD) for chain in chains if chain.startswith(INWARD))
    return "".join(_section(port, chains[INWARD + port], chains.get(OUTWARD + port, [])) for port in ports)


def _section(port: str, inward: list[str], outward: list[str]) -> str:
    return f"limit {port}\n {inward[0]}\n" if len(inward) == 1 and inward == outward else ""


def _lines(rule: _Rule) -> Iterator[str]:
    for each in rule.expr:
        if "limit" in each:
            yield _line(_Expression.model_validate(each).limit)


def _line(limit: _Limit) -> str:
    if not limit.inverted or limit.per != "second" or not {limit.rate_unit, limit.burst_unit} <= _UNITS.keys():
        return f"other {limit}"
    rate, burst = limit.rate * _UNITS[limit.rate_unit], limit.burst * _UNITS[limit.burst_unit]
    return f"rate {rate} bytes/second burst {burst} bytes"
