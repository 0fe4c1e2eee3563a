"""The experiment on early detection counts what it says it counts."""

import numpy as np
import pytest

from bench.detection import MONDAY, RULES, STEP, Case, Episode, Fault, Score, measure, report, scored, silence
from policies.detection.rules import Threshold, parse_rules
from policies.detection.series import Series

QUIET = Series(MONDAY, STEP, np.zeros(1))
LIMIT = Threshold(raise_at=1, clear_at=0)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("fault", "episodes", "counted"),
    [
        (Fault(10 * HOUR, 20 * HOUR, 30 * HOUR), [Episode(12 * HOUR, 13 * HOUR)], (1, 1, 1, 0, [8.0])),
        (
            Fault(10 * HOUR, 20 * HOUR, 30 * HOUR),
            [Episode(1 * HOUR, 2 * HOUR), Episode(25 * HOUR, 40 * HOUR)],
            (1, 1, 1, 1, [-5.0]),
        ),
        (Fault(10 * HOUR, 20 * HOUR, 30 * HOUR), [], (1, 0, 0, 0, [])),
        (None, [Episode(1, 2)], (0, 0, 0, 1, [])),
    ],
)
def test_an_alarm_is_right_while_the_fault_is_there_and_its_lead_is_counted_to_the_impact(fault, episodes, counted):
    score = Score()
    scored(score, Case("any", "m", QUIET, LIMIT, fault=fault), episodes)
    assert (score.faults, score.seen, score.right, score.wrong, score.leads) == counted


def test_traffic_that_goes_on_a_port_that_is_up_is_seen_by_the_baseline_alone():
    cases = [silence(np.random.default_rng(3), faulty=faulty) for faulty in (False, True)]
    rules = [rule for rule in parse_rules(RULES.read_text(encoding="utf-8"), "network.yaml") if rule.name == "traffic-gone"]
    scores = measure(cases, rules)
    plain, own = scores["traffic gone"]
    assert (plain.recall, own.recall) == (0.0, 1.0)
    assert own.wrong == scores["healthy traffic"][1].wrong == 0
    assert "traffic gone" in report(scores).table
