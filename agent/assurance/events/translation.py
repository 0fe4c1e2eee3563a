"""Events, of whatever protocol, in the words of the rules that know them (`policies.translations`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.assurance.findings import FindingKind, Source
from drivers.events.syslog import SyslogLine
from drivers.snmp.traps import Trap
from policies.translating import Said, Translations

LONGEST_TEXT = 500
"""Characters of a line that are kept as evidence."""

KINDS: Mapping[str, FindingKind] = {
    "linkDown": FindingKind.LINK_DOWN,
    "linkUp": FindingKind.LINK_UP,
    "restart": FindingKind.COLD_START,
}
"""What rules mean, as findings; the others go by the name of their rule."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A NETCONF notification (RFC 5277), flattened."""

    received_at: datetime
    element: str
    """Known, because it came over a session that we opened."""
    name: str
    """{namespace}name of the event."""
    leaves: Mapping[str, str]
    event_time: str = ""
    """As the element writes it."""


Event = Trap | SyslogLine | Notice


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom an event is about, as far as it says: the address that it came from, and whom else it names."""

    address: str = ""
    about: str = ""
    """snmpTrapAddress or agent-addr of a trap, host of a syslog line."""
    element: str = ""
    """Where it is known beyond doubt."""

    @property
    def name(self) -> str:
        """By which a directory finds its element."""
        return self.address or self.element


class Translation:
    def __init__(self, rules: Translations) -> None:
        self.rules = rules

    def said(self, event: Event) -> Said | None:
        """None when no rule knows the event."""
        if isinstance(event, Trap):
            return self.rules.trap(event.trap_oid, event.varbinds)
        if isinstance(event, SyslogLine):
            return self.rules.line(event.program, event.text)
        return self.rules.notification(event.name, event.leaves)


def sender_of(event: Event) -> Sender:
    if isinstance(event, Trap):
        return Sender(event.source, event.agent_address)
    if isinstance(event, SyslogLine):
        return Sender(event.source, event.host)
    return Sender(element=event.element)


def source_of(event: Event) -> Source:
    if isinstance(event, Trap):
        return Source.TRAP
    return Source.SYSLOG if isinstance(event, SyslogLine) else Source.NOTIFICATION


def detail_of(event: Event) -> dict[str, Any]:
    """What an observation keeps of it."""
    if isinstance(event, Trap):
        return {"trapOid": event.trap_oid, "from": event.source, "version": event.version, "uptimeTicks": event.uptime}
    if isinstance(event, SyslogLine):
        return {"line": event.text[:LONGEST_TEXT], "program": event.program, "from": event.source}
    return {"notification": event.name, "eventTime": event.event_time}
