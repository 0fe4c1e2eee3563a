"""Links that pass nothing though their ports are up: found out, followed to their end, and named as the root of what they break.

What is looked at are the standing alarms of lost neighbours, what collectors still see, what the counters of the ports show, and
what is measured of services. `silence` has the rule. A named link is a failure of both its ports, so that causes, services, tickets
and maintenance follow as they do from a cut; it ends when a neighbour is found again over it, or when a port goes down, which
explains better. The alarms of neighbours that were lost over it are its symptoms, and so are those of sessions that have no way
left around it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import Alarm, load_ids
from agent.assurance.alarms.board import Board
from agent.assurance.alarms.causes import LINK_DOWN, LINK_SILENT, UNREACHABLE
from agent.assurance.alarms.ledger import Ledger
from agent.assurance.collection.poller import Visit
from agent.assurance.findings import Finding, FindingKind, Meaning, Source, Transition
from agent.assurance.problems.correlator import Patience
from agent.assurance.problems.measuredloss import MeasuredLoss
from agent.assurance.problems.neighbours import SUSPECTED, Neighbours, found_again, noted, standing, subject_of
from agent.assurance.problems.sight import Sight
from agent.assurance.problems.silentsymptoms import id_of, place_among_causes
from agent.assurance.topology.adjacency import PROTOCOLS
from agent.assurance.topology.correlation import LINK, Failures, element_of
from agent.assurance.topology.passing import Octets, Passing
from agent.assurance.topology.silence import Ends, Found, Verdict, judge
from agent.assurance.topology.watchlist import Watchlist
from drivers.snmp.columns import Column
from inventory.topology import split_reference
from policies.values import Severity

ANEW_S = 60
"""What stands is looked at that often, whether anything of it has changed or not: counters tell more with time."""
Losses = Mapping[str, Mapping[str, Sequence[Alarm]]]
"""Link → port at its end, as element/port → alarms of neighbours that were lost over it there; no empty ones."""


@dataclass(frozen=True, slots=True)
class Judged:
    found: Found
    ends: Ends
    back: datetime | None
    """When its ports came up, or its elements were heard again, last; None for what is not known to have been otherwise."""

    @property
    def verdict(self) -> Verdict:
        return self.found.verdict


@dataclass(frozen=True, slots=True)
class Wanted:
    """What would tell more of links that may pass nothing."""

    read: frozenset[str] = frozenset()
    """Elements whose ports should be read soon."""
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Element → addresses that may be its own."""


