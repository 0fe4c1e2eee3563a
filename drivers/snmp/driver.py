"""The SNMP driver: a change set of object operations becomes SETs on a bridge (Q-BRIDGE-MIB, IF-MIB).

`Commitment.IMMEDIATE`: SNMP has no candidate. The bitmaps are read right before they are written, only our members
change in them, and a stale worker is kept out by snmpSetSerialNo.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from drivers import testing
from drivers.diff import objects
from drivers.diff.objects import Fact, Intent
from drivers.errors import EditRefused, ElementDisconnected, ElementError, ElementTimeout, RevertFailed
from drivers.port import ChangeSet, Check, CheckResult, Standing, Target, Use, Verification
from drivers.snmp import oids, switch
from drivers.snmp.bridge import Bridge, chunks
from drivers.snmp.errors import NoSuchObject
from drivers.snmp.manager import Manager
from drivers.snmp.observation import observed
from drivers.snmp.switch import Binding, Switch

TICKS_PER_SECOND = 100
SLACK_S, SLACK = 2.0, 0.02
"""By how much an agent's clock may differ from ours; a restart takes longer."""
_SHARED_KINDS = {"vlan", "admin"}
"""Facts that may rightly remain after us: a row with others' members, a port that others use."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Of sysUpTime, hundredths of a second: taken somewhere between `since` and `until` (monotonic seconds)."""

    since: float
    until: float
    ticks: int

    def follows(self, first: "Reading") -> bool:
        """Whether the element has run all the time since the first; the clock begins anew after 497 days by itself."""
        ran_s = (self.ticks - first.ticks) % 2**32 / TICKS_PER_SECOND
        least, most = self.since - first.until, self.until - first.since
        slack = SLACK_S + most * SLACK
        return least - slack <= ran_s <= most + slack


class SnmpDriver:
    """Sessions are not pooled: opening one is 5 ms of work and a datagram, and SNMP holds nothing open on the element."""

    def open(self, target: Target, deadline: float) -> "SnmpSession":
        session = SnmpSession(target)
        try:
            session.greet(deadline)
        except BaseException:
            session.close()
            raise
        return session

    def end_session(self, target: Target, session_id: str, deadline: float) -> None:
        """SNMP has no sessions; a worker that was overtaken is refused by the serial number that `lock` moved."""

    def close(self) -> None:
        """Nothing is pooled."""


