# ruff: noqa: ARG002  fakes take what the port says and need little of it
"""A closed loop on a database, with deeds that do as they are told, and alarms that come and go by a word."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from agent.actions.deciding import ACTION_WORK, Decider
from agent.actions.deeds.deed import Begun, Ended, Target
from agent.actions.desk import ActionDesk
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.loop import Loop
from agent.actions.runner import ActionRunner
from agent.actions.tables import ActionChangeRow, ActionRow
from agent.assurance.tables import AlarmRow, ProblemRow
from agent.fulfillment.tables import PlanRow
from agent.security.audit import Actor
from inventory.tables import ElementRow, SiteRow
from inventory.work import DatabaseQueue
from policies.acting.guards import Limits
from policies.acting.rules import Deed, Guards, Mode, Rule, Trigger

LEASE = timedelta(seconds=60)
NOC = Actor("noc", "operator", "local")
OTHER = Actor("other", "operator", "local")
EASY = Guards(per_object=10, in_all=10, pause_s=0, elements_at_once=10)


@dataclass
class FakeDeed:
    """A plan that the test ends, or what it says at once."""

    at_once: Ended | None = None
    impossible: Exception | None = None
    refused: Exception | None = None
    reverse: str = "the way back"
    services: tuple[str, ...] = ()
    prepared: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    gone: Exception | None = None
    """Why it is not taken back."""
    trouble: str = ""
    asked_since: datetime | None = None
    taken_back: list[tuple[str, str]] = field(default_factory=list)

    def target(self, session, subject, at):
        if subject.kind not in {"element", "port"}:
            raise NotMeant(f"{subject} is no element")
        if self.impossible is not None:
            raise self.impossible
        return Target(str(subject), frozenset({subject.element}), self.services, self.reverse)

    def prepare(self, errand):
        self.prepared.append(errand.action_id)
        if self.refused is not None:
            raise self.refused
        if self.at_once is not None:
            return lambda _session, _at: Begun(ended=self.at_once)
        return lambda session, at: Begun(plan_id=_plan(session, errand, at))

    def back(self, session, done, at):
        if self.gone is not None:
            raise self.gone
        return Target(str(done.subject), frozenset({done.subject.element}), done.services, "there again")

    def prepare_back(self, errand, done):
        self.taken_back.append((errand.action_id, done.plan_id))
        return self.prepare(errand)

    def unrest(self, session, done, since):
        self.asked_since = since
        return self.trouble

    def look(self, errand):
        self.looked.append(errand.action_id)


def _plan(session, errand, at):
    plan = PlanRow(
        id=f"pln-{errand.action_id}",
        order_id="",
        purpose="redeploy",
        state="running",
        step="connect",
        created_at=at,
        deadline=at + timedelta(minutes=15),
    )
    session.add(plan)
    session.flush()
    return plan.id


def rule(name="mend", mode=Mode.AUTOMATIC, guards=EASY, **more):
    trigger = Trigger(causes=("linkDown", "configurationDrift"), standing_s=more.pop("standing_s", 0))
    return Rule(
        name=name, title="mends it", deed=more.pop("deed", Deed.REDEPLOY), trigger=trigger, mode=mode, guards=guards, **more
    )


class Stage:
    def __init__(self, database, clock, *rules, limits=None, patience=timedelta(hours=1)) -> None:
        self.database, self.clock = database, clock
        self.queue = DatabaseQueue(database)
        self.deed = FakeDeed()
        self.decider = Decider(
            rules={each.name: each for each in rules or (rule(),)},
            deeds=dict.fromkeys(Deed, self.deed),
            limits=limits or Limits(most=100, elements_at_once=100),
            freezes=(),
            queue=self.queue,
            patience=patience,
        )
        self.woken = 0
        self.loop = Loop(database, clock, self.decider, self._wake)
        self.desk = ActionDesk(self.decider, self._wake)
        self.runner = ActionRunner(database, clock, self.decider)
        with database.write() as session:
            session.add(SiteRow(id="ste-1", name="lab"))
            session.flush()
            session.add_all(
                ElementRow(id=f"elm-{number}", name=f"pe{number}", site_id="ste-1", platform="ietf") for number in range(1, 6)
            )

    def _wake(self) -> None:
        self.woken += 1

    # -- what happens around it ----------------------------------------------------------------------------------------

    def alarm(self, element="pe1", port="", cause="configurationDrift", **columns) -> str:
        at = self.clock.now()
        with self.database.write() as session:
            if problem := columns.get("problem_id"):
                session.add(
                    ProblemRow(id=problem, key=problem, problem_class=cause, root_object=element, state="open", opened_at=at)
                )
                session.flush()
            row = AlarmRow(
                id=f"alm-{element}-{port}-{cause}",
                element=element,
                object=port,
                cause=cause,
                **{"severity": "major", "standing": "root", **columns},
                text=f"{element} has {cause}",
                raised_at=at,
                last_at=at,
            )
            session.add(row)
        return row.id

    def change_alarm(self, alarm_id, **columns) -> None:
        with self.database.write() as session:
            row = session.get_one(AlarmRow, alarm_id)
            for name, value in columns.items():
                setattr(row, name, value)

    def clear(self, alarm_id) -> None:
        self.change_alarm(alarm_id, cleared_at=self.clock.now())

    def raise_again(self, alarm_id) -> None:
        self.change_alarm(alarm_id, cleared_at=None, raised_at=self.clock.now())

    def end_plan(self, action_id, state="done", error=None) -> None:
        with self.database.write() as session:
            plan = session.get_one(PlanRow, f"pln-{action_id}")
            plan.state, plan.finished_at = state, self.clock.now()
            plan.error = {"failures": [{"element": "pe1", "code": "refused", "message": error}]} if error else None

    # -- what it does --------------------------------------------------------------------------------------------------

    def turn(self, seconds=1.0) -> None:
        self.clock.advance(seconds)
        self.loop.turn()

    def work(self) -> None:
        """Everything that is due."""
        while claims := self.queue.claim([ACTION_WORK], "w1", self.clock.now(), LEASE):
            for claim in claims:
                self.runner(claim)

    def actions(self) -> list[ActionRow]:
        with self.database.read() as session:
            return list(session.scalars(select(ActionRow).order_by(ActionRow.created_at, ActionRow.id)))

    def action(self) -> ActionRow:
        (row,) = self.actions()
        return row

    def states(self) -> list[str]:
        return [row.state for row in self.actions()]

    def history(self, action_id) -> list[tuple[str, str]]:
        with self.database.read() as session:
            rows = session.scalars(
                select(ActionChangeRow).where(ActionChangeRow.action_id == action_id).order_by(ActionChangeRow.id)
            )
            return [(row.state, row.by) for row in rows]

    def impossible(self, words) -> None:
        self.deed.impossible = NotPossible(words)
