"""Lost neighbours that nobody knows: whom to ask whether an address is theirs, and what came of it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.problems.enquiry import Enquiry
from agent.assurance.problems.whose import Owner
from agent.assurance.topology.adjacency import Place, addresses_in
from agent.assurance.topology.watchlist import Watchlist

FORGOTTEN_S = 300.0
"""An address is asked for anew that long after it was settled; elements change theirs rarely."""
UNHEARD_S = 30.0
"""Who could not be asked is asked that much later, if it is not silent then."""
MOST_UNHEARD = 50
"""Of those so many are remembered for an address."""
Talking = Callable[[Iterable[str]], frozenset[str]]
"""Which of these elements are not silent."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of asking for an address."""

    owner: Owner | None
    at: float
    """Monotonic."""
    lost: datetime | None = None
    """When a neighbour of that address was lost last, of the losses that it was asked for."""
    unheard: frozenset[str] = frozenset()
    """Elements next to who lost it, or who lost somebody themselves, that did not answer: it may be theirs."""
    losers: frozenset[str] = frozenset()
    """Who had lost somebody by then, and was asked."""

    def is_over(self, lost: datetime | None, now: float, talking: Talking, *, more_lost: bool = False) -> bool:
        """Whether more can be known now of an address that was nobody's: an element without power does not say what is its own, nor
        does one that has just started. `lost`: when such a neighbour was lost last; one that is lost anew had been found.
        `more_lost`: others have lost somebody since, and were not asked.
        """
        if self.owner is not None:
            return False
        anew = more_lost or (lost is not None and (self.lost is None or lost > self.lost))
        return anew or (bool(self.unheard) and now - self.at >= UNHEARD_S and bool(talking(self.unheard)))


@dataclass
class Strangers:
    """Addresses that lost neighbours are called by, and that are nobody's as far as inventory and collectors know."""

    _enquiry: Enquiry = field(default_factory=Enquiry)
    _told: dict[str, Told] = field(default_factory=dict)
    """Address → what came of asking for it."""
    _lost: Mapping[str, datetime] = field(default_factory=dict)
    """Address → when a neighbour of that address was lost last."""
    _losers: frozenset[str] = frozenset()
    """Who had lost somebody when that was looked at last, if there were several."""
    _unheard: dict[str, set[str]] = field(default_factory=dict)
    """Address that is being asked for → elements next to who lost it, and others that could not be asked; not who has answered."""
    _again: frozenset[str] = frozenset()
    """Addresses that were nobody's: those that nobody was asked for go before them."""

    @property
    def owners(self) -> dict[str, Owner]:
        """Address → the one element that said that it is its own."""
        return {address: told.owner for address, told in self._told.items() if told.owner is not None}

    def wanted(
        self, watchlist: Watchlist, alarms: Sequence[Alarm], places: Mapping[str, Place], now: float, talking: Talking
    ) -> dict[str, frozenset[str]]:
        """Element → addresses that may be its own, of neighbours that nobody knows and nobody was asked for lately.

        Those next to the one that lost it, and those that lost somebody themselves, unless they are silent.
        A storm names thousands of either; what finds no place in one turn is asked for in the next ones.
        `alarms`: of lost neighbours, `places`: of those that somebody knows, by the alarm's id. `now`: monotonic.
        """
        strange = [(alarm, {address for address, _ in addresses_in(alarm.qualifier)}) for alarm in alarms if alarm.id not in places]
        self._lost = _last((address, alarm.raised_at) for alarm, addresses in strange for address in addresses)
        losers = talking(frozenset(alarm.element for alarm in alarms) & watchlist.elements.keys())
        self._losers = losers if len(losers) > 1 else frozenset()
        self._forget(now, talking)
        strange.sort(key=lambda each: not each[1].isdisjoint(self._again))
        for alarm, addresses in strange:
            self._ask_around(addresses - self._told.keys(), watchlist, alarm.element, talking)
        self._enquiry.ask(self._enquiry.addresses, self._losers)
        return self._enquiry.turn()

    def learn(self, answers: Mapping[str, Mapping[str, int] | None], now: float) -> bool:
        """`answers`: element → address of its own → ifIndex; None for one that could not be asked.

        Tells whether it is known of any address now whose it is.
        """
        self._note_unheard(answers)
        settled = self._enquiry.hear(answers)
        for address, owner in settled.items():
            unheard = self._unheard.pop(address, set())
            self._told[address] = Told(owner, now, self._lost.get(address), frozenset(unheard), self._losers)
        return any(settled.values())

    def _ask_around(self, addresses: AbstractSet[str], watchlist: Watchlist, element: str, talking: Talking) -> None:
        """Those next to the element that lost them."""
        if not addresses or not self._enquiry.has_room(addresses):
            return
        neighbours = watchlist.neighbours([element])
        near = talking(neighbours)
        if near or self._losers:
            for address in addresses:
                self._unheard.setdefault(address, set()).update(neighbours - self._enquiry.asked(address))
            self._enquiry.ask(addresses, near)

    def _note_unheard(self, answers: Mapping[str, Mapping[str, int] | None]) -> None:
        turn = self._enquiry.turn()
        for element, own in answers.items():
            for address in turn.get(element, ()):
                unheard = self._unheard.setdefault(address, set())
                if own is not None:
                    unheard.discard(element)
                elif len(unheard) < MOST_UNHEARD:
                    unheard.add(element)

    def _forget(self, now: float, talking: Talking) -> None:
        """What was long ago, and where more can be known now."""
        more = {losers: bool(self._losers - losers) for losers in {each.losers for each in self._told.values()}}
        over = {
            address
            for address, each in self._told.items()
            if each.is_over(self._lost.get(address), now, talking, more_lost=more[each.losers])
        }
        self._told = {address: each for address, each in self._told.items() if now - each.at < FORGOTTEN_S and address not in over}
        self._again = (self._again | over) & self._lost.keys()


def _last(lost: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """For each address the latest."""
    found: dict[str, datetime] = {}
    for address, at in lost:
        found[address] = max(at, found.get(address, at))
    return found
