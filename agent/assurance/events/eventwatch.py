"""Whose events were lost, and whose were not believed: from counts to alarms, and to full reads when a storm is over. No I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition
from drivers.snmp.usm import TOO_OLD
from policies.values import Severity

STORM, DISBELIEVED = "eventStorm", "trapsNotBelieved"
OVER_AFTER_S = 5.0
"""Without a loss for so long, a storm is over."""
FORGIVEN_AFTER_S = 3600.0
"""Without another message that was not believed."""
DAEMON = "daemon:events"
"""What losses are told of whose sender is not known: those of the kernel, and of senders that are no elements."""
MOST_STRANGERS = 200


@dataclass(frozen=True, slots=True)
class Now:
    at: datetime
    monotonic: float


@dataclass(slots=True)
class Storm:
    since: datetime
    lost: int
    last: float
    """Monotonic."""


@dataclass(slots=True)
class Disbelief:
    reasons: Counter[str]
    last: float
    """Monotonic."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What one look comes down to."""

    findings: tuple[Finding, ...] = ()
    resync: frozenset[str] = frozenset()
    """Elements to be read in full."""
    resync_all: bool = False


@dataclass
class EventWatch:
    storms: dict[str, Storm] = field(default_factory=dict)
    """By element, or `DAEMON`."""
    disbelieved: dict[str, Disbelief] = field(default_factory=dict)
    """By element."""
    strangers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Source address and reason → messages, of those that send most."""

    def recall(self, told: Iterable[tuple[str, str, datetime]], now: float) -> None:
        """Element, cause and instant of the alarms that an earlier process raised and could not end."""
        for name, cause, since in told:
            if cause == STORM:
                self.storms.setdefault(name, Storm(since, 0, now))
            else:
                self.disbelieved.setdefault(name, Disbelief(Counter(), now))

    def lost(self, lost: Mapping[str, int], at: datetime, now: float) -> list[Finding]:
        """`lost`: element (or `DAEMON`) → events since the last look. A storm that begins is told at once."""
        began = []
        for name, count in lost.items():
            storm = self.storms.get(name)
            if storm is None:
                storm = self.storms[name] = Storm(at, 0, now)
                began.append(name)
            storm.lost, storm.last = storm.lost + count, now
        return [_storm(name, self.storms[name], at, raises=True) for name in began]

    def over(self, at: datetime, now: float) -> Watched:
        """Storms that are over: their elements are to be read in full."""
        ended = {name: storm for name, storm in self.storms.items() if now - storm.last >= OVER_AFTER_S}
        for name in ended:
            del self.storms[name]
        findings = tuple(_storm(name, storm, at, raises=False) for name, storm in ended.items())
        return Watched(findings, frozenset(ended) - {DAEMON}, DAEMON in ended)

    def refused(self, refused: Mapping[tuple[str, str], int], elements: Mapping[str, str]) -> None:
        """`refused`: source and reason → messages. `elements`: source → element, for those that are elements'."""
        self.strangers.update({key: count for key, count in refused.items() if key[0] not in elements})
        if len(self.strangers) > MOST_STRANGERS:
            self.strangers = Counter(dict(self.strangers.most_common(MOST_STRANGERS)))

    def disbelieve(
        self,
        refused: Mapping[tuple[str, str], int],
        elements: Mapping[str, str],
        credentials: Mapping[str, str],
        now: "Now",
    ) -> list[Finding]:
        """An element that sends what its credential does not open. `credentials`: element → reference."""
        news = []
        for (source, reason), count in refused.items():
            name = elements.get(source)
            if name is None:
                continue
            known = self.disbelieved.get(name)
            if known is None or reason not in known.reasons:
                news.append(name)
            known = self.disbelieved[name] = known or Disbelief(Counter(), now.monotonic)
            known.reasons[reason] += count
            known.last = now.monotonic
        return [_disbelief(name, self.disbelieved[name], credentials.get(name, ""), now.at) for name in dict.fromkeys(news)]

    def believed(self, elements: Iterable[str], at: datetime, now: float) -> list[Finding]:
        """`elements`: those that were heard with the right credential since. Ends also what was not said again for long."""
        heard = set(elements)
        ended = [name for name, known in self.disbelieved.items() if name in heard or now - known.last >= FORGIVEN_AFTER_S]
        for name in ended:
            del self.disbelieved[name]
        return [_belief(name, at) for name in ended]


def _storm(name: str, storm: Storm, at: datetime, *, raises: bool) -> Finding:
    who = "events are lost whose sender is not known" if name == DAEMON else f"{name} says more than is taken in"
    text = f"{who}: {storm.lost} dropped since {storm.since:%H:%M:%S} UTC; what they may have told is read when it is over"
    meaning = Meaning(STORM, raises, Severity.WARNING, type=AlarmType.QUALITY, probable_cause="congestion")
    detail = {"text": text, "lost": storm.lost, "since": storm.since.isoformat()}
    return Finding(STORM, name, "", Transition.at(at), Source.BOOKS, detail, meaning=meaning)


def _belief(name: str, at: datetime) -> Finding:
    detail = {"text": f"{name} is heard again"}
    return Finding(DISBELIEVED, name, "", Transition.at(at), Source.BOOKS, detail, meaning=Meaning(DISBELIEVED, raises=False))


def _disbelief(name: str, known: Disbelief, reference: str, at: datetime) -> Finding:
    counts = ", ".join(f"{reason} ({count})" for reason, count in sorted(known.reasons.items()))
    text = f"{name} sends traps that are not believed: {counts}; {_remedy(known, reference)}"
    meaning = Meaning(
        DISBELIEVED, raises=True, severity=Severity.WARNING, type=AlarmType.PROCESSING, probable_cause="authenticationFailure"
    )
    detail = {"text": text, "credential": reference, "reasons": dict(known.reasons)}
    return Finding(DISBELIEVED, name, "", Transition.at(at), Source.BOOKS, detail, meaning=meaning)


def _remedy(known: Disbelief, reference: str) -> str:
    if set(known.reasons) == {TOO_OLD}:
        return "an engine must count its starts (snmpEngineBoots) and keep the count; or somebody replays what it once said"
    return f"make it use what credential {reference!r} says, or correct that"
