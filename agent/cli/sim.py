"""`fabd sim`: the simulated network, to run it and to break it."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, get_args

import httpx
import typer
import yaml

from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.errors import CliError, DaemonUnreachable
from agent.cli.options import AsJson, argument
from agent.cli.output import print_json, say, show_facts, show_rows, show_text
from agent.cli.words import BitRate, parse_rate, seconds
from drivers.sim.client import SimControl
from drivers.sim.faults import FaultKind, Phase
from drivers.sim.topology import load_topology

app = typer.Typer(no_args_is_help=True, help="A simulated network that speaks the real protocols: run it, look at it, break it.")

Kind = StrEnum("Kind", {name.upper(): name for name in get_args(FaultKind)})  # type: ignore[misc]
"""Kinds of faults, as Typer reads choices."""
DEFAULT_CONTROL = "127.0.0.1:8641"
DEMO_NETWORK = Path(str(files("agent.demo") / "network.yaml"))

_Control = Annotated[
    str, typer.Option("--control", metavar="HOST:PORT", help="Where the network's control API listens.", show_default=True)
]
_Element = Annotated[str, argument("ELEMENT", "Name of the element.")]
_Port = Annotated[str, argument("PORT", "As element/port: pe1/ge-0/0/1.")]
_Link = Annotated[str, argument("LINK", "Name of the link, or element/port of one of its ends.")]


@app.command()
@local
def run(
    _desk: Desk,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The network file (YAML); without it the demonstration's network.")
    ] = None,
    *,
    control: _Control = DEFAULT_CONTROL,
    keys: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the elements' host keys here; without it every run makes new ones.")
    ] = None,
    inventory: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the network for `fabd inventory import`.")] = None,
    known_hosts: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the elements' host keys.")] = None,
    credentials: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the log-in data as fabd's credentials file (mode 0600).")
    ] = None,
) -> None:
    """Run a simulated network until Ctrl-C. It listens on loopback only, and sends its traps to fabd's default port."""
    from agent.cli.simulation import Outputs, serve  # noqa: PLC0415  the servers are loaded only to run them

    host, port = _address(control)
    outputs = Outputs(inventory, known_hosts, credentials)
    asyncio.run(serve(load_topology(file or DEMO_NETWORK), keys, (host, port), outputs))


@app.command("list")
@local
def list_(_desk: Desk, control: _Control = DEFAULT_CONTROL, as_json: AsJson = False) -> None:
    """The network's elements, links and traffic."""
    with _network(control) as network:
        elements, links, traffic = network.elements(), network.links(), network.traffic()
    if as_json:
        print_json({"elements": elements, "links": links, "traffic": traffic})
        return
    show_rows([_element_row(each) for each in elements], empty="no elements")
    show_rows(
        [{"link": each["name"], "a": each["a"], "b": each["b"], "cut": "cut" if each["cut"] else ""} for each in links], empty=""
    )
    show_rows([_traffic_row(each) for each in traffic], empty="no traffic")


@app.command("show")
@local
def show_(_desk: Desk, element: _Element, control: _Control = DEFAULT_CONTROL, as_json: AsJson = False) -> None:
    """One element: running configuration, ports with counters, armed faults."""
    with _network(control) as network:
        found, faults = network.element(element), network.faults(element)
    if as_json:
        print_json({**found, "faults": faults})
        return
    uptime = found["uptime"]
    shown = {"platform": found["platform"], "address": found["address"], "up for": seconds(float(str(uptime)))}
    show_facts(str(found["name"]), shown)
    show_rows(_port_rows(found), empty="no ports")
    show_rows([dict(each) for each in faults], empty="no faults are armed")
    show_text("running configuration", str(found["running"]))


@app.command()
@local
def inventory(_desk: Desk, control: _Control = DEFAULT_CONTROL, as_json: AsJson = False) -> None:
    """Print the network as a file that `fabd inventory import` reads."""
    with _network(control) as network:
        document = network.inventory()
    if as_json:
        print_json(document)
    else:
        typer.echo(yaml.safe_dump(document, sort_keys=False), nl=False)


