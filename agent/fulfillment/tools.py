"""What every run of a plan uses."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.fulfillment.doors import Doors
from agent.fulfillment.journal import Checkpoint, no_checkpoint
from agent.fulfillment.lifecycle import ServiceLifecycle
from agent.fulfillment.measuring import Measure, unmeasured
from agent.fulfillment.outcome import Outcomes
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.stalls import Stalls
from inventory.db import Database
from inventory.work import WorkQueue
from policies.values import Clock


@dataclass(frozen=True, slots=True)
class Tools:
    database: Database
    clock: Clock
    queue: WorkQueue
    doors: Doors
    lifecycle: ServiceLifecycle
    outcomes: Outcomes
    settings: FulfilmentSettings
    pause: Callable[[float], None]
    """Waits some seconds."""
    stalls: Stalls
    stopping: Callable[[], bool] = lambda: False
    """Whether the daemon is asked to end: a plan that has changed nothing yet is given back."""
    checkpoint: Checkpoint = no_checkpoint
    measure: Measure = unmeasured
    gone: Callable[[str], bool] = lambda _: True
    """Whether a worker of that name is dead for sure."""
