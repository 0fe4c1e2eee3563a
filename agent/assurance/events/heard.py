"""How far each element's notifications were heard, kept over a restart: what was said meanwhile is asked for from there."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from agent.assurance.tables import HeardUntilRow


def heard_until(session: Session) -> dict[str, datetime]:
    """Element → time of its latest event, by its own clock."""
    return {row.element: row.event_time for row in session.scalars(select(HeardUntilRow))}


def keep(session: Session, heard: Mapping[str, datetime], elements: Collection[str]) -> None:
    """`heard`: those that said something since. Others than `elements` are forgotten, so that there is a row for each at most."""
    kept = {name: at for name, at in heard.items() if name in elements}
    session.execute(delete(HeardUntilRow).where(HeardUntilRow.element.not_in(elements) | HeardUntilRow.element.in_(kept)))
    if kept:
        session.execute(insert(HeardUntilRow), [{"element": name, "event_time": at} for name, at in sorted(kept.items())])
