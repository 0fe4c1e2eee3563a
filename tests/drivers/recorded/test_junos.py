"""Junos over NETCONF, played back: confirmed commit without names, as its NETCONF guide shows requests and replies."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.diff import change_set
from drivers.errors import EditRefused, ElementDisconnected, ElementLocked, PlatformUnsupported, VerificationFailed
from drivers.netconf.driver import NetconfDriver
from drivers.netconf.session import NetconfSession
from drivers.platform import load_platform
from drivers.port import Check, Standing
from tests.drivers.recorded.rpcs import Reply, Rpcs, playing
from tests.drivers.simulated import soon

JUNOS = load_platform("junos")
XNM = "http://xml.juniper.net/xnm/1.1/xnm"
CAPABILITY = "urn:ietf:params:netconf:capability"
HELLO = f"""\
<!-- No zombies were killed during the creation of this user interface -->
<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
  <capabilities>
    <capability>urn:ietf:params:netconf:base:1.0</capability>
    <capability>{CAPABILITY}:candidate:1.0</capability>
    <capability>{CAPABILITY}:confirmed-commit:1.0</capability>
    <capability>{CAPABILITY}:validate:1.0</capability>
    <capability>{CAPABILITY}:url:1.0?scheme=http,ftp,file</capability>
    <capability>urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring</capability>
    <capability>http://xml.juniper.net/netconf/junos/1.0</capability>
    <capability>http://xml.juniper.net/dmi/system/1.0</capability>
  </capabilities>
  <session-id>4711</session-id>
</hello>"""
AFTER = f"""\
<configuration xmlns="{XNM}"><interfaces><interface><name>ge-0/0/1</name><unit><name>0</name>
  <description>Acme</description>
  <family><inet><address><name>10.0.0.0/31</name></address></inet></family>
</unit></interface></interfaces></configuration>"""
NEW = change_set(JUNOS, "mx1", "", AFTER, ["ge-0/0/1.0"])

OK = "<ok/>"
EMPTY: Reply = ("get-config", "<data></data>")
THERE: Reply = (
    "get-config",
    f"""<data><configuration xmlns="{XNM}" xmlns:junos="http://xml.juniper.net/junos/22.2R1/junos" junos:commit-seconds="1781">
  <interfaces><interface><name>ge-0/0/1</name><unit><name>0</name><description>Acme</description>
    <family><inet><address><name>10.0.0.0/31</name></address></inet></family></unit></interface></interfaces>
</configuration></data>""",
)
INTERFACES: Reply = (
    "get-interface-information",
    """<interface-information xmlns="http://xml.juniper.net/junos/22.2R1/junos-interface" style="terse">
