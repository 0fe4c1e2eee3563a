"""The way back of what was done: what there is to know for it, and when it is gone by itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from agent.actions.deeds.deed import Done
from agent.actions.state import BY_HAND, CLEARED, ENDED, OPEN
from agent.actions.subject import Subject
from agent.actions.tables import ActionRow
from policies.acting.rules import Deed, Rule


def returns(rule: Rule | None, row: ActionRow) -> str:
    """By what the deed that has just been done is taken back; "" where nothing of it lasts."""
    if row.undoes or not (row.plan_id or row.orders) or not Deed(row.deed).lasting:
        return ""
    return CLEARED if rule is not None and rule.back.when == "cleared" else BY_HAND


def done_of(session: Session, row: ActionRow, rule: Rule | None) -> Done:
    """An action as its way back sees it."""
    beside = select(ActionRow.kept).where(ActionRow.deed == row.deed, ActionRow.returns != "", ActionRow.id != row.id)
    return Done(
        subject=Subject.parse(row.object),
        services=tuple(row.services),
        plan_id=row.plan_id,
        kept=row.kept,
        causes=() if rule is None else rule.trigger.causes,
        beside=tuple(session.scalars(beside)),
    )


def open_return(session: Session, action_id: str) -> ActionRow | None:
    """The way back of an action that waits or is under way."""
    opened = select(ActionRow).where(ActionRow.undoes == action_id, ActionRow.state.in_([state.value for state in sorted(OPEN)]))
    return session.scalars(opened.limit(1)).first()


def returning(session: Session, rules: Sequence[Rule], at: datetime) -> list[ActionRow]:
    """Actions of these rules that have stood for as long as they have to and that nothing takes back yet, the latest first.

    The latest first, because what moved a service last is what there is to take back.
    """
    back = aliased(ActionRow)
    named = {rule.name: rule for rule in rules}
    rows = session.scalars(
        select(ActionRow)
        .where(
            ActionRow.returns == CLEARED,
            ActionRow.rule.in_(sorted(named)),
            ActionRow.state.in_([state.value for state in sorted(ENDED)]),
            ~exists().where(back.undoes == ActionRow.id, back.state.in_([state.value for state in sorted(OPEN)])),
        )
        .order_by(ActionRow.id.desc())
    )
    return [row for row in rows if row.acted_at is not None and row.acted_at <= at - rest_of(named[row.rule])]


def rest_of(rule: Rule) -> timedelta:
    """For which what an action was about has to have been without alarm."""
    return timedelta(seconds=rule.back.for_s)
