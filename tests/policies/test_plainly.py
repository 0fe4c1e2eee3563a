"""Expressions that are worked out without a template come to what the template would say, and else the template is asked."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined, nodes

from policies.errors import RenderingFailed
from policies.expressions import Expressions
from policies.plainly import MISSING, Unsure, worked, written
from policies.templates import environment
from tests.policies.shipped import shipped

PLAIN = (
    "true",
    "none",
    "0",
    '"text"',
    "rate",
    "characteristics",
    "characteristics.rate",
    "characteristics.site.port",
    "characteristics.rate is defined",
    "characteristics.site.port is defined",
    'characteristics.rate | default("") == "echo"',
    "characteristics.rate | default(characteristics.site)",
    "characteristics.rate == 5",
    "characteristics.site.port == characteristics.rate",
)
NOT_PLAIN = (
    "characteristics.items",
    "characteristics.rate * 2",
    "characteristics.rate is not defined",
    "characteristics.rate | default('', true)",
    "characteristics['rate']",
    "rate > 5",
    "rate == 5 == 6",
    "rate | string",
    "range(3)",
    "'a' if rate else 'b'",
)
TEXTS = (
    "plain",
    "a {{ characteristics.rate }} b",
    "{{ rate }}{{ characteristics.site.port }}",
    "for {{ characteristics.site.port | default(characteristics.rate) }}\n",
    "{{ 5 }}",
)
values = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "echo", "a<b", "two\nlines", "pe1/1"])
sites = st.dictionaries(st.sampled_from(["port", "rate"]), values) | values


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Any]:
    """What an expression can name: some of it missing, some of it not what it is taken for."""
    characteristics: dict[str, object] = {name: draw(values) for name in draw(st.sets(st.sampled_from(["rate", "port"])))}
    if draw(st.booleans()):
        characteristics["site"] = draw(sites)
    return {"characteristics": characteristics} | ({"rate": draw(values)} if draw(st.booleans()) else {})


def by_template(text: str, known: Mapping[str, Any]) -> object:
    return environment().compile_expression(text)(**known)


def outcome(work: Any, *given_: Any) -> tuple[str, object]:
    try:
        found = work(*given_)
    except Exception as error:  # noqa: BLE001  what is compared is how it fails
        return type(error).__name__, str(error)
    return type(found).__name__, found


def plainly(text: str) -> Any:
    (said,) = environment().parse("{{ " + text + " }}").body
    assert isinstance(said, nodes.Output)
    return worked(said.nodes[0])


@pytest.mark.parametrize("text", PLAIN)
@given(known=contexts())
def test_a_plain_expression_comes_to_what_the_template_says(text: str, known: dict[str, Any]) -> None:
    work = plainly(text)
    assert work is not None
    try:
        found = work(known)
    except Unsure:
        return
    assert outcome(by_template, text, known) == outcome(lambda: None if found is MISSING else found)


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_the_template(text: str) -> None:
    assert plainly(text) is None


@pytest.mark.parametrize("text", TEXTS)
@given(known=contexts())
def test_a_plain_text_is_printed_as_the_template_prints_it(text: str, known: dict[str, Any]) -> None:
    write = written(environment().parse(text).body)
    assert write is not None
    try:
        found = outcome(write, known)
    except Unsure:
        return
    if found[0] == "Unsure":
        return
    assert outcome(environment().from_string(text).render, known) == found


def test_a_text_with_a_filter_of_its_own_is_left_to_the_template() -> None:
    assert written(environment().parse("{{ prefix | first_address }}").body) is None


@pytest.mark.parametrize("text", [*PLAIN, *NOT_PLAIN])
@given(known=contexts())
def test_expressions_of_a_specification_are_the_templates(text: str, known: dict[str, Any]) -> None:
    expressions = Expressions(shipped("internet-access"), known)
    try:
        found = ("", expressions.of(text))
    except RenderingFailed as error:
        found = ("failed", str(error))
    kind, wanted = outcome(by_template, text, {"constants": {}, **known})
    if found[0]:
        assert str(wanted) in str(found[1])
        assert kind.endswith("Error")
    else:
        assert found[1] == wanted


def test_a_value_that_says_itself_why_it_is_missing_says_so() -> None:
    missing = StrictUndefined("port pe1/1 has no if_index; give it one in the inventory")
    expressions = Expressions(shipped("internet-access"), {"at": {"if_index": missing}})
    with pytest.raises(RenderingFailed, match="has no if_index"):
        expressions.text("{{ at.if_index }}")
    assert expressions.of("at.if_index") is None


@pytest.mark.parametrize("expression", ["rate }} {{ rate", "rate }}", "rate +"])
def test_what_is_no_expression_is_told_as_what_cannot_be_worked_out(expression: str) -> None:
    expressions = Expressions(shipped("internet-access"), {"rate": 5})
    with pytest.raises(RenderingFailed, match="cannot be rendered"):
        expressions.of(expression)


@pytest.mark.parametrize("value", ["two\nlines", "a\u2028b", "bell\x07"])
def test_no_text_prints_a_control_character(value: str) -> None:
    expressions = Expressions(shipped("internet-access"), {"name": value})
    with pytest.raises(RenderingFailed, match="control character"):
        expressions.text("link:{{ name }}")
