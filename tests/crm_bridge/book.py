"""SLAs and tariffs for the tests of the bridge."""

from dataclasses import dataclass, field

from policies.sla import Sla, parse_sla
from policies.tariff import Tariff, parse_tariff

GOLD = """
name: gold
availability: 99.9
period: 5 minutes
unknown: exclude
credits:
  - {below: 99.9, percent: 10}
  - {below: 90, percent: 100}
"""
METERED = """
name: metered
period: 5 minutes
versions:
  - version: "1"
    since: 2025-01-01
    charges:
      - {basis: flat, name: access, title: Internet access, price: 10.00}
      - {basis: bytes, name: traffic, title: Traffic, unit: GB, steps: [{up_to: 1, price: 0}, {price: 0.50}]}
"""


@dataclass(frozen=True)
class Book:
    slas: dict[str, Sla] = field(default_factory=lambda: {"gold": parse_sla(GOLD, "gold.yaml")})
    tariffs: dict[str, Tariff] = field(default_factory=lambda: {"metered": parse_tariff(METERED, "metered.yaml")})

    def sla(self, name: str) -> Sla:
        return self.slas[name]

    def tariff(self, name: str) -> Tariff:
        return self.tariffs[name]
