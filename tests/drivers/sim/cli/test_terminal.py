import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.cli.terminal import MAX_LINE, LineEditor


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("show version\n", ["show version"]),
        ("a\rb\r\nc\n", ["a", "b", "c"]),
        ("\r\n\r\n", ["", ""]),
        ("shw\b\bow\n", ["sow"]),
        ("\x7f\x7fok\n", ["ok"]),
        ("wrong\x15right\n", ["right"]),
        ("half\x03whole\n", ["", "whole"]),
        ("half\x1a", ["end"]),
        ("tab\there\n", ["tabhere"]),
    ],
)
def test_keys_make_lines(typed: str, lines: list[str]) -> None:
    assert [line for _, line in LineEditor().feed(typed) if line is not None] == lines


def test_what_is_typed_is_echoed_and_erased() -> None:
    assert "".join(echo for echo, _ in LineEditor().feed("ab\b\n")) == "ab\b \b\r\n"


def test_nothing_is_echoed_without_a_terminal() -> None:
    assert LineEditor(echo=False).feed("show version\n") == [("", "show version")]


def test_a_line_is_bounded() -> None:
    ((_, line),) = LineEditor().feed("x" * (MAX_LINE + 10) + "\n")
    assert line == "x" * MAX_LINE


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=40), st.integers(0, 40))
def test_how_the_octets_are_cut_does_not_matter(text: str, cut: int) -> None:
    typed = text + "\r\n"
    whole, parts = LineEditor(), LineEditor()
    pieces = parts.feed(typed[:cut]) + parts.feed(typed[cut:])
    assert [line for _, line in pieces if line is not None] == [line for _, line in whole.feed(typed) if line is not None]
