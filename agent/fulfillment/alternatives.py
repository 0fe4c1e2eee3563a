"""What could be had instead of what was refused: variations of it, each planned like the request itself, a bounded number of them.

What is proposed would be taken at that moment. A variation mends one reason; where it is refused for another, that is mended
next: what is proposed may differ in several characteristics at once.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import OrderRefused, Refusal
from agent.fulfillment.preview import Preview
from agent.fulfillment.requests import OrderRequest
from inventory.db import Database
from inventory.tables import ElementRow, PortClaimRow, PortRow
from policies.rendering import VLAN_ROLE
from policies.specification import Specification

MOST_TRIALS = 48
"""Plannings per item."""
STEPS = 4
"""Reasons that are mended one after the other."""
FRUITLESS = 12
"""Variations in a row that mend nothing; then no more of the kind are tried."""
MOST_CHOICES = 3
NEAR_PORTS = 8
NEAR_VLANS = (1, -1, 2, -2, 3, -3)
_OF_PORTS = frozenset({"portInUse", "unknownObject", "invalidCharacteristic", "unsupportedFeature", "brokenData"})
_OF_VLANS = frozenset({"vlanInUse", "valueTaken", "valueNotInPool", "portInUse"})
_OF_AMOUNTS = frozenset({"poolExhausted", "valueNotInPool"})

Values = Mapping[str, Any]
"""Characteristics."""
Imagine = Callable[[OrderRequest], Preview]
"""Raises `OrderRefused`."""
Reasons = tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    characteristics: Values
    changed: tuple[str, ...]
    """Names of those that differ from what was asked for."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Plans variations of one item beside those it was asked for with; none twice."""

    imagine: Imagine
    database: Database
    spec: Specification
    request: OrderRequest
    position: int
    known: dict[str, Preview | Reasons] = field(default_factory=dict)

    @property
    def exhausted(self) -> bool:
        return len(self.known) >= MOST_TRIALS

    @property
    def asked(self) -> Values:
        return self.request.items[self.position].characteristics

    def planned(self, values: Values) -> Preview | Reasons:
        """What it would come to, or why not; () when that is not tried any more."""
        key = json.dumps(values, sort_keys=True, default=str)
        if key not in self.known:
            if self.exhausted:
                return ()
            self.known[key] = self._planned(values)
        return self.known[key]

    def _planned(self, values: Values) -> Preview | Reasons:
        items = list(self.request.items)
        items[self.position] = replace(items[self.position], characteristics=values)
        try:
            return self.imagine(replace(self.request, items=tuple(items)))
        except OrderRefused as error:
            return of_item(self.position, error.refusals)

    def proposal(self, values: Values, planned: Preview) -> Proposal:
        """With the VLAN that it would be given, where one was asked for."""
        reference = self.request.items[self.position].reference
        mine = (given for given in planned.allocations if given.item == reference)
        vlan = next((given.value for given in mine if given.role == VLAN_ROLE), "")
        named = {**values, "vlan": int(vlan)} if vlan.isdigit() and "vlan" in self.asked else dict(values)
        return Proposal(named, tuple(name for name in {**self.asked, **named} if self.asked.get(name) != named.get(name)))


@dataclass(frozen=True, slots=True)
class _Branch:
    """Variations of the same values, each with the reason that it is to mend."""

    variations: Iterator[tuple[Refusal, Values]]
    steps: int


def search(trial: Trial, reasons: Sequence[Refusal]) -> Iterator[Proposal]:
    """Nearest first. What has come to something gives way to the other ways, so that proposals differ in more than one thing."""
    branches = deque([_Branch(_variations(trial, trial.asked, reasons), STEPS)])
    proposed: list[Values] = []
    while branches:
        branch = branches.popleft()
        found = _next(trial, branch)
        if found is None:
            continue
        values, planned = found
        if not isinstance(planned, Preview):
            further = _Branch(_variations(trial, values, planned), branch.steps - 1)
            branches.extendleft([branch, further])
            continue
        branches.append(branch)
        proposal = trial.proposal(values, planned)
        if proposal.characteristics not in proposed:
            proposed.append(proposal.characteristics)
            yield proposal


def _next(trial: Trial, branch: _Branch) -> tuple[Values, Preview | Reasons] | None:
    """The next variation that can be had, or that is refused for another reason; None when there are no more."""
    for mended, values in islice(branch.variations, FRUITLESS):
        planned = trial.planned(values)
        if isinstance(planned, Preview) or (planned and branch.steps > 1 and not _stays(mended, planned)):
            return values, planned
    return None


def of_item(position: int, refusals: Sequence[Refusal]) -> Reasons:
    where = f"/items/{position}"
    return tuple(each for each in refusals if each.where == where or each.where.startswith(f"{where}/"))


def _stays(reason: Refusal, reasons: Sequence[Refusal]) -> bool:
    return any((each.code, each.where) == (reason.code, reason.where) for each in reasons)


# -- variations ----------------------------------------------------------------------------------------------------------------


def _variations(trial: Trial, values: Values, reasons: Sequence[Refusal]) -> Iterator[tuple[Refusal, Values]]:
    """Of values that were refused for these reasons: what is nearest to them and may mend one of the reasons."""
    for reason in reasons:
        for varied in _of_vlan(trial.spec, values, reason):
            yield reason, varied
    for reason in reasons:
        for varied in _of_schema(trial.spec, values, reason):
            yield reason, varied
    for reason in reasons:
        for varied in _of_amount(trial, values, reason):
            yield reason, varied
    for reason in reasons:
        with trial.database.read() as session:
            ports = [*_of_ports(session, values, reason)]
        for varied in ports:
            yield reason, varied


