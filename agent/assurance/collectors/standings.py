"""From replies to findings: what has changed since an element was last asked, beside the alarms that stand."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from agent.assurance.alarms.causes import LINK_DOWN
from agent.assurance.collectors.asking import Reply
from agent.assurance.collectors.tables import CollectedRow
from agent.assurance.findings import Finding, Meaning, Source, Transition
from agent.assurance.tables import AlarmRow
from agent.assurance.topology.portnames import is_short_for
from policies.collecting.collector import Collector, StateRule
from policies.collecting.meaning import Standing, State

Subject = tuple[str, str, str]
"""Element, cause and qualifier."""
_Group = TypeVar("_Group", str, tuple[str, str])
NOT_LISTED = "not listed any more"


@dataclass(frozen=True, slots=True)
class Known:
    collector: str
    standing: str
    shown: str
    since: datetime
    read_at: datetime
    names: frozenset[str]
    over: str = ""
    """Port over which it is, as the element calls it."""
    doubted: bool = False
    """Whether it was asked for once more, after it was found to be bad."""
    told: bool = True
    """Whether what follows from its standing was done; an event since may have changed the alarm."""

    @property
    def gist(self) -> tuple[str, str, frozenset[str], str]:
        """What is news when it changes."""
        return self.standing, self.shown, self.names, self.over


@dataclass
class Standings:
    """One per process, used by one transaction at a time; `recall` comes first, and again after a transaction that failed."""

    known: dict[Subject, Known] = field(default_factory=dict)
    again: set[tuple[str, str]] = field(default_factory=set)
    """Elements and collectors that are to ask again in a moment; taken by who asks."""
    _spoken: list[Subject] = field(default_factory=list)
    """What events spoke of since the last time."""
    _by_element: dict[tuple[str, str], set[Subject]] = field(default_factory=dict)
    """Element and collector → what is known by it."""

    def recall(self, session: Session) -> None:
        """As it was when this was last stored."""
        self.known.clear()
        self._by_element.clear()
        for row in session.scalars(select(CollectedRow)):
            names = frozenset({row.qualifier, *row.names})
            known = Known(row.collector, row.standing, row.shown, row.since, row.since, names, row.over)
            self._put((row.element, row.cause, row.qualifier), known)

    def digest(self, session: Session, replies: Sequence[Reply]) -> list[Finding]:
        """What they change; it is stored already, but for the findings."""
        self._listen()
        self._miss(session, replies)
        alarms = _Alarms.read(session, replies)
        found: list[Finding] = []
        changed: dict[Subject, Known | None] = {}
        for reply in replies:
            if reply.found is not None:
                found += self._states(reply, reply.found.states, alarms, changed)
        _store(session, changed)
        return found

    def heard(self, element: str, cause: str, name: str) -> None:
        """An event has spoken of it, and may have changed its alarm: what is read next is news. From any thread."""
        self._spoken.append((element, cause, name))

    def keep(self, session: Session, elements: Container[str]) -> None:
        """Forget all other elements."""
        gone = {subject[0] for subject in self.known if subject[0] not in elements}
        for subject in [subject for subject in self.known if subject[0] in gone]:
            self._drop(subject)
        for name in sorted(gone):
            session.execute(delete(CollectedRow).where(CollectedRow.element == name))

    def unasked(self, assigned: Container[tuple[str, str]]) -> list[Subject]:
        """What is known by collectors that do not ask any more. `assigned`: elements and collectors."""
        groups = (subjects for key, subjects in self._by_element.items() if key not in assigned)
        return sorted(subject for subjects in groups for subject in subjects)

    def let_go(self, session: Session, subjects: Iterable[Subject]) -> dict[Subject, str]:
        """Forget these. What their alarms may be known by, and the collector that told of them."""
        gone = {subject: self.known[subject] for subject in subjects}
        for subject in gone:
            self._drop(subject)
        _store(session, dict.fromkeys(gone))
        return {
            (element, cause, name): known.collector
            for (element, cause, qualifier), known in gone.items()
            for name in {qualifier, *known.names}
        }

    def _listen(self) -> None:
        spoken, self._spoken = set(self._spoken), []
        if not spoken:
            return
        elements = {element for element, _, _ in spoken}
        for subject in [subject for (element, _), known in self._by_element.items() if element in elements for subject in known]:
            if any((*subject[:2], name) in spoken for name in self.known[subject].names):
                self.known[subject] = replace(self.known[subject], told=False)

    def _miss(self, session: Session, replies: Sequence[Reply]) -> None:
        """What another daemon on this database has let go of, and cleared, is news again: here it is asked for."""
        columns = (CollectedRow.element, CollectedRow.cause, CollectedRow.qualifier)
        elements = sorted({reply.element for reply in replies})
        stored = {(*each,) for each in session.execute(select(*columns).where(CollectedRow.element.in_(elements)))}
        for reply in replies:
            for subject in self._by_element.get((reply.element, reply.collector.name), set()) - stored:
                self._drop(subject)

    def _states(
        self, reply: Reply, states: Sequence[State], alarms: "_Alarms", changed: dict[Subject, Known | None]
    ) -> Iterator[Finding]:
        listed = set()
        called = _grouped((state.rule.cause, name) for state in states for name in state.names)
        for state in states:
            subject = (reply.element, state.rule.cause, state.qualifier)
            listed.add(subject)
            yield from self._outgrown(reply, state, subject, alarms, called[state.rule.cause])
            if state.standing is not Standing.PASSING:
                yield from self._state(reply, state, subject, alarms, changed)
        rules = {rule.cause: rule for rule in reply.collector.states}
        for subject in sorted(self._by_element.get((reply.element, reply.collector.name), set()) - listed):
            if (rule := rules.get(subject[1])) is not None:
                yield from self._absent(reply, rule, subject, alarms, changed, called.get(subject[1], frozenset()))

    def _outgrown(
        self, reply: Reply, state: State, subject: Subject, alarms: "_Alarms", called: frozenset[str]
    ) -> Iterator[Finding]:
        """A name that it alone had until now, and that is nobody's (`called`: all names) since another one has it, too.

        Its alarm would never end; what it was about is told by its own name from now on.
        """
        before = self.known.get(subject)
        gone = before.names - state.names - called if before is not None else frozenset[str]()
        for name in sorted(gone & alarms.standing.get(subject[:2], frozenset())):
            text = f"{subject[0]}: {name} is the name of several now; this one is {state.qualifier}"
            yield _finding(reply, state.rule, name, before, state.shown, text, raises=False)

    def _state(
        self, reply: Reply, state: State, subject: Subject, alarms: "_Alarms", changed: dict[Subject, Known | None]
    ) -> Iterator[Finding]:
        before = self.known.get(subject)
        news = before is None or before.standing != state.standing
        since = reply.at if before is None or news else before.since
        over = state.over or (before.over if before is not None else "")
        known = Known(reply.collector.name, state.standing.value, state.shown, since, reply.at, state.names, over)
        if before is None or before.gist != known.gist:
            changed[subject] = known
        standing = alarms.of(subject, state.names)
        untold = news or (before is not None and (not before.told or not before.names <= state.names))
        if state.standing is Standing.BAD:
            doubted = before is not None and before.doubted
            if self._tells(subject, replace(known, doubted=doubted), alarms, untold=untold) and not standing:
                yield _finding(reply, state.rule, state.qualifier, before, state.shown, state.text, raises=True)
        else:
            self._put(subject, known)
            for name in standing:
                yield _finding(reply, state.rule, name, before, state.shown, state.text, raises=False)

    def _absent(  # noqa: PLR0917  one place in this class calls it
        self,
        reply: Reply,
        rule: StateRule,
        subject: Subject,
        alarms: "_Alarms",
        changed: dict[Subject, Known | None],
        called: frozenset[str],
    ) -> Iterator[Finding]:
        """`called`: all names of what is listed. What has one of them has another qualifier now, and its alarm is that one's."""
        before = self.known[subject]
        standing = alarms.of(subject, before.names)
        if rule.absent == "unknown" or before.names & called:
            self._drop(subject)
            changed[subject] = None
            for name in (name for name in standing if name not in called):
                yield _finding(reply, rule, name, before, NOT_LISTED, f"{subject[0]}: {name} is {NOT_LISTED}", raises=False)
            return
        untold = before.standing == Standing.GOOD or not before.told
        known = replace(before, standing=Standing.BAD.value, shown=NOT_LISTED)
        if before.standing == Standing.GOOD:
            known = changed[subject] = replace(known, since=reply.at)
        if self._tells(subject, known, alarms, untold=untold) and not standing:
            text = f"{subject[0]}: {rule.cause} {subject[2]}: {NOT_LISTED}"
            yield _finding(reply, rule, subject[2], before, NOT_LISTED, text, raises=True)

    def _tells(self, subject: Subject, known: Known, alarms: "_Alarms", *, untold: bool) -> bool:
        """Whether something bad is to be told of now. What is over a port is asked for once more first: a port that went down takes
        a moment to be seen, and is the better explanation.
        """
        explained = untold and alarms.is_down(subject[0], known.over)
        doubted = untold and not explained and bool(known.over) and not known.doubted
        if doubted:
            self.again.add((subject[0], known.collector))
        self._put(subject, replace(known, told=not (explained or doubted), doubted=known.doubted or doubted))
        return untold and not explained and not doubted

    def _put(self, subject: Subject, known: Known) -> None:
        before = self.known.get(subject)
        if before is not None and before.collector != known.collector:
            self._by_element[subject[0], before.collector].discard(subject)
        self.known[subject] = known
        self._by_element.setdefault((subject[0], known.collector), set()).add(subject)

    def _drop(self, subject: Subject) -> None:
        known = self.known.pop(subject)
        self._by_element[subject[0], known.collector].discard(subject)


