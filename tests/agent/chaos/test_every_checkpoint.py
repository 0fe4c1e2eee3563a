"""The daemon dies before and after every transaction of the journal, whatever it is at, and sometimes again while it makes good."""

from collections.abc import Iterator

import pytest

from tests.agent.chaos.client import Client, quietly
from tests.agent.chaos.mortal import Mortal
from tests.agent.chaos.points import checkpoints
from tests.agent.chaos.results import note, whole
from tests.agent.chaos.scenarios import SCENARIOS, Death, Scenario

pytestmark = pytest.mark.chaos

QUICK = ("add, all of them", "delete, all of them")
"""In a quick run these are tried whole, and of the others only what leads through checkpoints that these do not."""


def quick() -> Iterator[tuple[Scenario, tuple[Death, ...]]]:
    seen: set[str] = set()
    for scenario in sorted(SCENARIOS, key=lambda each: each.name not in QUICK):
        if deaths := tuple(leading(scenario, seen)):
            yield scenario, deaths


def leading(scenario: Scenario, seen: set[str]) -> Iterator[Death]:
    """Those that lead through checkpoints that are not seen yet, which they are then; the longest way first."""
    for death in sorted(scenario.deaths, key=lambda each: -len(each.checkpoints)):
        if scenario.name in QUICK or not seen.issuperset(death.checkpoints):
            seen.update(death.checkpoints)
            yield death


TRIED = [(scenario, scenario.deaths) for scenario in SCENARIOS] if whole() else list(quick())


def test_every_checkpoint_of_the_program_is_among_those_at_which_it_is_killed():
    assert {checkpoint for _, deaths in TRIED for death in deaths for checkpoint in death.checkpoints} == checkpoints()


@pytest.fixture
def more_settings(tried) -> str:
    scenario, _ = tried
    return str(scenario.settings)


@pytest.mark.parametrize("tried", TRIED, ids=[scenario.name for scenario, _ in TRIED])
def test_killed_there_it_makes_good(tried, client, mortal):
    scenario, deaths = tried
    client.expects_errors = scenario.troubled
    for death in deaths:
        scenario.prepare(client, mortal.process)
        end = (
            redeployed(scenario, death, client, mortal)
            if scenario.redeploys is not None
            else ordered(scenario, death, client, mortal)
        )
        assert end == death.end, f"{death.script}: {mortal.process.log}"
        note("checkpoint", scenario.name, death.checkpoints[-1], end)
    assert mortal.story == [line for death in deaths for line in death.script]
    client.survive_a_reboot()


def ordered(scenario: Scenario, death: Death, client: Client, mortal: Mortal) -> str:
    """How the order ends whose daemons die there."""
    order = client.order(*scenario.items(client))
    sim = client.installation.sim
    sim.call(scenario.before)
    mortal.follow(death.script)
    quietly(lambda: client.send(mortal.process, order))
    if death.wait:
        mortal.arrive(death.wait)
        scenario.meanwhile(client, mortal.process, order)
        mortal.go_on()
    mortal.be_reborn(len(death.checkpoints), then=lambda: sim.call(scenario.after))
    return str(client.finish(mortal.process, order)["state"])


def redeployed(scenario: Scenario, death: Death, client: Client, mortal: Mortal) -> str:
    service, drifted = client.services[scenario.redeploys or 0], client.installation.running_texts()
    mortal.follow(death.script)
    quietly(lambda: client.redeploy(mortal.process, service))
    mortal.be_reborn(1)
    end = client.redeployed(mortal.process)
    if end == "failed":
        assert client.installation.running_texts() == drifted
        client.redeploy(mortal.process, service)
        assert client.redeployed(mortal.process) == "done"
    client.see_that_all_is_well(mortal.process)
    return end
