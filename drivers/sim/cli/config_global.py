"""Global configuration: interfaces, VLANs, VRFs and BGP come into being and go."""

from drivers.sim.cli import interfaces
from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.errors import InvalidInput, Refused
from drivers.sim.cli.grammar import Word
from drivers.sim.cli.modes import Mode
from drivers.sim.faults import Phase
from drivers.sim.state import Interface, Vlan, Vrf

Words = tuple[Word, ...]


def interface(context: Context, words: Words) -> None:
    name = interfaces.resolve(context.state, words[0].text)
    if name is None:
        raise InvalidInput(words[0].column)
    context.state.interface(name)
    sub = interfaces.is_subinterface(context.state, name)
    context.enter(Mode.SUBINTERFACE if sub else Mode.INTERFACE, name)


def no_interface(context: Context, words: Words) -> None:
    name = interfaces.resolve(context.state, words[0].text)
    if name is None or not interfaces.exists(context.state, name):
        raise InvalidInput(words[0].column)
    if name in context.state.ports:
        raise Refused("Removal of physical interfaces is not permitted.")
    context.state.interfaces.pop(name, None)
    context.enter(Mode.CONFIG)


def default_interface(context: Context, words: Words) -> None:
    """A physical port back to what it is without a line of configuration."""
    state = context.state
    port = state.ports.get(interfaces.resolve(state, words[0].text) or "")
    if port is None:
        raise InvalidInput(words[0].column)
    state.interfaces[port.name] = Interface(port.name)
    state.describe(port.name, "")
    state.enable(port.name, enabled=True)
    port.pvid, port.switchport = 1, ""
    port.voice_vlan = port.igmp_filter = port.igmp_max_groups = None
    for vlan in state.vlans.values():
        vlan.egress.discard(port.index)
        vlan.untagged.discard(port.index)


def vlan(context: Context, words: Words) -> None:
    vid = int(words[0].text)
    context.state.vlans.setdefault(vid, Vlan(vid))
    context.enter(Mode.VLAN, str(vid))


def no_vlan(context: Context, words: Words) -> None:
    vid = int(words[0].text)
    if vid == 1:
        raise Refused("Default VLAN 1 may not be deleted.")
    context.state.vlans.pop(vid, None)
    for port in context.state.ports.values():
        port.pvid = 1 if port.pvid == vid else port.pvid
        port.voice_vlan = None if port.voice_vlan == vid else port.voice_vlan


def vrf(context: Context, words: Words) -> None:
    name = words[0].text
    context.state.vrfs.setdefault(name, Vrf(name))
    context.enter(Mode.VRF, name)


def no_vrf(context: Context, words: Words) -> Lines:
    """Takes the addresses of its interfaces with it, as IOS does."""
    state, name = context.state, words[0].text
    if state.vrfs.pop(name, None) is None:
        raise Refused(f"VRF {name} does not exist.")
    members = [interface for interface in state.interfaces.values() if interface.vrf == name]
    for member in members:
        member.vrf, member.ipv4, member.ipv6 = None, [], []
    state.bgp_families = {family for family in state.bgp_families if family[1] != name}
    state.prefixes = {announced for announced in state.prefixes if announced.vrf != name}
    return [f"% IPv4 and IPv6 addresses from all interfaces in VRF {name} have been removed"] if members else []


def router_bgp(context: Context, words: Words) -> None:
    asn = int(words[0].text)
    if context.state.asn not in (None, asn):
        raise Refused(f"BGP is already running; AS is {context.state.asn}")
    context.state.asn = asn
    context.enter(Mode.BGP)


def no_router_bgp(context: Context, words: Words) -> None:
    if context.state.asn != int(words[0].text):
        raise Refused(f"BGP is not running with AS {words[0].text}.")
    context.state.asn = None
    context.state.bgp_families.clear()
    context.state.prefixes.clear()


COMMANDS = (
    Command("interface <interface...>", interface),
    Command("no interface <interface...>", no_interface, Phase.EDIT),
    Command("default interface <interface...>", default_interface, Phase.EDIT),
    Command("vlan <vlan>", vlan, Phase.EDIT),
    Command("no vlan <vlan>", no_vlan, Phase.EDIT),
    Command("vrf definition <name>", vrf, Phase.EDIT),
    Command("no vrf definition <name>", no_vrf, Phase.EDIT),
    Command("router bgp <asn>", router_bgp, Phase.EDIT),
    Command("no router bgp <asn>", no_router_bgp, Phase.EDIT),
)
