"""Rules for events: what they find, and how exactly their mistakes are named."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InvalidPolicy
from policies.translating import LONGEST_FIELD, LONGEST_LINE, Translations, distinct, parse_translation

SHIPPED = sorted(entry.name for entry in (files("policies") / "translations").iterdir() if entry.name.endswith(".yaml"))


def shipped(name: str) -> str:
    return (files("policies") / "translations" / name).read_text(encoding="utf-8")


def of(rules: str, name: str = "own") -> Translations:
    return Translations([parse_translation(f"name: {name}\nrules:\n{rules}", f"{name}.yaml")])


ALL = Translations([parse_translation(shipped(name), name) for name in SHIPPED])
LINK = """
  - name: link
    syslog: 'port (?P<port>\\S+) is (?P<state>up|down)'
    program: 'switchd|kernel'
    when: {state: [DOWN]}
    means: linkDown
    samples: [{line: port ge1 is down, program: switchd, fields: {port: ge1}}]
"""


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_rule_translates_its_own_samples(name: str) -> None:
    assert parse_translation(shipped(name), name).name == name.removesuffix(".yaml")


def test_a_line_is_known_by_pattern_program_and_words_whatever_their_case() -> None:
    rules = of(LINK)
    said = rules.line("switchd", "port ge1 is down")
    assert said is not None
    assert (said.rule.name, said.fields) == ("own/link", (("port", "ge1"), ("state", "down")))
    assert rules.line("switchd", "port ge1 is up") is None
    assert rules.line("sshd", "port ge1 is down") is None


def test_of_several_rules_the_first_one_counts() -> None:
    second = LINK.replace("name: link", "name: other")
    rules = Translations([parse_translation(f"name: {name}\nrules:\n{LINK}{second}", name) for name in ("a", "b")])
    said = rules.line("switchd", "port ge1 is down")
    assert said is not None
    assert said.rule.name == "a/link"


def test_a_trap_of_v1_is_known_by_the_identifier_that_rfc_3584_gives_it() -> None:
    said = ALL.trap("1.3.6.1.2.1.15.7.2", [("1.3.6.1.2.1.15.3.1.2.192.0.2.1", 3)])
    assert said is not None
    assert (said.rule.name, said.field("peer"), said.field("state")) == ("bgp4-mib/backward-transition", "192.0.2.1", "active")
    assert said.words("{element}: {peer} is {state}", "pe1") == "pe1: 192.0.2.1 is active"


def test_a_notification_is_known_with_its_namespace_or_without() -> None:
    for name in ("linkDown", "{urn:ietf:params:xml:ns:yang:smiv2:IF-MIB}linkDown"):
        said = ALL.notification(name, {"ifIndex": "3"})
        assert said is not None
        assert said.if_index == 3


@pytest.mark.parametrize("text", ["", "-3", "3.5", "99999999999", "³"])
def test_an_index_that_is_none_is_none(text: str) -> None:
    said = ALL.notification("linkDown", {"ifIndex": text})
    assert said is not None
    assert said.if_index is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("means: linkDown", "means: falls"), "means: should be 'linkDown'"),
        (("(?P<port>", "(?P<port"), "no regular expression"),
        (("    syslog:", "    trap: [1.3.6.1]\n    syslog:"), "say one of `trap`, `syslog` and `notification`"),
        (("?P<port>", "?P<name>"), "which port?"),
        (("when: {state", "when: {stat"), "`when` names the field 'stat'; known are port, state"),
        (("port ge1 is down,", "port ge1 is up,"), "rule link: does not know this sample"),
        (("fields: {port: ge1}", "fields: {port: ge2}"), "rule link: finds port = 'ge1' in this sample, not 'ge2'"),
        (("samples:", "sample:"), "no such key"),
        (("means: linkDown", "means: raise"), "`alarm` goes with"),
        (("means: linkDown", "means: raise\n    alarm: {cause: x1y, text: '{prot}'}\n    word_only: so"), "names the field 'prot'"),
        (("means: linkDown", "means: raise\n    alarm: {cause: x1y, text: '{port.a}'}\n    word_only: so"), "names the field ''"),
        (("means: linkDown", "means: raise\n    alarm: {cause: x1y}"), "say what can be read back"),
        (("    means", "    fields: {a: {leaf: x}}\n    means"), "take `fields` out"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(change: tuple[str, str], told: str) -> None:
    with pytest.raises(InvalidPolicy) as found:
        of(LINK.replace(*change))
    assert told in str(found.value)
    assert str(found.value).startswith("own.yaml:")


def test_two_rules_and_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidPolicy, match="two rules have one name: link"):
        of(LINK + LINK)
    one = parse_translation(f"name: own\nrules:\n{LINK}", "a.yaml")
    with pytest.raises(InvalidPolicy, match="two translation files have this name"):
        distinct([one, one])


VALUES = st.one_of(st.integers(-(2**63), 2**64), st.binary(max_size=300), st.none(), st.just("1.3.6.1"))
OIDS = st.sampled_from([oid for rule in ALL.rules for oid in rule.rule.trap])
COLUMNS = [field.value or field.index or "" for rule in ALL.rules for field in rule.rule.fields.values() if not field.leaf]
INSTANCES = st.builds(lambda column, rest: column + rest, st.sampled_from(COLUMNS), st.sampled_from(["", ".1", ".192.0.2.1", "9"]))


@given(OIDS, st.lists(st.tuples(INSTANCES, VALUES), max_size=6))
def test_no_content_of_a_trap_breaks_a_rule(oid: str, bindings: list[tuple[str, int | bytes | str | None]]) -> None:
    said = ALL.trap(oid, bindings)
    if said is not None:
        assert all(len(value) <= LONGEST_FIELD for _, value in said.fields)
        if said.rule.rule.alarm:
            assert said.words(said.rule.rule.alarm.text, "pe1") is not None


@given(st.sampled_from([sample.line or "" for rule in ALL.rules for sample in rule.rule.samples]), st.text(max_size=100))
def test_no_line_breaks_a_rule(line: str, text: str) -> None:
    for told in (line, text, line + text, text + line):
        said = ALL.line("bgpd", told)
        assert said is None or all(len(value) <= LONGEST_FIELD for _, value in said.fields)


@pytest.mark.parametrize("start", ["%BGP-5-ADJCHANGE: neighbor ", "RPD_OSPF_NBRDOWN: OSPF neighbor 1 (", "eth0: ", "AdjChg: Nbr "])
def test_a_line_made_to_be_slow_is_not(start: str) -> None:
    """Patterns see no more than so much of a line; what they do with it stays far below a second."""
    assert ALL.line("kernel", start + "a " * LONGEST_LINE) is None
    assert ALL.line("kernel", start + "a" * LONGEST_LINE) is None
