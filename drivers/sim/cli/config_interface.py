"""Interface configuration. Rates are policers in bit/s; a trunk carries no VLAN that it does not name."""

import ipaddress
from collections.abc import Iterable

from drivers.sim.cli import interfaces, values
from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.errors import InvalidInput, Refused
from drivers.sim.cli.grammar import Word
from drivers.sim.faults import Phase
from drivers.sim.state import Address, Interface

Words = tuple[Word, ...]

_POINT_TO_POINT = 2
"""Addresses of a /31 (RFC 3021), both of them usable."""


def description(context: Context, words: Words) -> None:
    context.state.describe(context.subject, words[0].text)


def no_description(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    context.state.describe(context.subject, "")


def shutdown(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    context.state.enable(context.subject, enabled=False)


def no_shutdown(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    context.state.enable(context.subject, enabled=True)


def mtu(context: Context, words: Words) -> None:
    if not words:
        _interface(context).mtu = None
    elif int(words[0].text) in range(64, 9217):
        _interface(context).mtu = int(words[0].text)
    else:
        raise InvalidInput(words[0].column)


def vrf_forwarding(context: Context, words: Words) -> Lines:
    name = words[0].text
    if name not in context.state.vrfs:
        raise Refused(f"VRF {name} not configured.")
    return _move(context, name)


def no_vrf_forwarding(context: Context, words: Words) -> Lines:
    interface = _interface(context)
    if words and interface.vrf != words[0].text:
        raise Refused(f"Interface {interface.name} is not in VRF {words[0].text}.")
    return _move(context, None)


def encapsulation(context: Context, words: Words) -> None:
    interface, vid = _interface(context), int(words[0].text)
    trunk = interface.name.rpartition(".")[0]
    for other in context.state.interfaces.values():
        if other is not interface and other.vlan == vid and other.name.rpartition(".")[0] == trunk:
            raise Refused(
                f"Configuration of multiple subinterfaces of the same main interface with the same VID ({vid}) is not permitted."
            )
    interface.vlan = vid


def no_encapsulation(context: Context, words: Words) -> None:
    interface = _interface(context)
    if words and interface.vlan != int(words[0].text):
        raise Refused(f"Interface {interface.name} does not have VLAN {words[0].text}.")
    interface.vlan, interface.ipv4, interface.ipv6 = None, [], []


def ip_address(context: Context, words: Words) -> None:
    interface = _interface(context)
    address = _admit_v4(context, words)
    interface.ipv4 = [address, *[old for old in interface.ipv4[1:] if old.ip != address.ip]]


def ip_address_secondary(context: Context, words: Words) -> None:
    interface = _interface(context)
    address = _admit_v4(context, words)
    if not interface.ipv4:
        raise Refused("Primary address must be configured before a secondary one.")
    if address.ip != interface.ipv4[0].ip:
        interface.ipv4 = [*[old for old in interface.ipv4 if old.ip != address.ip], address]


def no_ip_address(context: Context, words: Words) -> None:
    interface = _interface(context)
    if not words:
        interface.ipv4 = []
        return
    gone = _address_v4(words)
    if gone not in interface.ipv4:
        raise Refused("Invalid address")
    if gone == interface.ipv4[0] and len(interface.ipv4) > 1:
        raise Refused("Must delete secondary before deleting primary")
    interface.ipv4.remove(gone)


def ipv6_address(context: Context, words: Words) -> None:
    address = values.interface_v6(words[0].text)
    interface = _interface(context)
    _require_tag(context, interface)
    _refuse_overlap(context, interface, address)
    if address not in interface.ipv6:
        interface.ipv6.append(address)


def no_ipv6_address(context: Context, words: Words) -> None:
    interface = _interface(context)
    gone = [values.interface_v6(word.text) for word in words]
    if any(address not in interface.ipv6 for address in gone):
        raise Refused("Invalid address")
    interface.ipv6 = [address for address in interface.ipv6 if gone and address not in gone]


def rate_limit(context: Context, words: Words) -> None:
    direction, rate = words[0].text, int(words[1].text)
    _set_rate(context, direction, rate)


def no_rate_limit(context: Context, words: Words) -> None:
    for direction in [words[0].text] if words else ["input", "output"]:
        _set_rate(context, direction, None)


COMMANDS = tuple(
    Command(pattern, action, Phase.EDIT)
    for pattern, action in (
        ("description <text...>", description),
        ("no description", no_description),
        ("no description <text...>", no_description),
        ("shutdown", shutdown),
        ("no shutdown", no_shutdown),
        ("mtu <number>", mtu),
        ("no mtu", mtu),
        ("vrf forwarding <name>", vrf_forwarding),
        ("no vrf forwarding", no_vrf_forwarding),
        ("no vrf forwarding <name>", no_vrf_forwarding),
        ("ip address <ipv4> <mask>", ip_address),
        ("ip address <ipv4> <mask> secondary", ip_address_secondary),
        ("no ip address", no_ip_address),
        ("no ip address <ipv4> <mask>", no_ip_address),
        ("no ip address <ipv4> <mask> secondary", no_ip_address),
        ("ipv6 address <ipv6prefix>", ipv6_address),
        ("no ipv6 address", no_ipv6_address),
        ("no ipv6 address <ipv6prefix>", no_ipv6_address),
        ("rate-limit input|output <bps>", rate_limit),
        ("no rate-limit", no_rate_limit),
        ("no rate-limit input|output", no_rate_limit),
        ("no rate-limit input|output <bps>", no_rate_limit),
    )
)
SUBINTERFACE_COMMANDS = (
    Command("encapsulation dot1q <vlan>", encapsulation, Phase.EDIT),
    Command("no encapsulation dot1q", no_encapsulation, Phase.EDIT),
    Command("no encapsulation dot1q <vlan>", no_encapsulation, Phase.EDIT),
)


def _interface(context: Context) -> Interface:
    return context.state.interface(context.subject)


def _set_rate(context: Context, direction: str, rate: int | None) -> None:
    if direction == "input":
        _interface(context).rate_bps = rate
    else:
        _interface(context).rate_out_bps = rate


def _move(context: Context, vrf: str | None) -> Lines:
    """To another routing table; the addresses stay behind, as on IOS."""
    interface = _interface(context)
    if interface.vrf == vrf:
        return []
    said = []
    if interface.ipv4 or interface.ipv6:
        doing = f"enabling VRF {vrf}" if vrf else f"disabling VRF {interface.vrf}"
        said = [f"% Interface {interface.name} IPv4 and IPv6 disabled and address(es) removed due to {doing}"]
    interface.vrf, interface.ipv4, interface.ipv6 = vrf, [], []
    return said


def _admit_v4(context: Context, words: Words) -> Address:
    address = _address_v4(words)
    network = ipaddress.IPv4Interface(f"{address.ip}/{address.prefix_length}").network
    unusable = (network.network_address, network.broadcast_address) if network.num_addresses > _POINT_TO_POINT else ()
    if address.prefix_length == 0 or ipaddress.IPv4Address(address.ip) in unusable:
        raise Refused(f"Bad mask /{address.prefix_length} for address {address.ip}")
    interface = _interface(context)
    _require_tag(context, interface)
    _refuse_overlap(context, interface, address)
    return address


def _address_v4(words: Words) -> Address:
    try:
        return values.interface_v4(words[0].text, words[1].text)
    except ValueError:
        raise Refused(f"Bad mask {words[1].text} for address {words[0].text}") from None


def _require_tag(context: Context, interface: Interface) -> None:
    if interfaces.is_subinterface(context.state, interface.name) and interface.vlan is None:
        raise Refused(
            "Configuring IP routing on a LAN subinterface is only allowed if that subinterface is already "
            "configured as part of an IEEE 802.1Q vLAN."
        )


def _refuse_overlap(context: Context, interface: Interface, address: Address) -> None:
    """Within one routing table no two interfaces may have overlapping networks."""
    wanted = ipaddress.ip_interface(f"{address.ip}/{address.prefix_length}").network
    for other in context.state.interfaces.values():
        if other is interface or other.vrf != interface.vrf:
            continue
        if any(_overlap(wanted, theirs) for theirs in _networks(other)):
            raise Refused(f"{wanted.network_address} overlaps with {other.name}")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(interface: Interface) -> Iterable[Network]:
    for address in (*interface.ipv4, *interface.ipv6):
        yield ipaddress.ip_interface(f"{address.ip}/{address.prefix_length}").network


def _overlap(one: Network, other: Network) -> bool:
    if one.version != other.version:
        return False
    return one.network_address in other or other.network_address in one
