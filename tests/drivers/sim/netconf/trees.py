"""Short ways to write configuration trees in tests of the pure parts."""

from lxml import etree

from drivers.sim.netconf import payload
from drivers.sim.netconf.names import IANA_IF_TYPE, IF, IP, NC, Element

_SPACES = f'xmlns:nc="{NC}" xmlns:ip="{IP}" xmlns:t="{IANA_IF_TYPE}"'


def raw(inside: str) -> Element:
    """`inside` within `<config><interfaces>`; prefixes nc, ip and t are declared."""
    return etree.fromstring(f'<config xmlns="{NC}"><interfaces xmlns="{IF}" {_SPACES}>{inside}</interfaces></config>'.encode())


def tree(inside: str) -> Element:
    return payload.read(raw(inside))


def port(name: str, inside: str = "", operation: str = "") -> str:
    mark = f' nc:operation="{operation}"' if operation else ""
    return f"<interface{mark}><name>{name}</name>{inside}</interface>"


TYPE = "<type>t:ethernetCsmacd</type>"


def ipv4(*rows: str) -> str:
    return "<ip:ipv4>" + "".join(f"<ip:address>{row}</ip:address>" for row in rows) + "</ip:ipv4>"


def row(address: str, length: int | str) -> str:
    return f"<ip:ip>{address}</ip:ip><ip:prefix-length>{length}</ip:prefix-length>"


def shape(config: Element) -> list[tuple[str, str]]:
    """Every leaf (and empty container) as (path of local names below the root, text), in document order."""
    return [(_path(element), element.text or "") for element in config.iterdescendants() if len(element) == 0]


def _path(element: Element) -> str:
    below_root = [*list(element.iterancestors())[::-1], element][1:]
    return "/".join(etree.QName(step).localname for step in below_root)