<physical-interface><name>
ge-0/0/1
</name><admin-status>
up
</admin-status><oper-status>
up
</oper-status><logical-interface><name>
ge-0/0/1.0
</name><admin-status>
up
</admin-status><oper-status>
up
</oper-status></logical-interface></physical-interface>
<physical-interface><name>ge-0/0/2</name><oper-status>down</oper-status></physical-interface>
</interface-information>""",
)
WARNING = """<rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag>
<error-severity>warning</error-severity><error-message>
requires 'bgp' license
</error-message></rpc-error><ok/>"""
LOCK: Reply = ("lock", OK)
DISCARD: Reply = ("discard-changes", OK)
UNLOCK: Reply = ("unlock", OK)
STAGE = (LOCK, DISCARD, ("edit-config", OK), ("validate", f"<commit-results>{WARNING}</commit-results>"))
COMMIT: Reply = ("commit", OK)


@contextmanager
def element(folder: Path, replies: Sequence[Reply]) -> Iterator[tuple[NetconfSession, Rpcs]]:
    with playing(HELLO, replies, folder) as server:
        driver = NetconfDriver()
        session = driver.open(server.target("mx1", "junos"), soon())
        try:
            yield session, server
        finally:
            session.close()
            driver.close()


def test_a_change_is_checked_committed_for_a_while_verified_and_confirmed(tmp_path: Path) -> None:
    confirmed = (DISCARD, COMMIT, THERE)
    with element(tmp_path, (*STAGE, COMMIT, THERE, COMMIT, THERE, INTERFACES, *confirmed, UNLOCK)) as (session, server):
        session.lock(soon())
        session.stage(NEW, soon())
        session.commit(NEW, "plan-1", timedelta(minutes=2), soon())
        session.extend("plan-1", timedelta(minutes=5), soon())
        assert session.verify(NEW, soon()).problems == ()
        session.confirm("plan-1", soon())
        session.save(soon())
        session.abort(soon())
    commits = [asked for asked in server.asked if ":commit" in asked]
    assert ["confirm-timeout>120<" in commits[0], "confirm-timeout>300<" in commits[1]] == [True, True]
    assert "persist" not in "".join(commits)
    assert "confirmed" not in commits[2]


def test_only_the_candidate_is_locked(tmp_path: Path) -> None:
    with element(tmp_path, (LOCK, UNLOCK)) as (session, server):
        session.lock(soon())
    assert ["candidate" in asked for asked in server.asked if ":lock" in asked] == [True]


def test_another_session_confirms_what_a_lost_one_committed(tmp_path: Path) -> None:
    lost = (*STAGE, ("commit", "<disconnect/>"))
    taken_over = (THERE, LOCK, DISCARD, COMMIT, UNLOCK)
    with playing(HELLO, (*lost, *taken_over), tmp_path) as server:
        driver = NetconfDriver()
        first = driver.open(server.target("mx1", "junos"), soon())
        first.lock(soon())
        first.stage(NEW, soon())
        with pytest.raises(ElementDisconnected):
            first.commit(NEW, "plan-1", timedelta(minutes=2), soon())
        first.close()
        again = driver.open(server.target("mx1", "junos"), soon())
        assert again.standing(NEW, soon()) is Standing.AFTER
        again.confirm("plan-1", soon())
        again.close()
        driver.close()


def test_a_commit_that_was_rolled_back_meanwhile_is_told(tmp_path: Path) -> None:
    with element(tmp_path, (*STAGE, COMMIT, THERE, DISCARD, COMMIT, EMPTY, UNLOCK)) as (session, _):
        session.lock(soon())
        session.stage(NEW, soon())
        session.commit(NEW, "plan-1", timedelta(minutes=2), soon())
        with pytest.raises(VerificationFailed, match="mx1: the commit could not be confirmed in time, the element has undone it"):
            session.confirm("plan-1", soon())


def test_the_way_back_is_a_commit_of_the_reverse(tmp_path: Path) -> None:
    back = (THERE, LOCK, DISCARD, THERE, ("edit-config", OK), ("validate", OK), COMMIT, EMPTY, UNLOCK)
    with element(tmp_path, back) as (session, server):
        session.revert(NEW, "plan-1", soon())
    assert 'operation="remove"' in next(asked for asked in server.asked if "edit-config" in asked)


def test_a_refused_check_is_told_in_the_elements_words(tmp_path: Path) -> None:
    refused = """<rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag>
<error-severity>error</error-severity><error-path>[edit interfaces ge-0/0/1 unit 0 family inet]</error-path><error-message>
'address 10.0.0.0/31'
  Cannot have same local address on the same unit of an interface
</error-message></rpc-error>"""
    with element(tmp_path, (*STAGE[:3], ("validate", refused), DISCARD, UNLOCK)) as (session, _):
        session.lock(soon())
        with pytest.raises(EditRefused, match=r"mx1: .*Cannot have same local address"):
            session.stage(NEW, soon())


def test_a_lock_that_somebody_else_holds_is_told_with_who_and_since_when(tmp_path: Path) -> None:
    denied = """<rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity>
<error-message>
configuration database locked by:
  noc terminal p0 (pid 82304) on since 2026-11-21 09:14:03 UTC, idle 00:02:11
      exclusive [edit]
</error-message><error-info><session-id>82304</session-id></error-info></rpc-error>"""
    sessions = """<data><netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions>
