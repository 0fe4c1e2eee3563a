"""One exchange with a NETCONF server, as facts that any server of RFC 8343/8344 with candidate should keep.

Plain functions over a `Server`, so that the same ones run against the simulated element and against Debian's netconfd.
Each leaves the server as it found it. Edits say `test-then-set`, which both understand (netconfd loses an edit that is
validated by an operation of its own).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from xml.sax.saxutils import escape

from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.operations.errors import TimeoutExpiredError
from ncclient.transport import TransportError

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IP = "urn:ietf:params:xml:ns:yang:ietf-ip"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
PREFIX = "exch"
"""Names of the interfaces that the exchange makes begin so."""
EVERYTHING = ("subtree", f'<interfaces xmlns="{IF}"/>')
"""The filter that both servers take for all interfaces."""
ATTEMPTS, FIRST_S = 6, 10
"""netconfd leaves a first question lie that it reads together with the hello, as on a busy machine; ncclient waits."""


def answering(connect: Callable[[], manager.Manager]) -> manager.Manager:
    """A session of a stock client whose first question was answered."""
    for _ in range(ATTEMPTS - 1):
        session = connect()
        session.timeout, usual = FIRST_S, session.timeout
        try:
            session.get_config("running", filter=EVERYTHING)
        except TimeoutExpiredError:
            session._session.close()
        else:
            session.timeout = usual
            return session
    return connect()


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    is_real: bool = False
    """No simulated one: see `answering`."""

    @contextmanager
    def session(self) -> Iterator[manager.Manager]:
        opened = self.connect()
        try:
            yield opened
        finally:
            with suppress(TransportError, OSError):
                opened.close_session()

    def connect(self) -> manager.Manager:
        return answering(self._connect) if self.is_real else self._connect()

    def _connect(self) -> manager.Manager:
        return manager.connect(
            host=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
            timeout=60,
        )


# -- payloads


def interface(
    name: str,
    *,
    description: str | None = "made by the exchange",
    type: str | None = "t:ethernetCsmacd",  # noqa: A002 - the model's word
    enabled: str | None = None,
    address: str | None = None,
    prefix: str | None = "24",
    operation: str = "",
    extra: str = "",
) -> str:
    operation = f' nc:operation="{operation}"' if operation else ""
    ip = f"<ip>{address}</ip>" + (f"<prefix-length>{prefix}</prefix-length>" if prefix is not None else "")
    family = "ipv6" if address and ":" in address else "ipv4"
    parts = [
        f"<name>{escape(name)}</name>",
        f"<description>{escape(description)}</description>" if description is not None else "",
        f'<type xmlns:t="{IANA}">{type}</type>' if type else "",
        f"<enabled>{enabled}</enabled>" if enabled is not None else "",
        f'<{family} xmlns="{IP}"><address>{ip}</address></{family}>' if address else "",
        extra,
    ]
    return f"<interface{operation}>{''.join(parts)}</interface>"


def only(name: str, operation: str) -> str:
    return interface(name, description=None, type=None, operation=operation)


def config(*interfaces: str) -> str:
    return f'<nc:config xmlns:nc="{NC}"><interfaces xmlns="{IF}">{"".join(interfaces)}</interfaces></nc:config>'


# -- what a session can say about the server


def interfaces(session: manager.Manager, source: str = "running") -> dict[str, etree._Element]:
    return _by_name(session.get_config(source, filter=EVERYTHING).data_xml)


def names(session: manager.Manager, source: str = "running") -> set[str]:
    return {name for name in interfaces(session, source) if name.startswith(PREFIX)}


def edit(session: manager.Manager, *parts: str, target: str = "candidate") -> None:
    session.edit_config(target=target, config=config(*parts), test_option="test-then-set")


def put(session: manager.Manager, *parts: str) -> None:
    edit(session, *parts)
    session.commit()


def refused(ask: Callable[[], object]) -> RPCError:
    """The first error of the refusal; fails when there is none."""
    try:
        ask()
    except RPCError as error:
        errors = getattr(error, "errors", None) or [error]
        return errors[0]
    raise AssertionError("the server accepted what it should refuse")


def clean(session: manager.Manager) -> None:
    session.discard_changes()
    if left := names(session):
        put(session, *(only(name, "delete") for name in left))


def text(entry: etree._Element, path: str) -> str | None:
    return entry.findtext(path, namespaces={"if": IF, "ip": IP})


def until(condition: Callable[[], bool], deadline: float = 60.0, every: float = 0.05) -> bool:
    """For what a server does of its own accord; asks every `every` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def _by_name(data_xml: str) -> dict[str, etree._Element]:
    found = etree.fromstring(data_xml.encode()).iterfind(f".//{{{IF}}}interface")
    return {entry.findtext(f"{{{IF}}}name") or "": entry for entry in found}


