"""`fabd sim`: a simulated network from the outside."""

import re
import signal
import subprocess
import sys
import time

import pytest
import yaml

from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from inventory.importer import plan_import
from inventory.source import Source
from tests.loopback import numbered

PATIENCE_S = 60.0


def network_document(subnet: int) -> dict:
    return {
        "name": "metro",
        "network": numbered(8 + subnet),
        "elements": [
            {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/[0-1]"]},
            {"name": "pe2", "platform": "ios", "ports": ["Gi0/[0-1]"]},
        ],
        "links": [{"name": "core", "a": "pe1:ge-0/0/0", "b": "pe2:Gi0/0"}],
        "traffic": [{"name": "office", "from": "pe1:ge-0/0/1", "to": "pe2:Gi0/1", "bps": "8M"}],
    }


@pytest.fixture(scope="module")
def sim():
    with SimThread(parse_topology(network_document(0)), control=("127.0.0.1", 0)) as sim:
        yield sim


@pytest.fixture
def control(fabd, sim):
    def run(*words, code=0):
        said = fabd("sim", *words, "--control", sim.control_url.removeprefix("http://"))
        assert said.code == code, said.err
        return said

    return run


def wait_until(holds) -> None:
    """Of another process, which tells nobody."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)


def listed(control):
    return control("list", "--json").json


def test_elements_links_and_traffic_are_listed(control):
    out = control("list").out
    for word in ("pe1", "netconf", "pe1:ge-0/0/0", "8 Mbit/s"):
        assert word in out
    assert [each["name"] for each in listed(control)["elements"]] == ["pe1", "pe2"]


def test_the_network_can_be_had_as_an_inventory_file(control):
    document = yaml.safe_load(control("inventory").out)
    assert document == control("inventory", "--json").json
    assert [each["name"] for each in document["elements"]] == ["pe1", "pe2"]


def test_a_link_is_cut_and_restored(control):
    control("cut", "core")
    assert listed(control)["links"][0]["cut"] is True
    assert "cut" in control("list").out
    control("restore", "pe1:ge-0/0/0")
    assert listed(control)["links"][0]["cut"] is False


def test_a_fault_is_armed_shown_and_cleared(control):
    said = control("fault", "pe1", "refuse", "--phase", "edit", "--message", "no more ports", "--times", "3")
    number = re.fullmatch(r"fault (\d+) is armed on pe1; end it with: fabd sim clear pe1 \1\n", said.out)[1]
    (armed,) = control("show", "pe1", "--json").json["faults"]
    assert (armed["kind"], armed["phase"], armed["message"], armed["times"]) == ("refuse", "edit", "no more ports", 3)
    assert "no more ports" in control("show", "pe1").out
    control("clear", "pe1", number)
    assert control("show", "pe1", "--json").json["faults"] == []


@pytest.mark.parametrize(
    ("words", "times"),
    [(["snmp_silent"], None), (["slow", "--seconds", "1"], None), (["hang"], 1), (["refuse", "--until-cleared"], None)],
)
def test_faults_last_as_long_as_they_make_sense(control, words, times):
    control("fault", "pe2", *words)
    assert control("show", "pe2", "--json").json["faults"][0]["times"] == times
    control("clear", "pe2")


def test_ports_are_unplugged_and_plugged(control):
    def state():
        return next(port for port in control("show", "pe1", "--json").json["ports"] if port["name"] == "ge-0/0/1")["oper_up"]

    control("unplug", "pe1/ge-0/0/1")
    assert state() is False
    control("plug", "pe1:ge-0/0/1")  # as the network file and `list` write it
    assert state() is True


def test_traffic_flows_at_another_rate(control):
    control("traffic", "office", "1.5G", "--back", "64k")
    (office,) = listed(control)["traffic"]
    assert (office["bps"], office["reverse_bps"]) == (1.5e9, 64e3)
    control("traffic", "office", "8M")
    assert listed(control)["traffic"][0]["reverse_bps"] == 64e3


def test_counters_loss_flaps_and_reboots_are_taken(control):
    for words in (
        ["reset-counters", "pe2"],
        ["lose", "pe1/ge-0/0/1", "0.1"],
        ["flap", "pe1/ge-0/0/1", "--times", "1"],
        ["reboot", "pe2"],
    ):
        assert control(*words).out == ""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["cut", "nowhere"], "there is no link nowhere; the network has core"),
        (["show", "pe9"], "there is no element pe9; the network has pe1, pe2"),
        (["unplug", "pe1/xe-9"], "pe1: no port xe-9; it has ge-0/0/0, ge-0/0/1"),
        (["traffic", "home", "1M"], "there is no traffic home; the network has office"),
        (["clear", "pe1", "999"], "pe1: no fault 999 is armed"),
    ],
)
def test_what_the_network_has_not_is_named(control, words, complaint):
    assert complaint in control(*words, code=1).complaint


def test_a_network_that_is_not_there_is_named_with_the_remedy(fabd):
    said = fabd("sim", "list", "--control", "127.0.0.1:1")
    assert said.code == 1
    assert said.complaint.startswith("no simulated network answers at 127.0.0.1:1: ")
    assert "start one with `fabd sim run" in said.complaint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "net.yaml: cannot be read: No such file or directory; give the path of a network file"),
        ("name: x\nelements: []\n", "net.yaml: elements: "),
        ("name: [", "net.yaml: not YAML"),
    ],
)
def test_a_network_file_with_mistakes_does_not_start(fabd, folder, text, complaint):
    if text is not None:
        (folder / "net.yaml").write_text(text)
    said = fabd("sim", "run", "net.yaml")
    assert said.code == 1
    assert complaint in said.complaint


def test_a_network_runs_until_it_is_told_to_stop_and_leaves_what_fabd_needs(folder, database):
    data = folder / "data"  # not there yet: fabd makes it when it first runs
    (folder / "net.yaml").write_text(yaml.safe_dump(network_document(1)))
    words = ["sim", "run", "net.yaml", "--control", "127.0.0.1:0", "--inventory", "inv.yaml"]
    words += ["--known-hosts", "data/known_hosts", "--credentials", "data/credentials.toml"]
    command = [sys.executable, "-c", "from agent.cli.main import run; run()", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: (data / "credentials.toml").exists() or process.poll() is not None)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert out.startswith("metro: 2 elements run; control API at http://127.0.0.1:")
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "credentials.toml").stat().st_mode & 0o777 == 0o600
    assert (data / "credentials.toml").read_text().startswith("[sim]\n")
    assert len((data / "known_hosts").read_text().splitlines()) == 2
    with database.read() as session:
        plan = plan_import(session, Source.of_text((folder / "inv.yaml").read_text(), "inv.yaml"), platforms=("ietf", "ios"))
    assert [change.name for change in plan.changes if change.kind == "link"] == ["core"]
