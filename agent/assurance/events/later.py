"""What is to be read again, and when; with what was said meanwhile. No I/O."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from agent.assurance.events.claims import Claim, Subject
from agent.assurance.events.traps import Key
from agent.assurance.findings import Finding, Source

MOST_CLAIMS = 50_000
"""Neighbours and parts are not in the inventory, so that what is said of them has a bound of its own."""


@dataclass
class Later:
    """Bounded by the objects of the inventory: only what was recognised gets here. Times are monotonic."""

    looks: dict[Key, float] = field(default_factory=dict)
    """Second looks."""
    put_off: dict[Key, float] = field(default_factory=dict)
    """Objects whose element said too much to be read at once."""
    hints: dict[tuple[Key, str, Source], Finding] = field(default_factory=dict)
    """What was said of them."""
    claims: dict[Subject, tuple[Claim, float]] = field(default_factory=dict)

    def look(self, objects: Iterable[Key], due: float) -> None:
        self.looks.update(dict.fromkeys(objects, due))

    def put(self, findings: Iterable[Finding], due: float) -> None:
        for finding in findings:
            key = (finding.element, finding.object)
            self.put_off.setdefault(key, due)
            known = self.hints.get((key, finding.kind, finding.source))
            self.hints[key, finding.kind, finding.source] = finding if known is None else merged(known, finding)

    def put_objects(self, objects: Iterable[Key], due: float) -> None:
        """Without a word about them."""
        for key in objects:
            self.put_off.setdefault(key, due)

    def put_claims(self, claims: Iterable[Claim], due: float) -> None:
        for claim in claims:
            known = self.claims.get(claim.subject)
            if known is None:
                if len(self.claims) >= MOST_CLAIMS:  # the oldest goes unverified, or unheard: senders choose their number
                    del self.claims[next(iter(self.claims))]
                self.claims[claim.subject] = (claim, due)
            else:
                self.claims[claim.subject] = (replace(claim, times=claim.times + known[0].times), min(due, known[1]))

    def due_looks(self, now: float) -> set[Key]:
        due = {key for key, at in self.looks.items() if at <= now}
        for key in due:
            del self.looks[key]
        return due

    def overdue(self, now: float) -> list[str]:
        """Elements with something put off that is due, the one that has waited longest first."""
        waiting: dict[str, float] = {}
        for (element, _), at in self.put_off.items():
            if at <= now:
                waiting[element] = min(at, waiting.get(element, at))
        return sorted(waiting, key=lambda name: (waiting[name], name))

    def take(self, elements: AbstractSet[str], now: float) -> tuple[set[Key], list[Finding]]:
        """What was put off of these elements and is due, with all that was said of it."""
        keys = {key for key, at in self.put_off.items() if at <= now and key[0] in elements}
        for key in keys:
            del self.put_off[key]
        hints = [self.hints.pop(known) for known in [each for each in self.hints if each[0] in keys]]
        return keys, hints

    def take_claims(self, now: float) -> list[Claim]:
        due = [subject for subject, (_, at) in self.claims.items() if at <= now]
        return [self.claims.pop(subject)[0] for subject in due]


def merged(known: Finding, again: Finding) -> Finding:
    """The same was said again: the first instant, and how often."""
    return replace(known, detail={**known.detail, "times": _times(known.detail) + _times(again.detail)})


def _times(detail: Mapping[str, object]) -> int:
    times = detail.get("times", 1)
    return times if isinstance(times, int) else 1
