"""The running configuration as text: canonical (same state, same text), and accepted back line by line."""

from collections.abc import Iterator
from ipaddress import ip_network

from drivers.sim.cli import interfaces
from drivers.sim.cli.config_subscriber import port_lines, profile_block
from drivers.sim.cli.config_switchport import access_vlan, trunk_vlans
from drivers.sim.cli.values import mask, vlan_list
from drivers.sim.state import ElementState, Interface, RouteTargets, Vlan, Vrf

Block = list[str]


def running_config(state: ElementState) -> list[str]:
    lines = ["!", f"hostname {state.name}", "!"]
    for block in _blocks(state):
        lines += [*block, "!"]
    return [*lines, "end"]


def interface_block(state: ElementState, name: str) -> Block:
    interface = state.interfaces.get(name) or Interface(name)
    return [f"interface {name}", *(f" {line}" for line in _interface_lines(state, interface))]


def _blocks(state: ElementState) -> Iterator[Block]:
    for _, vrf in sorted(state.vrfs.items()):
        yield _vrf_block(vrf)
    for vid, vlan in sorted(state.vlans.items()):
        if vid != 1:
            yield _vlan_block(vlan)
    for _, profile in sorted(state.igmp_profiles.items()):
        yield profile_block(profile)
    for name in interfaces.every(state):
        yield interface_block(state, name)
    if state.asn is not None:
        yield _bgp_block(state)


def _vrf_block(vrf: Vrf) -> Block:
    block = [f"vrf definition {vrf.name}"]
    if vrf.rd:
        block.append(f" rd {vrf.rd}")
    block += [f" {line}" for line in _targets(vrf)]
    for family, targets in sorted(vrf.families.items()):
        block += [" !", f" address-family {family}"]
        block += [f"  {line}" for line in _targets(targets)]
        block.append(" exit-address-family")
    return block


def _targets(owner: Vrf | RouteTargets) -> list[str]:
    exports = [f"route-target export {target}" for target in sorted(owner.export_rt)]
    return exports + [f"route-target import {target}" for target in sorted(owner.import_rt)]


def _vlan_block(vlan: Vlan) -> Block:
    return [f"vlan {vlan.vid}", *([f" name {vlan.name}"] if vlan.name else [])]


def _interface_lines(state: ElementState, interface: Interface) -> Iterator[str]:
    port = state.ports.get(interface.name)
    text = port.alias if port else interface.description
    if text:
        yield f"description {text}"
    if interface.vlan is not None:
        yield f"encapsulation dot1Q {interface.vlan}"
    yield from _switchport_lines(state, interface.name)
    if interface.vrf:
        yield f"vrf forwarding {interface.vrf}"
    if interface.mtu is not None:
        yield f"mtu {interface.mtu}"
    yield from _address_lines(interface)
    if interface.rate_bps is not None:
        yield f"rate-limit input {interface.rate_bps}"
    if interface.rate_out_bps is not None:
        yield f"rate-limit output {interface.rate_out_bps}"
    if not (port.admin_up if port else interface.enabled):
        yield "shutdown"


def _switchport_lines(state: ElementState, name: str) -> Iterator[str]:
    port = state.ports.get(name)
    if port is None:
        return
    if port.switchport:
        yield f"switchport mode {port.switchport}"
    if vid := access_vlan(port):
        yield f"switchport access vlan {vid}"
    if carried := trunk_vlans(state, port):
        yield f"switchport trunk allowed vlan {vlan_list(carried)}"
    yield from port_lines(port)


def _address_lines(interface: Interface) -> Iterator[str]:
    for rank, address in enumerate(interface.ipv4):
        yield f"ip address {address.ip} {mask(address.prefix_length)}{' secondary' if rank else ''}"
    if not interface.ipv4:
        yield "no ip address"
    for address in interface.ipv6:
        yield f"ipv6 address {address.ip}/{address.prefix_length}"


def _bgp_block(state: ElementState) -> Block:
    block = [f"router bgp {state.asn}"]
    for family, vrf in sorted(state.bgp_families, key=lambda key: (key[1], key[0])):
        block += [" !", f" address-family {family}{f' vrf {vrf}' if vrf else ''}"]
        block += [f"  {line}" for line in _network_lines(state, family, vrf)]
        block.append(" exit-address-family")
    return block


def _network_lines(state: ElementState, family: str, vrf: str) -> list[str]:
    networks = [ip_network(announced.prefix) for announced in state.prefixes if announced.vrf == vrf]
    if family == "ipv4":
        ordered = sorted(network for network in networks if network.version == 4)  # noqa: PLR2004 - IP version
        return [f"network {network.network_address} mask {network.netmask}" for network in ordered]
    return [f"network {network}" for network in sorted(network for network in networks if network.version == 6)]  # noqa: PLR2004 - IP version
