"""Whether a service could be had, by the same planner that would provide it; if not, why not, and what could be had instead.

Every alternative has been planned, like the request itself: what is proposed would be taken at that moment. Nothing is reserved.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import OrderRefused, Refusal
from agent.fulfillment.preview import GivenValue, Preview
from agent.fulfillment.requests import ItemRequest, OrderRequest
from inventory.db import Database
from inventory.tables import ElementRow, PortClaimRow, PortRow
from policies.catalog import Catalog
from policies.errors import NotInCatalog
from policies.rendering import VLAN_ROLE
from policies.specification import Specification

MOST_TRIALS = 24
"""Plannings per item for the sake of alternatives."""
MOST_PROPOSALS = 3
STEPS = 3
"""Changes one after the other, when the first is not enough."""
NEAR_PORTS = 8
NEAR_VLANS = (1, -1, 2, -2, 3, -3)
_OF_PORTS = frozenset({"portInUse", "unknownObject", "invalidCharacteristic", "unsupportedFeature", "brokenData"})
_OF_VLANS = frozenset({"vlanInUse", "valueTaken", "valueNotInPool", "portInUse"})
_OF_AMOUNTS = frozenset({"poolExhausted", "valueNotInPool"})

Values = Mapping[str, Any]
"""Characteristics."""
Imagine = Callable[[OrderRequest], Preview]
"""Raises `OrderRefused`."""


class Outcome(StrEnum):
    """TMF645's words."""

    QUALIFIED = "qualified"
    ALTERNATE = "alternate"
    UNQUALIFIED = "unqualified"


