"""What the command line shows of neighbours and of light in the fibres: IOS in tables, EOS as JSON."""

import json

from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.grammar import Word
from drivers.sim.faults import Phase
from drivers.sim.neighbours import Neighbour
from drivers.sim.state import ElementState, SimPort

Words = tuple[Word, ...]
_SHORT = (("GigabitEthernet", "Gi"), ("TenGigabitEthernet", "Te"), ("FastEthernet", "Fa"))


def bgp_table(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    state = context.state
    rows = [
        f"{each.address:<15} 4 {state.asn or 65000:>12} {'104     105' if each.established else '  0       0'}"
        f"        7    0    0 {'01:31:02        3' if each.established else 'never    Active'}"
        for each in _of(state, "bgp")
    ]
    return [
        "For address family: IPv4 Unicast",
        f"BGP router identifier {state.address}, local AS number {state.asn or 65000}",
        "BGP table version is 7, main routing table version 7",
        "",
        "Neighbor        V           AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd",
        *rows,
    ]


def ospf_table(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    title = "Neighbor ID     Pri   State           Dead Time   Address         Interface"
    state = "  0   FULL/  -        00:00:38   "
    return ["", title, *(f"{each.address:<15} {state} {each.address:<15} {each.port}" for each in _of(context.state, "ospf"))]


def optics_table(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    return [
        "If device is externally calibrated, only calibrated values are printed.",
        "++ : high alarm, +  : high warning, -  : low warning, -- : low alarm.",
        "NA or N/A: not applicable, Tx: transmit, Rx: receive.",
        "mA: milliamperes, dBm: decibels (milliwatts).",
        "",
        "                                 Optical   Optical",
        "           Temperature  Voltage  Tx Power  Rx Power",
        "Port       (Celsius)    (Volts)  (dBm)     (dBm)",
        "---------  -----------  -------  --------  --------",
        *map(_light, context.state.ports.values()),
    ]


def bgp_json(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    asn = str(context.state.asn or 65000)
    states = {each.address: "Established" if each.established else "Active" for each in _of(context.state, "bgp")}
    peers = {address: {"version": 4, "asn": asn, "peerState": state} for address, state in states.items()}
    return _json({"vrfs": {"default": {"routerId": context.state.address, "vrf": "default", "peers": peers}}})


def ospf_json(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    entries = [
        {
            "routerId": each.address,
            "priority": 0,
            "interfaceName": each.port,
            "adjacencyState": "full",
            "interfaceAddress": each.address,
        }
        for each in _of(context.state, "ospf")
    ]
    return _json({"vrfs": {"default": {"instList": {"1": {"ospfNeighborEntries": entries}}}}})


def optics_json(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    return _json(
        {
            "interfaces": {
                port.name: {
                    "mediaType": "10GBASE-LR",
                    "temperature": port.temperature_celsius,
                    "voltage": 3.28,
                    "txPower": port.transmit_dbm,
                    "rxPower": port.receive_dbm,
                }
                for port in context.state.ports.values()
            }
        }
    )


COMMANDS = (
    Command("show bgp all summary", bgp_table, Phase.READ),
    Command("show ip ospf neighbor", ospf_table, Phase.READ),
    Command("show interfaces transceiver", optics_table, Phase.READ),
)
EOS_COMMANDS = (
    Command("show ip bgp summary vrf all json", bgp_json, Phase.READ),
    Command("show ip ospf neighbor vrf all json", ospf_json, Phase.READ),
    Command("show interfaces transceiver json", optics_json, Phase.READ),
)
"""As they are typed, but for the bar before `json`."""


def _of(state: ElementState, protocol: str) -> list[Neighbour]:
    return [each for each in state.adjacent() if each.protocol == protocol]


def _light(port: SimPort) -> str:
    name, degrees, sent, received = _short(port.name), port.temperature_celsius, port.transmit_dbm, port.receive_dbm
    return f"{name:<9}  {degrees:>6.1f}         3.28   {sent:>6.1f}    {received:>6.1f}"


def _short(name: str) -> str:
    return next((name.replace(long, short) for long, short in _SHORT if name.startswith(long)), name)


def _json(document: object) -> Lines:
    return json.dumps(document, indent=4).splitlines()
