"""The turn of the closed loop: alarms become actions, what waits is considered, what is under way is followed and measured."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from agent.actions import book
from agent.actions.around import take_turn
from agent.actions.deciding import Decider
from agent.actions.deeds.deed import Target
from agent.actions.elsewhere import BY_ITSELF
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.following import follow, measure
from agent.actions.homeward import Homeward
from agent.actions.state import OPEN, WAITING, State
from agent.actions.tables import ActionRow
from agent.actions.triggers import Call, calls, standing
from agent.security.audit import DAEMON
from inventory.db import Database, once_committed
from policies.values import Clock

PASSED_OVER_S = 600.0
"""How long an alarm is left alone that a rule turned out not to be for."""
MOST_PASSED_OVER = 5_000
MOST_OPEN = 500
"""Actions that wait: what comes beyond waits as an alarm."""
MOST_STANDING = 10_000
"""Actions that are kept beyond their days because their change stands: the latest of them."""
LOOKS_AT_ONCE = 50
"""Waiting actions whose guards are asked in one turn."""
LONGEST_S = 1.0
"""For those, and for alarms that call: nobody else writes meanwhile, and planning detours takes its time."""
LOOK_AGAIN = timedelta(seconds=5)
"""How soon a waiting action is looked at again, where nobody knows when what stands against it ends."""
LOOK_ANYWAY = timedelta(minutes=1)
"""And where it is known: maintenance may be called off."""

log = structlog.get_logger(__name__)
Each = TypeVar("Each")


@dataclass(slots=True)
class Loop:
    database: Database
    clock: Clock
    decider: Decider
    wake: Callable[[], None]
    _homeward: Homeward = field(init=False)
    _passed_over: dict[tuple[str, str, datetime], float] = field(default_factory=dict)
    """Rule and occurrence of an alarm → until when, on the monotonic clock."""
    _looks: dict[str, datetime] = field(default_factory=dict)
    """Waiting action → when it is looked at next; at once, where nothing is said."""

    def __post_init__(self) -> None:
        self._homeward = Homeward(self.decider)

    def turn(self) -> None:
        """Looks first, without anybody's place; writes only when there is something to do."""
        now = self.clock.monotonic()
        self._passed_over = {key: until for key, until in self._passed_over.items() if until > now}
        self.decider.elsewhere.say(self.database, self.decider.queue, self.decider.rules.values(), self.clock.now())
        with self.database.read() as session:
            called = self._calls(session, self.clock.now())
            waiting = session.scalars(select(ActionRow.id).where(ActionRow.state.in_(OPEN)).limit(1)).first()
            healed = self._homeward.due(session, self.clock.now())
        if called or waiting or healed:
            with self.database.write() as session:
                take_turn(session)
                at = self.clock.now()
                self._work(session, called, at)
                for action_id in self._in_time(healed):
                    self._apart(session, f"action {action_id}", partial(self._homeward.begin, session, action_id, at))
                once_committed(session, self.wake)

    def forget(self, before: datetime, limit: int) -> int:
        """Delete actions that ended before that; how many. Those whose change stands are kept, to be taken back some day."""
        kept = select(ActionRow.id).where(ActionRow.ended_at < before, ActionRow.returns != "").order_by(ActionRow.id.desc())
        beyond = kept.offset(MOST_STANDING).limit(1).scalar_subquery()
        gone = or_(ActionRow.returns == "", ActionRow.id <= beyond)
        old = select(ActionRow.id).where(ActionRow.ended_at < before, gone).order_by(ActionRow.id).limit(limit)
        with self.database.write() as session:
            ids = session.scalars(old).all()
            session.execute(delete(ActionRow).where(ActionRow.id.in_(ids)).execution_options(synchronize_session=False))
        return len(ids)

    def _calls(self, session: Session, at: datetime) -> list[Call]:
        by_themselves = [rule for rule in self.decider.rules.values() if rule.mode in BY_ITSELF]
        return [call for rule in by_themselves for call in calls(session, rule, self._passed_over.keys(), at)]

    def _work(self, session: Session, called: Sequence[Call], at: datetime) -> None:
        opened = session.scalars(select(ActionRow).where(ActionRow.state.in_(OPEN)).order_by(ActionRow.id)).all()
        stand = standing(session, opened)
        self._looks = {row.id: due for row in opened if (due := self._looks.get(row.id)) is not None}
        looked: list[ActionRow] = []
        for row in sorted(opened, key=lambda row: (self._looks.get(row.id, at), row.id)):
            if row.state not in WAITING:
                self._apart(session, f"action {row.id}", partial(self._follow, session, row, at))
            elif trouble := self._homeward.waits_in_vain(session, row, at):
                book.move(session, row, State.OBSOLETE, at, f"it is too early to take it back: {trouble}")
            elif not row.undoes and row.alarm_id is not None and row.id not in stand:
                book.move(session, row, State.OBSOLETE, at, "the alarm was over before it began")
            elif row.due_at is not None and row.due_at <= at and _expires(row):
                why = "nobody approved it in time" if row.state == State.PROPOSED else "what stood against it did so for too long"
                book.move(session, row, State.EXPIRED, at, why)
            elif self._looks.get(row.id, at) <= at:
                looked.append(row)
        for row in self._in_time(looked[:LOOKS_AT_ONCE]):
            self._looks[row.id] = at + LOOK_AGAIN
            self._apart(session, f"action {row.id}", partial(self._consider, session, row, at))
        for call in self._in_time(called[: max(0, MOST_OPEN - len(opened))]):
            self._apart(session, f"alarm {call.alarm_id}", partial(self._answer, session, call, at))

    def _in_time(self, waiting: Iterable[Each]) -> Iterator[Each]:
        """The first ones; the others are found again in a later turn."""
        until = self.clock.monotonic() + LONGEST_S
        for each in waiting:
            yield each
            if self.clock.monotonic() >= until:
                return

    def _apart(self, session: Session, about: str, work: Callable[[], None]) -> None:
        """What fails with one leaves the others alone; it is tried again in a later turn."""
        try:
            with session.begin_nested():
                work()
        except Exception:
            log.exception("an action could not be seen to", about=about)

    def _follow(self, session: Session, row: ActionRow, at: datetime) -> None:
        if row.state == State.RUNNING:
            follow(session, self.decider.queue, self.decider.rules, row, at)
        else:
            measure(session, self.decider.rules, row, at)

    def _consider(self, session: Session, row: ActionRow, at: datetime) -> None:
        self.decider.consider(session, row, DAEMON, at)
        ends = [datetime.fromisoformat(each["until"]) for each in row.objections if each["until"]]
        if row.state == State.HELD and len(ends) == len(row.objections):
            self._looks[row.id] = min(max([at, *ends]), at + LOOK_ANYWAY)

    def _answer(self, session: Session, call: Call, at: datetime) -> None:
        """An alarm that calls for a rule: an action of it, which begins, waits or is refused."""
        seen = select(ActionRow.id).where(
            ActionRow.rule == call.rule.name, ActionRow.alarm_id == call.alarm_id, ActionRow.occurrence == call.raised_at
        )
        if session.scalars(seen).first() is not None:
            return None  # of another daemon, since we looked
        try:
            target = self.decider.target(session, call.rule, call.subject, at)
        except NotMeant:
            return self._pass_over(call)
        except NotPossible as error:
            row = self._enter(session, call, Target(str(call.subject), frozenset(), (), ""), at)
            return book.move(session, row, State.REFUSED, at, str(error))
        return self.decider.consider(session, self._enter(session, call, target, at), DAEMON, at, target)

    def _enter(self, session: Session, call: Call, target: Target, at: datetime) -> ActionRow:
        row = self.decider.make(call.rule, target, at, by=DAEMON.name, alarm_id=call.alarm_id, occurrence=call.raised_at)
        book.enter(session, row, DAEMON, at, call.text)
        return row

    def _pass_over(self, call: Call) -> None:
        """It leaves no row: `fabd action why ALARM` explains it whenever somebody asks."""
        if len(self._passed_over) >= MOST_PASSED_OVER:
            self._passed_over.clear()
        self._passed_over[call.key] = self.clock.monotonic() + PASSED_OVER_S


def _expires(row: ActionRow) -> bool:
    """What an alarm called for and nobody has to approve matters as long as the alarm stands."""
    return row.state == State.PROPOSED or bool(row.undoes) or row.alarm_id is None
