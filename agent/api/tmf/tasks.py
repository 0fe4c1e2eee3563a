"""Records of what clients asked and were answered, which nobody looks for after a while: monitors, qualifications and jobs."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from agent.api.tables import RecordRow

KINDS = ("monitor", "checkServiceQualification", "queryServiceQualification", "importJob", "exportJob", "serviceTest")
UNFINISHED = ("InProgress", "inProgress", "accepted", "acknowledged", "Not Started", "Running")


def forget(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` that have not changed since, and have ended; how many. As old as events, without telling of it."""
    old = select(RecordRow.id).where(RecordRow.kind.in_(KINDS), RecordRow.updated_at < before, RecordRow.state.not_in(UNFINISHED))
    ids = session.scalars(old.limit(limit)).all()
    session.execute(delete(RecordRow).where(RecordRow.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)
