"""What an event says of something that no port tells: a BGP neighbour, a part. Read back where there is an object to read.

What was read decides; only where the element does not have the object, its event's word is all there is, and the alarm says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.conditions import take
from agent.assurance.events.directory import Directory
from agent.assurance.events.intake import Piece
from agent.assurance.events.translation import detail_of, source_of
from agent.assurance.findings import Finding, Meaning, Source, Transition
from agent.assurance.topology.watchlist import WatchedElement

Subject = tuple[str, str, str, str]
"""Element, object, cause and qualifier: the key of the alarm."""
AGAIN_AFTER_S = 60.0
MOST_STANDINGS = 50_000
NO_ANSWER = "the element could not be asked: {reason}"
NOT_KEPT = "the element does not have the object that would tell it ({object})"


@dataclass(frozen=True, slots=True)
class Claim:
    element: str
    port: str
    """Its name, or "" for the element itself."""
    rule: str
    meaning: Meaning
    text: str
    at: datetime
    source: Source
    times: int
    detail: Mapping[str, object]
    read_back: str = ""
    """Object instance that tells how it stands; "" when there is none."""
    good: frozenset[int] = frozenset()
    word_only: str = ""

    @property
    def subject(self) -> Subject:
        return self.element, self.port, self.meaning.cause, self.meaning.qualifier


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of reading back, or of a collector: with the reason when nothing did."""

    value: int | None
    """Of the object that was read."""
    reason: str = ""
    stands: bool | None = None
    """What a collector found."""
    shown: str = ""
    """The collector, and what the element showed."""
    qualifier: str = ""
    """What the collector calls it, where that is not the event's name for it."""

    @property
    def tells(self) -> bool:
        return self.value is not None or self.stands is not None


@dataclass
class Standings:
    """How each subject was last stored, so that the same said a thousand times is one row a minute with its number."""

    stored: dict[Subject, tuple[bool, float]] = field(default_factory=dict)
    """Whether it stands, and when that was stored; monotonic."""
    untold: dict[Subject, int] = field(default_factory=dict)
    """Times that it was said again since."""

    def news(self, claims: Iterable[Claim], answers: Mapping[Subject, Answer], now: float) -> list[Claim]:
        """Those to be stored now, with all that was said since the last time."""
        told = []
        for claim in claims:
            subject, standing = claim.subject, stands(claim, answers.get(claim.subject))
            known = self.stored.get(subject)
            times = self.untold.pop(subject, 0) + claim.times
            if known is not None and known[0] is standing and (now - known[1] < AGAIN_AFTER_S or not times):
                self.untold[subject] = times
                continue
            if known is None and len(self.stored) >= MOST_STANDINGS:
                self.untold.pop(oldest := next(iter(self.stored)), None)
                del self.stored[oldest]
            self.stored[subject] = (standing, now)
            told.append(replace(claim, times=times))
        return told


def claim_of(piece: Piece, element: WatchedElement, directory: Directory) -> Claim | None:
    """None when the rule claims nothing."""
    said, rule = piece.said, piece.said.rule.rule
    if rule.alarm is None:
        return None
    port = directory.port(element, said)
    name = port.name if port else ""

    def words(text: str) -> str:
        return said.words(text, element.name, name)

    back = words(rule.read_back.object) if rule.read_back else ""
    # a field that the event lacks leaves a hole in the instance
    whole = bool(back) and not back.endswith(".") and ".." not in back and all(part.isdecimal() for part in back.split("."))
    return Claim(
        element=element.name,
        port=name,
        rule=said.rule.name,
        meaning=Meaning(
            rule.alarm.cause,
            raises=rule.means == "raise",
            severity=rule.alarm.severity,
            qualifier=words(rule.alarm.qualifier),
            probable_cause=rule.alarm.probable_cause,
        ),
        text=words(rule.alarm.text),
        at=piece.event.received_at,
        source=source_of(piece.event),
        times=piece.times,
        detail={"rule": said.rule.name, **detail_of(piece.event)},
        read_back=back if whole else "",
        good=frozenset(rule.read_back.good) if rule.read_back and whole else frozenset(),
        word_only=rule.word_only or ("" if whole else "the event does not say which one it means"),
    )


def settle(session: Session, claims: Sequence[Claim], answers: Mapping[Subject, Answer], at: datetime) -> list[Alarm]:
    """Raise and clear as what was read says, and as the event says where nothing could be."""
    return take(session, [_finding(claim, answers.get(claim.subject)) for claim in claims], at)


def stands(claim: Claim, answer: Answer | None) -> bool:
    """Whether the condition holds."""
    if answer is None or not answer.tells:
        return claim.meaning.raises
    return answer.value not in claim.good if answer.stands is None else answer.stands


def subject_of(claim: Claim, answer: Answer | None) -> Subject:
    """The key of the alarm that it comes to."""
    qualifier = answer.qualifier if answer is not None and answer.qualifier else claim.meaning.qualifier
    return claim.element, claim.port, claim.meaning.cause, qualifier


def _finding(claim: Claim, answer: Answer | None) -> Finding:
    known = answer is not None and answer.tells
    meaning = replace(claim.meaning, raises=stands(claim, answer), qualifier=subject_of(claim, answer)[-1])
    text = claim.text or f"{claim.element}: {meaning.cause} {meaning.qualifier}".rstrip()
    read = _read(claim, answer) if answer is not None else {}
    return Finding(
        kind=claim.rule,
        element=claim.element,
        object=claim.port,
        transition=Transition.at(claim.at),
        source=claim.source,
        detail={**claim.detail, "text": text, "times": claim.times, **read},
        meaning=meaning,
        unverified="" if known else f"on the element's word alone: {_why(claim, answer)}",
    )


def _read(claim: Claim, answer: Answer) -> Mapping[str, object]:
    """For the evidence."""
    if answer.stands is not None:
        return {"collected": answer.shown}
    return {"readBack": {claim.read_back: answer.value}} if answer.value is not None else {}


def _why(claim: Claim, answer: Answer | None) -> str:
    return (answer.reason if answer is not None else "") or claim.word_only or "nothing was asked"
