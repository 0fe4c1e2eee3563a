import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import testing
from drivers.port import Check

PING = "ping[ vrf {vrf}] {address} repeat 3[ source {source}]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"address": "10.0.0.1"}, "ping 10.0.0.1 repeat 3"),
        ({"address": "2001:db8::1", "vrf": "ACME"}, "ping vrf ACME 2001:db8::1 repeat 3"),
        ({"address": "10.0.0.1", "source": "ge-0/0/1.100"}, "ping 10.0.0.1 repeat 3 source ge-0/0/1.100"),
    ],
)
def test_what_is_in_brackets_is_said_only_when_it_is_given(arguments: dict[str, str], said: str) -> None:
    assert testing.words(PING, Check("ping", arguments)) == said


def test_a_missing_argument_is_told() -> None:
    with pytest.raises(ValueError, match="it needs address"):
        testing.words(PING, Check("ping", {"vrf": "ACME"}))


@given(st.text(st.sampled_from(" \n;|&$`'\"<>(){}[]!?*~-a1."), min_size=1, max_size=8))
def test_an_argument_never_becomes_more_than_one_word_of_the_command(argument: str) -> None:
    check = Check("ping", {"address": argument})
    try:
        said = testing.words("ping {address}", check)
    except ValueError as error:
        assert "no plain word" in str(error)  # noqa: PT017  both outcomes are right, for different arguments
    else:
        word = said.removeprefix("ping ")
        assert word == argument
        assert not word.startswith("-")
        assert set(word) <= set("a1.-")


def test_the_end_of_a_long_answer_is_told() -> None:
    told = testing.told("x" * 1000 + "\n\n 0 received ")
    assert told.endswith("x / 0 received")
    assert len(told) < 310
