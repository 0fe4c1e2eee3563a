"""What the show commands print."""

import re

from drivers.sim.cli import interfaces
from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.errors import InvalidInput
from drivers.sim.cli.grammar import Word
from drivers.sim.cli.render import interface_block, running_config
from drivers.sim.faults import Phase
from drivers.sim.state import ElementState, Interface, SimPort

Words = tuple[Word, ...]


def version(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    state = context.state
    minutes = state.uptime() // 6000
    return [
        f"Cisco IOS Software compatible command line, fabd simulated element, Version 1.0, platform {state.platform}",
        "",
        f"{state.name} uptime is {minutes // 60} hours, {minutes % 60} minutes",
        f"{len(state.ports)} Ethernet interfaces",
        "Configuration register is 0x2102",
    ]


def running(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    return _as_file("Building configuration...", "Current configuration", running_config(context.state))


def running_interface(context: Context, words: Words) -> Lines:
    name = _known(context.state, words[0])
    block = [*interface_block(context.state, name), "end"]
    return _as_file("Building configuration...", "Current configuration", block)


def all_interfaces(context: Context, words: Words) -> Lines:
    state = context.state
    state.count()
    names = [_known(state, words[0])] if words else interfaces.every(state)
    return [line for name in names for line in _interface_report(state, name)]


def ip_interface_brief(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    state = context.state
    lines = ["Interface              IP-Address      OK? Method Status                Protocol"]
    for name in interfaces.every(state):
        interface = state.interfaces.get(name) or Interface(name)
        address = interface.ipv4[0].ip if interface.ipv4 else "unassigned"
        up = bool(state.oper_up(name))
        status = "up" if up else "down" if _enabled(state, name) else "administratively down"
        lines.append(f"{name:<22} {address:<15} YES manual {status:<21} {'up' if up else 'down'}")
    return lines


def vlan(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    state = context.state
    lines = [
        "VLAN Name                             Status    Ports",
        "---- -------------------------------- --------- -------------------------------",
    ]
    names = {1: "default"} | {vid: row.name or f"VLAN{vid:04}" for vid, row in state.vlans.items()}
    for vid, name in sorted(names.items()):
        ports = ", ".join(port.name for port in state.ports.values() if _carries(state, port, vid))
        lines.append(f"{vid:<4} {name:<32} active    {ports}".rstrip())
    return lines


def vrf(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    state = context.state
    lines = ["  Name                             Default RD            Protocols   Interfaces"]
    for name, row in sorted(state.vrfs.items()):
        members = [other.name for other in state.interfaces.values() if other.vrf == name]
        families = ",".join(sorted(row.families))
        lines.append(f"  {name:<32} {row.rd or '<not set>':<21} {families:<11} {','.join(sorted(members))}".rstrip())
    return lines


COMMANDS = tuple(
    Command(pattern, action, Phase.READ)
    for pattern, action in (
        ("show version", version),
        ("show running-config", running),
        ("show running-config interface <interface...>", running_interface),
        ("show interfaces", all_interfaces),
        ("show interfaces <interface...>", all_interfaces),
        ("show ip interface brief", ip_interface_brief),
        ("show vlan", vlan),
        ("show vlan brief", vlan),
        ("show vrf", vrf),
    )
)


def piped(lines: Lines, filter_: str, wanted: str) -> Lines:
    """`| include`, `| exclude`, `| begin` and `| section`, with a regular expression."""
    matches = re.compile(wanted).search
    if filter_ == "include":
        return [line for line in lines if matches(line)]
    if filter_ == "exclude":
        return [line for line in lines if not matches(line)]
    if filter_ == "begin":
        first = next((index for index, line in enumerate(lines) if matches(line)), len(lines))
        return lines[first:]
    return _sections(lines, wanted)


def _sections(lines: Lines, wanted: str) -> Lines:
    """Matching lines, each with what is indented below it."""
    kept: Lines = []
    depth: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if depth is not None and indent > depth:
            kept.append(line)
            continue
        depth = indent if re.search(wanted, line) else None
        if depth is not None:
            kept.append(line)
    return kept


def _as_file(opening: str, title: str, lines: Lines) -> Lines:
    octets = sum(len(line) + 1 for line in lines)
    return [opening, "", f"{title} : {octets} bytes", *lines, ""]


def _known(state: ElementState, word: Word) -> str:
    name = interfaces.resolve(state, word.text)
    if name is None or not interfaces.exists(state, name):
        raise InvalidInput(word.column)
    return name


def _enabled(state: ElementState, name: str) -> bool:
    port = state.ports.get(name)
    return port.admin_up if port else (state.interfaces.get(name) or Interface(name)).enabled


def _carries(state: ElementState, port: SimPort, vid: int) -> bool:
    row = state.vlans.get(vid)
    return port.index in row.egress if row else vid == port.pvid == 1


def _interface_report(state: ElementState, name: str) -> Lines:
    interface = state.interfaces.get(name) or Interface(name)
    port = state.ports.get(name)
    up = bool(state.oper_up(name))
    status = ("up" if up else "down") if _enabled(state, name) else "administratively down"
    lines = [f"{name} is {status}, line protocol is {'up' if up else 'down'}"]
    if text := (port.alias if port else interface.description):
        lines.append(f"  Description: {text}")
    lines += [f"  Internet address is {address.ip}/{address.prefix_length}" for address in interface.ipv4]
    parent = interfaces.parent_port(state, name)
    speed = parent.speed_bps // 1000 if parent else 8_000_000
    lines.append(f"  MTU {interface.mtu or 1500} bytes, BW {speed} Kbit/sec")
    if interface.vlan is not None:
        lines.append(f"  Encapsulation 802.1Q Virtual LAN, Vlan ID  {interface.vlan}.")
    return lines + (_traffic(port) if port else [])


def _traffic(port: SimPort) -> Lines:
    counters = port.counters
    return [
        f"  Hardware is simulated Ethernet, address is {port.mac}",
        f"  input rate {int(port.in_bps)} bits/sec, output rate {int(port.out_bps)} bits/sec",
        f"     {counters.in_packets} packets input, {counters.in_octets} bytes",
        f"     {counters.in_errors} input errors, {counters.in_discards} discards",
        f"     {counters.out_packets} packets output, {counters.out_octets} bytes",
    ]
