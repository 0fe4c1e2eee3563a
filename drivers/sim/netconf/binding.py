"""Between the running tree and the element's state: what NETCONF commits the others see, and the other way round."""

from datetime import UTC, datetime, timedelta

from lxml import etree

from drivers.sim.netconf import payload, schema
from drivers.sim.netconf.names import IF, IP, NC, Element, new, q, sub, text_of
from drivers.sim.state import Address, ElementState, Interface, SimPort

_INTERFACES = q(IF, "interfaces")
_INTERFACE = q(IF, "interface")
_NAME = q(IF, "name")


def empty_config() -> Element:
    return new(q(NC, "config"))


def entries(config: Element) -> dict[str, Element]:
    """Interface name → its `<interface>` element."""
    return {text_of(entry.find(_NAME)): entry for entry in config.iterfind(f"{_INTERFACES}/{_INTERFACE}")}


# -- tree to state


def push(old: Element, config: Element, state: ElementState) -> list[tuple[str, str]]:
    """Make the state what `config` says where it differs from `old`.

    Returns what changed as (interface name, `create` | `merge` | `delete`).
    """
    before, after = entries(old), entries(config)
    changes = [(name, "delete") for name in before if name not in after]
    for name, entry in after.items():
        if name not in before:
            changes.append((name, "create"))
        elif _text(before[name]) != _text(entry):
            changes.append((name, "merge"))
    for name, change in changes:
        if change == "delete":
            _forget(name, state)
        else:
            _configure(name, after[name], state)
    return changes


def _configure(name: str, entry: Element, state: ElementState) -> None:
    interface = state.interface(name)
    interface.type = text_of(entry.find(q(IF, "type"))).rpartition(":")[2]
    interface.mtu = int(text_of(entry.find(f"{q(IP, 'ipv4')}/{q(IP, 'mtu')}")) or 0) or None
    interface.ipv4 = _addresses(entry, "ipv4")
    interface.ipv6 = _addresses(entry, "ipv6")
    state.describe(name, entry.findtext(q(IF, "description")) or "")
    state.enable(name, text_of(entry.find(q(IF, "enabled"))) != "false")


def _forget(name: str, state: ElementState) -> None:
    if name in state.ports:
        state.describe(name, "")
        state.enable(name, enabled=True)
    state.interfaces.pop(name, None)


def _addresses(entry: Element, family: str) -> list[Address]:
    found = entry.iterfind(f"{q(IP, family)}/{q(IP, 'address')}")
    return [Address(text_of(a.find(q(IP, "ip"))), int(text_of(a.find(q(IP, "prefix-length"))))) for a in found]


# -- state to tree


def render(state: ElementState) -> Element:
    """The configuration tree of a state that no NETCONF client has touched yet."""
    config = empty_config()
    for interface in state.interfaces.values():
        _add(config, _render_interface(interface))
    return config


def pull(config: Element, state: ElementState) -> list[str]:
    """Take over what SNMP or a person at the console changed on physical ports; returns their names."""
    present = entries(config)
    touched = []
    for port in state.ports.values():
        entry = present.get(port.name)
        if entry is None:
            if port.admin_up and not port.alias:
                continue
            entry = _render_interface(Interface(port.name))
            _add(config, entry)
        if _take_over(entry, port):
            touched.append(port.name)
    return touched


def _take_over(entry: Element, port: SimPort) -> bool:
    changed = False
    if (text_of(entry.find(q(IF, "enabled"))) != "false") != port.admin_up:
        _set(entry, "enabled", "true" if port.admin_up else "false")
        changed = True
    if (entry.findtext(q(IF, "description")) or "") != port.alias:
        _set(entry, "description", port.alias)
        changed = True
    return changed


def _set(entry: Element, name: str, value: str) -> None:
    leaf = entry.find(q(IF, name))
    if leaf is None:
        rank = schema.INTERFACE.rank(q(IF, name))
        position = sum(schema.INTERFACE.rank(child.tag) < rank for child in entry)
        leaf = payload.canonical_leaf(q(IF, name), value)
        entry.insert(position, leaf)
    leaf.text = value


def _render_interface(interface: Interface) -> Element:
    entry = new(_INTERFACE)
    sub(entry, "name", interface.name)
    if interface.description:
        sub(entry, "description", interface.description)
    entry.append(payload.canonical_leaf(q(IF, "type"), f"ianaift:{interface.type}"))
    if not interface.enabled:
        sub(entry, "enabled", "false")
    for family, addresses in (("ipv4", interface.ipv4), ("ipv6", interface.ipv6)):
        if not addresses:
            continue
        container = new(q(IP, family))
        entry.append(container)
        for address in addresses:
            row = sub(container, "address")
            sub(row, "ip", address.ip)
            sub(row, "prefix-length", str(address.prefix_length))
    return entry


def _add(config: Element, entry: Element) -> None:
    container = config.find(_INTERFACES)
    if container is None:
        container = new(_INTERFACES)
        config.append(container)
    container.append(entry)


# -- operational state


def with_state(config: Element, state: ElementState) -> Element:
    """`config` (changed in place) with the operational leaves of RFC 8343 for every interface that exists."""
    state.count()
    for port in state.ports.values():
        if port.name not in entries(config):
            _add(config, _render_interface(Interface(port.name)))
    for name, entry in entries(config).items():
        _add_state(entry, name, state)
    return config


def _add_state(entry: Element, name: str, state: ElementState) -> None:
    up = state.oper_up(name)
    if up is None:
        return
    interface, port = state.interfaces.get(name), state.ports.get(name)
    enabled = port.admin_up if port else interface is None or interface.enabled
    leaves = [new(q(IF, "admin-status"), "up" if enabled else "down"), new(q(IF, "oper-status"), "up" if up else "down")]
    if port:
        leaves += _port_state(port, state)
    position = sum(child.tag.startswith(f"{{{IF}}}") for child in entry)
    entry[position:position] = leaves


def _port_state(port: SimPort, state: ElementState) -> list[Element]:
    statistics = new(q(IF, "statistics"))
    sub(statistics, "discontinuity-time", _instant(state, port.counters.discontinuity))
    counters = port.counters
    for name, value in (
        ("in-octets", counters.in_octets),
        ("in-unicast-pkts", counters.in_packets),
        ("in-discards", counters.in_discards),
        ("in-errors", counters.in_errors),
        ("out-octets", counters.out_octets),
        ("out-unicast-pkts", counters.out_packets),
    ):
        sub(statistics, name, str(value))
    return [
        new(q(IF, "last-change"), _instant(state, port.last_change)),
        new(q(IF, "if-index"), str(port.index)),
        new(q(IF, "phys-address"), port.mac),
        new(q(IF, "speed"), str(port.speed_bps)),
        statistics,
    ]


def _instant(state: ElementState, ticks: int) -> str:
    """The time of day at which the uptime was `ticks` hundredths of a second."""
    moment = datetime.now(UTC) - timedelta(seconds=(state.uptime() - ticks) / 100)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _text(element: Element) -> bytes:
    return etree.tostring(element, method="c14n")
