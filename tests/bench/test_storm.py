"""The storm of the bench, small: one cut is one problem, and everything else a symptom of it."""

from bench.storm import CUSTOMERS, UNTOUCHED, Plan, measure
from inventory.db import Database


def test_a_storm_from_one_cut_is_one_problem_with_a_ticket_for_each_customer(database: Database) -> None:
    plan = Plan(elements=100, alarms=500)
    found = measure(database, plan)
    assert (found["alarms"], found["problems_of_the_storm"], found["symptoms"]) == (500, 1, 499)
    assert found["services_not_up"] == plan.elements + 1, f"all behind the cut, and one of the {UNTOUCHED} beside it"
    assert found["tickets"] == CUSTOMERS + 1
