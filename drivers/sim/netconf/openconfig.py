"""What of OpenConfig's models the element serves as state: light in the fibres, and neighbours of BGP."""

from drivers.sim.netconf.names import Element, new, q, sub
from drivers.sim.state import ElementState, SimPort

PLATFORM = "http://openconfig.net/yang/platform"
TRANSCEIVER = "http://openconfig.net/yang/platform/transceiver"
INSTANCES = "http://openconfig.net/yang/network-instance"


def state_of(state: ElementState) -> list[Element]:
    return [_components(state), _instances(state)]


def _components(state: ElementState) -> Element:
    components = new(q(PLATFORM, "components"))
    for port in state.ports.values():
        component = sub(components, "component")
        sub(component, "name", f"transceiver-{port.name}")
        _instant(sub(sub(component, "state"), "temperature"), port.temperature_celsius)
        component.append(_transceiver(port))
    return components


def _transceiver(port: SimPort) -> Element:
    transceiver = new(q(TRANSCEIVER, "transceiver"))
    channel = sub(sub(transceiver, "physical-channels"), "channel")
    sub(channel, "index", "0")
    light = sub(channel, "state")
    _instant(sub(light, "input-power"), port.receive_dbm)
    _instant(sub(light, "output-power"), port.transmit_dbm)
    return transceiver


def _instant(parent: Element, value: float) -> None:
    sub(parent, "instant", f"{value:.2f}")


def _instances(state: ElementState) -> Element:
    instances = new(q(INSTANCES, "network-instances"))
    instance = sub(instances, "network-instance")
    sub(instance, "name", "default")
    protocol = sub(sub(instance, "protocols"), "protocol")
    sub(protocol, "name", "BGP")
    neighbours = sub(sub(protocol, "bgp"), "neighbors")
    for each in state.adjacent():
        if each.protocol == "bgp":
            neighbour = sub(neighbours, "neighbor")
            sub(neighbour, "neighbor-address", each.address)
            sub(sub(neighbour, "state"), "session-state", "ESTABLISHED" if each.established else "ACTIVE")
    return instances
