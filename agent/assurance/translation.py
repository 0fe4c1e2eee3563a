"""Trap → what it is evidence of. Rules are data: one row per trap OID."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.assurance.findings import FindingKind
from drivers.snmp import oids
from drivers.snmp.traps import Trap


@dataclass(frozen=True, slots=True)
class TrapRule:
    trap_oid: str
    kind: FindingKind
    index_column: str = ""
    """Object whose value is the ifIndex concerned; "" when the trap speaks of the element."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a trap says, not yet believed."""

    kind: FindingKind
    if_index: int | None
    """None: the element itself."""
    name: str = ""
    """ifName, where the trap carries it."""


STANDARD = (
    TrapRule(oids.COLD_START, FindingKind.COLD_START),
    TrapRule(oids.LINK_DOWN, FindingKind.LINK_DOWN, oids.IF_INDEX),
    TrapRule(oids.LINK_UP, FindingKind.LINK_UP, oids.IF_INDEX),
)


class Translation:
    def __init__(self, rules: Iterable[TrapRule] = STANDARD) -> None:
        self._rules: Mapping[str, TrapRule] = {rule.trap_oid: rule for rule in rules}

    def hint(self, trap: Trap) -> Hint | None:
        """None when no rule knows the trap, or it lacks what its rule needs."""
        rule = self._rules.get(trap.trap_oid)
        if rule is None:
            return None
        if not rule.index_column:
            return Hint(rule.kind, None)
        index = trap.value(rule.index_column)
        if not isinstance(index, int):
            return None
        return Hint(rule.kind, index, _text(trap.value(oids.IF_NAME)))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
