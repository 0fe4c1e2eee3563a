"""Layer 2 of a port: access VLAN and trunk membership. They are the rows that Q-BRIDGE-MIB shows."""

from drivers.sim.cli import values
from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.errors import Refused
from drivers.sim.cli.grammar import Word
from drivers.sim.faults import Phase
from drivers.sim.state import ElementState, SimPort, Vlan

Words = tuple[Word, ...]


def access_vlan(port: SimPort) -> int | None:
    """None for the default, VLAN 1."""
    return port.pvid if port.pvid != 1 else None


def trunk_vlans(state: ElementState, port: SimPort) -> set[int]:
    return {vlan.vid for vlan in state.vlans.values() if port.index in vlan.egress - vlan.untagged}


def mode(context: Context, words: Words) -> None:
    _port(context).switchport = "trunk" if words[0].text == "trunk" else "access"


def no_mode(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _port(context).switchport = ""


def access(context: Context, words: Words) -> Lines:
    vid = int(words[0].text)
    said = [] if vid == 1 or vid in context.state.vlans else [f"% Access VLAN does not exist. Creating vlan {vid}"]
    _set_access(context, vid)
    return said


def no_access(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _set_access(context, 1)


def trunk_set(context: Context, words: Words) -> None:
    _set_trunk(context, values.vlan_set(words[0].text))


def trunk_add(context: Context, words: Words) -> None:
    _set_trunk(context, trunk_vlans(context.state, _port(context)) | values.vlan_set(words[0].text))


def trunk_remove(context: Context, words: Words) -> None:
    _set_trunk(context, trunk_vlans(context.state, _port(context)) - values.vlan_set(words[0].text))


def trunk_none(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _set_trunk(context, set())


COMMANDS = tuple(
    Command(pattern, action, Phase.EDIT)
    for pattern, action in (
        ("switchport mode access|trunk", mode),
        ("no switchport mode", no_mode),
        ("switchport access vlan <vlan>", access),
        ("no switchport access vlan", no_access),
        ("no switchport access vlan <vlan>", no_access),
        ("switchport trunk allowed vlan <vlans>", trunk_set),
        ("switchport trunk allowed vlan add <vlans>", trunk_add),
        ("switchport trunk allowed vlan remove <vlans>", trunk_remove),
        ("switchport trunk allowed vlan none", trunk_none),
        ("no switchport trunk allowed vlan", trunk_none),
    )
)


def _port(context: Context) -> SimPort:
    port = context.state.ports.get(context.subject)
    if port is None:
        raise Refused(f"{context.subject} is not a switching port.")
    return port


def _set_access(context: Context, vid: int) -> None:
    port = _port(context)
    old = context.state.vlans.get(port.pvid)
    if old and port.pvid != vid:
        old.egress.discard(port.index)
        old.untagged.discard(port.index)
    port.pvid = vid
    if vid != 1:
        row = context.state.vlans.setdefault(vid, Vlan(vid))
        row.egress.add(port.index)
        row.untagged.add(port.index)


def _set_trunk(context: Context, wanted: set[int]) -> None:
    port, vlans = _port(context), context.state.vlans
    unknown = wanted - vlans.keys()
    if unknown:
        raise Refused(f"VLAN {values.vlan_list(unknown)} does not exist; define it with `vlan` first.")
    for vid, row in vlans.items():
        if port.index in row.untagged:
            continue
        if vid in wanted:
            row.egress.add(port.index)
        else:
            row.egress.discard(port.index)
