"""The one port behind which every network element stands.

A driver opens sessions; a session carries one change set through the phases of a network transaction. Sessions block and
are used by one thread at a time; the caller brings threads and deadlines. No method waits beyond the deadline it is given.

Two kinds of platform share the port. Those with `Commitment.CONFIRMED` (NETCONF confirmed-commit 1.1, RFC 6241 §8.4) keep
`stage` invisible, `commit` provisionally and undo themselves unless `confirm` follows. Those with `Commitment.IMMEDIATE`
(plain command line, SNMP SET) change at `commit`, and `revert` applies the stored reverse.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable


class Commitment(StrEnum):
    CONFIRMED = "confirmed"
    IMMEDIATE = "immediate"


@dataclass(frozen=True, slots=True)
class Credential:
    """Resolved secrets of one credential reference. Never stored, never printed: `repr` shows the reference only."""

    reference: str
    username: str = ""
    password: str = field(default="", repr=False)
    private_key: Path | None = None
    community: str = field(default="", repr=False)
    """SNMP v2c; empty when v3 is used."""
    auth_protocol: str = "sha1"
    """md5, sha1, sha224, sha256, sha384 or sha512 (RFC 3414, RFC 7860)."""
    auth_key: str = field(default="", repr=False)
    priv_protocol: str = "aes128"
    """des or aes128 (RFC 3826)."""
    priv_key: str = field(default="", repr=False)
    engine_id: str = ""
    """Hexadecimal; only for receiving traps of an engine that is not discovered."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one element is managed, and with what."""

    element: str
    platform: str
    """Name, or path of its folder; see `drivers.platform.load_platform`."""
    protocol: str
    """netconf, ssh, snmp or that of a third party's driver."""
    host: str
    port: int
    credential: Credential
    known_hosts: Path | None = None
    """OpenSSH `known_hosts`; without one no SSH session is opened."""

    def __hash__(self) -> int:  # of what tells elements apart; sessions are looked up by it, many times for each plan
        return hash((self.element, self.protocol, self.host, self.port))


class CheckOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    """The platform has no way to ask; nothing is known."""


@dataclass(frozen=True, slots=True)
class Check:
    """A service test: what an element is to try once a change holds.

    `kind` is `ping` (address; source, vrf), `neighbour` (BGP: address; vrf), `interface` (port), or a platform's own word.
    """

    kind: str
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return " ".join((self.kind, *(f"{name}={value}" for name, value in sorted(self.arguments.items()))))


@dataclass(frozen=True, slots=True)
class CheckResult:
    check: Check
    outcome: CheckOutcome
    detail: str = ""
    """What the element answered, or why it was not asked."""

    def __str__(self) -> str:
        return f"{self.check}: {self.outcome}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What changes on one element, in its own language, with the way back; computed and stored before anything is pushed.

    `before` and `after` are the owned configuration as rendered text ("" when there is none); `forward` and `reverse` are
    the native payloads that lead from one to the other.
    """

    element: str
    platform: str
    before: str
    after: str
    forward: str
    reverse: str
    ports: tuple[str, ...] = ()
    """Ports that must exist and be up for the change to hold (empty when the change only removes)."""
    checks: tuple[Check, ...] = ()
    """Service tests that must pass for the change to hold, after it was read back."""

    @property
    def empty(self) -> bool:
        return not self.forward

    def inverted(self) -> "ChangeSet":
        """The same change the other way round, without ports and tests: the way back is to hold whatever they say."""
        return ChangeSet(self.element, self.platform, self.after, self.before, self.reverse, self.forward)


class Standing(StrEnum):
    """How an element's real configuration compares with a change set (used by recovery)."""

    BEFORE = "before"
    AFTER = "after"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class PortState:
    name: str
    exists: bool
    up: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading back found. `missing`: owned configuration that is not there; `leftover`: what should be gone and is not."""

    missing: tuple[str, ...] = ()
    leftover: tuple[str, ...] = ()
    ports: tuple[PortState, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """In the operator's words: what is missing, what is left over, then port by port; empty when all holds."""
        return (
            *((f"not in the running configuration: {_some(self.missing)}",) if self.missing else ()),
            *((f"still in the running configuration: {_some(self.leftover)}",) if self.leftover else ()),
            *(
                f"port {port.name} {'is down' if port.exists else 'does not exist'}"
                for port in self.ports
                if not (port.exists and port.up)
            ),
        )


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A value, such as pools give out, that a configuration uses."""

    kind: str
    """vlan, vni, address (with its length, as 10.0.0.1/31, where it has one), rd or rt."""
    value: str
    where: str
    """In the operator's words: the line with the headers above it, the entry, the row."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an element is asked to show, in one of its languages."""

    command: str = ""
    """Of a command line."""
    get: str = ""
    """Subtree filter of a NETCONF `<get>`, as XML."""
    rpc: str = ""
    """A NETCONF operation of the platform's own, as XML."""


