"""Root cause over the topology, on the pictures that a NOC knows, and whatever order the news comes in."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.topology.correlation import Failures, Network, Standing, at_worst, correlate, element_of


def network(links: Iterable[str], *, attached: Iterable[str] = ()) -> Network:
    """Links written `a-b`; the ports are named after the far end."""
    ends = {link: tuple(link.split("-")) for link in links}
    elements = frozenset(element for pair in ends.values() for element in pair)
    return Network(elements, {link: (f"{a}/{b}", f"{b}/{a}") for link, (a, b) in ends.items()}, frozenset(attached))


CHAIN = network(["a-b", "b-c", "c-d"], attached=["a"])
RING = network(["a-b", "b-c", "c-d", "a-d"], attached=["a"])
BESIDE = network(["a-b", "b-c", "c-d", "a-d"])


@pytest.mark.parametrize(
    ("case", "net", "silent", "down", "expected"),
    [
        ("nothing fails", CHAIN, "", "", {}),
        (
            "one cut isolates the rest",
            CHAIN,
            "b c d",
            "a/b",
            {"port:a/b": "ROOT link:a-b", "element:b": "link:a-b", "element:c": "link:a-b", "element:d": "link:a-b"},
        ),
        ("both ends of a cut are one root", RING, "", "a/b b/a", {"port:a/b": "ROOT link:a-b", "port:b/a": "ROOT link:a-b"}),
        ("one end only", RING, "", "b/a", {"port:b/a": "ROOT link:a-b"}),
        (
            "the far end is out of sight, but its last word tells of the same cut",
            CHAIN,
            "b c d",
            "a/b b/a",
            {"port:a/b": "ROOT link:a-b", "port:b/a": "ROOT link:a-b", "element:b": "link:a-b"},
        ),
        ("an agent dies, the links live", CHAIN, "b c d", "", {"element:b": "ROOT element:b", "element:c": "element:b"}),
        (
            "a node loses power in a ring",
            RING,
            "c",
            "b/c d/c",
            {"element:c": "ROOT element:c", "port:b/c": "element:c", "port:d/c": "element:c"},
        ),
        (
            "a node loses power beside the network",
            BESIDE,
            "c",
            "b/c d/c",
            {"element:c": "ROOT element:c", "port:b/c": "element:c", "port:d/c": "element:c"},
        ),
        (
            "an agent dies while another link is cut",
            BESIDE,
            "c",
            "b/c",
            {"element:c": "ROOT element:c", "port:b/c": "ROOT link:b-c"},
        ),
        (
            "two cuts isolate a part: its symptoms name both",
            RING,
            "c",
            "a/b a/d",
            {"port:a/b": "ROOT link:a-b", "port:a/d": "ROOT link:a-d", "element:c": "link:a-b link:a-d"},
        ),
        (
            "a node loses power, and those behind it answer beside the network",
            CHAIN,
            "b",
            "a/b c/b",
            {"element:b": "ROOT element:b", "port:a/b": "element:b", "port:c/b": "element:b"},
        ),
        ("a customer's port", CHAIN, "", "d/customer", {"port:d/customer": "ROOT port:d/customer"}),
        (
            "a customer's port that went down before sight was lost",
            CHAIN,
            "b c d",
            "a/b d/customer",
            {"port:d/customer": "link:a-b"},
        ),
        ("several independent roots", BESIDE, "a", "c/x", {"element:a": "ROOT element:a", "port:c/x": "ROOT port:c/x"}),
    ],
)
def test_the_pictures_of_a_noc(case: str, net: Network, silent: str, down: str, expected: dict[str, str]) -> None:
    verdicts = correlate(net, Failures(frozenset(silent.split()), frozenset(down.split())))
    shown = {
        key: ("ROOT " if verdict.standing is Standing.ROOT else "") + " ".join(verdict.roots) for key, verdict in verdicts.items()
    }
    assert {key: shown[key] for key in expected} == expected, case
    assert len(shown) == len(silent.split()) + len(down.split())


def test_an_element_that_the_inventory_links_to_nothing_speaks_for_itself() -> None:
    lonely = Network(frozenset({"a", "z"}), {}, frozenset({"a"}))
    verdict = correlate(lonely, Failures(silent=frozenset({"z"})))["element:z"]
    assert (verdict.standing, verdict.roots) == (Standing.ROOT, ("element:z",))


@pytest.mark.parametrize(
    ("case", "net", "down", "suspect", "symptom"),
    [
        ("beyond the cut there is no other way to it", CHAIN, "a/b", "b", False),
        ("in a ring it may be the node", RING, "b/c", "c", True),
        ("beside the network its silence is a second sign", BESIDE, "b/c", "c", True),
        ("it is not behind this cut", RING, "a/b", "c", False),
    ],
)
def test_at_worst_a_suspect_is_the_cause_where_it_can_be(case: str, net: Network, down: str, suspect: str, symptom: bool) -> None:
    verdicts = correlate(net, at_worst(net, Failures(down=frozenset({down})), {suspect}))
    assert (verdicts[f"port:{down}"].standing is Standing.SYMPTOM) is symptom, case


NAMES = "abcdefg"


@st.composite
def cases(draw: st.DrawFn) -> tuple[Network, list[str], list[str]]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12, unique=True))
    links = [f"{a}-{b}" for a, b in pairs if a < b]
    net = network(links, attached=draw(st.lists(st.sampled_from(NAMES), max_size=2)))
    net = Network(net.elements | set(NAMES), net.links, net.attachments)
    ports = [port for ends in net.links.values() for port in ends] + [f"{name}/customer" for name in NAMES]
    silent = draw(st.lists(st.sampled_from(NAMES), unique=True))
    down = draw(st.lists(st.sampled_from(ports), unique=True))
    return net, silent, down


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_news_and_of_the_inventory_does_not_matter(case: tuple[Network, list[str], list[str]], random: Random) -> None:
    net, silent, down = case
    expected = correlate(net, Failures(frozenset(silent), frozenset(down)))
    links = list(net.links.items())
    for items in (silent, down, links):
        random.shuffle(items)
    turned = {name: (b, a) if random.random() < 0.5 else (a, b) for name, (a, b) in links}
    again = correlate(Network(net.elements, turned, net.attachments), Failures(frozenset(silent), frozenset(down)))
    assert {key: (v.standing, v.roots) for key, v in again.items()} == {key: (v.standing, v.roots) for key, v in expected.items()}


@given(cases())
def test_every_failure_is_a_root_or_names_one_that_something_is_the_root_of(case: tuple[Network, list[str], list[str]]) -> None:
    net, silent, down = case
    verdicts = correlate(net, Failures(frozenset(silent), frozenset(down)))
    assert set(verdicts) == {f"element:{each}" for each in silent} | {f"port:{each}" for each in down}
    owned = {verdict.roots[0] for verdict in verdicts.values() if verdict.standing is Standing.ROOT}
    for key, verdict in verdicts.items():
        assert verdict.roots, key
        assert set(verdict.roots) <= owned, key


@given(cases())
def test_without_silence_every_port_that_is_reached_is_its_own_root(case: tuple[Network, list[str], list[str]]) -> None:
    net, _, down = case
    net = Network(net.elements, net.links)
    for key, verdict in correlate(net, Failures(down=frozenset(down))).items():
        assert verdict.standing is Standing.ROOT, key
        assert element_of(key.partition(":")[2]) in net.elements


def test_a_symptom_belongs_to_the_nearest_of_its_roots() -> None:
    town = network(["n-a", "n-b", "a-b", "b-c", "c-d"], attached=["n"])
    found = correlate(town, Failures(silent=frozenset("abcd")))
    roots = {key: verdict.roots for key, verdict in found.items()}
    both = ("element:b", "element:a")
    assert roots == {"element:a": ("element:a",), "element:b": ("element:b",), "element:c": both, "element:d": both}
