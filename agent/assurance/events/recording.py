"""Events as lines of text, so that they can be kept, looked at and played again: one JSON object a line.

    {"trap": {"at": …, "source": "192.0.2.1", "oid": "1.3.6.1.6.3.1.1.5.3", "values": {"1.3.6.1.2.1.2.2.1.1.3": 3}}}
    {"syslog": {"at": …, "source": "192.0.2.1", "line": "<187>%LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to down"}}
    {"notification": {"at": …, "element": "pe1", "name": "{urn:…}linkDown", "leaves": {"ifIndex": "3"}}}

A line that is no JSON is taken for a syslog message as it came over the wire.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from agent.assurance.events.directory import Directory
from agent.assurance.events.intake import NO_RULE
from agent.assurance.events.translation import Event, Notice, Translation, sender_of
from agent.assurance.events.traps import UNKNOWN_SOURCE
from drivers.events.syslog import MAX_OCTETS, SyslogLine, parse
from drivers.snmp.traps import Trap
from policies.translation import Oid

LONGEST_LINE = 200_000
LONGEST_GIST = 120

Text = Annotated[str, Field(max_length=1000)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Hex(_Data):
    hex: str = Field(pattern=r"^([0-9a-fA-F]{2})*$", max_length=MAX_OCTETS)


class _Trap(_Data):
    at: AwareDatetime | None = None
    source: Text = ""
    about: Text = ""
    version: Literal["v1", "v2c", "v3"] = "v2c"
    oid: Oid
    uptime: int | None = None
    values: dict[Oid, int | str | _Hex | None] = Field(default_factory=dict)


class _Syslog(_Data):
    at: AwareDatetime | None = None
    source: Text = ""
    line: str


class _Notification(_Data):
    at: AwareDatetime | None = None
    element: Text
    name: Text
    leaves: dict[str, str] = Field(default_factory=dict)


class _Line(_Data):
    trap: _Trap | None = None
    syslog: _Syslog | None = None
    notification: _Notification | None = None


def written(event: Event) -> str:
    """One line; what `read` makes the same event of, but for octets that are no text."""
    return json.dumps({_word(event): _content(event)}, ensure_ascii=False)


def read(line: str, at: datetime) -> Event:
    """`at`: the instant of an event that tells none. `ValueError` says what is wrong with the line."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE} characters")
    if not line.lstrip().startswith("{"):
        return parse(line.encode(), at, "")
    try:
        found = _Line.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else str(first["msg"])) from None
    made: list[Event] = [
        *([_trap(found.trap, at)] if found.trap else []),
        *([parse(found.syslog.line.encode(), _utc(found.syslog.at, at), found.syslog.source)] if found.syslog else []),
        *([_notice(found.notification, at)] if found.notification else []),
    ]
    if len(made) != 1:
        raise ValueError("a line holds one of trap, syslog and notification")
    return made[0]


def becomes(event: Event, translation: Translation, directory: Directory | None = None) -> dict[str, Any]:
    """What the rules make of an event, in words; without a directory nothing is known of elements."""
    said = translation.said(event)
    sender = sender_of(event)
    found: dict[str, Any] = {"event": _gist(event), "source": sender.element or sender.address or sender.about}
    if said is None:
        return found | {"rule": "", "means": NO_RULE, "element": "", "object": "", "fields": {}, "alarm": ""}
    rule = said.rule.rule
    element = directory.element(sender) if directory else None
    port = directory.port(element, said) if directory and element else None
    name = element.name if element else ""
    means = UNKNOWN_SOURCE if directory and element is None else rule.means
    alarm = f"{rule.alarm.cause} {said.words(rule.alarm.qualifier, name)}".rstrip() if rule.alarm else ""
    fields = {known: value for known, value in said.fields if value}
    return found | {
        "rule": said.rule.name,
        "means": means,
        "element": name,
        "object": port.name if port else fields.get("port", ""),
        "fields": fields,
        "alarm": alarm,
    }


def _trap(trap: _Trap, at: datetime) -> Event:
    values = tuple((oid, _value(value)) for oid, value in trap.values.items())
    return Trap(_utc(trap.at, at), trap.source, trap.version, trap.oid, trap.uptime, values, trap.about)


def _notice(notice: _Notification, at: datetime) -> Event:
    return Notice(_utc(notice.at, at), notice.element, notice.name, notice.leaves)


def _utc(at: datetime | None, otherwise: datetime) -> datetime:
    return otherwise if at is None else at.astimezone(UTC)


def _value(value: int | str | _Hex | None) -> int | bytes | str | None:
    """Text stands for octets; addresses and object identifiers compare the same either way."""
    if isinstance(value, _Hex):
        return bytes.fromhex(value.hex)
    return value.encode() if isinstance(value, str) else value


def _word(event: Event) -> str:
    if isinstance(event, Trap):
        return "trap"
    return "syslog" if isinstance(event, SyslogLine) else "notification"


def _content(event: Event) -> Mapping[str, Any]:
    at = event.received_at.isoformat()
    if isinstance(event, Trap):
        values = {oid: _shown(value) for oid, value in event.varbinds}
        head = {"at": at, "source": event.source, "about": event.agent_address, "version": event.version}
        return head | {"oid": event.trap_oid, "uptime": event.uptime, "values": values}
    if isinstance(event, SyslogLine):
        priority = event.facility * 8 + event.severity
        told = f"<{priority}>1 {_or_nil(event.host)} {_or_nil(event.program)}".replace("1 ", "1 - ", 1)
        return {"at": at, "source": event.source, "line": f"{told} - - - {event.text}"}
    return {"at": at, "element": event.element, "name": event.name, "leaves": dict(event.leaves)}


def _or_nil(text: str) -> str:
    return text or "-"


def _shown(value: int | bytes | str | None) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}
    return text if text.isprintable() else {"hex": value.hex()}


def _gist(event: Event) -> str:
    if isinstance(event, Trap):
        return f"{event.version} trap {event.trap_oid}"
    if isinstance(event, SyslogLine):
        told = f"{event.program}: {event.text}" if event.program else event.text
        return told if len(told) <= LONGEST_GIST else f"{told[:LONGEST_GIST]}…"
    return f"notification {event.name.rpartition('}')[2]}"