@runtime_checkable
class Shows(Protocol):
    """What a session may be able to do beside carrying a change set."""

    def show(self, question: Question, deadline: float) -> str:
        """The element's answer as it stands. `EditRefused` when it refuses, `PlatformUnsupported` when it cannot be asked so."""
        ...


class ElementSession(Protocol):
    """One management session. Every method may raise an `ElementError`; `deadline` is seconds on `time.monotonic()`."""

    @property
    def session_id(self) -> str:
        """The element's own name for this session (journaled, so that a takeover can end it); "" where there is none."""
        ...

    @property
    def transcript(self) -> str:
        """What the element answered since the last `stage`, `commit` or `revert`, without secrets (for `plan show`)."""
        ...

    def lock(self, deadline: float) -> None:
        """Take the element's configuration for this session (candidate *and* running). `ElementLocked` names the holder."""
        ...

    def stage(self, change: ChangeSet, deadline: float) -> ChangeSet:
        """Edit and validate without effect; a stale candidate of ours is discarded first. IMMEDIATE: check what can be checked.

        Gives the change as it will be made, to be journaled before the commit and used from here on. On an IMMEDIATE platform its
        `before` is what really stood in the places that it takes, whoever put it there: that is what a revert gives back, also
        after a kill (`drivers.diff.as_found`). Elements that undo the change by themselves give it as it was.
        """
        ...

    def commit(self, change: ChangeSet, persist: str, timeout: timedelta, deadline: float) -> None:
        """CONFIRMED: provisional, undone by the element after `timeout` unless confirmed. IMMEDIATE: takes effect now."""
        ...

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        """Start the confirmation timeout anew (IMMEDIATE: nothing to do)."""
        ...

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        """Read the running configuration and the ports back and compare with `change`."""
        ...

    def check(self, check: Check, deadline: float) -> CheckResult:
        """Carry out one service test. What does not pass is a result; an `ElementError` means that it could not be asked."""
        ...

    def observe(self, expected: str, deadline: float) -> str:
        """What stands in the places that `expected` names, as it would be rendered: all of it when nothing has drifted.

        Also what else is in places that are ours alone or hold one value; what others have beside it is left out.
        """
        ...

    def uses(self, deadline: float) -> tuple[Use, ...]:
        """The values that the whole running configuration uses, as far as the platform's data tells; () when it tells nothing."""
        ...

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        """Whether the running configuration is as before the change, as after it, or something of both."""
        ...

    def confirm(self, persist: str, deadline: float) -> None:
        """Make a provisional commit permanent; harmless when it already is."""
        ...

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:
        """Undo, whether the commit is pending, expired, confirmed or half-applied; harmless when nothing is to undo."""
        ...

    def withdraw(self, persist: str, deadline: float) -> None:
        """Undo a provisional commit of that name that waits for its confirmation, and nothing else; harmless where none does."""
        ...

    def save(self, deadline: float) -> None:
        """Copy running to startup where the platform keeps them apart. Locks that the session has may be let go of with it."""
        ...

    def abort(self, deadline: float) -> None:
        """Before commit: discard what was staged and unlock. After: unlock. Never raises on a lost connection."""
        ...

    def close(self) -> None:
        """Give the session back or end it. Never raises."""
        ...


class ElementDriver(Protocol):
    """Found by entry point `fabd.drivers`; the entry's name is the protocol."""

    def open(self, target: Target, deadline: float) -> ElementSession:
        """A ready session, pooled or new."""
        ...

    def end_session(self, target: Target, session_id: str, deadline: float) -> None:
        """End a session that another worker left behind (NETCONF kill-session). Harmless when it is gone or has no id."""
        ...

    def close(self) -> None:
        """End every pooled session."""
        ...


_MOST_NAMED = 10


def _some(items: tuple[str, ...]) -> str:
    more = len(items) - _MOST_NAMED
    return ", ".join(items[:_MOST_NAMED]) + (f", and {more} more" if more > 0 else "")