@dataclass(frozen=True)
class _Alarms:
    """Those that stand about what collectors tell of."""

    standing: Mapping[tuple[str, str], frozenset[str]]
    """Element and cause → qualifiers."""
    down: Mapping[str, frozenset[str]]
    """Element → ports that are down."""

    @classmethod
    def read(cls, session: Session, replies: Sequence[Reply]) -> "_Alarms":
        causes = sorted({cause for reply in replies for cause in reply.collector.causes})
        elements = sorted({reply.element for reply in replies})
        rows = session.execute(
            select(AlarmRow.element, AlarmRow.cause, AlarmRow.qualifier).where(
                AlarmRow.cleared_at.is_(None),
                AlarmRow.source == "",
                AlarmRow.object == "",
                AlarmRow.cause.in_(causes),
                AlarmRow.element.in_(elements),
            )
        )
        ports = session.execute(
            select(AlarmRow.element, AlarmRow.object).where(
                AlarmRow.cleared_at.is_(None), AlarmRow.cause == LINK_DOWN, AlarmRow.element.in_(elements)
            )
        )
        return cls(
            _grouped(((element, cause), qualifier) for element, cause, qualifier in rows),
            _grouped((element, port) for element, port in ports),
        )

    def is_down(self, element: str, port: str) -> bool:
        """IOS shows Gi0/1 where the inventory may have GigabitEthernet0/1."""
        return bool(port) and any(name == port or is_short_for(name, port) for name in self.down.get(element, ()))

    def of(self, subject: Subject, names: frozenset[str]) -> list[str]:
        return sorted(self.standing.get(subject[:2], frozenset()) & (names | {subject[2]}))


