"""What the day must come to, second by second, from the script and from who was asked when. It uses nothing of fabd's.

A service is down in a second if a port that it runs over is, and somebody has seen that outage of the port: an outage between two
looks leaves nothing to be counted by. Of one that was seen, the element's own clock tells the first second and the last one; a port
that was pulled out is down from when its element does not list it any more.

A link over which both ends have lost each other passes nothing, so what runs over it is down, too.

Where no port is down and an element of the service has left three questions in a row unanswered, from its last answer before to its
first one after, the second is unknown. So it is where nobody asked for longer than three intervals, unless the port itself says
that it has been as it is for all that time.

An element that answers again and began anew meanwhile, by its uptime, was dead: what runs over it was down from the first question
that it left unanswered until its ports were up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tests.agent.assurance.day.network import DAY, LENGTH, MONTH, PROMISES, SERVICES, START, Promise, Service
from tests.agent.assurance.day.plant import Asked, Edge, Log
from tests.agent.assurance.day.script import Fault, Window

Seconds = npt.NDArray[np.bool_]
"""One for each second of the day."""
SILENT_AFTER = 3
"""Questions."""
BLIND_AFTER = 180
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class Period:
    """One of a service, as far as it lies in the day."""

    service: str
    begin: int
    """Second of the day; of a month before it."""
    end: int
    agreed: int
    down: int
    unknown: int
    credit: Fraction
    """Of availability and of too many outages, together."""


class Oracle:
    def __init__(
        self,
        log: Log,
        links: dict[str, tuple[str, str]],
        faults: Sequence[Fault],
        ended: dict[str, int],
        excused: list[tuple[str, int, int]],
    ) -> None:
        self._log, self._links, self._ended = log, links, ended
        self._ports = {reference: self._port(reference) for reference in log.edges}
        self._windows = [(fault, window) for fault in faults for window in fault.windows]
        self._excused = excused
        self.down: dict[str, Seconds] = {}
        self.unknown: dict[str, Seconds] = {}
        for service in SERVICES.values():
            self._service(service)

    def periods(self, service_id: str) -> Iterator[Period]:
        """Those that have ended by the end of the day."""
        promise = PROMISES[SERVICES[service_id].customer]
        there = self._there(service_id)
        for begin, end in _spans(promise):
            inside = _between(begin, end)
            agreed = there & inside & _hours(promise) & ~self._excluded(service_id)
            agreed &= ~self._maintained(SERVICES[service_id], promise, agreed)
            down, unknown = self.down[service_id] & agreed, self.unknown[service_id] & agreed
            credit = self._availability(promise, int(agreed.sum()), int(down.sum()), int(unknown.sum()))
            credit += self._chronic(promise, service_id, end)
            if int((there & inside).sum()):
                fee = Fraction(promise.price) * int((there & inside).sum()) / (end - begin)
                paid = fee * min(credit, 100) / 100
                yield Period(service_id, begin, end, int(agreed.sum()), int(down.sum()), int(unknown.sum()), paid)

    # -- what is known of ports, elements and services

    def _service(self, service: Service) -> None:
        ports = {*service.ends, *service.transit, *(end for link in service.links for end in self._links[link])}
        down = np.zeros(LENGTH, np.bool_)
        for port in ports & self._ports.keys():
            down |= self._ports[port]
        for link in self._links.values():
            if not ports.isdisjoint(link):
                down |= self._parted(link)
        dark = np.zeros(LENGTH, np.bool_)
        for element in {port.partition("/")[0] for port in ports}:
            dark |= self._dark_to(element, down)
        for port in ports:
            dark |= self._unseen(port)
        for element in {port.partition("/")[0] for port in ports}:
            down |= self._dead(element)
        there = self._there(service.id)
        self.down[service.id], self.unknown[service.id] = down & there, dark & ~down & there

    def _dark_to(self, element: str, down: Seconds) -> Seconds:
        """As far as a service is concerned that is known to be down in these seconds.

        Where an outage is known before an element falls silent, it tells up to when all was well.
        """
        dark = np.zeros(LENGTH, np.bool_)
        for heard, called, again in _silences(self._log.asked[element]):
            fell = np.flatnonzero(down[heard:called] & ~np.concatenate(([down[heard - 1]], down[heard : called - 1])))
            dark[heard + int(fell[0]) if fell.size else heard : again] = True
        return dark

    def _dead(self, element: str) -> Seconds:
        dead = np.zeros(LENGTH, np.bool_)
        for heard, _, again in _silences(self._log.asked[element]):
            first = min(asked.second for asked in self._log.asked[element] if asked.second > heard and not asked.answered)
            for booted in self._log.booted[element]:
                if heard < booted <= again:
                    dead[first:booted] = True
        return dead

    def _there(self, service_id: str) -> Seconds:
        return _between(0, self._ended.get(service_id, LENGTH))

    def _port(self, reference: str) -> Seconds:
        element, _, name = reference.partition("/")
        looks = [asked.second for asked in self._log.asked[element] if asked.answered and name in asked.ports]
        down = np.zeros(LENGTH, np.bool_)
        for fell, rose in _outages(self._log.edges[reference]):
            begin, end = fell.second, LENGTH if rose is None else rose.second
            if not fell.told:
                begin = min((at for at in self._log.listed[element] if begin <= at < end), default=end)
                down[begin:end] = True
            elif any(fell.second <= look < end for look in looks):
                down[fell.second : end] = True
        return down

    def _parted(self, ends: tuple[str, str]) -> Seconds:
        """A link passes nothing from when its second end has lost the other, up to when one has it again.

        Once a port of it goes down, that is what counts.
        """
        lost = [np.zeros(LENGTH, np.bool_) for _ in ends]
        for seconds, port in zip(lost, ends, strict=True):
            for (begin, parted), (end, _) in pairwise([*self._log.parted.get(port, ()), (LENGTH, False)]):
                seconds[begin:end] |= parted
        parted = lost[0] & lost[1]
        for begin, end in _runs(parted):
            dark = np.flatnonzero(
                np.logical_or.reduce([self._ports[port][begin:end] for port in ends if port in self._ports] or [parted[:0]])
            )
            if dark.size:
                parted[begin + int(dark[0]) : end] = False
        return parted

    def _unseen(self, reference: str) -> Seconds:
        """While nobody asked."""
        element, _, _ = reference.partition("/")
        looks = [asked.second for asked in self._log.asked[element]]
        unseen = np.zeros(LENGTH, np.bool_)
        for before, after in pairwise(looks):
            changed = any(before < edge.second <= after for edge in self._log.edges.get(reference, ()))
            if after - before > BLIND_AFTER and changed:
                unseen[before:after] = True
        return unseen

    # -- what a contract makes of it

    def _excluded(self, service_id: str) -> Seconds:
        out = np.zeros(LENGTH, np.bool_)
        for service, begin, end in self._excused:
            if service == service_id:
                out |= _between(begin, end)
        return out

    def _maintained(self, service: Service, promise: Promise, agreed: Seconds) -> Seconds:
        """Of the agreed seconds, those under windows announced in time; no more than the allowance, the earliest first."""
        under = np.zeros(LENGTH, np.bool_)
        for fault, window in self._windows:
            if window.notice >= promise.notice_s and _is_over(fault, window, service, self._links):
                end = window.end if window.called_off is None else window.called_off
                under |= _between(fault.second + window.begin, fault.second + end)
        under &= agreed
        return under & (np.cumsum(under) <= promise.maintenance_s)

    @staticmethod
    def _availability(promise: Promise, agreed: int, down: int, unknown: int) -> int:
        counted = agreed - unknown if promise.unknown == "exclude" else agreed
        lost = down + unknown if promise.unknown == "1" else down
        if not counted or (counted - lost) * 100 >= promise.availability * counted:
            return 0
        return max((percent for below, percent in promise.credits if (counted - lost) * 100 < below * counted), default=0)

    def _chronic(self, promise: Promise, service_id: str, end: int) -> int:
        if promise.chronic is None:
            return 0
        least, seconds, percent = promise.chronic
        runs = [run for run in _runs(self.down[service_id]) if end - DAY < run[1] <= end and run[1] - run[0] >= seconds]
        return percent if len(runs) >= least and any(run[1] > end - promise.period_s for run in runs) else 0


def _outages(edges: Sequence[Edge]) -> Iterator[tuple[Edge, Edge | None]]:
    fell: Edge | None = None
    for edge in edges:
        if not edge.up:
            fell = fell or edge
        elif fell is not None:
            yield fell, edge
            fell = None
    if fell is not None:
        yield fell, None


def _silences(asked: Sequence[Asked]) -> Iterator[tuple[int, int, int]]:
    """The last answer before so many questions without one, the last of those questions, and the next answer."""
    heard, called, unanswered = 0, 0, 0
    for each in sorted(asked, key=lambda each: each.second):
        if not each.answered:
            unanswered += 1
            called = each.second if unanswered <= SILENT_AFTER else called
            continue
        if unanswered >= SILENT_AFTER:
            yield heard, called, each.second
        heard, unanswered = each.second, 0
    if unanswered >= SILENT_AFTER:
        yield heard, called, LENGTH


def _spans(promise: Promise) -> Iterator[tuple[int, int]]:
    if promise.period_s:
        yield from ((begin, begin + promise.period_s) for begin in range(0, LENGTH, promise.period_s))
    else:
        begin, end = (int((each - START).total_seconds()) for each in MONTH)
        yield begin, end


def _hours(promise: Promise) -> Seconds:
    """Seconds in which a clock on a wall in Berlin shows a time between midnight and six."""
    if not promise.night:
        return np.ones(LENGTH, np.bool_)
    shown = ((START + timedelta(seconds=second)).astimezone(BERLIN) for second in range(0, LENGTH, 60))
    return np.repeat(np.array([each.hour < 6 for each in shown]), 60)


def _is_over(fault: Fault, window: Window, service: Service, links: dict[str, tuple[str, str]]) -> bool:
    name = fault.full(window.name)
    ports = {*service.ends, *service.transit, *(end for link in service.links for end in links[link])}
    match window.kind:
        case "service":
            return name == service.id
        case "port":
            return name in ports
        case "element":
            return any(port.startswith(f"{name}/") for port in ports)


def _between(begin: int, end: int) -> Seconds:
    inside = np.zeros(LENGTH, np.bool_)
    inside[max(0, begin) : max(0, end)] = True
    return inside


def _runs(seconds: Seconds) -> list[tuple[int, int]]:
    """First second of each run, and the one after its last."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], seconds, [False])).astype(np.int8)))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))


def instant(second: int) -> datetime:
    return START + timedelta(seconds=second)
