"""Contents of the NETCONF event stream: RFC 6470 for the server's own events, RFC 6643's linkDown and linkUp."""

from datetime import UTC, datetime
from typing import Literal

from drivers.sim.netconf.locks import Target, Who
from drivers.sim.netconf.names import IF, IF_MIB, NETCONF_EVENTS, NOTIFICATION, Element, new, q, sub
from drivers.sim.state import SimPort

ConfirmEvent = Literal["start", "cancel", "timeout", "extend", "complete"]


def envelope(event: Element) -> Element:
    notification = new(q(NOTIFICATION, "notification"))
    sub(notification, "eventTime", datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    notification.append(event)
    return notification


def config_change(target: Target, who: Who | None, changes: list[tuple[str, str]]) -> Element:
    """`changes` as (interface, operation); `who` is None when the element itself did it (revert, SNMP, console)."""
    event = new(q(NETCONF_EVENTS, "netconf-config-change"))
    changed_by = sub(event, "changed-by")
    if who:
        _session(changed_by, who)
    else:
        sub(changed_by, "server")
    sub(event, "datastore", target)
    for name, operation in changes:
        edit = sub(event, "edit")
        path = f"/if:interfaces/if:interface[if:name='{name}']"
        edit.append(new(q(NETCONF_EVENTS, "target"), path, {"if": IF}))
        sub(edit, "operation", operation)
    return event


def confirmed_commit(happened: ConfirmEvent, who: Who | None, timeout: int | None = None) -> Element:
    event = new(q(NETCONF_EVENTS, "netconf-confirmed-commit"))
    if who:
        _session(event, who)
    sub(event, "confirm-event", happened)
    if timeout is not None:
        sub(event, "timeout", str(timeout))
    return event


def session_start(who: Who) -> Element:
    event = new(q(NETCONF_EVENTS, "netconf-session-start"))
    _session(event, who)
    return event


def session_end(who: Who, reason: Literal["closed", "killed", "dropped"], killed_by: int | None = None) -> Element:
    event = new(q(NETCONF_EVENTS, "netconf-session-end"))
    _session(event, who)
    if killed_by is not None:
        sub(event, "killed-by", str(killed_by))
    sub(event, "termination-reason", reason)
    return event


def link(port: SimPort, *, up: bool) -> Element:
    """The three objects of linkDown/linkUp (RFC 2863), each with its index, as RFC 6643 translates them."""
    event = new(q(IF_MIB, "linkUp" if up else "linkDown"))
    sub(sub(event, "object-1"), "ifIndex", str(port.index))
    for container, name, value in (
        ("object-2", "ifAdminStatus", port.admin_up),
        ("object-3", "ifOperStatus", port.oper_up),
    ):
        row = sub(event, container)
        sub(row, "ifIndex", str(port.index))
        sub(row, name, "up" if value else "down")
    return event


def _session(parent: Element, who: Who) -> None:
    sub(parent, "username", who.user)
    sub(parent, "session-id", str(who.session_id))
    sub(parent, "source-host", who.host)
