"""Collectors: answers become rows, rows become states and values; what is no answer says nothing."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.collecting.meaning import Standing, distinct, parse_collector, read
from policies.collecting.rows import LONGEST_FIELD, MOST_ROWS
from policies.errors import InvalidPolicy, UnreadableAnswer

FOLDER = Path("policies/collectors")
FILES = sorted(FOLDER.glob("*.yaml"))
COLLECTORS = {path.stem: parse_collector(path.read_text(encoding="utf-8"), path.name) for path in FILES}

OWN = """
name: own
platforms: [frr]
ask: {command: show sensors}
read:
  json: 'sensors/{port}'
  fields: {value: [reading/now, reading], unit: unit}
values:
  - {metric: temperature_celsius, value: value, scale: 0.1}
samples:
  - answer: '{"sensors": {"eth1": {"reading": 315, "unit": "dC"}}}'
    values: {eth1: {temperature_celsius: 31.5}}
"""
TABLE = """
name: table
platforms: [ios]
ask: {command: show things}
read:
  expect: Thing
  textfsm: |
    Value THING (\\S+)
    Value STATE (up|down|wait|shut)

    Start
      ^Thing
      ^${THING}\\s+${STATE} -> Record
      ^\\s*$$
      ^. -> Error
states:
  - cause: thingDown
    qualifier: "{thing}"
    good: up
    passing: wait
    unwanted: shut
    text: "{element}: {thing} is {state}"
samples:
  - answer: |
      Thing  State
      a      up
      b      down
    states: {a: good, b: bad}
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_collector_bears_the_name_of_its_file_and_reads_its_samples(path):
    assert COLLECTORS[path.stem].name == path.stem


def test_the_causes_of_collectors_are_those_of_rules_for_events():
    told = Path("policies/translations")
    rules = "".join(path.read_text(encoding="utf-8") for path in told.glob("*.yaml"))
    causes = {cause for collector in COLLECTORS.values() for cause in collector.causes}
    assert causes == {"bgpNeighbourDown", "ospfNeighbourDown", "bfdNeighbourDown"}
    assert all(f"cause: {cause}" in rules for cause in causes - {"bfdNeighbourDown"})  # of which FRR says nothing by itself


def test_optical_power_has_the_name_that_the_rules_of_foresight_look_for():
    rules = Path("policies/foresight/network.yaml").read_text(encoding="utf-8")
    assert "metric: receive_power_dbm" in rules
    assert {rule.metric for name in ("ios-optics", "eos-optics", "junos-optics") for rule in COLLECTORS[name].values} == {
        "receive_power_dbm",
        "transmit_power_dbm",
        "temperature_celsius",
    }


def test_a_neighbour_goes_by_all_names_that_events_have_for_it():
    heard = '{"nbrState": "Init/-", "ifaceAddress": "10.0.1.2", "ifaceName": "eth1:10.0.1.1"}'
    answer = f'{{"default": {{"neighbors": {{"10.9.9.9": [{heard}]}}}}}}'
    found = read(COLLECTORS["frr-ospf"], answer, "pe1")
    state = found.state("ospfNeighbourDown", "10.9.9.9 eth1")
    assert state is not None
    assert state is found.state("ospfNeighbourDown", "10.0.1.2.0")
    assert (state.qualifier, state.standing, state.over) == ("10.0.1.2.0", Standing.BAD, "eth1")
    assert state.text == "pe1: OSPF neighbour 10.0.1.2 (10.9.9.9 on eth1) is Init"
    assert found.state("ospfNeighbourDown", "10.0.9.9.0") is None


def test_a_neighbour_of_several_address_families_is_as_its_worst():
    answer = '{"default": {"ipv4Unicast": {"peers": {"p": {"state": "%s"}}}, "ipv6Unicast": {"peers": {"p": {"state": "%s"}}}}}'
    for one, other in (("Established", "Active"), ("Active", "Established")):
        (state,) = read(COLLECTORS["frr-bgp"], answer % (one, other)).states
        assert (state.standing, state.shown) == (Standing.BAD, "Active")


