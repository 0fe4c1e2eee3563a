"""What the shipped products say can be taken apart and shared on every platform."""

import pytest

from agent.authoring.trial import Trial
from drivers.diff import change_set, keep, statements, union
from tests.agent.authoring.shipped import all_trials


@pytest.fixture(params=all_trials())
def trial(request) -> Trial:
    return all_trials()[request.param]


@pytest.fixture
def texts(trial) -> list[str]:
    """Of the sample, before and after its change."""
    return [text for wanted in (None, trial.changed()) for text in trial.outcome(wanted).texts.values()]


def test_what_is_taken_apart_can_be_put_together(trial, texts):
    for text in texts:
        said = statements(trial.platform, text)
        assert said
        assert statements(trial.platform, keep(trial.platform, text, said)) == said


def test_of_what_others_say_too_nothing_is_brought_or_taken(trial, texts):
    for text in texts:
        said = statements(trial.platform, text)
        for before, after in (("", text), (text, "")):
            change = change_set(trial.platform, "pe1", before, after, shared=said)
            assert (change.forward, change.reverse) == ("", "")


def test_what_is_said_twice_is_said_once(trial, texts):
    for text in texts:
        twice = union(trial.platform, [text, text])
        assert change_set(trial.platform, "pe1", text, twice).empty
        assert change_set(trial.platform, "pe1", "", twice).forward == change_set(trial.platform, "pe1", "", text).forward