<session><session-id>4711</session-id><transport>netconf-ssh</transport><username>fabd</username></session>
<session><session-id>82304</session-id><transport>netconf-ssh</transport><username>noc</username>
<source-host>192.0.2.7</source-host><login-time>2026-11-21T09:14:03Z</login-time></session>
</sessions></netconf-state></data>"""
    said = r"mx1: candidate cannot be locked, session 82304 holds it \(user noc from 192.0.2.7, logged in since 2026-11-21 09:14:03"
    with (
        element(tmp_path, (("lock", denied), ("get", sessions))) as (session, _),
        pytest.raises(ElementLocked, match=said) as locked,
    ):
        session.lock(soon())
    assert locked.value.since == datetime(2026, 11, 21, 9, 14, 3, tzinfo=UTC)


def test_uncommitted_changes_of_somebody_else_keep_the_candidate_from_being_locked(tmp_path: Path) -> None:
    modified = """<rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag>
<error-severity>error</error-severity><error-message>
configuration database modified
</error-message><error-info><session-id>0</session-id></error-info></rpc-error>"""
    with (
        element(tmp_path, (("lock", modified),)) as (session, _),
        pytest.raises(ElementLocked, match=r"configuration database modified.*commit or discard them on the element"),
    ):
        session.lock(soon())


def test_service_tests_are_asked_by_rpc(tmp_path: Path) -> None:
    ping = """<ping-results xmlns="http://xml.juniper.net/junos/22.2R1/junos-probe-tests"><target-host>10.0.0.1</target-host>
<probe-results-summary><probes-sent>3</probes-sent><responses-received>3</responses-received></probe-results-summary>
<ping-success/></ping-results>"""
    silent = ping.replace("<ping-success/>", "<ping-failure>no response</ping-failure>")
    neighbour = """<bgp-information xmlns="http://xml.juniper.net/junos/22.2R1/junos-routing"><bgp-peer>
<peer-address>10.0.0.1+179</peer-address><peer-state>Established</peer-state></bgp-peer></bgp-information>"""
    unknown = """<rpc-error><error-severity>error</error-severity><error-tag>operation-failed</error-tag>
<error-message>instance ACME does not exist</error-message></rpc-error>"""
    replies = [
        ("ping", ping), ("ping", silent), ("ping", unknown),
        ("get-bgp-neighbor-information", neighbour), INTERFACES, INTERFACES,
    ]  # fmt: skip
    with element(tmp_path, replies) as (session, server):
        assert session.check(Check("ping", {"address": "10.0.0.1"}), soon()).outcome == "passed"
        assert "no response" in session.check(Check("ping", {"address": "10.0.0.9"}), soon()).detail
        assert "ACME does not exist" in session.check(Check("ping", {"address": "10.0.0.1", "vrf": "ACME"}), soon()).detail
        assert session.check(Check("neighbour", {"address": "10.0.0.1"}), soon()).outcome == "passed"
        assert session.check(Check("interface", {"port": "ge-0/0/1.0"}), soon()).outcome == "passed"
        assert session.check(Check("interface", {"port": "ge-0/0/2"}), soon()).detail == "port ge-0/0/2 is down"
        assert session.check(Check("ping", {"address": "</host><delete-all/>"}), soon()).outcome == "failed"
    assert "routing-instance>ACME<" in server.asked[2]
    assert "routing-instance" not in server.asked[0]


def test_a_server_without_any_confirmed_commit_is_refused_before_anything_is_edited(tmp_path: Path) -> None:
    plain = HELLO.replace("confirmed-commit:1.0", "rollback-on-error:1.0")
    with playing(plain, (LOCK, UNLOCK), tmp_path) as server:
        driver = NetconfDriver()
        session = driver.open(server.target("mx1", "junos"), soon())
        session.lock(soon())
        with pytest.raises(PlatformUnsupported, match="does not offer confirmed commit"):
            session.stage(NEW, soon())
        session.close()
        driver.close()
