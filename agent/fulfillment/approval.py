"""Which plans somebody has to approve before they begin, by specification and size. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan would change."""

    specifications: frozenset[str]
    elements: int
    services: int
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """It asks for an approval where everything that it says is so."""

    specifications: Collection[str] = ()
    """Any of these; empty means any at all."""
    elements_over: int | None = None
    services_over: int | None = None
    except_urgent: bool = False
    """Not of orders of the most urgent priority."""

    def reason(self, scope: Scope) -> str:
        """Why it asks; "" when it does not."""
        if self.except_urgent and scope.urgent:
            return ""
        reasons = [self._of_specifications(scope), self._of_size("elements", scope.elements, self.elements_over)]
        reasons.append(self._of_size("services", scope.services, self.services_over))
        if any(reason is None for reason in reasons):
            return ""
        return ", ".join(reason for reason in reasons if reason) or "every plan needs one"

    def _of_specifications(self, scope: Scope) -> str | None:
        if not self.specifications:
            return ""
        found = sorted(scope.specifications & set(self.specifications))
        return f"{', '.join(found)} needs one" if found else None

    @staticmethod
    def _of_size(what: str, found: int, most: int | None) -> str | None:
        if most is None:
            return ""
        return f"it changes {found} {what}, more than {most}" if found > most else None


def reason(rules: Iterable[ApprovalRule], scope: Scope) -> str:
    """Of the first rule that asks for an approval; "" when none does, or nothing is changed at all."""
    if not scope.services:
        return ""
    return next((why for rule in rules if (why := rule.reason(scope))), "")