def test_a_name_that_several_have_is_nobodys_but_whose_qualifier_it_is():
    def names(**peers):
        families = {vrf: {"ipv4Unicast": {"peers": {peer: {"state": "Active"}}}} for vrf, peer in peers.items()}
        found = read(COLLECTORS["frr-bgp"], json.dumps(families), "pe1")
        return {state.qualifier: state.names for state in found.states}

    assert names(red="p") == {"p red": {"p red", "p"}}
    assert names(red="p", default="q") == {"p red": {"p red", "p"}, "q": {"q"}}
    assert names(red="p", default="p") == {"p red": {"p red"}, "p": {"p"}}
    assert names(red="p", blue="p") == {"p red": {"p red"}, "p blue": {"p blue"}}


def test_what_is_in_a_vrf_and_over_a_port_is_told_with_them():
    answer = json.dumps({"red": {"ipv4Unicast": {"peers": {"p": {"state": "Active"}}}}})
    (state,) = read(COLLECTORS["frr-bgp"], answer, "pe1").states
    assert state.text == "pe1: BGP neighbour p in VRF red is Active"
    session = {"peer": "fe80::1", "vrf": "red", "interface": "x1", "status": "down"}
    (state,) = read(COLLECTORS["frr-bfd"], json.dumps([session]), "pe1").states
    assert state.text == "pe1: BFD session with fe80::1 over x1 in VRF red is down"
    assert (state.qualifier, state.over) == ("fe80::1 x1 red", "x1")
    (state,) = read(COLLECTORS["frr-bfd"], '[{"peer": "10.0.0.9", "local": "10.0.0.1", "status": "down"}]', "pe1").states
    assert state.text == "pe1: BFD session with 10.0.0.9 from 10.0.0.1 is down"
    (state,) = read(COLLECTORS["frr-bfd"], '[{"peer": "10.0.0.1", "status": "down"}]', "pe1").states
    assert (state.qualifier, state.text) == ("10.0.0.1", "pe1: BFD session with 10.0.0.1 is down")


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("{at: value, of: '{port}'}", "say one of `at`"),
        ("{match: '(?P<value>x)'}", "say one of `at`"),
        ("{of: '{prt}'}", "'{prt}' names the field 'prt'; known are port, unit"),
        ("{of: '{other}'}", "'{other}' names the field 'other'; known are port, unit"),
    ],
)
def test_a_field_that_is_made_of_others_names_plain_ones(field, why):
    text = OWN.replace("value: [reading/now, reading]", f"value: {field}, other: {{of: '{{unit}}'}}")
    with pytest.raises(InvalidPolicy, match=re.escape(why)):
        parse_collector(text, "own.yaml")


def test_an_element_that_has_nothing_of_it_says_so():
    assert read(COLLECTORS["frr-bfd"], "bfdd is not running\n").states == ()
    with pytest.raises(UnreadableAnswer, match="no JSON"):
        read(COLLECTORS["frr-bfd"], "zebra is not running\n")


def test_a_table_is_read_by_its_template_and_each_word_has_its_standing():
    table = parse_collector(TABLE, "table.yaml")
    found = read(table, "Thing  State\na up\nb down\nc wait\nd shut\n", "pe1")
    assert [(state.qualifier, state.standing) for state in found.states] == [
        ("a", Standing.GOOD),
        ("b", Standing.BAD),
        ("c", Standing.PASSING),
        ("d", Standing.UNWANTED),
    ]
    assert found.states[1].text == "pe1: b is down"
    assert read(table, "Thing State\n").states == ()


@pytest.mark.parametrize(
    ("name", "answer", "why"),
    [
        ("frr-bgp", "", "no JSON .* it is empty"),
        ("frr-bgp", '{"default": {"ipv4', "no JSON"),
        ("frr-bgp", "[" * 100_000, "no JSON"),
        ("junos-bgp", "<bgp-information>", "no XML"),
        ("ios-ospf", "Unknown command or computer name", "the template does not know what it reads"),
        ("frr-bgp", "x" * 8_000_001, "8,000,001 characters"),
    ],
)
def test_what_is_no_answer_is_told_and_means_nothing(name, answer, why):
    with pytest.raises(UnreadableAnswer, match=why):
        read(COLLECTORS[name], answer)


def test_an_answer_that_lacks_what_it_has_to_have_is_none():
    table = parse_collector(TABLE, "table.yaml")
    with pytest.raises(UnreadableAnswer, match="lacks 'Thing': it begins 'nothing'"):
        read(table, "nothing")


