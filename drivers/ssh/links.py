"""The links of a Linux kernel as lines of configuration, from what `ip -details -json link show` prints. Pure.

Links that somebody makes are sections with all that only a new link can be given in the header; links that are there (ports) are
sections of their own kind:

    link br100 type bridge
     up
    link vx100 type vxlan id 100 local 10.0.0.1 dstport 4789 nolearning
     master br100
     up
    port eth1
     master br100
"""

from collections.abc import Iterator

from pydantic import BaseModel, Field, TypeAdapter

DEFAULT_PORT = 4789
"""Of VXLAN (RFC 7348)."""


class _Info(BaseModel):
    kind: str = Field("", alias="info_kind")
    data: dict[str, object] = Field({}, alias="info_data")
    slave: dict[str, object] = Field({}, alias="info_slave_data")


class _Link(BaseModel):
    ifname: str
    flags: list[str] = []
    mtu: int
    link: str = ""
    master: str = ""
    linkinfo: _Info = _Info()


_LINKS = TypeAdapter(list[_Link])


def render(shown: str) -> str:
    """`ValueError` when it is not what `ip` prints."""
    return "".join(f"{line}\n" for link in _LINKS.validate_json(shown or "[]") for line in _lines(link))


def _lines(link: _Link) -> Iterator[str]:
    yield _header(link)
    slave = link.linkinfo.slave
    if link.master:
        yield f" master {link.master}"
    if slave.get("learning") is False:
        yield " learning off"
    if slave.get("neigh_suppress") is True:
        yield " neigh-suppress on"
    if slave.get("isolated") is True:
        yield " isolated on"
    yield f" mtu {link.mtu}"
    yield " up" if "UP" in link.flags else " down"


def _header(link: _Link) -> str:
    name, data = link.ifname, link.linkinfo.data
    match link.linkinfo.kind:
        case "bridge":
            return f"link {name} type bridge"
        case "vxlan":
            local = data.get("local") or data.get("local6")
            words = [f"id {data.get('id')}", *([f"local {local}"] if local else []), f"dstport {data.get('port', DEFAULT_PORT)}"]
            return f"link {name} type vxlan {' '.join(words)}{'' if data.get('learning', True) else ' nolearning'}"
        case "vlan":
            return f"link {name} type vlan link {link.link} id {data.get('id')}"
        case "vrf":
            return f"link {name} type vrf table {data.get('table')}"
        case _:
            return f"port {name}"