@dataclass(frozen=True, slots=True)
class Proposal:
    characteristics: Values
    changed: tuple[str, ...]
    """Names of those that differ from what was asked for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one item."""

    reference: str
    outcome: Outcome
    reasons: tuple[Refusal, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    values: tuple[GivenValue, ...] = ()
    """What it would be given, as things stand."""


def overall(verdicts: Sequence[Verdict]) -> Outcome:
    """TMF645: unqualified when one is, else alternate when one is."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return next((each for each in (Outcome.UNQUALIFIED, Outcome.ALTERNATE) if each in outcomes), Outcome.QUALIFIED)


@dataclass(frozen=True, slots=True)
class Qualifier:
    database: Database
    catalog: Catalog
    imagine: Imagine

    def check(self, request: OrderRequest, *, alternatives: bool = True) -> tuple[Verdict, ...]:
        """Each item by itself; then, when all could be had one by one, all of them together.

        What is proposed for an item that is refused beside the others could be had beside them.
        """
        verdicts = tuple(self._verdict(request, item, alternatives=alternatives) for item in request.items)
        if len(verdicts) == 1 or overall(verdicts) is not Outcome.QUALIFIED:
            return verdicts
        try:
            self.imagine(request)
        except OrderRefused as error:
            beside = ((place, each, error.refusals) for place, each in enumerate(verdicts))
            return tuple(self._beside(request, *each, alternatives=alternatives) for each in beside)
        return verdicts

    def offers(self, values: Values, customer: str = "", specification: str = "") -> tuple[str, ...]:
        """Names of the specifications that could be had with as many of these characteristics as they have."""
        specs = [spec for name, spec in sorted(self.catalog.specifications.items()) if specification in {"", name}]
        return tuple(spec.name for spec in specs if self._could(_ask(customer, spec.name, _known(spec, values))))

    def _verdict(self, request: OrderRequest, item: ItemRequest, *, alternatives: bool) -> Verdict:
        alone = replace(request, items=(replace(item, related=()),))
        try:
            return Verdict(item.reference, Outcome.QUALIFIED, values=self.imagine(alone).allocations)
        except OrderRefused as error:
            reasons = error.refusals
        return self._refused(alone, 0, reasons, alternatives=alternatives)

    def _beside(
        self, request: OrderRequest, position: int, verdict: Verdict, refusals: Sequence[Refusal], *, alternatives: bool
    ) -> Verdict:
        """One by one they could be had; who is refused beside the others?"""
        reasons = _of_item(position, refusals) or tuple(each for each in refusals if not each.where.startswith("/items/"))
        return self._refused(request, position, reasons, alternatives=alternatives) if reasons else verdict

    def _refused(self, request: OrderRequest, position: int, reasons: Sequence[Refusal], *, alternatives: bool) -> Verdict:
        proposals = tuple(islice(self._proposals(request, position, reasons), MOST_PROPOSALS)) if alternatives else ()
        outcome = Outcome.ALTERNATE if proposals else Outcome.UNQUALIFIED
        return Verdict(request.items[position].reference, outcome, tuple(reasons), proposals)

    def _proposals(self, request: OrderRequest, position: int, reasons: Sequence[Refusal]) -> Iterator[Proposal]:
        item = request.items[position]
        try:
            spec = self.catalog.specification(item.specification)
        except NotInCatalog:
            return
        trial = _Trial(self.imagine, request, position, [])
        with self.database.read() as session:
            ports = [*_port_variations(session, item.characteristics, reasons)]
        yield from _nearby(trial, spec, item.characteristics, reasons)
        yield from _largest(trial, spec, item.characteristics, reasons)
        for values in ports:
            yield from trial.proposed(values)

    def _could(self, request: OrderRequest) -> bool:
        try:
            self.imagine(request)
        except OrderRefused:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Trial:
    """Plans variations of one item beside those it was asked for with, a bounded number of them, and none twice."""

    imagine: Imagine
    request: OrderRequest
    position: int
    seen: list[Values] = field(default_factory=list)

    def planned(self, values: Values) -> Preview | tuple[Refusal, ...]:
        """What it would come to, or why not; () when it is not tried any more."""
        if len(self.seen) >= MOST_TRIALS or values in self.seen:
            return ()
        self.seen.append(values)
        items = list(self.request.items)
        items[self.position] = replace(items[self.position], characteristics=values)
        try:
            return self.imagine(replace(self.request, items=tuple(items)))
        except OrderRefused as error:
            return _of_item(self.position, error.refusals)

    def proposed(self, values: Values) -> Iterator[Proposal]:
        planned = self.planned(values)
        if isinstance(planned, Preview):
            yield self.proposal(values, planned)

    def proposal(self, values: Values, planned: Preview) -> Proposal:
        """With the VLAN that it would be given, where one was asked for."""
        item = self.request.items[self.position]
        asked = item.characteristics
        mine = (given for given in planned.allocations if given.item == item.reference)
        vlan = next((given.value for given in mine if given.role == VLAN_ROLE), "")
        named = {**values, "vlan": int(vlan)} if vlan.isdigit() and "vlan" in asked else dict(values)
        return Proposal(named, tuple(name for name in {**asked, **named} if asked.get(name) != named.get(name)))


def _nearby(trial: _Trial, spec: Specification, values: Values, reasons: Sequence[Refusal]) -> Iterator[Proposal]:
    """What is nearest to the values that were refused; where that is refused for another reason, what is nearest to that."""
    waiting = deque((each, STEPS) for each in _variations(spec, values, reasons))
    while waiting:
        each, steps = waiting.popleft()
        planned = trial.planned(each)
        if isinstance(planned, Preview):
            yield trial.proposal(each, planned)
        elif steps > 1:
            waiting.extend((further, steps - 1) for further in _variations(spec, each, planned))


def _variations(spec: Specification, values: Values, reasons: Sequence[Refusal]) -> Iterator[Values]:
    yield from _vlan_variations(spec, values, reasons)
    yield from _schema_variations(spec, values, reasons)


def _of_item(position: int, refusals: Sequence[Refusal]) -> tuple[Refusal, ...]:
    where = f"/items/{position}"
    return tuple(each for each in refusals if each.where == where or each.where.startswith(f"{where}/"))


def _ask(customer: str, specification: str, values: Values) -> OrderRequest:
    return OrderRequest(customer, (ItemRequest("1", "add", specification=specification, characteristics=values),))


def _known(spec: Specification, values: Values) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in spec.characteristics.get("properties", {})}


def _vlan_variations(spec: Specification, values: Values, reasons: Sequence[Refusal]) -> Iterator[Values]:
    """Any VLAN of the pool, then those near the one that was asked for."""
    vlan = values.get("vlan")
    if not isinstance(vlan, int) or not _codes(reasons) & _OF_VLANS:
        return
    if any(rule.role == VLAN_ROLE for rule in spec.resources):
        yield {name: value for name, value in values.items() if name != "vlan"}
    for step in NEAR_VLANS:
        yield {**values, "vlan": vlan + step}


def _schema_variations(spec: Specification, values: Values, reasons: Sequence[Refusal]) -> Iterator[Values]:
    """The nearest value that the schema has, for each that it has not; without what a platform cannot."""
    refused = {reason.where.rpartition("/characteristics/")[2]: reason.code for reason in reasons}
    properties: Mapping[str, Mapping[str, Any]] = spec.characteristics.get("properties", {})
    required = spec.characteristics.get("required", ())
    for name, code in refused.items():
        schema = properties.get(name)
        if schema is None or name not in values:
            continue
        value = values[name]
        for end, too_far in (("maximum", _above), ("minimum", _below)):
            if end in schema and too_far(value, schema[end]):
                yield {**values, name: schema[end]}
        for choice in schema.get("enum", ())[:MOST_PROPOSALS]:
            yield {**values, name: choice}
        if code == "unsupportedFeature" and name not in required:
            yield {other: each for other, each in values.items() if other != name}


def _largest(trial: _Trial, spec: Specification, values: Values, reasons: Sequence[Refusal]) -> Iterator[Proposal]:
    """The largest round amount that there is, where the one asked for is too much."""
    for name in _too_much(spec, reasons):
        wanted = values.get(name)
        if not isinstance(wanted, int) or isinstance(wanted, bool):
            continue
        least = int(spec.characteristics["properties"][name].get("minimum", 1))
        amounts = [amount for amount in _round_amounts(wanted) if amount >= least]
        found: Proposal | None = None
        low, high = 0, len(amounts)
        while low < high:
            middle = (low + high) // 2
            smaller = {**values, name: amounts[middle]}
            planned = trial.planned(smaller)
            if isinstance(planned, Preview):
                found, low = trial.proposal(smaller, planned), middle + 1
            else:
                high = middle
        if found is not None:
            yield found


def _too_much(spec: Specification, reasons: Sequence[Refusal]) -> list[str]:
    """Whole numbers that were refused as such, or that say how much is taken of a pool that has not so much."""
    properties = spec.characteristics.get("properties", {})
    named = [reason.where.rpartition("/characteristics/")[2] for reason in reasons if reason.code == "invalidCharacteristic"]
    refused = [name for name in named if properties.get(name, {}).get("type") == "integer" and name != "vlan"]
    return refused + (_amounts(spec) if _codes(reasons) & _OF_AMOUNTS else [])


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


def _port_variations(session: Session, values: Values, reasons: Sequence[Refusal]) -> Iterator[Values]:
    """Free ports of the same element, then of others at the same site, in the place of each port that is named."""
    if not _codes(reasons) & _OF_PORTS:
        return
    for name, value in values.items():
        for place, reference in _references(value):
            for port in _free_ports(session, reference):
                yield {**values, name: _replaced(value, place, port)}


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


def _codes(reasons: Sequence[Refusal]) -> set[str]:
    return {reason.code for reason in reasons}


def _above(value: object, end: float) -> bool:
    return isinstance(value, int | float) and value > end


def _below(value: object, end: float) -> bool:
    return isinstance(value, int | float) and value < end
