"""What the lab's elements are configured to do, running and saved, asked of themselves and not of fabd."""

from tests.drivers.sim import exchange
from tests.drivers.sim.exchange import Server
from tests.lab import frr, namespaces
from tests.lab.credentials import NETCONF
from tests.lab.lab import Lab
from tests.lab.topology import LEAVES, MANAGEMENT, NC1, NETCONF_PORT, ROUTERS

Configurations = dict[str, str]
"""`pe1 running`, `pe1 startup`, …, `leaf1 links`, `leaf1 limits`, …, `nc1 running`, `nc1 startup` → text."""


def netconf_server(lab: Lab) -> Server:
    login = lab.credentials()[NETCONF]
    return Server(str(NC1.management.ip), NETCONF_PORT, login["username"], login["password"], is_real=True)


def read(lab: Lab) -> Configurations:
    found = {}
    for router in ROUTERS:
        found[f"{router.name} running"] = lab.vtysh(router.name, "show running-config")
        found[f"{router.name} startup"] = frr.saved(router.name)
        if router in LEAVES:
            found[f"{router.name} links"] = _links(router.name)
            found[f"{router.name} limits"] = limits(router.name)
    with lab.inside(MANAGEMENT), netconf_server(lab).session() as session:
        for store in ("running", "startup"):
            found[f"{NC1.name} {store}"] = session.get_config(store).data_xml
    return found


def _links(node: str) -> str:
    """The kernel's links with the bridge that each is in; what they carry is not configuration."""
    return "\n".join(
        f"{name} in {port.get('master', 'none')} {port['mtu']}" for name, port in sorted(namespaces.ports(node).items())
    )


def limits(node: str) -> str:
    """Rules of nftables at the node's ports, and the chains that they are in."""
    shown = namespaces.execute(node, ["nft", "list", "ruleset", "netdev"]).stdout
    return "\n".join(line.strip() for line in shown.splitlines() if "hook" in line or "limit" in line)


def settle(lab: Lab) -> None:
    """Let every element write down what it has in its own words, so that whoever saves next changes only what was changed.

    The first save adds lines of their own to both kinds of startup, and netconfd keeps the container of the last interface
    it had, empty.
    """
    for router in ROUTERS:
        lab.vtysh(router.name, "write memory")
    with lab.inside(MANAGEMENT), netconf_server(lab).session() as session:
        exchange.put(session, exchange.interface("settling"))
        exchange.put(session, exchange.only("settling", "delete"))
        session.copy_config(source="running", target="startup")


def changed(before: Configurations, after: Configurations) -> set[str]:
    return {name for name in before if before[name] != after[name]}
