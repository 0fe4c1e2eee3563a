from datetime import timedelta

import pytest
from lxml import etree

from drivers.netconf import ports, rpc
from drivers.port import PortState

NC = 'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"'


def tree(operation: rpc.Operation) -> etree._Element:
    return etree.fromstring(f'<nc:rpc xmlns:nc="{rpc.BASE}">{operation.text}</nc:rpc>')[0]


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
    assert tree(operation).findtext("{*}confirm-timeout") == sent


def test_an_extension_names_the_commit_that_it_extends() -> None:
    first = rpc.confirmed_commit("plan-1", timedelta(seconds=9), pending=False)
    then = rpc.confirmed_commit("plan-1", timedelta(seconds=9), pending=True)
    assert tree(first).find("{*}persist-id") is None
    assert tree(then).findtext("{*}persist-id") == "plan-1"


def test_names_are_escaped() -> None:
    assert tree(rpc.commit("<&>")).findtext("{*}persist-id") == "<&>"


def test_an_operation_of_a_platforms_own_keeps_its_namespace() -> None:
    found = rpc.custom('<?xml version="1.0"?><ping xmlns="urn:x"><count>1</count></ping>')
    assert (found.name, tree(found).findtext("{urn:x}count")) == ("ping", "1")


def reply(content: str, attributes: str = 'message-id="7"', prefix: str = "") -> bytes:
    name = f"{prefix}:" if prefix else ""
    declared = f'xmlns:{prefix}="{rpc.BASE}"' if prefix else NC
    return f"<{name}rpc-reply {declared} {attributes}>{content}</{name}rpc-reply>".encode()


@pytest.mark.parametrize(
    ("text", "acknowledges", "number"),
    [
        (reply("<ok/>"), True, "7"),
        (reply("<nc:ok/>", prefix="nc"), True, "7"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n' + reply("\n  <ok></ok>\n"), True, "7"),
        (reply("<ok/>", ""), True, None),
        (reply("<ok/>", "message-id='7'"), False, "7"),
        (reply("<ok/><ok/>"), False, "7"),
        (reply("<data/>"), False, "7"),
        (reply("<rpc-error><error-tag>in-use</error-tag></rpc-error><ok/>"), False, "7"),
        (b'<rpc-reply message-id="7"><ok/></rpc-reply>', False, "7"),
    ],
)  # fmt: skip
def test_a_reply_that_says_only_ok_needs_no_tree(text: bytes, acknowledges: bool, number: str | None) -> None:
    found = rpc.Message.read(text)
    assert (found.acknowledges, found.number) == (acknowledges, number)


def test_a_reply_that_says_more_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    parse = rpc.parse
    monkeypatch.setattr(rpc, "parse", lambda text: (parsed.append(text), parse(text))[1])
    found = rpc.Message.read(reply("<data><a/></data>"))
    assert found.is_reply
    assert found.number == "7"
    assert rpc.data(found.tree)
    assert len(parsed) == 1


def test_what_is_no_reply_is_told_apart() -> None:
    assert rpc.Message.read(reply("<ok/>")).is_reply
    assert rpc.Message.read(reply("<data/>")).is_reply
    assert not rpc.Message.read(b'<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>').is_reply


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
