"""What elements say unasked: net-snmp's traps and informs, FRR's log, netconfd's notifications. Reads decide."""

from pathlib import Path

import pytest

from tests.drivers.sim import exchange
from tests.lab import namespaces
from tests.lab.configurations import netconf_server
from tests.lab.fabd import Document, Fabd
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.test_agents import LINK_DOWN
from tests.lab.topology import NC1, P1, PE2, Router

pytestmark = pytest.mark.lab

IF_INDEX = ".1.3.6.1.2.1.2.2.1.1"


def a_lie(router: Router, port: str) -> list[str]:
    """linkDown of a port that is up."""
    number = namespaces.ports(router.name)[port]["ifindex"]
    return [f".{LINK_DOWN}", f"{IF_INDEX}.{number}", "i", str(number)]


def said(fabd: Fabd, element: str, source: str, finding: str) -> list[Document]:
    found = fabd.get("/api/v1/observations", element=element, source=source, limit="100")
    return [each for each in found if each["finding"].rpartition("/")[2] == finding]


def accepted(fabd: Fabd) -> int:
    return int(fabd.get("/api/v1/intake")["traps"]["accepted"])


def standing(fabd: Fabd, cause: str) -> list[Document]:
    found: list[Document] = fabd.get("/api/v1/alarms", cause=cause, cleared="false")
    return found


def test_traps_and_informs_of_snmptrap_are_heard_and_what_was_read_decides(fabd: Fabd, lab: Lab) -> None:
    before = accepted(fabd)
    assert lab.say(PE2, *a_lie(PE2, "c-p1"))
    assert lab.say(PE2, *a_lie(PE2, "c-p1"), inform=True), "the inform was acknowledged"
    wait_until("both were heard", lambda: accepted(fabd) >= before + 2)
    wait_until("it is kept", lambda: len(said(fabd, "pe2", "trap", "linkDown")) > 0)
    [kept] = said(fabd, "pe2", "trap", "linkDown")[:1]
    assert (kept["object"], kept["detail"]["version"], kept["detail"]["from"]) == ("c-p1", "v3", str(PE2.management))
    assert fabd.get("/api/v1/alarms", element="pe2", cause="linkDown", cleared="false") == []


def test_another_key_is_not_believed_and_the_alarm_names_the_credential_until_the_right_one_is_heard(fabd: Fabd, lab: Lab) -> None:
    wrong = "another-key-than-the-agents"
    assert not lab.say(P1, *a_lie(P1, "c-pe1"), inform=True, auth_key=wrong), "nothing was acknowledged"
    wait_until("it is told", lambda: bool(standing(fabd, "trapsNotBelieved")))
    [alarm] = standing(fabd, "trapsNotBelieved")
    assert (alarm["element"], "wrong key" in alarm["text"], "'lab-snmp-p1'" in alarm["text"]) == ("p1", True, True)
    shown = fabd.command("alarm", "why", alarm["id"])
    secrets = lab.credentials()["lab-snmp-p1"]
    assert "lab-snmp-p1" in shown
    assert not any(secrets[key] in shown + fabd.log.read_text() for key in ("auth_key", "priv_key"))
    assert lab.say(P1, *a_lie(P1, "c-pe1"), inform=True)
    wait_until("it is forgiven", lambda: not standing(fabd, "trapsNotBelieved"))


def test_what_frr_logs_of_a_neighbour_is_read_back_from_the_element(fabd: Fabd, lab: Lab, tmp_path: Path) -> None:
    peer = str(PE2.loopback)
    # shut down, so that it stays away until it is asked back
    lab.vtysh("p1", "configure terminal", "router bgp 65000", f"neighbor {peer} shutdown")
    try:
        wait_until("it is told", lambda: any(each["qualifier"] == peer for each in of(fabd, "p1")))
        [alarm] = [each for each in of(fabd, "p1") if each["qualifier"] == peer]
    finally:
        lab.vtysh("p1", "configure terminal", "router bgp 65000", f"no neighbor {peer} shutdown")
    assert "unverified" not in alarm["why"], "the element was asked"
    wait_until("both edges were logged", lambda: {"Down", "Up"} <= logged(fabd, peer).keys())
    recording = tmp_path / "recording"
    recording.write_text(logged(fabd, peer)["Down"])
    assert f"bgpNeighbourDown {peer}" in " ".join(fabd.command("events", "replay", str(recording)).split())
    wait_until("all neighbours are back", lambda: not of(fabd, "p1") and not of(fabd, "pe2"))
    lab.until_converged()


def logged(fabd: Fabd, peer: str) -> dict[str, str]:
    """Down and Up → the last line of p1's log about a neighbour that says so, as recorded."""
    lines = [line for line in fabd.get("/api/v1/intake/recent")["lines"] if str(P1.management) in line and '"syslog"' in line]
    edges = {
        edge: [line for line in lines if f"%ADJCHANGE: neighbor {peer}(pe2) in vrf default {edge}" in line]
        for edge in ("Down", "Up")
    }
    return {edge: found[-1] for edge, found in edges.items() if found}


def of(fabd: Fabd, element: str) -> list[Document]:
    found: list[Document] = fabd.get("/api/v1/alarms", element=element, cause="bgpNeighbourDown", cleared="false")
    return found


def test_netconfd_notifies_of_a_change_that_somebody_else_made(fabd: Fabd, lab: Lab) -> None:
    def subscribed() -> bool:
        return bool(fabd.get("/api/v1/intake")["notifications"].get(NC1.name) == "subscribed")

    def heard() -> int:
        return sum(
            "sysConfigChange" in line or "netconf-config-change" in line for line in fabd.get("/api/v1/intake/recent")["lines"]
        )

    wait_until("fabd has subscribed", subscribed)
    before = heard()
    with lab.inside("mgmt"), netconf_server(lab).session() as session:
        exchange.put(session, exchange.interface("by-hand"))
        exchange.put(session, exchange.only("by-hand", "delete"))
        session.copy_config(source="running", target="startup")
    wait_until("both changes were told", lambda: heard() >= before + 2)
