"""States of ports out of NETCONF replies, of their trees or of what `<data>` holds as text; pure.

RFC 8343 serves `oper-status` beside the configuration, RFC 7223 in a tree of its own; a bare store of configuration serves
neither, and then a port is what is configured.
"""

from collections.abc import Iterable
from xml.sax.saxutils import escape

from lxml import etree

from drivers.netconf.rpc import parse
from drivers.platform import PortRequest
from drivers.port import PortState

INTERFACES = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
STATE_FILTER = "".join(
    f'<{tree} xmlns="{INTERFACES}"><interface><name/><oper-status/></interface></{tree}>'
    for tree in ("interfaces", "interfaces-state")
)
CONFIG_FILTER = f'<interfaces xmlns="{INTERFACES}"><interface><name/><enabled/></interface></interfaces>'


def state_filter(wanted: Iterable[str]) -> str:
    """For a server that is known to serve states: asks for these ports only."""
    entries = "".join(f"<interface><name>{escape(name)}</name><oper-status/></interface>" for name in wanted)
    return "".join(f'<{tree} xmlns="{INTERFACES}">{entries}</{tree}>' for tree in ("interfaces", "interfaces-state"))


def serves_state(data: str) -> bool:
    """Whether the reply to `STATE_FILTER` holds the state of any interface at all."""
    return any(True for _ in _root(data).iter(f"{{{INTERFACES}}}oper-status"))


def by_state(data: str | etree._Element, wanted: Iterable[str]) -> tuple[PortState, ...]:
    """A port exists when the element has a state for it."""
    states = _leaves(data, "oper-status")
    return tuple(PortState(name, exists=name in states, up=states.get(name) == "up") for name in wanted)


def by_config(data: str, wanted: Iterable[str]) -> tuple[PortState, ...]:
    """A port exists when it is configured, and is up unless it is disabled."""
    configured, enabled = _leaves(data, "name"), _leaves(data, "enabled")
    return tuple(
        PortState(name, exists=name in configured, up=name in configured and enabled.get(name) != "false") for name in wanted
    )


def by_request(reply: etree._Element, asked: PortRequest, wanted: Iterable[str]) -> tuple[PortState, ...]:
    """As a platform's own RPC lists them."""
    states: dict[str, str] = {}
    for entry in reply.iter("{*}*"):
        if etree.QName(entry).localname in asked.entries:
            name, status = (entry.findtext(f"{{*}}{leaf}", "").strip() for leaf in (asked.name, asked.status))
            states[name] = status
    return tuple(PortState(name, exists=name in states, up=states.get(name) == asked.up) for name in wanted)


def _leaves(data: str | etree._Element, leaf: str) -> dict[str, str]:
    """Interface → value of one leaf, as far as it is there."""
    found: dict[str, str] = {}
    for interface in _root(data).iter(f"{{{INTERFACES}}}interface"):
        name, value = interface.findtext(f"{{{INTERFACES}}}name"), interface.findtext(f"{{{INTERFACES}}}{leaf}")
        if name is not None and value is not None:
            found[name.strip()] = value.strip()
    return found


def _root(data: str | etree._Element) -> etree._Element:
    return parse(f"<data>{data}</data>") if isinstance(data, str) else data
