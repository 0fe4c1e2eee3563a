"""Specifications as data: what is accepted, and how a mistake is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InvalidPolicy
from policies.specification import check_characteristics, parse
from tests.policies.shipped import NAMES, files, shipped

MINIMAL = """\
name: toy
version: "1"
title: A toy
service_name: "toy {{ characteristics.port }}"
characteristics:
  type: object
  additionalProperties: false
  required: [port]
  properties: {port: {type: string}}
layout: access
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_specifications_are_sound_and_named_after_their_folders(name: str) -> None:
    assert shipped(name).name == name


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("layout: access", "layout: star", 10, "should be 'access', 'path', 'tree', 'sites' or 'overlay'"),
        ("layout: access", "layout: path", 1, "the property 'a' and 'b'"),
        ("title: A toy\n", "", 1, "title: is missing"),
        ("title: A toy", "title: A toy\nprice: 5", 4, "price: no such key"),
        ("title: A toy", "title: A toy\ntitle: B", 4, "stands here twice"),
        ("title: A toy", "title: A toy\ntemplates: {}", 4, "templates are files"),
        ("name: toy", "name: My Toy", 1, "name: String should match pattern"),
        ("{port: {type: string}}", "{port: {type: text}}", 1, "`characteristics.properties.port.type` is no JSON Schema"),
        ("{port: {type: string}}", "{port: {$ref: 'http://example.org/x'}}", 1, "must not use `$ref`"),
        ("additionalProperties: false", "additionalProperties: true", 1, "needs `type: object` and"),
        ("characteristics.port }}", "characteristics.port }", 4, "not a template"),
        ("characteristics.port }}", "order.port }}", 4, "'order' is not known here"),
        (
            "layout: access",
            "layout: access\nresources: [{role: a, pool: p}, {role: a, pool: q}]",
            1,
            "two `resources` have the role",
        ),
        ("layout: access", "layout: access\nresources: [{role: a, pool: p, when: 'x >'}]", 11, "resources[0].when: not a template"),
        ("layout: access", "layout: access\nresources: [{role: a, pool: p, wanted: vlan}]", 11, "'vlan' is not known here"),
        ("layout: access", "layout: access\nfeatures: {rate: {l3: rate}}", 1, "lacks the property 'rate'"),
        ("layout: access", "layout: access\nneeds: {l4: [tcp]}", 11, "should be 'l2' or 'l3'"),
        (MINIMAL, "- a list", 1, "a mapping of keys and values is expected"),
        (MINIMAL, "a: [", 1, "not YAML"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_path(old: str, new: str, line: int, message: str) -> None:
    assert old in MINIMAL
    with pytest.raises(InvalidPolicy) as refused:
        parse({"spec.yaml": MINIMAL.replace(old, new)}, folder="toy")
    text = str(refused.value)
    assert message in text
    assert text.startswith(f"toy/spec.yaml:{line}: ")


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        ("ios.j2", "", 1, "name it <platform>.<syntax>.j2"),
        ("ios.txt.j2", "", 1, "name it <platform>.<syntax>.j2"),
        ("ios.lines.j2", "a\n{% if %}", 2, "not a template"),
        ("ios.lines.j2", "{{ order.id }}", 1, "'order' is not known here"),
        ("ios.lines.j2", "{{ text | shout }}", 1, "No filter named 'shout'"),
    ],
)
def test_a_bad_template_is_told_before_it_is_used(name: str, text: str, line: int, message: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        parse({"spec.yaml": MINIMAL, name: text}, folder="toy")
    assert str(refused.value).startswith(f"toy/{name}:{line}: ")
    assert message in str(refused.value)


def test_names_that_are_not_there_are_told_with_their_line() -> None:
    template = "\n{{ text }}\n{{ characteristics.prot }}\n\n{{ allocations['link9'] }}\n{{ nowhere }}"
    with pytest.raises(InvalidPolicy) as refused:
        parse({"spec.yaml": MINIMAL, "ios.lines.j2": template}, folder="toy")
    known = "allocations, attachments, characteristics, constants, element, service, text, vlan"
    assert str(refused.value).splitlines() == [
        f"toy/ios.lines.j2:6: 'nowhere' is not known here; known are {known}",
        "toy/ios.lines.j2:3: there is no 'prot' among the characteristics; there are port",
        "toy/ios.lines.j2:5: there is no 'link9' among the allocations; there are none",
    ]


def test_a_template_may_walk_through_what_it_is_given() -> None:
    template = "{% for key, value in characteristics.items() %}{{ key }}{% endfor %}{{ characteristics.get('port') }}"
    assert parse({"spec.yaml": MINIMAL, "ios.lines.j2": template}).template("ios")


def test_a_folder_without_its_file_is_told() -> None:
    with pytest.raises(InvalidPolicy, match=r"toy/spec\.yaml:1: the file is missing"):
        parse({}, folder="toy")


PORT = {"port": "pe1/ge-0/0/1"}


@pytest.mark.parametrize(
    ("spec", "values", "expected"),
    [
        ("internet-access", PORT, []),
        ("internet-access", PORT | {"vlan": 4094, "rate": 100, "description": "Acme (Ghent), line 2"}, []),
        ("internet-access", {}, [("", "anyOf")]),
        ("internet-access", {"port": 5}, [("/port", "type")]),
        ("internet-access", {"port": "pe1:ge-0/0/1 x"}, [("/port", "pattern")]),
        ("internet-access", PORT | {"vlan": 0}, [("/vlan", "minimum")]),
        ("internet-access", PORT | {"vlan": 4095}, [("/vlan", "maximum")]),
        ("internet-access", PORT | {"vlan": "100"}, [("/vlan", "type")]),
        ("internet-access", PORT | {"vlan": 100.0}, [("/vlan", "type")]),
        ("internet-access", PORT | {"vlan": True}, [("/vlan", "type")]),
        ("internet-access", PORT | {"rate": 0}, [("/rate", "minimum")]),
        (
            "internet-access",
            PORT | {"colour": "red", "size": 1},
            [("/colour", "additionalProperties"), ("/size", "additionalProperties")],
        ),
        ("internet-access", PORT | {"description": "a\nshutdown"}, [("/description", "pattern")]),
        ("internet-access", PORT | {"description": "Acme\n"}, [("/description", "text")]),
        ("internet-access", PORT | {"description": "a<b"}, [("/description", "pattern")]),
        ("internet-access", PORT | {"description": "who?"}, [("/description", "pattern")]),
        ("internet-access", PORT | {"description": " ! x"}, [("/description", "pattern")]),
        ("internet-access", PORT | {"description": "x" * 61}, [("/description", "maxLength")]),
        ("l2-eline", {"a": "sw1/3"}, [("/b", "required")]),
        ("l2-eline", {}, [("/a", "required"), ("/b", "required")]),
        ("l3vpn", {"sites": []}, [("/sites", "minItems")]),
        ("l3vpn", {"sites": [{}]}, [("/sites/0/port", "required")]),
        ("l3vpn", {"sites": [PORT, {"port": "a/b", "a/b~": 1}]}, [("/sites/1/a~1b~0", "additionalProperties")]),
        ("l3vpn", {"sites": [PORT | {"vlan": -1}]}, [("/sites/0/vlan", "minimum")]),
    ],
)
def test_characteristics_are_refused_by_pointer_and_rule(
    spec: str, values: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert [(refusal.pointer, refusal.rule) for refusal in check_characteristics(shipped(spec), values)] == expected


def test_a_pattern_is_refused_in_words_and_not_as_an_expression() -> None:
    (refusal,) = check_characteristics(shipped("internet-access"), PORT | {"description": "<>"})
    assert refusal.message.startswith("does not fit: letters, digits, spaces")


def test_a_text_that_is_too_long_is_not_repeated_and_its_bound_is_said() -> None:
    (refusal,) = check_characteristics(shipped("internet-access"), PORT | {"description": "x" * 61})
    assert refusal.message == "has more than 60 characters"


@given(st.text())
def test_no_accepted_description_can_leave_its_line(text: str) -> None:
    if not check_characteristics(shipped("internet-access"), PORT | {"description": text}):
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set("<>&?!|\\'\"`;") - {";"}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_stands_for_a_port_every_refusal_points_into_it(value: object) -> None:
    refusals = check_characteristics(shipped("internet-access"), {"port": value})
    assert all(refusal.pointer.startswith("/port") for refusal in refusals)
    assert refusals or isinstance(value, str)


def test_files_that_are_no_templates_are_left_alone() -> None:
    assert parse(files("l3vpn") | {"README.md": "{{ nonsense"}).name == "l3vpn"