def test_rows_and_fields_are_bounded():
    own = parse_collector(OWN, "own.yaml")
    many = ", ".join(f'"p{number}": {{"reading": 1}}' for number in range(MOST_ROWS + 1))
    with pytest.raises(UnreadableAnswer, match="more than 5,000 rows"):
        read(own, f'{{"sensors": {{{many}}}}}')
    (row,) = read(own, '{"sensors": {"%s": {"reading": 1}}}' % ("p" * 1000)).rows
    assert len(row["port"]) == LONGEST_FIELD


def test_entities_of_hostile_xml_are_not_resolved():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><bgp-information><bgp-peer/></bgp-information>'
    with pytest.raises(UnreadableAnswer, match="no XML"):
        read(COLLECTORS["junos-bgp"], bomb)


def test_what_is_no_number_is_a_gap():
    own = parse_collector(OWN, "own.yaml")
    readings = ('"- Inf"', '"nan"', '{"now": 250}', "null", "true", "[1]")
    sensors = ", ".join(f'"{name}": {{"reading": {reading}}}' for name, reading in zip("abcdef", readings, strict=True))
    answer = f'{{"sensors": {{{sensors}}}}}'
    assert [(value.port, value.value) for value in read(own, answer).values] == [("c", 25.0)]


@given(st.sampled_from(sorted(COLLECTORS)), st.text(max_size=300))
def test_no_answer_whatever_is_more_than_unreadable(name, answer):
    try:
        found = read(COLLECTORS[name], answer, "pe1")
    except UnreadableAnswer:
        return
    assert len(found.rows) <= MOST_ROWS


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["peers", "state", "vrfs", "neighbors", "interfaces", "rxPower", "x"]), inner, max_size=3),
    ),
    max_leaves=20,
)


@given(st.sampled_from([name for name, each in COLLECTORS.items() if each.read.as_json]), _JSON)
def test_json_of_any_shape_is_read_without_a_mistake(name, document):
    import json  # noqa: PLC0415  beside its one use

    read(COLLECTORS[name], json.dumps(document), "pe1")


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("ask: {command: show sensors}", "ask: {command: show, get: <a/>}", 3, "say one of `command`"),
        ("json: 'sensors/{port}'", "json: 'sensors/{port}'\n  textfsm: x", 4, "say one of `json`"),
        ("value: value,", "value: reading,", 1, "`value: reading` is no field; known are port, unit, value"),
        (
            "temperature_celsius: 31.5",
            "temperature_celsius: 30.0",
            10,
            "finds the value 31.5 of eth1 temperature_celsius, not 30.0",
        ),
        (
            "{temperature_celsius: 31.5}",
            "{}",
            10,
            "finds the value of eth1 temperature_celsius .31.5., which the sample does not name",
        ),
        ('"eth1": {"reading"', '"eth1": {"red"', 10, "is not found in this sample; found are none"),
        ("fields: {value: [reading/now, reading]", "fields: {value: {at: reading, match: '\\d+'}", 6, "has no group named `value`"),
        ("values:\n  - {metric: temperature_celsius, value: value, scale: 0.1}\n", "", 1, "the rows mean nothing"),
    ],
)
def test_mistakes_are_told_with_their_line(old, new, line, why):
    assert old in OWN
    with pytest.raises(InvalidPolicy, match=why) as raised:
        parse_collector(OWN.strip().replace(old, new), "own.yaml")
    assert raised.value.problems[0].line == line


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("good: up", "good: '('", "no regular expression"),
        ("{thing} is {state}", "{thing} is {mode}", "names the field 'mode'; known are state, thing"),
        ("^Thing\n", "^${NOTHING}\n", "not a TextFSM template"),
        ("{a: good, b: bad}", "{a: good, b: good}", "finds the state bad of b, not good"),
    ],
)
def test_mistakes_in_what_a_table_means_are_told(old, new, why):
    with pytest.raises(InvalidPolicy, match=why):
        parse_collector(TABLE.replace(old, new), "table.yaml")


def test_a_prefix_that_nobody_declares_is_refused():
    text = Path("policies/collectors/openconfig-bgp.yaml").read_text(encoding="utf-8")
    with pytest.raises(InvalidPolicy, match="`namespaces` has no prefix 'n'"):
        parse_collector(text.replace("{n: ", "{m: "), "own.yaml")


def test_two_collectors_of_one_name_are_refused():
    own = parse_collector(OWN, "own.yaml")
    with pytest.raises(InvalidPolicy, match=r"there is a collector own in a\.yaml; rename one"):
        distinct([("a.yaml", own), ("b.yaml", own)])