# -- the facts


def a_commit_moves_the_candidate_to_running(server: Server) -> None:
    with server.session() as s:
        edit(s, interface("exch0", address="192.0.2.1", prefix="31", enabled="true"))
        assert names(s) == set()
        assert names(s, "candidate") == {"exch0"}
        s.commit()
        entry = interfaces(s)["exch0"]
        assert text(entry, "if:description") == "made by the exchange"
        assert text(entry, "if:enabled") == "true"
        assert text(entry, "ip:ipv4/ip:address/ip:ip") == "192.0.2.1"
        assert text(entry, "ip:ipv4/ip:address/ip:prefix-length") == "31"


def discard_drops_the_candidate(server: Server) -> None:
    with server.session() as s:
        edit(s, interface("exch0"))
        s.discard_changes()
        s.commit()
        assert names(s) == set()


def merge_changes_only_what_it_names(server: Server) -> None:
    with server.session() as s:
        put(s, interface("exch0", address="192.0.2.1"))
        put(s, interface("exch0", description="changed", type=None, address="192.0.2.9", prefix="30"))
        entry = interfaces(s)["exch0"]
        found = {a.findtext(f"{{{IP}}}ip") for a in entry.iterfind(f".//{{{IP}}}address")}
        assert found == {"192.0.2.1", "192.0.2.9"}
        assert text(entry, "if:description") == "changed"
        assert (text(entry, "if:type") or "").endswith(":ethernetCsmacd")


def replace_leaves_nothing_of_the_old(server: Server) -> None:
    with server.session() as s:
        put(s, interface("exch0", address="192.0.2.1"))
        put(s, interface("exch0", description=None, operation="replace"))
        entry = interfaces(s)["exch0"]
        assert text(entry, "if:description") is None
        assert text(entry, "ip:ipv4/ip:address/ip:ip") is None


def delete_takes_the_interface_away(server: Server) -> None:
    with server.session() as s:
        put(s, interface("exch0"), interface("exch1"))
        put(s, only("exch0", "delete"))
        assert names(s) == {"exch1"}


def remove_of_what_is_not_there_is_accepted(server: Server) -> None:
    with server.session() as s:
        put(s, only("exch-none", "remove"))
        assert names(s) == set()


def create_of_what_is_there_is_refused(server: Server) -> None:
    with server.session() as s:
        put(s, interface("exch0"))
        assert refused(lambda: edit(s, interface("exch0", operation="create"))).tag == "data-exists"


def delete_of_what_is_not_there_is_refused(server: Server) -> None:
    with server.session() as s:
        assert refused(lambda: edit(s, only("exch-none", "delete"))).tag == "data-missing"


def is_refused(server: Server, part: str, tags: set[str]) -> None:
    """A payload that breaks the model changes nothing, whether the edit or the commit refuses it."""
    with server.session() as s:
        error = refused(lambda: put(s, part))
        assert error.tag in tags, f"{error.tag}: {error.message}"
        assert error.severity == "error"
        s.discard_changes()
        assert names(s) == set()


_V4 = f'<ipv4 xmlns="{IP}">'
BAD_PAYLOADS = {
    "an address that is none": (interface("exch0", address="192.0.2.999"), {"invalid-value"}),
    "an IPv6 address that is none": (interface("exch0", address="2001:db8::g", prefix="64"), {"invalid-value"}),
    "a prefix longer than the address": (interface("exch0", address="192.0.2.1", prefix="33"), {"invalid-value"}),
    "a prefix that is no number": (
        interface("exch0", address="192.0.2.1", prefix="x"),
        {"invalid-value", "bad-element"},
    ),
    "a boolean that is none": (interface("exch0", enabled="yes"), {"invalid-value"}),
    "a type that is not known": (interface("exch0", type="t:pigeon"), {"invalid-value"}),
    "a type without a namespace": (interface("exch0", type="u:ethernetCsmacd"), {"invalid-value", "unknown-namespace"}),
    "no type": (interface("exch0", type=None), {"missing-element", "data-missing"}),
    "an address without its length": (
        interface("exch0", address="192.0.2.1", prefix=None),
        {"data-missing", "missing-element"},
    ),
    "an MTU out of range": (interface("exch0", extra=f"{_V4}<mtu>67</mtu></ipv4>"), {"invalid-value"}),
    "an element that the model has not": (interface("exch0", extra="<colour>red</colour>"), {"unknown-element"}),
    "an element of another namespace": (
        interface("exch0", extra='<vlan xmlns="urn:example:vlans">7</vlan>'),
        {"unknown-namespace", "unknown-element"},
    ),
    "no key": ("<interface><description>nobody</description></interface>", {"missing-element"}),
    "an unknown operation": (interface("exch0", operation="upsert"), {"bad-attribute", "invalid-value"}),
}


