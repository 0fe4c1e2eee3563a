"""EOS's spelling of what the command line knows in IOS's: its lines on the way in, the running configuration on the way out.

Prefixes stand in one word, VRFs are instances. What needs more than another spelling (BGP's VRFs) is not there.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network

from drivers.sim.cli.modes import Mode

_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

NOTHING = "!"
"""What has no meaning here, such as that a routed port is routed."""


def _mask(length: str) -> str:
    return str(IPv4Network((0, int(length))).netmask)


def _length(mask: str) -> int:
    return IPv4Network((0, mask)).prefixlen


_IN: tuple[_Rule, ...] = (
    (
        re.compile(r"((?:no )?ip address [\d.]+)/(\d{1,2})( secondary)?$"),
        lambda found: f"{found[1]} {_mask(found[2])}{found[3] or ''}",
    ),
    (re.compile(r"((?:no )?network [\d.]+)/(\d{1,2})$"), lambda found: f"{found[1]} mask {_mask(found[2])}"),
    (re.compile(r"(no )?vrf instance (\S+)$"), lambda found: f"{found[1] or ''}vrf definition {found[2]}"),
    (re.compile(r"(no )?encapsulation dot1q vlan( \d+)?$"), lambda found: f"{found[1] or ''}encapsulation dot1q{found[2] or ''}"),
    (re.compile(r"(no )?switchport$"), lambda _: NOTHING),
    (re.compile(r"(no )?switchport phone vlan( \d+)?$"), lambda found: f"{found[1] or ''}switchport voice vlan{found[2] or ''}"),
)
_IN_INTERFACE: tuple[_Rule, ...] = (
    *_IN,
    (re.compile(r"(no )?vrf( \S+)?$"), lambda found: f"{found[1] or ''}vrf forwarding{found[2] or ''}"),
)
_OUT: tuple[_Rule, ...] = (
    (re.compile(r"( *ip address [\d.]+) ([\d.]+)( secondary)?$"), lambda found: f"{found[1]}/{_length(found[2])}{found[3] or ''}"),
    (re.compile(r"( *network [\d.]+) mask ([\d.]+)$"), lambda found: f"{found[1]}/{_length(found[2])}"),
    (re.compile(r"( *)vrf definition (\S+)$"), lambda found: f"{found[1]}vrf instance {found[2]}"),
    (re.compile(r"( *)vrf forwarding (\S+)$"), lambda found: f"{found[1]}vrf {found[2]}"),
    (re.compile(r"( *)encapsulation dot1Q (\d+)$"), lambda found: f"{found[1]}encapsulation dot1q vlan {found[2]}"),
    (re.compile(r"( *)switchport voice vlan (\d+)$"), lambda found: f"{found[1]}switchport phone vlan {found[2]}"),
    (re.compile(r" *no ip address$"), lambda _: ""),
)


def typed(line: str, mode: Mode) -> str:
    """In IOS's words."""
    inside = mode in (Mode.INTERFACE, Mode.SUBINTERFACE)
    try:
        return _first(_IN_INTERFACE if inside else _IN, line.strip()) or line
    except ValueError:
        return line


def shown(lines: Iterable[str]) -> list[str]:
    """In EOS's words."""
    found = [(line, _first(_OUT, line)) for line in lines]
    return [line if spelled is None else spelled for line, spelled in found if spelled != ""]


def _first(rules: tuple[_Rule, ...], line: str) -> str | None:
    for pattern, spell in rules:
        if found := pattern.fullmatch(line):
            return spell(found)
    return None