class SnmpSession:
    def __init__(self, target: Target) -> None:
        self._element = target.element
        self._manager = Manager(target)
        self._bridge = Bridge(target.element, self._manager)
        self._transcript: list[str] = []
        self._greeted: Reading | None = None

    @property
    def session_id(self) -> str:
        return ""

    @property
    def transcript(self) -> str:
        return "\n".join(self._transcript)

    def greet(self, deadline: float) -> None:
        """One GET that proves address, credential and agent."""
        self._greeted = self._uptime(deadline)

    def lock(self, deadline: float) -> None:
        """Advisory (RFC 3418): from here on, SETs of whoever locked before are refused by the agent."""
        self._bridge.claim(deadline)

    def stage(self, change: ChangeSet, deadline: float) -> ChangeSet:
        """Ports exist, carry VLANs where asked, and hold the objects; nothing is written."""
        self._transcript = []
        before, after = self._intents(change)
        self._bridge.require(after.ports, deadline)
        found = self._bridge.read((before, after), deadline)
        absent = [f"{leaf} of port {port}" for leaf, port in after.leaves if found.leaves[leaf, port] is None]
        if absent:
            raise EditRefused(self._element, f"the element has no {', no '.join(sorted(absent))}")
        there = objects.render_intent(found.within(before, after))
        real = replace(
            change, before=there, forward=objects.forward(there, change.after), reverse=objects.forward(change.after, there)
        )
        self._tell("would set", self._bindings(real.forward, found))
        return real

    def commit(self, change: ChangeSet, persist: str, timeout: timedelta, deadline: float) -> None:  # noqa: ARG002 - the port's signature
        """Takes effect at once: usually one SET, which the element applies as a whole or not at all."""
        self._transcript = []
        self._apply(change, change.forward, deadline)

    def withdraw(self, persist: str, deadline: float) -> None:
        """Nothing is pending."""

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        """No provisional commit, nothing to extend."""

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        before, after = self._intents(change)
        found = self._bridge.read((before, after), deadline)
        return Verification(
            missing=_listed(fact for fact in objects.facts(after) if not found.holds(fact)),
            leftover=_listed(self._leftover(before, after, found)),
            ports=self._bridge.ports(change.ports, deadline),
        )

    def check(self, check: Check, deadline: float) -> CheckResult:
        """Of kind `interface`, by ifOperStatus."""
        if check.kind != "interface":
            return testing.unsupported(check, "by SNMP")
        try:
            port = testing.words("{port}", check)
        except ValueError as error:
            return testing.failed(check, str(error))
        return testing.of_port(check, *self._bridge.ports((port,), deadline))

    def observe(self, expected: str, deadline: float) -> str:
        try:
            intent = objects.parse_intent(expected)
        except ValueError as error:
            raise EditRefused(self._element, f"the rendered objects cannot be used: {error}") from error
        return objects.render_intent(observed(self._bridge.read([intent], deadline), intent))

    def uses(self, deadline: float) -> tuple[Use, ...]:
        """Every row of dot1qVlanStaticTable."""
        return tuple(Use("vlan", str(vlan), f"vlan {vlan} ({name})") for vlan, name in self._bridge.vlans(deadline))

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        """AFTER when both fit, as with a port that was up before and shall be up."""
        before, after = self._intents(change)
        found = self._bridge.read((before, after), deadline)
        if self._stands(before, after, found):
            return Standing.AFTER
        return Standing.BEFORE if self._stands(after, before, found) else Standing.MIXED

    def confirm(self, persist: str, deadline: float) -> None:
        """Nothing is provisional."""

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:  # noqa: ARG002 - the port's signature
        """Apply the stored reverse to what is there now; SETs only what still differs, so a second call does nothing."""
        self._transcript = []
        try:
            self._apply(change, change.reverse, deadline)
        except (EditRefused, NoSuchObject) as error:
            raise RevertFailed(self._element, f"the reverse was refused: {error.message}") from error

    def save(self, deadline: float) -> None:
        """dot1qVlanStaticTable and IF-MIB's writable objects are kept by the agent (RFC 4363: "permanent" storage).

        Not every agent keeps them, and datagrams do not tell of a restart: `ElementDisconnected` when there was one since it first
        answered. Whoever saves looks then what stands, as after any other lost connection.
        """
        first, last = self._greeted, self._uptime(deadline)
        if first is not None and last is not None and not last.follows(first):
            within_s = last.until - first.since
            raise ElementDisconnected(self._element, f"its sysUpTime says that it restarted within the last {within_s:.0f} s")

    def abort(self, deadline: float) -> None:
        """Nothing staged on the element and no lock that outlives its use."""

    def close(self) -> None:
        self._manager.close()

    def _uptime(self, deadline: float) -> "Reading | None":
        """None where the agent does not tell."""
        since = time.monotonic()
        ticks = self._manager.get([oids.SYS_UPTIME], deadline)[oids.SYS_UPTIME]
        return Reading(since, time.monotonic(), ticks) if isinstance(ticks, int) else None

    def _intents(self, change: ChangeSet) -> tuple[Intent, Intent]:
        try:
            return objects.parse_intent(change.before), objects.parse_intent(change.after)
        except ValueError as error:
            raise EditRefused(self._element, f"the rendered objects cannot be used: {error}") from error

    def _operations(self, text: str) -> Sequence[objects.Operation]:
        try:
            return objects.parse_operations(text)
        except ValueError as error:
            raise EditRefused(self._element, f"the change set cannot be used: {error}") from error

    def _bindings(self, text: str, found: Switch) -> tuple[Binding, ...]:
        operations = self._operations(text)
        strangers = switch.unswitched(operations, found)
        if strangers:
            listed = ", ".join(map(str, strangers))
            raise NoSuchObject(self._element, f"ports with ifIndex {listed} are no bridge ports and cannot carry VLANs")
        return switch.bindings(operations, found)

    def _apply(self, change: ChangeSet, text: str, deadline: float) -> None:
        """Read, then set what differs; a SET without an answer is followed by another look, until the deadline."""
        while True:
            found = self._bridge.read(self._intents(change), deadline)
            bindings = self._bindings(text, found)
            started = time.monotonic()
            try:
                self._bridge.write(bindings, deadline)
            except ElementError as error:
                self._tell("not set", bindings)
                self._transcript.append(error.message)
                if not isinstance(error, ElementTimeout) or time.monotonic() >= deadline:
                    raise
            else:
                self._tell(f"set in {time.monotonic() - started:.3f} s", bindings)
                return

    def _tell(self, what: str, bindings: tuple[Binding, ...]) -> None:
        self._transcript.append(
            f"{what}: {len(bindings)} objects in {len(chunks(bindings))} SET" if bindings else f"{what}: nothing"
        )
        self._transcript.extend(f"  {binding}" for binding in bindings)

    def _leftover(self, before: Intent, after: Intent, found: Switch) -> list[Fact]:
        """What was ours, should be gone and is not; an empty row that bears our name included."""
        gone = objects.facts(before) - objects.facts(after)
        rows = found.rows
        return [
            fact
            for fact in gone
            if (fact.kind not in _SHARED_KINDS and found.holds(fact))
            or (
                fact.kind == "vlan"
                and fact.vlan in rows
                and rows[fact.vlan].name == before.vlans[fact.vlan].name
                and not rows[fact.vlan].egress
            )
        ]

    def _stands(self, old: Intent, new: Intent, found: Switch) -> bool:
        return all(found.holds(fact) for fact in objects.facts(new)) and not self._leftover(old, new, found)


def _listed(facts: Iterable[Fact]) -> tuple[str, ...]:
    return tuple(str(fact) for fact in sorted(facts, key=str))
