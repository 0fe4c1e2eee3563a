"""VLAN names, VRFs with their route targets, and the prefixes that BGP announces."""

import ipaddress

from drivers.sim.cli import values
from drivers.sim.cli.command import Command, Context
from drivers.sim.cli.errors import Refused
from drivers.sim.cli.grammar import Word
from drivers.sim.cli.modes import Mode
from drivers.sim.faults import Phase
from drivers.sim.state import Announcement, RouteTargets, Vlan, Vrf

Words = tuple[Word, ...]


def vlan_name(context: Context, words: Words) -> None:
    vid = int(context.subject)
    row = context.state.vlans.get(vid)
    if row is None:
        raise Refused(f"VLAN {vid} does not exist.")
    name = words[0].text if words else ""
    if name and _name_taken(context, row, name):
        raise Refused(f"VLAN name {name} is in use by another VLAN.")
    row.name = name


def rd(context: Context, words: Words) -> None:
    vrf, value = _vrf(context), words[0].text
    if vrf.rd not in (None, value):
        raise Refused(f"Cannot change the RD of VRF {vrf.name}; remove {vrf.rd} first.")
    taken = next((other for other in context.state.vrfs.values() if other is not vrf and other.rd == value), None)
    if taken:
        raise Refused(f"Cannot set RD, {value} is in use by VRF {taken.name}.")
    vrf.rd = value


def no_rd(context: Context, words: Words) -> None:
    vrf = _vrf(context)
    if words and vrf.rd != words[0].text:
        raise Refused(f"VRF {vrf.name} does not have RD {words[0].text}.")
    vrf.rd = None


def vrf_family(context: Context, words: Words) -> None:
    family = words[0].text
    _vrf(context).families.setdefault(family, RouteTargets())
    context.enter(Mode.VRF_FAMILY, context.subject, family)


def no_vrf_family(context: Context, words: Words) -> None:
    _vrf(context).families.pop(words[0].text, None)


def route_target(context: Context, words: Words) -> None:
    for targets in _targets(context, words[0].text):
        if words[1].text not in targets:
            targets.append(words[1].text)
            targets.sort()


def no_route_target(context: Context, words: Words) -> None:
    for targets in _targets(context, words[0].text):
        if words[1].text not in targets:
            raise Refused(f"Route target {words[1].text} is not configured.")
        targets.remove(words[1].text)


def leave_family(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    context.position = context.position.up()


def bgp_family(context: Context, words: Words) -> None:
    family, vrf = words[0].text, words[1].text if len(words) > 1 else ""
    _refuse_unknown_family(context, family, vrf)
    context.state.bgp_families.add((family, vrf))
    context.enter(Mode.BGP_FAMILY, vrf, family)


def no_bgp_family(context: Context, words: Words) -> None:
    family, vrf = words[0].text, words[1].text if len(words) > 1 else ""
    state = context.state
    state.bgp_families.discard((family, vrf))
    version = 4 if family == "ipv4" else 6
    state.prefixes = {a for a in state.prefixes if a.vrf != vrf or ipaddress.ip_network(a.prefix).version != version}


def network_v4(context: Context, words: Words) -> None:
    context.state.prefixes.add(Announcement(context.subject, _prefix_v4(context, words)))


def no_network_v4(context: Context, words: Words) -> None:
    _withdraw(context, _prefix_v4(context, words))


def network_v6(context: Context, words: Words) -> None:
    context.state.prefixes.add(Announcement(context.subject, _prefix_v6(context, words)))


def no_network_v6(context: Context, words: Words) -> None:
    _withdraw(context, _prefix_v6(context, words))


VLAN_COMMANDS = (
    Command("name <name>", vlan_name, Phase.EDIT),
    Command("no name", vlan_name, Phase.EDIT),
)
TARGET_COMMANDS = (
    Command("route-target import|export|both <rd>", route_target, Phase.EDIT),
    Command("no route-target import|export|both <rd>", no_route_target, Phase.EDIT),
)
VRF_COMMANDS = (
    Command("rd <rd>", rd, Phase.EDIT),
    Command("no rd", no_rd, Phase.EDIT),
    Command("no rd <rd>", no_rd, Phase.EDIT),
    Command("address-family ipv4|ipv6", vrf_family, Phase.EDIT),
    Command("no address-family ipv4|ipv6", no_vrf_family, Phase.EDIT),
    *TARGET_COMMANDS,
)
VRF_FAMILY_COMMANDS = (*TARGET_COMMANDS, Command("exit-address-family", leave_family))
BGP_COMMANDS = tuple(
    Command(pattern, action, Phase.EDIT)
    for tail in ("", " unicast", " vrf <name>", " unicast vrf <name>")
    for pattern, action in (
        (f"address-family ipv4|ipv6{tail}", bgp_family),
        (f"no address-family ipv4|ipv6{tail}", no_bgp_family),
    )
)
BGP_FAMILY_COMMANDS = (
    Command("network <ipv4> mask <mask>", network_v4, Phase.EDIT),
    Command("no network <ipv4> mask <mask>", no_network_v4, Phase.EDIT),
    Command("network <ipv6prefix>", network_v6, Phase.EDIT),
    Command("no network <ipv6prefix>", no_network_v6, Phase.EDIT),
    Command("exit-address-family", leave_family),
)


def _name_taken(context: Context, row: Vlan, name: str) -> bool:
    return any(other.name == name for other in context.state.vlans.values() if other is not row)


def _vrf(context: Context) -> Vrf:
    vrf = context.state.vrfs.get(context.subject)
    if vrf is None:
        raise Refused(f"VRF {context.subject} does not exist.")
    return vrf


def _targets(context: Context, direction: str) -> list[list[str]]:
    vrf = _vrf(context)
    owner = vrf.families.setdefault(context.position.family, RouteTargets()) if context.position.family else vrf
    return {
        "import": [owner.import_rt],
        "export": [owner.export_rt],
        "both": [owner.import_rt, owner.export_rt],
    }[direction]


def _refuse_unknown_family(context: Context, family: str, vrf: str) -> None:
    if not vrf:
        return
    known = context.state.vrfs.get(vrf)
    if known is None:
        raise Refused(f"VRF {vrf} does not exist.")
    if known.rd is None or family not in known.families:
        raise Refused(f"VRF {vrf} needs an RD and the {family} address family first.")


def _prefix_v4(context: Context, words: Words) -> str:
    _refuse_other_family(context, "ipv4")
    try:
        return str(ipaddress.IPv4Network((words[0].text, values.prefix_length(words[1].text))))
    except ValueError:
        raise Refused(f"Bad mask {words[1].text} for network {words[0].text}") from None


def _prefix_v6(context: Context, words: Words) -> str:
    _refuse_other_family(context, "ipv6")
    try:
        return str(ipaddress.IPv6Network(words[0].text))
    except ValueError:
        raise Refused(f"Bad prefix {words[0].text}: bits are set beyond its length") from None


def _refuse_other_family(context: Context, family: str) -> None:
    if context.position.family != family:
        raise Refused(f"An {family} network cannot be announced in address-family {context.position.family}.")


def _withdraw(context: Context, prefix: str) -> None:
    announced = Announcement(context.subject, prefix)
    if announced not in context.state.prefixes:
        raise Refused(f"Network {prefix} is not announced.")
    context.state.prefixes.discard(announced)
