import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.diff import xmltree
from drivers.diff.moulds import KNOWN, LONGEST, WAYS, Made, Moulds
from drivers.platform import XmlRules, load_platform

IETF = load_platform("ietf").xml_rules
IF, IP = IETF.namespaces["if"], IETF.namespaces["ip"]
IANA = 'xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type"'


def read(text: str) -> Made:
    return xmltree._make(IETF, text)


def moulds() -> Moulds:
    return Moulds(xmltree._make, ["nc"])


def rendered(values: Sequence[str]) -> str:
    """Two ports as a template renders them, with 4 values each."""
    return f'<interfaces xmlns="{IF}">\n{"".join(map(_port, (values[:4], values[4:])))}</interfaces>\n'


def _port(values: Sequence[str]) -> str:
    name, description, kind, address = values
    return (
        f"  <interface>\n    <name>{name}</name>\n    <description>{description}</description>\n    <type {IANA}>{kind}</type>\n"
        f'    <enabled>true</enabled>\n    <ipv4 xmlns="{IP}">\n      <address>\n        <ip>{address}</ip>\n'
        "        <prefix-length>31</prefix-length>\n      </address>\n    </ipv4>\n  </interface>\n"
    )


PLAIN = (
    "ge-0/0/1",
    "internet access",
    "ianaift:ethernetCsmacd",
    "10.0.0.0",
    "ge-0/0/2",
    "of pe1",
    "ianaift:tunnel",
    "2001:DB8::0:1",
)
ODD = (
    *("x", "10.0.0.1", "010.0.0.1", "2001:db8:0::1", "2001:DB8::1", "fe80::1", "ianaift:tunnel", "nc:x", "other:x", "a:b:c", "]["),
    *("%s {0}", "A &amp; B", "&#233;", "é", "", " ", " x", "x ", "a\nb", "a\tb", "a>b", "]]&gt;", "\u00a0x", "\u2028", "\ue000"),
    "<!-- x -->y",
)
eight = st.lists(st.sampled_from((*ODD, *PLAIN)) | st.text("ab:./ 01&;", max_size=6), min_size=8, max_size=8)


@given(st.lists(eight, min_size=1, max_size=4))
def test_what_is_cast_is_what_is_read(texts: list[list[str]]) -> None:
    known = moulds()
    for values in texts:
        text = rendered(values)
        known.made(IETF, rendered([f"like{place}" if each.strip() else each for place, each in enumerate(values)]))
        try:
            expected = read(text)
        except ValueError:
            assert known.made(IETF, text) is None
            continue
        made = known.made(IETF, text)
        assert made is None or (made == expected and list(made.statements) == list(expected.statements))


def test_a_template_s_second_text_is_cast_and_so_are_all_that_come_after() -> None:
    known = moulds()
    texts = [rendered(("xe-1", f"order {number}", "ianaift:other", "10.0.0.0", *PLAIN[4:])) for number in range(5)]
    assert [known.made(IETF, text) for text in texts] == [None, *map(read, texts[1:])]


def test_each_platform_has_moulds_of_its_own() -> None:
    known, text = moulds(), rendered(PLAIN)
    bare = XmlRules.model_validate({**IETF.model_dump(), "lists": {}})
    for rules in (IETF, bare):
        known.made(rules, rendered(("first", *PLAIN[1:])))
    assert known.made(IETF, text) == read(text) != xmltree._make(bare, text) == known.made(bare, text)


@pytest.mark.parametrize(
    "other",
    [
        rendered(("ge-0/0/2", *PLAIN[1:])),
        rendered(("ge-0/0/1", "A &amp; B", *PLAIN[2:])),
        rendered(("ge-0/0/1", "a\nb", *PLAIN[2:])),
        rendered(("ge-0/0/1", " space ", *PLAIN[2:])),
        rendered(("ge-0/0/1", "no\x01character", *PLAIN[2:])),
    ],
    ids=["two entries that are one", "a reference", "lines", "space", "nothing that XML has"],
)
def test_who_does_not_fit_is_read(other: str) -> None:
    known = moulds()
    for name in ("xe-1", "xe-2"):
        known.made(IETF, rendered((name, *PLAIN[1:])))
    assert known.made(IETF, other) is None


@pytest.mark.parametrize(
    "shape",
    [
        '<interfaces xmlns="{IF}"><interface><name><!-- it is -->{0}</name></interface></interfaces>',
        '<interfaces xmlns="{IF}"><interface><name><![CDATA[<b>{0}</b>]]></name></interface></interfaces>',
        '<interfaces xmlns="{IF}"><interface><name>1>{0}</name></interface></interfaces>',
        '<interfaces xmlns="{IF}"><?by <a>{0}</a>?></interfaces>',
        '<interfaces xmlns="{IF}"><interface><name>{0}</nome></interface></interfaces>',
        '<interfaces xmlns="{IF}"><interface><name>{0}</name><description>\ue000</description></interface></interfaces>',
    ],
    ids=["a comment", "character data", "an end of no tag", "an instruction", "no XML", "a mark"],
)
def test_what_is_more_than_nodes_and_values_has_no_mould(shape: str) -> None:
    known = moulds()
    assert [known.made(IETF, shape.replace("{IF}", IF).replace("{0}", f"v{number}")) for number in range(3)] == [None] * 3


def test_prefixes_of_values_are_declared_as_when_they_are_read() -> None:
    known = moulds()
    for name in ("xe-1", "xe-2"):
        known.made(IETF, rendered((name, *PLAIN[1:])))
    other = rendered(("ge-0/0/1", "ianaift:described", "ethernetCsmacd", *PLAIN[3:]))
    assert known.made(IETF, other) == read(other)


def test_ways_to_have_prefixes_are_bounded() -> None:
    known = moulds()
    ways = [[f"ianaift:x{place}" if number >> place & 1 else f"x{place}" for place in range(8)] for number in range(2 * WAYS)]
    known.made(IETF, rendered(PLAIN))
    made = [known.made(IETF, rendered(way)) for way in ways]
    assert made == [*map(read, map(rendered, ways[:WAYS])), *[None] * WAYS]


def test_a_whole_element_s_text_has_no_mould() -> None:
    known = moulds()
    assert [known.made(IETF, rendered((f"xe-{number}", "x" * LONGEST, *PLAIN[2:]))) for number in range(3)] == [None] * 3


def test_all_moulds_together_take_no_more_room_than_a_daemon_has() -> None:
    known = moulds()
    first, second = (_as_long_as_may_be(number) for number in range(2))
    known.made(IETF, first)
    tracemalloc.start()
    try:
        assert known.made(IETF, second) is not None
        megabytes = tracemalloc.get_traced_memory()[0] / 2**20
    finally:
        tracemalloc.stop()
    assert 0 < megabytes * KNOWN < 40


def _as_long_as_may_be(number: int) -> str:
    frame = f'<interfaces xmlns="{IF}">', "</interfaces>"
    ports = (LONGEST - len("".join(frame))) // len(_port(PLAIN[:4]))
    return "".join(_port((f"p{number}{place}", *PLAIN[1:4])) for place in range(ports)).join(frame)