def an_edit_that_fails_halfway_rolls_back(server: Server) -> None:
    with server.session() as s:
        parts = config(interface("exch0"), interface("exch1", address="192.0.2.999"))
        ask = partial(s.edit_config, target="candidate", config=parts, error_option="rollback-on-error")
        refused(ask)
        assert names(s, "candidate") == set()


def a_second_lock_is_denied_with_the_owner(server: Server) -> None:
    with server.session() as first, server.session() as second, first.locked("candidate"):
        error = refused(lambda: second.lock("candidate"))
        assert error.tag == "lock-denied"
        owner = etree.fromstring(error.info.encode()).findtext(f".//{{{NC}}}session-id")
        assert owner == first.session_id


def a_locked_candidate_is_in_use_for_others(server: Server) -> None:
    with server.session() as first, server.session() as second, first.locked("candidate"):
        assert refused(lambda: edit(second, interface("exch0"))).tag in ("in-use", "lock-denied")


def a_locked_running_cannot_be_committed_to_by_others(server: Server) -> None:
    with server.session() as first, server.session() as second, first.locked("running"):
        edit(second, interface("exch0"))
        assert refused(second.commit).tag in ("in-use", "lock-denied")
        second.discard_changes()
        assert names(second) == set()


def a_changed_candidate_cannot_be_locked(server: Server) -> None:
    with server.session() as first, server.session() as second:
        edit(first, interface("exch0"))
        assert refused(lambda: second.lock("candidate")).tag in ("lock-denied", "resource-denied")
        first.discard_changes()


def locks_go_with_their_session(server: Server) -> None:
    with server.session() as s:
        lost = server.connect()
        lost.lock("candidate")
        lost.lock("running")
        lost._session.close()
        assert until(lambda: _can_lock(s, "candidate"))
        assert until(lambda: _can_lock(s, "running"))


def a_killed_session_is_gone(server: Server) -> None:
    with server.session() as s:
        victim = server.connect()
        victim.lock("candidate")
        s.kill_session(victim.session_id)
        assert until(lambda: not victim.connected)
        assert until(lambda: _can_lock(s, "candidate"))


def killing_a_session_that_is_not_there_is_refused(server: Server) -> None:
    with server.session() as s:
        assert refused(lambda: s.kill_session("4000000")).tag == "invalid-value"


def a_confirmed_commit_that_nobody_confirms_reverts(server: Server) -> None:
    with server.session() as s:
        edit(s, interface("exch0"))
        begun = time.monotonic()
        # netconfd counts in whole seconds, so that 1 may be over at once, and looks at its timers only while nobody asks
        s.commit(confirmed=True, timeout="2")
        assert names(s) == {"exch0"} or time.monotonic() - begun > 1
        assert until(lambda: names(s) == set(), every=2.1)


def a_confirmed_commit_that_is_confirmed_stays(server: Server) -> None:
    with server.session() as s:
        _follow(s, s.commit)
        assert not until(lambda: names(s) != {"exch0"}, deadline=1.5)


def a_second_confirmed_commit_extends_the_first(server: Server) -> None:
    with server.session() as s:
        _follow(s, lambda: s.commit(confirmed=True, timeout="120"))
        assert not until(lambda: names(s) != {"exch0"}, deadline=1.5)
        s.cancel_commit()
        assert names(s) == set()


def a_persistent_commit_is_confirmed_from_elsewhere(server: Server) -> None:
    with server.session() as first:
        edit(first, interface("exch0"))
        first.commit(confirmed=True, timeout="120", persist="exchange-1")
    with server.session() as second:
        assert names(second) == {"exch0"}
        second.commit(persist_id="exchange-1")
        refused(second.cancel_commit)
        assert names(second) == {"exch0"}


def a_persistent_commit_is_cancelled_from_elsewhere(server: Server) -> None:
    with server.session() as first:
        edit(first, interface("exch0"))
        first.commit(confirmed=True, timeout="120", persist="exchange-2")
    with server.session() as second:
        second.cancel_commit(persist_id="exchange-2")
        assert names(second) == set()


