"""Interface names: which one an operator means, and which may come into being."""

import re

from drivers.sim.state import ElementState, SimPort

LOGICAL = ("Loopback", "Vlan")
"""Interfaces without hardware, made by naming them."""


def resolve(state: ElementState, typed: str) -> str | None:
    """The full name for `gi0/1`, `GigabitEthernet 0/1.100`, `lo0` …; None if the element cannot have it."""
    base, dot, unit = typed.replace(" ", "").partition(".")
    port = _port(state, base)
    if port and dot:
        return f"{port.name}.{int(unit)}" if unit.isdecimal() and int(unit) < 2**32 else None
    if port:
        return port.name
    return _logical(base) if not dot else None


def parent_port(state: ElementState, name: str) -> SimPort | None:
    """The port below an interface: itself, or what its subinterface is on."""
    return state.ports.get(name) or state.ports.get(name.rpartition(".")[0])


def is_subinterface(state: ElementState, name: str) -> bool:
    return name not in state.ports and name.rpartition(".")[0] in state.ports


def exists(state: ElementState, name: str) -> bool:
    return name in state.ports or name in state.interfaces


def every(state: ElementState) -> list[str]:
    """All interfaces in the order of the running configuration: loopbacks, each port with its subinterfaces, SVIs."""
    return sorted({*state.ports, *state.interfaces}, key=lambda name: _order(state, name))


def _order(state: ElementState, name: str) -> tuple[int, int, list[tuple[str, int]]]:
    port = parent_port(state, name)
    rank = 1 if port else 2 if name.startswith("Vlan") else 0
    return rank, port.index if port else 0, natural(name)


def natural(name: str) -> list[tuple[str, int]]:
    """Sort key: `Gi0/10` after `Gi0/9`."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D+)(\d*)", name)]


def _port(state: ElementState, typed: str) -> SimPort | None:
    kind, number = _split(typed)
    meant = [port for port in state.ports.values() if _split(port.name)[1] == number]
    meant = [port for port in meant if _split(port.name)[0].startswith(kind)]
    exact = [port for port in meant if _split(port.name)[0] == kind]
    if len(exact) == 1:
        return exact[0]
    return meant[0] if len(meant) == 1 and kind else None


def _split(name: str) -> tuple[str, str]:
    match = re.match(r"(\D*)(.*)", name.lower())
    return (match[1], match[2]) if match else ("", "")


def _logical(typed: str) -> str | None:
    kind, number = _split(typed)
    for full in LOGICAL:
        if len(kind) > 1 and full.lower().startswith(kind) and number.isdecimal():
            return f"{full}{int(number)}"
    return None
