"""Tariffs: what is charged, as data. A tariff has versions; each is in force from an instant until the next one.

Charges are told apart by their `basis`: flat (recurring, by the period) and bytes (by volume, graduated). Bases by time, by service
event and by bandwidth join the union `Charge` and `policies.rating`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.document import Document, merged
from policies.periods import Periodic
from policies.quantities import Since

Direction = Literal["in", "out", "sum", "max"]
"""Of traffic as the operator's port counts it: `in` is what the customer sent, `out` what it received; max is the larger total."""

UNITS: dict[str, int] = {"MB": 6, "GB": 9, "TB": 12}
"""Powers of ten of octets. Decimal units only: their quotients are finite, so that nothing is lost before the bill."""


Price = Annotated[Decimal, Field(ge=0, decimal_places=9, max_digits=24)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FlatCharge(_Data):
    """A price per period, charged for the part of it in which the service was there."""

    basis: Literal["flat"]
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    price: Price


class Step(_Data):
    """The price of the units above the step before and up to this bound."""

    up_to: Decimal | None = Field(None, gt=0, decimal_places=6, max_digits=18)
    price: Price


class BytesCharge(_Data):
    """A price per unit of volume; every step's price counts for the units within it. The scale begins anew with each period."""

    basis: Literal["bytes"]
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    direction: Direction = "sum"
    unit: Literal["MB", "GB", "TB"] = "GB"
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> "BytesCharge":
        bounds = [step.up_to for step in self.steps]
        if bounds[-1] is not None or None in bounds[:-1]:
            raise ValueError("the last step, and only the last, has no `up_to`: there must be a price for every volume")
        finite = [bound for bound in bounds if bound is not None]
        if finite != sorted(set(finite)):
            raise ValueError("the bounds `up_to` must rise from step to step")
        return self

    def octets(self, bound: Decimal) -> int:
        """A bound in units as octets."""
        return int(bound.scaleb(UNITS[self.unit]))


Charge = Annotated[FlatCharge | BytesCharge, Field(discriminator="basis")]


class TariffVersion(_Data):
    version: str
    since: Since
    charges: tuple[Charge, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "TariffVersion":
        names = [charge.name for charge in self.charges]
        if len(set(names)) != len(names):
            raise ValueError("two charges have one name; the name is what a bill is explained by")
        return self

    @property
    def flat(self) -> tuple[FlatCharge, ...]:
        return tuple(charge for charge in self.charges if isinstance(charge, FlatCharge))

    @property
    def volume(self) -> tuple[BytesCharge, ...]:
        return tuple(charge for charge in self.charges if isinstance(charge, BytesCharge))


class Tariff(Periodic):
    """Flat prices are for one period; graduated scales begin anew with each."""

    name: str
    title: str = ""
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")
    versions: tuple[TariffVersion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> "Tariff":
        since = [version.since for version in self.versions]
        if since != sorted(set(since)):
            raise ValueError("versions must stand in the order of their `since`, no two with the same")
        if len({version.version for version in self.versions}) != len(self.versions):
            raise ValueError("two versions have one name")
        return self

    def version_at(self, instant: datetime) -> TariffVersion | None:
        """None before the first one."""
        return next((version for version in reversed(self.versions) if version.since <= instant), None)

    def with_terms(self, terms: dict[str, Any]) -> "Tariff":
        """This tariff as one contract has it; raises Pydantic's `ValidationError` on terms that do not fit."""
        return Tariff.model_validate(merged(self.model_dump(), terms)) if terms else self


def parse_tariff(text: str, file: str) -> Tariff:
    """Raises `InvalidPolicy` with every mistake in the text."""
    return Document(text, file).check(Tariff)
