"""Addresses that are being asked for: each is settled when every element whose it may be was asked, however many that are. Pure."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from agent.assurance.problems.whose import MOST_ADDRESSES, MOST_ELEMENTS, Owner


@dataclass
class Enquiry:
    """For `MOST_ADDRESSES` at a time, so that each element can be asked for all of them at once."""

    _left: dict[str, set[str]] = field(default_factory=dict)
    """Element → addresses that it is still to be asked for; no empty ones."""
    _asked: dict[str, set[str]] = field(default_factory=dict)
    """Address → elements that are asked for it, or were."""
    _owners: dict[str, list[Owner]] = field(default_factory=dict)
    """Address → those who said that it is theirs."""

    @property
    def addresses(self) -> frozenset[str]:
        """That are not settled."""
        return frozenset(self._asked)

    def has_room(self, addresses: Iterable[str]) -> bool:
        return len({*self._asked, *addresses}) <= MOST_ADDRESSES

    def asked(self, address: str) -> AbstractSet[str]:
        """Who is asked for it, or was; nobody once it is settled."""
        return self._asked.get(address, frozenset())

    def ask(self, addresses: Iterable[str], elements: Iterable[str]) -> None:
        """These elements, too, may have these addresses; nobody is asked twice."""
        everybody = frozenset(elements)
        for address in addresses:
            asked = self._asked.setdefault(address, set())
            for element in everybody - asked:
                self._left.setdefault(element, set()).add(address)
            asked |= everybody

    def turn(self) -> dict[str, frozenset[str]]:
        """Who is asked next, and for what; the same until `hear` says what came of it."""
        return {element: frozenset(self._left[element]) for element in sorted(self._left)[:MOST_ELEMENTS]}

    def hear(self, answers: Mapping[str, Mapping[str, int] | None]) -> dict[str, Owner | None]:
        """`answers`: element → address of its own → ifIndex; None for one that could not be asked.

        Gives the addresses that are settled by it: None for those of nobody, or of several.
        """
        for element, own in answers.items():
            for address in self._left.pop(element, ()):
                if number := (own or {}).get(address):
                    self._owners.setdefault(address, []).append(Owner(element, number))
        settled = sorted(self._asked.keys() - set().union(*self._left.values()))
        owners = {address: self._owners.pop(address, []) for address in settled}
        self._asked = {address: elements for address, elements in self._asked.items() if address not in owners}
        return {address: some[0] if len(some) == 1 else None for address, some in owners.items()}
