from datetime import timedelta

import pytest
from lxml import etree

from drivers.netconf import ports, rpc
from drivers.port import PortState

NC = 'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"'


def test_every_error_is_read_and_warnings_are_not() -> None:
    reply = rpc.parse(f"""<rpc-reply {NC}>
      <rpc-error><error-tag>lock-denied</error-tag><error-severity>error</error-severity>
        <error-info><session-id>17</session-id></error-info></rpc-error>
      <rpc-error><error-tag>invalid-value</error-tag><error-severity>warning</error-severity></rpc-error>
      <rpc-error><error-tag>invalid-value</error-tag><error-message> no </error-message><error-path>/a</error-path></rpc-error>
    </rpc-reply>""")
    assert rpc.faults(reply) == (rpc.Fault("lock-denied", session="17"), rpc.Fault("invalid-value", "no", "/a"))
    assert [str(fault) for fault in rpc.faults(reply)] == ["lock-denied (lock-denied)", "no (invalid-value, /a)"]


@pytest.mark.parametrize(("given", "sent"), [(0.2, "1"), (1.0, "1"), (1.2, "2"), (600, "600")])
def test_the_confirm_timeout_is_whole_seconds_rounded_up(given: float, sent: str) -> None:
    operation = rpc.confirmed_commit("plan-1", timedelta(seconds=given), pending=False)
    assert operation.findtext("{*}confirm-timeout") == sent


def test_an_extension_names_the_commit_that_it_extends() -> None:
    first = rpc.confirmed_commit("plan-1", timedelta(seconds=9), pending=False)
    then = rpc.confirmed_commit("plan-1", timedelta(seconds=9), pending=True)
    assert first.find("{*}persist-id") is None
    assert then.findtext("{*}persist-id") == "plan-1"


def test_content_cannot_break_out_of_its_element() -> None:
    with pytest.raises(etree.XMLSyntaxError):
        rpc.edit_config("candidate", "</nc:config><kill/>", [])


IF = 'xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"'


@pytest.mark.parametrize("tree", ["interfaces", "interfaces-state"])
def test_ports_by_state(tree: str) -> None:
    data = f"""<{tree} {IF}><interface><name>a</name><oper-status>up</oper-status></interface>
      <interface><name>b</name><oper-status>lower-layer-down</oper-status></interface><interface><name>c</name></interface></{tree}>"""
    assert ports.serves_state(data)
    assert ports.by_state(data, "abc") == (PortState("a", True, True), PortState("b", True, False), PortState("c", False, False))


def test_ports_by_configuration() -> None:
    data = f"""<interfaces {IF}><interface><name>a</name></interface>
      <interface><name>b</name><enabled>false</enabled></interface></interfaces>"""
    assert not ports.serves_state(data)
    assert ports.by_config(data, "abc") == (PortState("a", True, True), PortState("b", True, False), PortState("c", False, False))
