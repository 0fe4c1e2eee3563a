"""What test packets say of loss, delay and jitter."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.probing.tally import Figures, Tally, figures

DELAYS = st.lists(st.floats(0, 10), min_size=1, max_size=200)


def test_nothing_sent_says_nothing():
    assert figures(Tally()) == Figures(0, 0, None)


def test_nothing_that_came_back_has_a_loss_and_no_delay():
    found = figures(Tally(sent=4, problem="no route"))
    assert (found.loss_ratio, found.delay_s, found.jitter_s, found.problem) == (1.0, None, None, "no route")


def test_jitter_is_the_95th_percentile_over_the_shortest_delay():
    found = figures(Tally(sent=101, delays=[0.010 + step / 1000 for step in range(101)]))
    assert found.jitter_s == pytest.approx(0.095)
    assert found.delay_p50_s == pytest.approx(0.060)
    assert found.delay_p99_s == pytest.approx(0.109)
    assert found.delay_s == pytest.approx(0.060)
    assert (found.delay_min_s, found.delay_max_s) == (0.010, pytest.approx(0.110))


@given(DELAYS, st.integers(0, 50))
def test_figures_are_ordered_and_shares_are_shares(delays, lost):
    found = figures(Tally(sent=len(delays) + lost, delays=delays))
    assert found.loss_ratio == pytest.approx(lost / (len(delays) + lost))
    ordered = [found.delay_min_s, found.delay_p50_s, found.delay_p95_s, found.delay_p99_s, found.delay_max_s]
    assert all(one <= other + 1e-9 for one, other in pairwise(ordered))
    assert found.jitter_s >= 0


@pytest.mark.parametrize(
    ("received", "first_back", "last_back", "wanted"),
    [
        (10, 0, 9, (0, 0)),
        (8, 0, 9, (0, 2)),  # the reflector heard all ten: two were lost on the way back
        (8, 0, 7, (2, 0)),  # it heard eight
        (7, 0, 8, (1, 2)),
        (5, 9, 3, (None, None)),  # it began anew
        (5, 0, 30, (None, None)),  # somebody else asks in the same session
        (1, 0, 0, (None, None)),
    ],
)
def test_the_reflectors_own_sequence_tells_on_which_way_packets_were_lost(received, first_back, last_back, wanted):
    tally = Tally(sent=10, delays=[0.001] * received, first_asked=0, last_asked=9, first_back=first_back, last_back=last_back)
    found = figures(tally)
    assert (found.lost_forward, found.lost_backward) == wanted


def test_one_way_delays_are_told_only_where_both_clocks_are_trusted():
    assert figures(Tally(sent=1, delays=[0.1])).forward_s is None
    assert figures(Tally(sent=1, delays=[0.1], forward=[0.04], backward=[0.06])).forward_s == 0.04
