"""A day of operation under a simulated clock: what is scripted in `table` happens, and fabd has to come to what stands there."""

from itertools import pairwise

from structlog.testing import capture_logs

from inventory.db import Database
from tests.agent.assurance.day import blackholes
from tests.agent.assurance.day.network import TOWNS, build
from tests.agent.assurance.day.oracle import Oracle
from tests.agent.assurance.day.report import Result, wrong
from tests.agent.assurance.day.stage import Stage
from tests.agent.assurance.day.table import FAULTS

EVERYTHING = (*FAULTS, *blackholes.FAULTS)


def test_the_day_comes_to_what_the_table_says(database: Database) -> None:
    stage = Stage(build(database), EVERYTHING)
    with capture_logs():  # so that a line that fails can be found
        stage.play()
    plant = stage.world.plant
    oracle = Oracle(plant.log, plant.links, EVERYTHING, stage.ended, stage.excused)
    lines = list(wrong(EVERYTHING, Result.of(stage.world), oracle))
    assert not lines, "\n".join(["", *lines])


def test_there_are_fifty_faults_with_names_of_their_own() -> None:
    assert len({fault.name for fault in EVERYTHING}) == len(EVERYTHING) >= 50


def test_no_fault_reaches_into_the_time_of_another_one_in_its_town() -> None:
    for town in TOWNS:
        mine = sorted((fault for fault in EVERYTHING if fault.town in {town, "*"}), key=lambda fault: fault.begin)
        for one, other in pairwise(mine):
            assert one.over <= other.begin, f"{one.name} and {other.name}"
