"""Whether a service could be had, by the same planner that would provide it; if not, why not, and what could be had instead.

Nothing is reserved by asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from agent.fulfillment.alternatives import Imagine, Proposal, Trial, Values, of_item, search
from agent.fulfillment.errors import OrderRefused, Refusal
from agent.fulfillment.preview import GivenValue
from agent.fulfillment.requests import ItemRequest, OrderRequest
from inventory.db import Database
from policies.catalog import Catalog
from policies.errors import NotInCatalog
from policies.specification import Specification

MOST_PROPOSALS = 3


class Outcome(StrEnum):
    """TMF645's words."""

    QUALIFIED = "qualified"
    ALTERNATE = "alternate"
    UNQUALIFIED = "unqualified"


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
        reasons = of_item(position, refusals) or tuple(each for each in refusals if not each.where.startswith("/items/"))
        return self._refused(request, position, reasons, alternatives=alternatives) if reasons else verdict

    def _refused(self, request: OrderRequest, position: int, reasons: Sequence[Refusal], *, alternatives: bool) -> Verdict:
        proposals = self._proposals(request, position, reasons) if alternatives else ()
        outcome = Outcome.ALTERNATE if proposals else Outcome.UNQUALIFIED
        return Verdict(request.items[position].reference, outcome, tuple(reasons), proposals)

    def _proposals(self, request: OrderRequest, position: int, reasons: Sequence[Refusal]) -> tuple[Proposal, ...]:
        try:
            spec = self.catalog.specification(request.items[position].specification)
        except NotInCatalog:
            return ()
        trial = Trial(self.imagine, self.database, spec, request, position)
        return tuple(islice(search(trial, reasons), MOST_PROPOSALS))

    def _could(self, request: OrderRequest) -> bool:
        try:
            self.imagine(request)
        except OrderRefused:
            return False
        return True


def _ask(customer: str, specification: str, values: Values) -> OrderRequest:
    return OrderRequest(customer, (ItemRequest("1", "add", specification=specification, characteristics=values),))


def _known(spec: Specification, values: Values) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in spec.characteristics.get("properties", {})}