def a_wrong_persist_id_is_refused(server: Server) -> None:
    with server.session() as s:
        edit(s, interface("exch0"))
        s.commit(confirmed=True, timeout="120", persist="exchange-3")
        assert refused(lambda: s.commit(persist_id="somebody-else")).tag == "invalid-value"
        s.cancel_commit(persist_id="exchange-3")


def a_confirmed_commit_without_persist_ends_with_its_session(server: Server) -> None:
    with server.session() as s:
        lost = server.connect()
        edit(lost, interface("exch0"))
        lost.commit(confirmed=True, timeout="60")
        assert names(s) == {"exch0"}
        lost._session.close()
        assert until(lambda: names(s) == set())


def a_filter_selects_one_entry_and_one_leaf(server: Server) -> None:
    with server.session() as s:
        put(s, interface("exch0", address="192.0.2.1"), interface("exch1"))
        wanted = f'<interfaces xmlns="{IF}"><interface><name>exch0</name><description/></interface></interfaces>'
        found = _by_name(s.get_config("running", filter=("subtree", wanted)).data_xml)
        assert set(found) == {"exch0"}
        assert {etree.QName(child).localname for child in found["exch0"]} == {"name", "description"}


def a_filter_that_matches_nothing_gives_nothing(server: Server) -> None:
    with server.session() as s:
        wanted = f'<interfaces xmlns="{IF}"><interface><name>exch-none</name></interface></interfaces>'
        assert _by_name(s.get_config("running", filter=("subtree", wanted)).data_xml) == {}


def a_commit_is_notified(server: Server) -> None:
    with server.session() as listener, server.session() as s:
        listener.create_subscription()
        put(s, interface("exch0"))
        seen = ""
        while "netconf-config-change" not in seen:
            notification = listener.take_notification(block=True, timeout=60)
            assert notification is not None, f"no netconf-config-change among: {seen}"
            seen += notification.notification_xml
        assert s.session_id in seen


def _follow(s: manager.Manager, act: Callable[[], object]) -> None:
    """A confirmed commit of one second, and `act` before it is over; begun again where this machine was slower than that."""
    for _ in range(20):
        edit(s, interface("exch0"))
        begun = time.monotonic()
        s.commit(confirmed=True, timeout="1")
        act()
        if time.monotonic() - begun < 0.9:
            return
    raise AssertionError("this machine never came from one commit to the next within a second")


def _can_lock(session: manager.Manager, target: str) -> bool:
    try:
        session.lock(target)
    except RPCError:
        return False
    session.unlock(target)
    return True


Fact = Callable[[Server], None]
_FACTS: tuple[Fact, ...] = (
    a_commit_moves_the_candidate_to_running,
    discard_drops_the_candidate,
    merge_changes_only_what_it_names,
    replace_leaves_nothing_of_the_old,
    delete_takes_the_interface_away,
    remove_of_what_is_not_there_is_accepted,
    create_of_what_is_there_is_refused,
    delete_of_what_is_not_there_is_refused,
    an_edit_that_fails_halfway_rolls_back,
    a_second_lock_is_denied_with_the_owner,
    a_locked_candidate_is_in_use_for_others,
    a_locked_running_cannot_be_committed_to_by_others,
    a_changed_candidate_cannot_be_locked,
    locks_go_with_their_session,
    a_killed_session_is_gone,
    killing_a_session_that_is_not_there_is_refused,
    a_confirmed_commit_that_nobody_confirms_reverts,
    a_confirmed_commit_that_is_confirmed_stays,
    a_second_confirmed_commit_extends_the_first,
    a_persistent_commit_is_confirmed_from_elsewhere,
    a_persistent_commit_is_cancelled_from_elsewhere,
    a_wrong_persist_id_is_refused,
    a_confirmed_commit_without_persist_ends_with_its_session,
    a_filter_selects_one_entry_and_one_leaf,
    a_filter_that_matches_nothing_gives_nothing,
    a_commit_is_notified,
)
FACTS: dict[str, Fact] = {fact.__name__: fact for fact in _FACTS} | {
    f"{why} is refused": partial(is_refused, part=part, tags=tags) for why, (part, tags) in BAD_PAYLOADS.items()
}
"""Name → function; run each as `check(server, fact)`."""


def check(server: Server, fact: Fact) -> None:
    """One fact, from a clean server and leaving a clean one, also when it fails."""
    with server.session() as s:
        clean(s)
    try:
        fact(server)
    finally:
        with server.session() as s:
            clean(s)
