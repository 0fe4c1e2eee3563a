"""`fabd element`: host keys over real sockets, and the word about elements in doubt."""

import paramiko
import pytest
import yaml
from sqlalchemy import select

from agent.fulfillment.plan import ChangeState, Decision, PlanState
from agent.fulfillment.tables import ChangeSetRow, ElementHoldRow, JournalRow, PlanRow
from agent.security.tables import AuditRow
from drivers import hostkeys
from drivers.hostkeys import HostKey
from drivers.sim.inventory import inventory_document
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from inventory.tables import WorkItemRow
from tests.clock import EPOCH
from tests.loopback import fresh

ELEMENTS = [
    {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/1"]},
    {"name": "pe2", "platform": "ios", "ports": ["Gi0/1"]},
    {"name": "sw1", "platform": "qbridge", "ports": ["1"]},
]


@pytest.fixture(scope="module")
def sim():
    with SimThread(parse_topology({"name": "trust", "network": fresh(), "elements": ELEMENTS})) as sim:
        yield sim


@pytest.fixture
def filled(prepared, folder, sim):
    (folder / "net.yaml").write_text(yaml.safe_dump(inventory_document(sim.network)))
    prepared.ok("inventory", "import", "net.yaml")
    return prepared


@pytest.fixture
def endpoint(sim):
    return sim.network.elements["pe2"].endpoints["ssh"]


@pytest.fixture
def known_hosts(folder):
    return folder / "fabd-data" / "known_hosts"


def trust_changes(terminal):
    with terminal.database().read() as session:
        return session.scalars(select(AuditRow).where(AuditRow.action == "trust").order_by(AuditRow.id)).all()


def stranger() -> HostKey:
    key = paramiko.ECDSAKey.generate()
    return HostKey(key.get_name(), key.asbytes())


def test_a_key_is_shown_and_recorded_when_it_is_agreed_to(filled, endpoint, known_hosts):
    said = filled.ok("element", "trust", "pe2", typed="y\n")
    (key,) = hostkeys.known(known_hosts, endpoint.host, endpoint.port)
    assert f"pe2, ssh {endpoint.host}:{endpoint.port}: {key}" in said.out
    assert "is this the key of the element?" in said.err
    (row,) = trust_changes(filled)
    assert (row.object, row.before, row.after["keys"]) == ("element pe2", {"keys": []}, [str(key)])
    assert "is trusted already" in filled.ok("element", "trust", "pe2").out
    assert len(trust_changes(filled)) == 1


def test_without_agreement_nothing_is_recorded(filled, known_hosts):
    said = filled("element", "trust", "pe2", typed="n\n")
    assert said.code == 1
    assert "not trusted, nothing was recorded" in said.err
    assert not known_hosts.exists()
    assert trust_changes(filled) == []


def test_all_elements_with_host_keys_are_trusted_at_once(filled, sim, known_hosts):
    filled.ok("element", "trust", "--all", "--yes")
    for element, protocol in (("pe1", "netconf"), ("pe2", "ssh")):
        endpoint = sim.network.elements[element].endpoints[protocol]
        assert hostkeys.known(known_hosts, endpoint.host, endpoint.port)
    states = {row["element"]: row["hostKeys"] for row in filled.ok("element", "list", "--json").json}
    assert states == {"pe1": "trusted", "pe2": "trusted", "sw1": ""}


def test_a_changed_key_is_refused_until_it_is_to_be_replaced(filled, endpoint, known_hosts):
    other = stranger()
    hostkeys.record(known_hosts, endpoint.host, endpoint.port, other)
    said = filled("element", "trust", "pe2", "--yes")
    assert said.code == 1
    assert f"{other} is trusted, and this is another key. Somebody may be in between" in said.complaint
    assert hostkeys.known(known_hosts, endpoint.host, endpoint.port) == (other,)
    filled.ok("element", "trust", "pe2", "--yes", "--replace")
    assert other not in hostkeys.known(known_hosts, endpoint.host, endpoint.port)
    (row,) = trust_changes(filled)
    assert row.before == {"keys": [str(other)]}


def test_an_element_that_does_not_answer_is_named_and_the_others_are_trusted(filled, folder, endpoint, known_hosts):
    document = yaml.safe_load((folder / "net.yaml").read_text())
    document["elements"][0]["endpoints"]["netconf"] |= {"host": "127.0.0.1", "port": 1}
    (folder / "net.yaml").write_text(yaml.safe_dump(document))
    filled.ok("inventory", "import", "net.yaml")
    said = filled("element", "trust", "--all", "--yes")
    assert said.code == 1
    assert said.complaint == "pe1: netconf: no connection to 127.0.0.1 port 1: Connection refused"
    assert hostkeys.known(known_hosts, endpoint.host, endpoint.port)


def test_an_unknown_element_is_named(filled):
    assert "there is no element 'pe9' in the inventory" in filled("element", "trust", "pe9", "--yes").complaint


def test_elements_are_listed_with_how_they_are_managed(filled, endpoint):
    pe2 = filled.ok("element", "list", "--json").json[1]
    assert f"ssh {endpoint.host}:{endpoint.port}" in pe2["managedBy"]
    assert (pe2["platform"], pe2["hostKeys"], pe2["plan"]) == ("ios", "none", "")


def in_doubt(terminal) -> None:
    """A plan that was to be reverted, and pe2 did not answer."""
    with terminal.database().write() as session:
        session.add(
            PlanRow(
                id="pln-1",
                order_id="ord-1",
                state=PlanState.IN_DOUBT,
                step="revert",
                decision=Decision.REVERT,
                created_at=EPOCH,
                deadline=EPOCH,
            )
        )
        session.flush()
        texts = {"before": "", "after": "x", "forward": "x", "reverse": "no x"}
        session.add(
            ChangeSetRow(
                id="chg-1",
                plan_id="pln-1",
                element="pe2",
                platform="ios",
                commitment="immediate",
                state=ChangeState.IN_DOUBT,
                **texts,
            )
        )
        session.add(
            ElementHoldRow(element="pe2", plan_id="pln-1", fence=1, since=EPOCH, in_doubt=True, reason="pe2 does not answer")
        )


@pytest.mark.parametrize("verb", ["keep", "revert", "replaced"])
def test_an_operators_word_about_an_element_in_doubt_is_noted_and_made_due(filled, verb):
    in_doubt(filled)
    assert "in doubt after pln-1: pe2 does not answer" in filled.ok("element", "list").out
    assert filled.ok("element", "resolve", "pe2", f"--{verb}").out.startswith(f"pe2: {verb}; the daemon carries it out")
    with filled.database().read() as session:
        assert session.get_one(ChangeSetRow, "chg-1").resolution == verb
        assert session.scalars(select(WorkItemRow.key)).all() == ["pln-1"]
        assert session.scalars(select(JournalRow.outcome)).all() == ["resolved"]
        row = session.scalars(select(AuditRow).where(AuditRow.action == "resolve")).one()
    assert (row.object, row.before["reason"], row.after) == ("element pe2", "pe2 does not answer", {"resolution": verb})


@pytest.mark.parametrize(("name", "complaint"), [("pe1", "pe1 is not in doubt"), ("pe9", "there is no element 'pe9'")])
def test_only_an_element_in_doubt_can_be_settled(filled, name, complaint):
    said = filled("element", "resolve", name, "--keep")
    assert said.code == 1
    assert complaint in said.complaint