@dataclass
class SilentLinks:
    """What it remembers only helps to be sure sooner; after a failed transaction make a new one."""

    patience: Patience
    _neighbours: Neighbours = field(default_factory=Neighbours)
    _passing: Passing = field(default_factory=Passing)
    measured: MeasuredLoss = field(default_factory=MeasuredLoss)
    _unsettled: bool = True
    _seen: frozenset[object] = frozenset()

    def read(self, visit: Visit) -> None:
        """Take from a round what it counted at the ends of the links that are looked at."""
        wanted = frozenset(self._passing.ports)
        if not wanted:
            return
        for row, reference in enumerate(visit.references):
            batch = visit.batch
            if (
                reference in wanted
                and batch.read[row]
                and batch.present[Column.IN_OCTETS, row]
                and batch.present[Column.OUT_OCTETS, row]
            ):
                received, sent = int(batch.values[Column.IN_OCTETS, row]), int(batch.values[Column.OUT_OCTETS, row])
                self._passing.read(reference, Octets(float(batch.monotonic[row]), received, sent))

    def is_due(self, session: Session, board: Board, at: datetime) -> bool:
        """Whether there is anything to be found out, or to be settled. Mostly no neighbour is lost, and that is quickly seen."""
        seen = frozenset(
            [
                *((*alarm, int(at.timestamp() // ANEW_S)) for alarm in noted(session)),
                *((alarm.id, alarm.cause) for alarm in board.alarms if alarm.cause in {LINK_SILENT, LINK_DOWN}),
                *self.measured.losing(at),
            ]
        )
        due = self._unsettled or seen != self._seen
        self._seen, self._unsettled = seen, False
        return due

    def look(self, session: Session, board: Board, watchlist: Watchlist, at: datetime, now: float) -> tuple[Sight, list[Finding]]:
        """What stands, and what follows of it for links. `now`: monotonic."""
        sight = self._sight(session, board, watchlist, at, now)
        found = [finding for link, alarms in sight.silent.items() for finding in self._ended(session, board, sight, link, alarms)]
        losses = sight.losses
        if not losses and not self.measured.losing(at):
            self._passing.watch({link: ends for link, ends in watchlist.network.links.items() if link in sight.silent})
            return sight, [*found, *self._suspicions(sight, {})]
        failures = board.failures
        failing = self.measured.links(session, watchlist, failures, at)
        open_links = {link for link in {*losses, *failing} if not set(watchlist.network.links[link]) & failures.down}
        self._passing.watch({link: watchlist.network.links[link] for link in sorted(open_links | sight.silent.keys())})
        judged = self._judged(session, sight, losses, failing, failures, now)
        for link, each in sorted(judged.items()):
            if each.verdict is Verdict.SILENT:
                found += _named(link, each, losses[link], at)
            young = link in losses and self.patience.waits(_begun(losses[link]) + self.patience.recheck, at)
            self._unsettled |= each.verdict is Verdict.OPEN or young
        return sight, [*found, *self._suspicions(sight, judged)]

    def wants(self, sight: Sight, now: float, talking: Callable[[Iterable[str]], frozenset[str]]) -> "Wanted":
        """`now`: monotonic. `talking`: which of these elements are not silent."""
        asked: Mapping[str, frozenset[str]] = {}
        if sight.watchlist.network.links:
            asked = self._neighbours.unknown(sight.watchlist, sight.alarms, sight.places, now, talking)
        return Wanted(self._to_read(sight), asked)

    def learn(self, answers: Mapping[str, Mapping[str, int] | None], now: float) -> None:
        """`answers`: element → address of its own → ifIndex; None for one that could not be asked. `now`: monotonic."""
        self._neighbours.learn(answers, now)
        self._unsettled = True

    def _to_read(self, sight: Sight) -> frozenset[str]:
        young = {
            element_of(port)
            for link, ends in sight.losses.items()
            if link not in sight.silent
            for alarms in ends.values()
            for port in sight.watchlist.network.links[link]
            if self.patience.waits(_lost_at(alarms) + self.patience.recheck, sight.at)
        }
        return frozenset(young & sight.watchlist.elements.keys())

    def follow(self, ledger: Ledger, board: Board, sight: Sight) -> None:
        """Give the alarms of lost neighbours their place among causes; problems are there by now."""
        self._unsettled |= place_among_causes(ledger, board, sight, self.patience)

    # -- what is known

    def _sight(self, session: Session, board: Board, watchlist: Watchlist, at: datetime, now: float) -> Sight:
        links, way_of = watchlist.network.links, watchlist.network.way_of
        silent: dict[str, list[Alarm]] = {}
        for alarm in board.alarms:
            if alarm.cause == LINK_SILENT and (way := way_of.get(alarm.reference)) is not None:
                silent.setdefault(way.link, []).append(alarm)
        alarms = standing(session)
        told = tuple(alarm for alarm in alarms if alarm.cause in PROTOCOLS and alarm.element in watchlist.topology.elements)
        suspected = {
            way.link if (way := way_of.get(alarm.reference)) else alarm.reference: alarm
            for alarm in alarms
            if alarm.cause == SUSPECTED
        }
        places = self._neighbours.of(session, watchlist, told, now) if told and links else {}
        return Sight(watchlist, at, told, places, suspected, {link: tuple(some) for link, some in sorted(silent.items())})

    def _judged(  # noqa: PLR0917  one place in this class calls it
        self,
        session: Session,
        sight: Sight,
        losses: Losses,
        failing: Mapping[str, tuple[str, ...]],
        failures: Failures,
        now: float,
    ) -> dict[str, Judged]:
        """Of each link that is not named yet and that anything speaks against."""
        links = sight.watchlist.network.links
        kept = self._kept(session, sight, losses, now)
        ambiguous = _ambiguous(losses, kept)
        back = _back(session, {link: links[link] for link in {*losses, *failing} - sight.silent.keys()})
        judged: dict[str, Judged] = {}
        for link in sorted({*losses, *failing} - sight.silent.keys()):
            ends, some = links[link], losses.get(link, {})
            lost = {port: tuple(sorted({PROTOCOLS[alarm.cause] for alarm in alarms})) for port, alarms in some.items()}
            polled = all(element_of(port) in sight.watchlist.elements for port in ends)
            arrives = {port: self._passing.arrives(link, port) for port in ends} if polled else {}
            since = max([_begun(some) if some else self.measured.since(failing[link]), *back.get(link, ())])
            known = Ends(ends, lost, kept.get(link, {}), arrives, failing.get(link, ()))
            found = judge(
                known,
                failures,
                ambiguous=ambiguous,
                waited=not self.patience.waits(since + self.patience.hold, sight.at),
                patient=not self.patience.waits(since + self.patience.recheck, sight.at),
            )
            judged[link] = Judged(found, known, max(back.get(link, ()), default=None))
        return judged

    def _kept(self, session: Session, sight: Sight, losses: Losses, now: float) -> dict[str, dict[str, tuple[str, ...]]]:
        """Link → port → protocols that have a neighbour over it, as far as anybody knows."""
        lost = {subject_of(alarm) for alarm in sight.alarms}
        ends = {element_of(port) for link in losses for port in sight.watchlist.network.links[link]}
        found: dict[str, dict[str, set[str]]] = {}
        for subjects, way in self._neighbours.kept(session, sight.watchlist, ends, now):
            if not subjects & lost:
                found.setdefault(way.link, {}).setdefault(way.near, set()).update(PROTOCOLS[each.cause] for each in subjects)
        begun = [_lost_at(alarms) for some in losses.values() for alarms in some.values()]
        back = found_again(session, min(begun)) if begun else []
        for alarm_id_, place in self._neighbours.of(session, sight.watchlist, back, now).items() if back else ():
            alarm = next(each for each in back if each.id == alarm_id_)
            if place.way is None or place.way.link not in losses or alarm.cleared_at is None:
                continue
            if all(alarm.cleared_at >= _lost_at(alarms) for alarms in losses[place.way.link].values()):
                found.setdefault(place.way.link, {}).setdefault(place.way.near, set()).add(PROTOCOLS[alarm.cause])
        return {link: {port: tuple(sorted(some)) for port, some in ports.items()} for link, ports in found.items()}

    # -- what follows

    def _ended(self, session: Session, board: Board, sight: Sight, link: str, alarms: Sequence[Alarm]) -> Iterator[Finding]:
        """A link that was named, and passes again or is down by its ports' own word."""
        ends = sight.watchlist.network.links[link]
        down = [alarm for key in ends for alarm in board.at(f"port:{key}") if alarm.cause == LINK_DOWN]
        standing_ = {alarm.id for alarm in sight.alarms}
        gone = sorted({each for alarm in alarms for each in alarm.why.get("lost", ()) if each not in standing_})
        if down:
            instant, because = min(alarm.raised_at for alarm in down), f"{down[0].reference} says that it is down"
        elif gone:
            instant, because = _cleared(session, gone, sight.at)
        else:
            return
        for alarm in alarms:
            moment = max(instant, alarm.raised_at)
            detail = {"text": f"link {link}: {because}", "because": because}
            yield Finding(
                FindingKind.LINK_PASSES, alarm.element, alarm.object, Transition(moment, moment, sight.at), Source.VERIFY, detail
            )

    @staticmethod
    def _suspicions(sight: Sight, judged: Mapping[str, Judged]) -> Iterator[Finding]:
        """As they are now."""
        for link, each in sorted(judged.items()):
            if each.verdict is Verdict.SUSPECTED:
                text = f"link {link} may pass nothing: {each.found.because}"
                known = sight.suspected.get(link)
                if known is None or known.text != text:
                    yield _suspicion(known.reference if known else min(each.ends.ports), text, sight.at, raises=True)
        for link, alarm in sorted(sight.suspected.items()):
            now = judged.get(link)
            if now is None or now.verdict in {Verdict.WELL, Verdict.SILENT}:
                why = now.found.because if now is not None else ""
                yield _suspicion(alarm.reference, why or "nothing speaks against it any more", sight.at, raises=False)


def _named(link: str, judged: Judged, lost: Mapping[str, Sequence[Alarm]], at: datetime) -> Iterator[Finding]:
    """One alarm for each end, as a cut has."""
    begun = min(_lost_at(alarms) for alarms in lost.values())
    instant = begun if judged.back is None else max(begun, judged.back)
    ids = sorted(alarm.id for alarms in lost.values() for alarm in alarms)
    text = f"link {link} passes nothing, though both of its ports are up: {judged.found.because}"
    for port in judged.ends.ports:
        element, _, name = split_reference(port)
        detail = {"text": text, "because": judged.found.because, LINK: link, "lost": ids}
        yield Finding(FindingKind.LINK_SILENT, element, name, Transition(instant, instant, at), Source.VERIFY, detail)


def _suspicion(reference: str, text: str, at: datetime, *, raises: bool) -> Finding:
    element, _, name = split_reference(reference)
    meaning = Meaning(SUSPECTED, raises, Severity.WARNING, probable_cause="communicationsSubsystemFailure")
    kind = SUSPECTED if raises else "linkNotSuspected"
    return Finding(kind, element, name, Transition.at(at), Source.VERIFY, {"text": text}, meaning=meaning)


def _lost_at(alarms: Iterable[Alarm]) -> datetime:
    """When an end had lost the last of them."""
    return max(alarm.raised_at for alarm in alarms)


def _cleared(session: Session, ids: Sequence[str], at: datetime) -> tuple[datetime, str]:
    """When the first of these neighbours was found again, and which one."""
    back = [alarm for alarm in load_ids(session, ids) if alarm.cleared_at is not None]
    if not back:
        return at, "what told of it is not kept any more"
    first = min(back, key=lambda alarm: (alarm.cleared_at or at, alarm.id))
    return first.cleared_at or at, f"{first.element} has its {PROTOCOLS.get(first.cause, first.cause)} neighbour again"


def _back(session: Session, links: Mapping[str, tuple[str, str]]) -> dict[str, list[datetime]]:
    """Link → when its ports came up, or its elements were heard again: neighbours take a while to find each other then."""
    over: dict[str, set[str]] = {}
    for link, ends in links.items():
        for reference in {*ends, *map(element_of, ends)}:
            over.setdefault(reference, set()).add(link)
    ids = {id_of(each, cause) for each in over for cause in ((LINK_DOWN, LINK_SILENT) if "/" in each else (UNREACHABLE,))}
    found: dict[str, list[datetime]] = {}
    for alarm in load_ids(session, ids):
        if alarm.cleared_at is not None:
            for link in over[alarm.reference]:
                found.setdefault(link, []).append(alarm.cleared_at)
    return found


def _begun(lost: Mapping[str, Sequence[Alarm]]) -> datetime:
    """When the last end had lost the last of them."""
    return max(_lost_at(alarms) for alarms in lost.values())


def _ambiguous(losses: Losses, kept: Mapping[str, Mapping[str, object]]) -> frozenset[str]:
    """Elements that lost their neighbours over all of several links: their routing is as likely as that many links at once."""
    links: dict[str, set[str]] = {}
    for link, ports in losses.items():
        for port in ports:
            links.setdefault(element_of(port), set()).add(link)
    well = {element_of(port) for link, ports in kept.items() if link not in losses for port in ports}
    return frozenset(element for element, some in links.items() if len(some) > 1 and element not in well)
