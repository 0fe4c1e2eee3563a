"""Root cause kept up with change by change says what a look at the whole says, and looks at no more than what is affected."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.assurance.topology.correlation import Network, correlate, walk
from agent.assurance.topology.docket import Docket
from agent.assurance.topology.reach import Reach

NAMES = "abcdefgh"


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Up to eight elements, links between any of them, some twice; the poller at none, one or two of them."""
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1]), max_size=14)
    )
    links = {f"l{number}": (f"{a}/{number}", f"{b}/{number}") for number, (a, b) in enumerate(pairs)}
    return Network(frozenset(NAMES), links, draw(st.frozensets(st.sampled_from(NAMES), max_size=2)))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Network, list[dict[str, bool]]]:
    network = draw(networks())
    keys = [f"element:{name}" for name in NAMES]
    keys += [f"port:{port}" for ends in network.links.values() for port in ends] + ["port:a/customer", "port:h/customer"]
    return network, draw(st.lists(st.dictionaries(st.sampled_from(keys), st.booleans(), min_size=1, max_size=5), max_size=12))


@settings(max_examples=400)
@given(histories())
def test_verdicts_follow_every_change(history: tuple[Network, list[dict[str, bool]]]) -> None:
    network, steps = history
    docket = Docket(network)
    for step in steps:
        before = dict(docket.verdicts)
        news = docket.change(step)
        whole = correlate(network, docket.failures)
        assert docket.verdicts == whole
        assert news == {key for key in before.keys() | whole.keys() if before.get(key) != whole.get(key)}


@settings(max_examples=200)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_the_news_does_not_matter(history: tuple[Network, list[dict[str, bool]]], random: object) -> None:
    network, steps = history
    final = {key: fails for step in steps for key, fails in step.items()}
    one, other = Docket(network), Docket(network)
    for key, fails in final.items():
        one.change({key: fails})
    shuffled = list(final.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for key, fails in shuffled:
        other.change({key: fails})
    assert one.verdicts == other.verdicts


@given(histories())
def test_reach_is_what_a_walk_from_the_start_finds(history: tuple[Network, list[dict[str, bool]]]) -> None:
    network, steps = history
    docket, reach = Docket(network), Reach(network)
    for step in steps:
        before = {name for name in NAMES if name in reach}
        docket.change(step)
        moved = reach.change(step)
        after = walk(network, docket.failures)
        assert {name for name in NAMES if name in reach} == after
        assert moved == before ^ after


def test_a_failure_far_from_a_great_part_out_of_reach_looks_only_at_its_own_surroundings() -> None:
    """Two long chains from one poller: what happens in the one costs the other nothing."""
    links = {f"{side}{i}": (f"{side}{i}/out", f"{side}{i + 1}/in") for side in "lr" for i in range(200)}
    links |= {"left": ("poller/l", "l0/in"), "right": ("poller/r", "r0/in")}
    elements = frozenset({"poller", *(f"{side}{i}" for side in "lr" for i in range(201))})
    docket = Docket(Network(elements, links, frozenset({"poller"})))
    everything = {f"element:l{i}": True for i in range(201)} | {"port:poller/l": True}
    assert len(docket.change(everything)) == 202
    asked: list[str] = []
    docket.network.__dict__["ways"] = _Counting(docket.network.ways, asked)
    assert docket.change({"port:r150/customer": True}) == {"port:r150/customer"}
    assert set(asked) <= {f"r{i}" for i in range(145, 156)}


class _Counting(dict[str, object]):
    def __init__(self, known: object, asked: list[str]) -> None:
        super().__init__(known)  # type: ignore[call-overload]
        self._asked = asked

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self._asked.append(key)
        return super().get(key, default)