def _of_vlan(spec: Specification, values: Values, reason: Refusal) -> Iterator[Values]:
    """Any VLAN of the pool, then those near the one that was asked for."""
    vlan = values.get("vlan")
    if not isinstance(vlan, int) or reason.code not in _OF_VLANS:
        return
    if any(rule.role == VLAN_ROLE for rule in spec.resources):
        yield {name: value for name, value in values.items() if name != "vlan"}
    for step in NEAR_VLANS:
        yield {**values, "vlan": vlan + step}


def _of_schema(spec: Specification, values: Values, reason: Refusal) -> Iterator[Values]:
    """The nearest value that the schema has; or without what a platform cannot."""
    name = _named(reason)
    schema = spec.characteristics.get("properties", {}).get(name)
    if schema is None or name not in values:
        return
    value = values[name]
    for end, too_far in (("maximum", _above), ("minimum", _below)):
        if end in schema and too_far(value, schema[end]):
            yield {**values, name: schema[end]}
    for choice in schema.get("enum", ())[:MOST_CHOICES]:
        yield {**values, name: choice}
    if reason.code == "unsupportedFeature" and name not in spec.characteristics.get("required", ()):
        yield {other: each for other, each in values.items() if other != name}


def _of_amount(trial: Trial, values: Values, reason: Refusal) -> Iterator[Values]:
    """The largest round amount with which the reason is none, where the one asked for is too much."""
    for name in _too_much(trial.spec, reason):
        wanted = values.get(name)
        if not isinstance(wanted, int) or isinstance(wanted, bool):
            continue
        least = int(trial.spec.characteristics["properties"][name].get("minimum", 1))
        amounts = [amount for amount in _round_amounts(wanted) if amount >= least]
        low, high = 0, len(amounts)
        while low < high:
            middle = (low + high) // 2
            planned = trial.planned({**values, name: amounts[middle]})
            if isinstance(planned, Preview) or (planned and not _stays(reason, planned)):
                low = middle + 1
            else:
                high = middle
        if low:
            yield {**values, name: amounts[low - 1]}


def _too_much(spec: Specification, reason: Refusal) -> list[str]:
    """A whole number that was refused as such, or those that say how much is taken of a pool that has not so much."""
    name = _named(reason)
    refused = reason.code == "invalidCharacteristic" and name != "vlan"
    if refused and spec.characteristics.get("properties", {}).get(name, {}).get("type") == "integer":
        return [name]
    return _amounts(spec) if reason.code in _OF_AMOUNTS else []


def _round_amounts(below: int) -> list[int]:
    """1, 2, 5, 10, 20, 50 and so on."""
    return [figure * 10**power for power in range(len(str(below))) for figure in (1, 2, 5) if figure * 10**power < below]


def _amounts(spec: Specification) -> list[str]:
    """Whole numbers that say how much of a pool is taken."""
    expressions = " ".join(rule.amount_bps for rule in spec.resources)
    properties = spec.characteristics.get("properties", {})
    return [
        name for name, schema in properties.items() if schema.get("type") == "integer" and f"characteristics.{name}" in expressions
    ]


def _of_ports(session: Session, values: Values, reason: Refusal) -> Iterator[Values]:
    """Free ports of the same element, then of others at the same site, in the place of each port that the reason is about."""
    if reason.code not in _OF_PORTS:
        return
    for name, value in values.items():
        for place, reference in _references(value):
            if _is_about(reason, name, reference):
                for port in _free_ports(session, reference):
                    yield {**values, name: _replaced(value, place, port)}


def _is_about(reason: Refusal, name: str, reference: str) -> bool:
    """Its characteristic, or in words the port or its element."""
    element = re.escape(reference.partition("/")[0])
    return _named(reason).partition("/")[0] == name or re.search(rf"(?<![\w.-]){element}(?![\w.-])", reason.message) is not None


def _references(value: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Texts that look like `element/port`, with where they stand."""
    if isinstance(value, str) and "/" in value:
        yield place, value
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _references(each, (*place, number))
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _references(each, (*place, name))


def _replaced(value: Any, place: Sequence[str | int], port: str) -> Any:  # noqa: ANN401  JSON is any
    if not place:
        return port
    first, *rest = place
    if isinstance(value, list):
        return [_replaced(each, rest, port) if number == first else each for number, each in enumerate(value)]
    return {name: _replaced(each, rest, port) if name == first else each for name, each in value.items()}


def _free_ports(session: Session, reference: str) -> list[str]:
    element = session.scalars(select(ElementRow).where(ElementRow.name == reference.partition("/")[0])).first()
    if element is None:
        return []
    free = (
        select(ElementRow.name, PortRow.name)
        .join(PortRow, PortRow.element_id == ElementRow.id)
        .where(
            ElementRow.site_id == element.site_id,
            ElementRow.role == element.role,
            ElementRow.administrative != "locked",
            PortRow.role == "customer",
            PortRow.id.not_in(select(PortClaimRow.port_id)),
        )
        .order_by(ElementRow.id != element.id, ElementRow.name, PortRow.name)
        .limit(NEAR_PORTS)
    )
    return [found for name, port in session.execute(free) if (found := f"{name}/{port}") != reference]


def _named(reason: Refusal) -> str:
    """The characteristic that it points to; "" when to none."""
    return reason.where.partition("/characteristics/")[2]


def _above(value: object, end: float) -> bool:
    return isinstance(value, int | float) and value > end


def _below(value: object, end: float) -> bool:
    return isinstance(value, int | float) and value < end
