"""What an element reaches: ping, and the sessions of BGP, which are up with who can be reached."""

from ipaddress import ip_address, ip_interface

from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.errors import Refused
from drivers.sim.cli.grammar import Word
from drivers.sim.faults import Phase
from drivers.sim.state import ElementState

Words = tuple[Word, ...]
SENT = 3


def answers(state: ElementState, address: str, vrf: str) -> bool:
    """Whether somebody answers: who shares a network with a port that works, or who is beyond."""
    target = ip_address(address)
    for interface in state.interfaces.values():
        if (interface.vrf or "") != vrf or not state.oper_up(interface.name):
            continue
        networks = (ip_interface(f"{each.ip}/{each.prefix_length}").network for each in (*interface.ipv4, *interface.ipv6))
        if any(target in network for network in networks if network.version == target.version):
            return True
    return state.beyond(vrf, address)


def ping(context: Context, words: Words) -> Lines:
    return _ping(context, words[0].text, "")


def ping_vrf(context: Context, words: Words) -> Lines:
    if words[0].text not in context.state.vrfs:
        raise Refused(f"VRF {words[0].text} does not exist.")
    return _ping(context, words[1].text, words[0].text)


def neighbour(context: Context, words: Words) -> Lines:
    address = words[0].text
    if context.state.asn is None:
        raise Refused("BGP not active")
    state = "Established" if answers(context.state, address, "") else "Active"
    return [
        f"BGP neighbor is {address},  remote AS {context.state.asn}, internal link",
        f"  BGP state = {state}",
        f"  BGP state is {state}",
    ]


COMMANDS = (
    *(Command(f"ping <address>{tail}", ping, Phase.TEST) for tail in ("", " repeat <number>", " repeat <number> source <name>")),
    *(
        Command(f"ping vrf <name> <address>{tail}", ping_vrf, Phase.TEST)
        for tail in ("", " repeat <number>", " repeat <number> source <name>")
    ),
    Command("ping <address> source <name> repeat <number>", ping, Phase.TEST),
    Command("ping vrf <name> <address> source <name> repeat <number>", ping_vrf, Phase.TEST),
    Command("show bgp all neighbors <address>", neighbour, Phase.TEST),
    Command("show bgp neighbors <address>", neighbour, Phase.TEST),
)


def _ping(context: Context, address: str, vrf: str) -> Lines:
    """As IOS shows it, and as EOS does, which has edits."""
    received = SENT if answers(context.state, address, vrf) else 0
    if context.edits is not None:
        lost = 0 if received else 100
        return [
            f"PING {address} ({address}) 72(100) bytes of data.",
            f"--- {address} ping statistics ---",
            f"{SENT} packets transmitted, {received} received, {lost}% packet loss, time 0ms",
        ]
    return [
        "Type escape sequence to abort.",
        f"Sending {SENT}, 100-byte ICMP Echos to {address}, timeout is 2 seconds:",
        ("!" if received else ".") * SENT,
        f"Success rate is {100 if received else 0} percent ({received}/{SENT})",
    ]
