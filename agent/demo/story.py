"""How the story is told: steps that do what a user would do, through the HTTP API, and check what must be true then."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.api.native.paths import ROOT
from agent.api.tmf.paths import SERVICE_ORDERING, TROUBLE_TICKET
from agent.demo.stage import DEADLINE_S, PERIOD, Stage
from policies.periods import fixed_period

ORDERS = f"{SERVICE_ORDERING}/serviceOrder"
TICKETS = f"{TROUBLE_TICKET}/troubleTicket"
TICK_S = 0.1


class StepFailed(Exception):
    """What must be true is not; the message says what was found instead."""


@dataclass(slots=True)
class Told:
    """What the story remembers, and what a step shows: facts by name, and a text to print as it is."""

    facts: dict[str, Any] = field(default_factory=dict)
    exhibit: str = ""
    exhibit_title: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    title: str
    act: Callable[["Story"], Told]


@dataclass(frozen=True, slots=True)
class Outcome:
    step: Step
    ok: bool
    seconds: float
    told: Told
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        result = {"step": self.step.name, "title": self.step.title, "ok": self.ok, "seconds": round(self.seconds, 3)}
        return result | ({"facts": self.told.facts} if self.ok else {"problem": self.problem})


@dataclass(slots=True)
class Story:
    stage: Stage
    began: datetime
    services: dict[str, str] = field(default_factory=dict)
    """Name in the story → service id."""
    plans: dict[str, str] = field(default_factory=dict)
    cut_at: datetime | None = None
    repaired_at: datetime | None = None
    credit: str = ""

    def tell(self, steps: Sequence[Step], before: Callable[[Step], None] = lambda _step: None) -> Iterator[Outcome]:
        """Ends after the first step that fails."""
        for step in steps:
            before(step)
            started = time.monotonic()
            try:
                told = step.act(self)
            except Exception as error:  # noqa: BLE001  whatever went wrong, the step that it belongs to is named
                yield Outcome(step, False, time.monotonic() - started, Told(), f"{type(error).__name__}: {error}")
                return
            yield Outcome(step, True, time.monotonic() - started, told)

    # -- what several steps do -----------------------------------------------------------------------------------------

    def place(self, name: str) -> dict[str, Any]:
        """Order and wait for its end."""
        order = self.stage.post(ORDERS, self.stage.order(name))
        ended: dict[str, Any] = until(
            lambda: self.stage.get(f"{ORDERS}/{order['id']}"),
            lambda found: found["state"] not in ("acknowledged", "inProgress", "pending"),
            f"order {name} to end",
        )
        return ended

    def complete(self, name: str, *services: str) -> Told:
        order = self.place(name)
        expect(order["state"] == "completed", f"order {name} ended {order['state']}: {errors_of(order)}")
        items = order["serviceOrderItem"]
        for service, item in zip(services, items, strict=True):
            self.services[service] = item["service"]["id"]
        plan = self.stage.get(f"{ROOT}/orders/{order['id']}/plans")[0]
        self.plans[name] = plan["id"]
        elements = [f"{change['element']} ({change['platform']})" for change in plan["changes"]]
        return Told({"order": order["id"], "state": order["state"], "services": list(services), "elements": elements})

    def period_end(self) -> datetime:
        """Of the agreements' period in which the link was cut."""
        if self.cut_at is None:
            raise StepFailed("the link was never cut")
        return fixed_period(self.cut_at, PERIOD, self.stage.anchor).end

    def tickets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.stage.get(TICKETS)
        return found


def until(look: Callable[[], Any], done: Callable[[Any], bool], what: str, *, deadline_s: float = DEADLINE_S) -> Any:  # noqa: ANN401  whatever `look` sees
    """Look again and again until it is done; `StepFailed` names what was awaited and what was seen last."""
    end = time.monotonic() + deadline_s
    while True:
        seen = look()
        if done(seen):
            return seen
        if time.monotonic() > end:
            raise StepFailed(f"waited {deadline_s:.0f} s for {what}; the last look showed: {str(seen)[:600]}")
        time.sleep(TICK_S)


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StepFailed(otherwise)


def errors_of(order: dict[str, Any]) -> str:
    messages = [error["message"] for item in order["serviceOrderItem"] for error in item.get("errorMessage", [])]
    return "; ".join(dict.fromkeys(messages)) or "no reason given"