@app.command()
@local
def fault(
    _desk: Desk,
    element: _Element,
    kind: Annotated[Kind, typer.Argument(help="What shall go wrong.", show_default=False)],
    *,
    phase: Annotated[Phase, typer.Option(help="When; any is every phase but connect and measure (STAMP).")] = Phase.ANY,
    message: Annotated[str, typer.Option(help="The element's words when it refuses.")] = "refused by fault injection",
    for_seconds: Annotated[float, typer.Option("--seconds", min=0, max=3600, help="How long to hang or to be slow.")] = 5.0,
    times: Annotated[int, typer.Option(min=1, help="How often.")] = 1,
    until_cleared: Annotated[bool, typer.Option("--until-cleared", help="Every time, until `fabd sim clear`.")] = False,
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Arm a fault: the element refuses, hangs, disconnects, is slow, or leaves SNMP unanswered."""
    with _network(control) as network:
        number = network.inject(
            element,
            _fault_kind(kind),
            phase=phase,
            message=message,
            seconds=for_seconds,
            times=None if until_cleared or kind.value in {"slow", "snmp_silent"} else times,
        )
    say(f"fault {number} is armed on {element}; end it with: fabd sim clear {element} {number}")


@app.command()
@local
def clear(
    _desk: Desk,
    element: _Element,
    number: Annotated[int | None, typer.Argument(metavar="[FAULT]", help="Number of the fault; all without it.")] = None,
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Disarm one fault of an element, or all."""
    with _network(control) as network:
        network.clear(element, number)


@app.command()
@local
def cut(_desk: Desk, link: _Link, control: _Control = DEFAULT_CONTROL) -> None:
    """Cut a link: both its ports go down."""
    with _network(control) as network:
        network.cut(link)


@app.command()
@local
def restore(_desk: Desk, link: _Link, control: _Control = DEFAULT_CONTROL) -> None:
    """Repair a link that was cut."""
    with _network(control) as network:
        network.restore(link)


@app.command()
@local
def unplug(_desk: Desk, port: _Port, control: _Control = DEFAULT_CONTROL) -> None:
    """Pull the cable out of a port."""
    with _network(control) as network:
        network.plug(*_split(port), plugged=False)


@app.command()
@local
def plug(_desk: Desk, port: _Port, control: _Control = DEFAULT_CONTROL) -> None:
    """Put the cable back into a port."""
    with _network(control) as network:
        network.plug(*_split(port), plugged=True)


@app.command()
@local
def flap(
    _desk: Desk,
    port: _Port,
    times: Annotated[int, typer.Option(min=1, max=1000, help="How often.")] = 5,
    period: Annotated[float, typer.Option(min=0.01, max=3600, help="Seconds from down to down.")] = 2.0,
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Pull a port's cable and put it back, again and again."""
    with _network(control) as network:
        network.flap(*_split(port), times, period)


@app.command()
@local
def lose(
    _desk: Desk,
    port: _Port,
    fraction: Annotated[
        float, typer.Argument(metavar="FRACTION", min=0, max=1, help="0 loses nothing, 1 all.", show_default=False)
    ],
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Drop a fraction of what passes a port."""
    with _network(control) as network:
        network.lose(*_split(port), fraction)


@app.command()
@local
def attenuate(
    _desk: Desk,
    port: _Port,
    db: Annotated[float, typer.Argument(metavar="DB", min=0, max=60, help="Decibels; 0 is as it was.", show_default=False)],
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Take some of the light that arrives at a port, as dirt or a bend does."""
    with _network(control) as network:
        network.attenuate(*_split(port), db)


@app.command()
@local
def session(
    _desk: Desk,
    element: _Element,
    neighbour: Annotated[str, argument("NEIGHBOUR", "The element at the other end.")],
    *,
    up: Annotated[bool, typer.Option("--up/--down", help="Let it come up again, or keep it down.", show_default=False)],
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Keep the BGP session of two elements from being established, or let it."""
    with _network(control) as network:
        network.hold_session(element, neighbour, held=not up)


@app.command()
@local
def reboot(
    _desk: Desk,
    element: _Element,
    away: Annotated[float, typer.Option("--seconds", min=0, max=3600, help="How long it is away.")] = 0.0,
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Restart an element from its startup configuration."""
    with _network(control) as network:
        network.reboot(element, away)


@app.command("reset-counters")
@local
def reset_counters(_desk: Desk, element: _Element, control: _Control = DEFAULT_CONTROL) -> None:
    """Set an element's port counters back to zero."""
    with _network(control) as network:
        network.reset_counters(element)


@app.command()
@local
def traffic(
    _desk: Desk,
    name: Annotated[str, argument("NAME", "Name of the traffic in the network file.")],
    rate: Annotated[str, argument("RATE", "bit/s, as 20M or 1.5G.")],
    back: Annotated[str | None, typer.Option("--back", metavar="RATE", help="Of the other direction; as it is without.")] = None,
    control: _Control = DEFAULT_CONTROL,
) -> None:
    """Let a traffic flow at another rate."""
    rates = [_rate(each) if each is not None else None for each in (rate, back)]
    with _network(control) as network:
        network.set_traffic(name, rates[0] or 0.0, rates[1])


@contextmanager
def _network(control: str) -> Iterator[SimControl]:
    host, port = _address(control)
    with SimControl(f"http://{host}:{port}") as network:
        try:
            yield network
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise DaemonUnreachable(
                f"no simulated network answers at {control}: {reason}; start one with `fabd sim run`, or give its --control"
            ) from error


def _address(control: str) -> tuple[str, int]:
    host, _, port = control.removeprefix("http://").rstrip("/").rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004  the highest TCP port
        raise typer.BadParameter(f"{control!r} is not HOST:PORT", param_hint="--control")
    return host, int(port)


def _split(port: str) -> tuple[str, str]:
    ends = re.fullmatch(r"([^/:]+)[/:](.+)", port)  # the network file writes element:port
    if ends is None:
        raise typer.BadParameter(f"{port!r} names no port; write element/port, as pe1/ge-0/0/1", param_hint="PORT")
    return ends[1], ends[2]


def _rate(text: str) -> float:
    try:
        return parse_rate(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="RATE") from None


def _fault_kind(kind: StrEnum) -> FaultKind:
    found: FaultKind | None = next((each for each in get_args(FaultKind) if each == kind.value), None)
    if found is None:
        raise CliError(f"there is no fault {kind.value}")
    return found


def _element_row(each: Mapping[str, object]) -> dict[str, object]:
    ways = each["endpoints"]
    managed = [f"{name} {way['host']}:{way['port']}" for name, way in ways.items()] if isinstance(ways, dict) else []
    reachable = "yes" if each["reachable"] else "no"
    return {
        "element": each["name"],
        "platform": each["platform"],
        "role": each["role"],
        "managed by": managed,
        "reachable": reachable,
    }


def _traffic_row(each: Mapping[str, object]) -> dict[str, object]:
    rates = {title: BitRate(float(str(each[key]))) for title, key in (("rate", "bps"), ("back", "reverse_bps"))}
    return {"traffic": each["name"], "from": each["source"], "to": each["sink"], **rates}


def _port_rows(found: Mapping[str, object]) -> list[dict[str, object]]:
    ports = found["ports"]
    return [
        {
            "port": port["name"],
            "index": port["index"],
            "enabled": "yes" if port["admin_up"] else "no",
            "state": "up" if port["oper_up"] else "down",
            "in": BitRate(port["in_bps"]),
            "out": BitRate(port["out_bps"]),
            "loss": port["loss"] or None,
        }
        for port in (ports if isinstance(ports, list) else [])
    ]
