"""What every shipped specification is on every platform, what its changes send and what its removal sends."""

import pytest

from agent.authoring.trial import templates_of
from tests.agent.authoring.shipped import GOLDEN, all_trials, golden_text, installed, specifications

REMEDY = "if the change is meant, run `make golden` and review the difference"


@pytest.mark.parametrize("name", sorted(all_trials()))
def test_the_text_is_the_golden_one(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    assert path.exists(), f"{path} is missing; {REMEDY}"
    assert golden_text(all_trials()[name]) == path.read_text("utf-8"), f"{path} says otherwise; {REMEDY}"


def test_no_golden_file_is_left_over() -> None:
    there = {str(path.relative_to(GOLDEN).with_suffix("")) for path in GOLDEN.rglob("*.txt")}
    assert there == set(all_trials()), REMEDY


def test_every_template_is_shown_by_a_sample() -> None:
    shown = {(trial.spec.name, trial.platform.name) for trial in all_trials().values()}
    wanted = {(spec.name, platform) for spec in specifications().values() for platform in templates_of(spec, installed())}
    assert shown == wanted


@pytest.mark.parametrize("name", sorted(all_trials()))
def test_what_was_sent_can_be_taken_back(name: str) -> None:
    trial = all_trials()[name]
    for element, text in trial.outcome().texts.items():
        assert trial.payload(element, "", text)
        assert trial.payload(element, text, "")
        assert trial.payload(element, text, text) == ""
