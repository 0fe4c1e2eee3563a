"""The inventory document that matches a simulated network, as plain data ready for YAML or JSON."""

from drivers.sim.network import SimNetwork
from drivers.sim.topology import ElementSpec, Topology

Plain = dict[str, object]
CREDENTIAL = "sim"
"""The credential reference under which fabd finds the network's log-in data."""


def inventory_document(network: SimNetwork) -> Plain:
    """Sites, elements with endpoints and ports, links: what `fabd inventory import` takes."""
    topology = network.topology
    return {
        "sites": [{"name": site} for site in dict.fromkeys(e.site for e in topology.elements)],
        "elements": [_element(network, spec) for spec in topology.elements],
        "links": [
            {"name": link.label, "a": f"{link.a.element}/{link.a.port}", "b": f"{link.b.element}/{link.b.port}"}
            for link in topology.links
        ],
    }


def _element(network: SimNetwork, spec: ElementSpec) -> Plain:
    element = network.elements[spec.name]
    linked = _linked_ports(network.topology, spec.name)
    management = network.topology.management
    # where management enters a network that carries it; without this a cut link looks like a dead element
    attributes: Plain = {"attributes": {"poller": True}} if management.inband and management.via == spec.name else {}
    return {
        "name": spec.name,
        "site": spec.site,
        "platform": spec.platform,
        "role": spec.role,
        **attributes,
        "endpoints": {
            protocol: {"host": endpoint.host, "port": endpoint.port, "credential": CREDENTIAL}
            for protocol, endpoint in element.endpoints.items()
        },
        "ports": [
            {
                "name": port.name,
                "if_index": port.index,
                "speed_bps": port.speed_bps,
                "role": "core" if port.name in linked else "customer",
            }
            for port in element.state.ports.values()
        ],
    }


def _linked_ports(topology: Topology, element: str) -> set[str]:
    return {end.port for link in topology.links for end in (link.a, link.b) if end.element == element}
