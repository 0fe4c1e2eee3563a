"""What is particular to the simulated element: state shared with the other protocols, startup, faults, abuse."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import paramiko
import pytest
from lxml import etree
from ncclient.operations import TimeoutExpiredError
from ncclient.operations.errors import OperationError
from ncclient.transport import AuthenticationError, SessionCloseError, SSHError, TransportError

from drivers.sim.faults import Fault, Phase
from drivers.sim.network import SimNetwork
from drivers.sim.state import ElementState
from drivers.sim.thread import SimThread
from tests.drivers.sim.exchange import IF, NC, Server, edit, interface, interfaces, names, only, put, refused, text, until

PORT = "ge-0/0/3"
GONE = (SessionCloseError, TransportError, SSHError, OperationError)


def state(network: SimNetwork) -> ElementState:
    return network.elements["pe1"].state


# -- one state for all protocols


def test_what_is_committed_reaches_the_state(sim: SimThread, server: Server) -> None:
    with server.session() as s:
        put(s, interface(PORT, description="acme", enabled="false", address="192.0.2.0", prefix="31"))
    port = sim.call(lambda n: state(n).ports[PORT])
    assert (port.alias, port.admin_up, port.oper_up) == ("acme", False, False)
    [address] = sim.call(lambda n: state(n).interfaces[PORT].ipv4)
    assert (address.ip, address.prefix_length) == ("192.0.2.0", 31)


def test_what_is_deleted_leaves_the_port_as_from_the_factory(sim: SimThread, server: Server) -> None:
    with server.session() as s:
        put(s, interface(PORT, description="acme", enabled="false"))
        put(s, only(PORT, "delete"))
    port = sim.call(lambda n: state(n).ports[PORT])
    assert (port.alias, port.admin_up) == ("", True)
    assert PORT not in sim.call(lambda n: state(n).interfaces)


def test_what_somebody_changes_elsewhere_is_in_running(sim: SimThread, server: Server) -> None:
    sim.call(lambda n: setattr(state(n).ports[PORT], "alias", "by SNMP"))
    sim.call(SimNetwork.set_admin, "pe1", PORT, up=False)
    with server.session() as s:
        entry = interfaces(s)[PORT]
    assert text(entry, "if:enabled") == "false"
    assert sim.call(lambda n: "<enabled>false" in n.elements["pe1"].running_text())


def test_operational_state_is_that_of_the_port(sim: SimThread, server: Server) -> None:
    sim.call(lambda n: state(n).set_carrier(state(n).ports["ge-0/0/2"], up=False))
    sim.call(SimNetwork.cut, "direct")
    with server.session() as s:
        found = {e.findtext(f"{{{IF}}}name"): e for e in etree.fromstring(s.get().data_xml.encode()).iter(f"{{{IF}}}interface")}
    assert text(found["ge-0/0/0"], "if:oper-status") == "down"
    assert text(found["ge-0/0/0"], "if:admin-status") == "up"
    assert text(found["ge-0/0/1"], "if:oper-status") == "up"
    assert text(found["ge-0/0/1"], "if:if-index") == "2"
    assert int(text(found["ge-0/0/1"], "if:statistics/if:in-octets") or -1) >= 0


def test_an_interface_without_hardware_is_configured_and_has_no_state(server: Server) -> None:
    with server.session() as s:
        put(s, interface("ge-9/9/9"), interface(f"{PORT}.100", type="t:l2vlan"))
        found = {e.findtext(f"{{{IF}}}name"): e for e in etree.fromstring(s.get().data_xml.encode()).iter(f"{{{IF}}}interface")}
    assert text(found["ge-9/9/9"], "if:oper-status") is None
    assert text(found[f"{PORT}.100"], "if:oper-status") == "up"


def test_a_link_that_goes_down_is_notified(sim: SimThread, server: Server) -> None:
    with server.session() as s:
        s.create_subscription()
        sim.call(SimNetwork.cut, "direct")
        notification = s.take_notification(block=True, timeout=60)
    assert notification is not None
    assert "linkDown" in notification.notification_xml
    assert "<ifIndex>1</ifIndex>" in notification.notification_xml


def test_a_filtered_subscription_hears_only_what_it_asked_for(sim: SimThread, server: Server) -> None:
    with server.session() as s:
        s.create_subscription(filter=("subtree", '<linkUp xmlns="urn:ietf:params:xml:ns:yang:smiv2:IF-MIB"/>'))
        sim.call(SimNetwork.cut, "direct")
        sim.call(SimNetwork.restore, "direct")
        notification = s.take_notification(block=True, timeout=60)
    assert notification is not None
    assert "linkUp" in notification.notification_xml


# -- startup


def test_a_reboot_comes_back_with_startup(sim: SimThread, server: Server) -> None:
    rebooted = server.connect()
    put(rebooted, interface(PORT, description="saved"))
    rebooted.copy_config(source="running", target="startup")
    put(rebooted, interface(PORT, description="lost"), interface("exch1"))
    sim.call(SimNetwork.reboot, "pe1")
    assert until(lambda: not rebooted.connected)
    with server.session() as s:
        assert text(interfaces(s)[PORT], "if:description") == "saved"
        assert names(s) == set()
    assert sim.call(lambda n: state(n).ports[PORT].alias) == "saved"


def test_startup_can_be_deleted_and_running_cannot(sim: SimThread, server: Server) -> None:
    with server.session() as s:
        put(s, interface(PORT))
        s.copy_config(source="running", target="startup")
        s.delete_config("startup")
        assert interfaces(s, "startup") == {}
        assert refused(lambda: s.delete_config("running")).tag == "invalid-value"
    sim.call(SimNetwork.reboot, "pe1")
    with server.session() as s:
        assert interfaces(s) == {}


# -- stricter than the common exchange


def test_a_plain_commit_of_another_waits_for_a_persistent_one(server: Server) -> None:
    with server.session() as first, server.session() as second:
        edit(first, interface("exch0"))
        first.commit(confirmed=True, timeout="120", persist="p1")
        assert refused(second.commit).tag == "in-use"
        assert refused(lambda: second.lock("running")).tag == "lock-denied"
        first.commit(persist_id="p1")


def test_a_candidate_without_its_mandatory_nodes_is_refused_when_validated(server: Server) -> None:
    with server.session() as s:
        s.edit_config(target="candidate", config=_config(interface("exch0", type=None)))
        assert refused(lambda: s.validate("candidate")).tag == "missing-element"
        assert refused(s.commit).tag == "missing-element"
        s.edit_config(target="candidate", config=_config(interface("exch0")))
        s.validate("candidate")
        s.commit()
        assert names(s) == {"exch0"}


def test_running_is_written_whole_or_not_at_all(server: Server) -> None:
    with server.session() as s:
        parts = _config(interface("exch0"), interface("exch1", type=None))
        assert refused(lambda: s.edit_config(target="running", config=parts)).tag == "missing-element"
        assert names(s) == set()
        s.edit_config(target="running", config=_config(interface("exch0")))
        assert names(s) == {"exch0"}


def test_test_only_changes_nothing(server: Server) -> None:
    with server.session() as s:
        s.edit_config(target="candidate", config=_config(interface("exch0")), test_option="test-only")
        assert names(s, "candidate") == set()


def test_unlocking_the_candidate_discards_it(server: Server) -> None:
    with server.session() as s:
        with s.locked("candidate"):
            edit(s, interface("exch0"))
        assert names(s, "candidate") == set()


# -- faults on demand


def faults(sim: SimThread, arm: str, *values: object) -> None:
    sim.call(lambda n: getattr(n.elements["pe1"].faults, arm)(*values))


def test_an_edit_can_be_refused_as_often_as_asked(sim: SimThread, server: Server) -> None:
    faults(sim, "refuse_edit", "no more TCAM", 2)
    with server.session() as s:
        for _ in range(2):
            error = refused(lambda: edit(s, interface("exch0")))
            assert (error.tag, error.message) == ("operation-failed", "no more TCAM")
        edit(s, interface("exch0"))
        s.discard_changes()


def test_an_operation_can_hang(sim: SimThread, server: Server) -> None:
    faults(sim, "hang", Phase.COMMIT, 30)
    waiting = server.connect()
    edit(waiting, interface("exch0"))
    waiting.timeout = 0.3
    with pytest.raises(TimeoutExpiredError):
        waiting.commit()
    waiting._session.close()
    with server.session() as again:
        assert names(again) == set()


def test_a_reboot_drops_everybody_though_somebody_has_gone_already(sim: SimThread, server: Server) -> None:
    faults(sim, "hang", Phase.COMMIT, 30)
    gone, there = server.connect(), server.connect()
    edit(gone, interface("exch0"))
    gone.timeout = 0.05
    with pytest.raises(TimeoutExpiredError):
        gone.commit()
    gone._session.close()
    front = sim.network.elements["pe1"]._netconf._front
    assert until(lambda: sim.call(lambda _: len(front.connections)) == 1)  # the other one's; what was asked is still worked on
    sim.call(SimNetwork.reboot, "pe1")
    assert until(lambda: not there.connected)


@pytest.mark.parametrize(("phase", "kept"), [(Phase.COMMIT, set()), (Phase.AFTER_COMMIT, {"exch0"})])
def test_a_connection_can_break_on_either_side_of_a_commit(sim: SimThread, server: Server, phase: Phase, kept: set[str]) -> None:
    faults(sim, "disconnect", phase)
    broken = server.connect()
    edit(broken, interface("exch0"))
    with pytest.raises(GONE):
        broken.commit()
    broken._session.close()
    with server.session() as s:
        assert names(s) == kept


def test_a_log_in_can_be_refused(sim: SimThread, server: Server) -> None:
    faults(sim, "inject", Fault("refuse", Phase.CONNECT, times=1))
    with pytest.raises(AuthenticationError):
        server.connect()
    server.connect().close_session()


def test_a_slow_element_is_slow_until_cleared(sim: SimThread, server: Server) -> None:
    with server.session() as s:
        faults(sim, "slow", 0.2, Phase.READ)
        begun = time.monotonic()
        names(s)
        assert time.monotonic() - begun >= 0.2
        faults(sim, "clear")

        def soon_answered() -> bool:
            begun = time.monotonic()
            names(s)
            return time.monotonic() - begun < 0.2

        assert until(soon_answered)


def test_an_element_out_of_reach_answers_nothing_and_then_everything(sim: SimThread, server: Server) -> None:
    with server.session() as s:
        faults(sim, "set_reachable", False)
        with socket.create_connection((server.host, server.port), timeout=60) as silent:
            silent.settimeout(0.2)
            with pytest.raises(TimeoutError):
                silent.recv(1)
        s.timeout = 0.3
        with pytest.raises(TimeoutExpiredError):
            names(s)
        faults(sim, "set_reachable", True)
        s.timeout = 60
        assert names(s) == set()


# -- the wire, without a client that is polite


@contextmanager
def raw_session(server: Server, base: str) -> Iterator[paramiko.Channel]:
    transport = paramiko.Transport((server.host, server.port))
    try:
        transport.connect(username=server.user, password=server.password)
        channel = transport.open_session()
        channel.settimeout(60)
        channel.invoke_subsystem("netconf")
        channel.sendall(f'<hello xmlns="{NC}"><capabilities><capability>{base}</capability></capabilities></hello>]]>]]>'.encode())
        read_until(channel, b"]]>]]>")
        yield channel
    finally:
        transport.close()


def read_until(channel: paramiko.Channel, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = channel.recv(65536)
        if not more:
            break
        data += more
    return data


BASE_1_0, BASE_1_1 = "urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1"
GET = f'<rpc xmlns="{NC}" message-id="7" xmlns:x="urn:x" x:mark="kept"><get-config><source><running/></source></get-config></rpc>'


def test_base_1_0_is_framed_by_a_marker(server: Server) -> None:
    with raw_session(server, BASE_1_0) as channel:
        channel.sendall(GET.encode() + b"]]>]]>")
        reply = read_until(channel, b"]]>]]>")
    assert b'message-id="7"' in reply
    assert b'mark="kept"' in reply
    assert b"<data" in reply


def test_base_1_1_is_framed_by_chunks_of_any_size(server: Server) -> None:
    cuts = [0, 1, 5, 40, len(GET)]
    chunks = (GET[start:end].encode() for start, end in pairwise(cuts))
    with raw_session(server, BASE_1_1) as channel:
        channel.sendall(b"".join(b"\n#%d\n%s" % (len(chunk), chunk) for chunk in chunks) + b"\n##\n")
        reply = read_until(channel, b"\n##\n")
    assert reply.startswith(b"\n#")
    assert b'message-id="7"' in reply


@pytest.mark.parametrize(
    ("message", "tag"),
    [
        ("<rpc", "malformed-message"),
        ("<hello/>", "malformed-message"),
        (f'<rpc xmlns="{NC}"><get/></rpc>', "missing-attribute"),
        (f'<rpc xmlns="{NC}" message-id="1"/>', "missing-element"),
        (f'<rpc xmlns="{NC}" message-id="1"><reboot/></rpc>', "operation-not-supported"),
        (f'<rpc xmlns="{NC}" message-id="1"><lock/></rpc>', "missing-element"),
        (f'<rpc xmlns="{NC}" message-id="1"><lock><target><disk/></target></lock></rpc>', "unknown-element"),
        (f'<rpc xmlns="{NC}" message-id="1"><commit><slowly/></commit></rpc>', "unknown-element"),
        (f'<rpc xmlns="{NC}" message-id="1"><get><filter type="xpath" select="/"/></get></rpc>', "bad-attribute"),
        (
            f'<rpc xmlns="{NC}" message-id="1"><commit><confirmed/><confirm-timeout>0</confirm-timeout></commit></rpc>',
            "invalid-value",
        ),
        (f'<rpc xmlns="{NC}" message-id="1"><kill-session><session-id>x</session-id></kill-session></rpc>', "invalid-value"),
    ],
)
def test_a_request_that_is_none_is_refused_and_the_session_goes_on(server: Server, message: str, tag: str) -> None:
    with raw_session(server, BASE_1_0) as channel:
        channel.sendall(message.encode() + b"]]>]]>")
        reply = etree.fromstring(read_until(channel, b"]]>]]>").removesuffix(b"]]>]]>"))
        assert reply.findtext(f".//{{{NC}}}error-tag") == tag
        channel.sendall(GET.encode() + b"]]>]]>")
        assert b"<data" in read_until(channel, b"]]>]]>")


def test_entities_are_not_expanded(server: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the-secret")
    edit_config = f"<edit-config><target><candidate/></target>{_config(interface('exch0', description='DESC'))}</edit-config>"
    message = (
        f'<!DOCTYPE rpc [<!ENTITY e SYSTEM "{secret.as_uri()}">]><rpc xmlns="{NC}" message-id="1">{edit_config}</rpc>'
    ).replace("DESC", "&e;")
    with raw_session(server, BASE_1_0) as channel:
        channel.sendall(message.replace("nc:config", "config").encode() + b"]]>]]>")
        read_until(channel, b"]]>]]>")
        channel.sendall(GET.replace("running", "candidate").encode() + b"]]>]]>")
        assert b"the-secret" not in read_until(channel, b"]]>]]>")


def test_octets_that_are_no_chunk_end_the_session(server: Server) -> None:
    with raw_session(server, BASE_1_1) as channel:
        channel.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert read_until(channel, b"never") == b""


def _config(*parts: str) -> str:
    return f'<nc:config xmlns:nc="{NC}"><interfaces xmlns="{IF}">{"".join(parts)}</interfaces></nc:config>'
