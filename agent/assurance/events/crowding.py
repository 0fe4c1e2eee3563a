"""How many conditions one element may have standing by its events: whoever sends in its name chooses their qualifiers.

Syslog over UDP is anybody's word, and a neighbour's address in a line is as good as any other. So new ones beyond the bound are
left out, counted and told of; what stands may still be said again, and may always end.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.events.claims import Answer, Claim, Subject, stands, subject_of
from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition
from agent.assurance.tables import AlarmRow
from policies.values import Severity

CROWD = "tooManyConditions"
MOST_OF_ELEMENT = 1000
OVER_AFTER_S = 600.0
"""Without a further one for so long, the alarm ends."""


@dataclass
class Crowds:
    """Elements that claim too much. Used in one thread."""

    refused: dict[str, int] = field(default_factory=dict)
    """Element → conditions left out since its crowd began."""
    total: int = 0
    _last: dict[str, float] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)

    def recall(self, elements: Iterable[str], now: float) -> None:
        """Those whose alarm an earlier process raised."""
        for name in elements:
            self.refused.setdefault(name, 0)
            self._last.setdefault(name, now)

    def add(self, refused: Mapping[str, int], now: float) -> None:
        """`now`: monotonic seconds."""
        for name, count in refused.items():
            if name not in self.refused:
                self._begun.add(name)
            self.refused[name] = self.refused.get(name, 0) + count
            self._last[name] = now
            self.total += count

    def news(self, at: datetime, now: float) -> list[Finding]:
        """Crowds that began, and those that are over."""
        told = [_finding(name, self.refused[name], at, raises=True) for name in sorted(self._begun)]
        self._begun.clear()
        for name in [name for name, last in self._last.items() if now - last >= OVER_AFTER_S]:
            told.append(_finding(name, self.refused.pop(name), at, raises=False))
            del self._last[name]
        return told


def bounded(claims: Iterable[Claim], refused: Counter[str]) -> list[Claim]:
    """Of each element as many that begin, and as many that end, as may stand at all; the others are counted as `refused`."""
    kept, taken = [], Counter[tuple[str, bool]]()
    for claim in claims:
        kind = (claim.element, claim.meaning.raises)
        if taken[kind] < MOST_OF_ELEMENT:
            taken[kind] += 1
            kept.append(claim)
        else:
            refused[claim.element] += 1
    return kept


def fitting(
    session: Session, claims: Sequence[Claim], answers: Mapping[Subject, Answer], causes: Collection[str], refused: Counter[str]
) -> list[Claim]:
    """Those for which there is room beside what stands. `causes`: all that events can claim."""
    raising = {claim.element for claim in claims if stands(claim, answers.get(claim.subject))}
    standing = _standing(session, raising, causes)
    kept = []
    for claim in claims:
        here, answer = standing.get(claim.element, set()), answers.get(claim.subject)
        subject = subject_of(claim, answer)
        if not stands(claim, answer) or subject in here:
            kept.append(claim)
        elif len(here) < MOST_OF_ELEMENT:
            here.add(subject)
            kept.append(claim)
        else:
            refused[claim.element] += 1
    return kept


def _standing(session: Session, elements: Collection[str], causes: Collection[str]) -> dict[str, set[Subject]]:
    """An entry for each element."""
    found: dict[str, set[Subject]] = {name: set() for name in elements}
    if found:
        subjects = select(AlarmRow.element, AlarmRow.object, AlarmRow.cause, AlarmRow.qualifier)
        here = AlarmRow.element.in_(sorted(found)), AlarmRow.cause.in_(sorted(causes)), AlarmRow.cleared_at.is_(None)
        for row in session.execute(subjects.where(*here)):
            found[row.element].add((row.element, row.object, row.cause, row.qualifier))
    return found


def _finding(name: str, refused: int, at: datetime, *, raises: bool) -> Finding:
    text = (
        f"events of {name} claim more than the {MOST_OF_ELEMENT} conditions that are kept of one element, and further ones are "
        f"left out: see `fabd alarm list --element {name}`, and whether somebody else sends in its name"
    )
    if not raises:
        text = f"events of {name} claim no more than is kept; {refused} conditions were left out"
    meaning = Meaning(CROWD, raises, Severity.WARNING, type=AlarmType.QUALITY, probable_cause="thresholdCrossed")
    return Finding(CROWD, name, "", Transition.at(at), Source.BOOKS, {"text": text, "refused": refused}, meaning=meaning)
