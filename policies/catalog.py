"""Everything that can be ordered, promised and charged, as one checked whole. Pure; `agent.catalog` reads the folders."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from policies.errors import InvalidPolicy, NotInCatalog, Problem
from policies.sla import Sla
from policies.specification import FILE, Specification
from policies.tariff import Tariff


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Item = TypeVar("_Item", bound=_Named)


@dataclass(frozen=True, slots=True)
class Catalog:
    specifications: Mapping[str, Specification] = field(default_factory=dict)
    slas: Mapping[str, Sla] = field(default_factory=dict)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)

    @staticmethod
    def of(specifications: Iterable[Specification], slas: Iterable[Sla] = (), tariffs: Iterable[Tariff] = ()) -> "Catalog":
        """Raises `InvalidPolicy` when two bear one name, or a specification refers to an SLA or tariff that is not there."""
        catalog = Catalog(_by_name("specification", specifications), _by_name("SLA", slas), _by_name("tariff", tariffs))
        problems = [
            Problem(f"{spec.name}/{FILE}", 1, key, f"there is no {key} {name!r}; known are {', '.join(sorted(known)) or 'none'}")
            for spec in catalog.specifications.values()
            for key, name, known in (("sla", spec.sla, catalog.slas), ("tariff", spec.tariff, catalog.tariffs))
            if name is not None and name not in known
        ]
        if problems:
            raise InvalidPolicy(problems)
        return catalog

    def specification(self, name: str) -> Specification:
        """`NotInCatalog` names those that there are."""
        return _found("service specification", name, self.specifications)

    def sla(self, name: str) -> Sla:
        return _found("SLA", name, self.slas)

    def tariff(self, name: str) -> Tariff:
        return _found("tariff", name, self.tariffs)

    def pools(self) -> frozenset[str]:
        """Pools that the specifications draw from by a fixed name."""
        rules = (rule for spec in self.specifications.values() for rule in spec.resources)
        return frozenset(rule.pool for rule in rules if "{" not in rule.pool)


def _by_name(kind: str, items: Iterable[_Item]) -> dict[str, _Item]:
    found: dict[str, _Item] = {}
    for item in items:
        if item.name in found:
            raise InvalidPolicy([Problem(kind, 1, "name", f"two are named {item.name!r}; rename or remove one")])
        found[item.name] = item
    return found


def _found(kind: str, name: str, known: Mapping[str, _Item]) -> _Item:
    try:
        return known[name]
    except KeyError:
        raise NotInCatalog(kind, name, list(known)) from None
