"""Regular expressions from outside are answered in bounded time or not at all."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.api.pattern import MAX_TEXT, compile_pattern, found


@pytest.mark.parametrize("text", ["^pe[0-9]+$", "a|b|c", r"ge-\d/.*", r"\(x\)", "[()|*+]{2}", "x.*y.*", "", r"[\]\[]"])
def test_plain_patterns_are_taken_as_they_are(text):
    assert compile_pattern(text).pattern == text


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+$",
        "(a)",
        r"a\1",
        "a*a*a*",
        "a?a?a?b",
        "x{1}y{2}z{3}",
        "|".join("abcdefghijk"),
        "[[a]",
        "[a--z]",
        "[]--",
        "[^][[",
        "[a--",
        "{[a--]}",
        "*",
        "[",
        "a**",
        "\\",
    ],
)
def test_what_could_run_away_or_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError, match=r"groups|repetitions|alternatives|inside|regular expression"):
        compile_pattern(text)


@settings(max_examples=1000)
@given(st.text(alphabet="ab.*+?{}[]()|\\19^$-&~", max_size=24), st.text(alphabet="ab", max_size=MAX_TEXT))
def test_whatever_is_taken_is_answered_at_once(text, subject):
    try:
        pattern = compile_pattern(text)
    except ValueError:
        return
    begun = time.process_time()
    found(pattern, subject)
    assert time.process_time() - begun < 1


def test_the_worst_that_is_taken_is_answered_at_once():
    pattern = compile_pattern("|".join(["a*a*c"] * 10))
    begun = time.process_time()
    assert not found(pattern, "a" * 100_000)
    assert time.process_time() - begun < 5


def test_it_finds_what_python_finds():
    assert found(compile_pattern("b+"), "abba") == bool(re.search("b+", "abba"))
