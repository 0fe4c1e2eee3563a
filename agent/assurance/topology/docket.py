"""The verdicts on all that fails, kept up with: a change leads to new verdicts where it can matter, and nowhere else."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from agent.assurance.topology.correlation import ELEMENT, Case, Failures, Network, Verdict, element_of
from agent.assurance.topology.reach import Reach


class Docket:
    """`correlate`, bit by bit: after any sequence of changes it says what `correlate` says of the failures as they are then."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._reach = Reach(network)
        self._failing: dict[str, set[str]] = {}
        """Element → keys of what fails there."""
        self.verdicts: dict[str, Verdict] = {}

    @property
    def failures(self) -> Failures:
        return Failures(self._reach.silent, self._reach.down)

    def change(self, changes: Mapping[str, bool]) -> set[str]:
        """Key → whether it fails now; gives the keys whose verdict came, changed or went."""
        moved = self._reach.change(changes)
        for key, fails in changes.items():
            there = self._failing.setdefault(_element(key), set())
            (there.add if fails else there.discard)(key)
        case = Case(self.network, self.failures, self._reach)
        news = {key for key, fails in changes.items() if not fails and self.verdicts.pop(key, None) is not None}
        for element in self._affected(case, moved, changes):
            for key in self._failing.get(element, ()):
                verdict = case.verdict(key)
                if self.verdicts.get(key) != verdict:
                    self.verdicts[key] = verdict
                    news.add(key)
        return news

    def _affected(self, case: Case, moved: AbstractSet[str], changes: Iterable[str]) -> set[str]:
        """A verdict is made of what is known of its element, the neighbours, theirs, and of the part out of reach it lies in."""
        near = moved | {element for key in changes for element in self._ends(key)}
        for _ in range(2):
            near = near | {way.to for element in near for way in self.network.ways.get(element, ())}
        affected, seen = set(near), set[str]()
        for element in near:
            if element not in seen and element in self.network.elements:
                part = case.part(element)
                seen |= part
                affected |= part
        return affected

    def _ends(self, key: str) -> set[str]:
        name = key.partition(":")[2]
        way = None if key.startswith(ELEMENT) else self.network.way_of.get(name)
        return {_element(key)} if way is None else {_element(key), way.to}


def _element(key: str) -> str:
    return element_of(key.partition(":")[2])