def _grouped(pairs: Iterable[tuple[_Group, str]]) -> dict[_Group, frozenset[str]]:
    found: dict[_Group, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return {key: frozenset(values) for key, values in found.items()}


def meaning_of(rule: StateRule, qualifier: str, *, raises: bool) -> Meaning:
    return Meaning(rule.cause, raises, rule.severity, qualifier, probable_cause=rule.probable_cause)


def _finding(  # noqa: PLR0917  one class in this module calls it
    reply: Reply, rule: StateRule, qualifier: str, before: Known | None, shown: str, text: str, *, raises: bool
) -> Finding:
    return Finding(
        reply.collector.name,
        reply.element,
        "",
        Transition.between(before.read_at if before else None, reply.at, None),
        Source.POLL,
        {"text": text, "collector": reply.collector.name, "state": shown, "asked": asked(reply.collector)},
        meaning=meaning_of(rule, qualifier, raises=raises),
    )


def asked(collector: Collector) -> str:
    """What it asks, in short."""
    return collector.ask.command or ("an operation over NETCONF" if collector.ask.rpc else "a subtree over NETCONF")


def _store(session: Session, changed: Mapping[Subject, Known | None]) -> None:
    for (element, cause, qualifier), known in changed.items():
        same = (CollectedRow.element == element, CollectedRow.cause == cause, CollectedRow.qualifier == qualifier)
        if known is None:
            session.execute(delete(CollectedRow).where(*same))
            continue
        row = session.scalars(select(CollectedRow).where(*same)).first()
        if row is None:
            row = CollectedRow(element=element, cause=cause, qualifier=qualifier)
            session.add(row)
        row.collector, row.standing, row.shown, row.since = known.collector, known.standing, known.shown, known.since
        row.over, row.names = known.over, sorted(known.names)
    session.flush()
