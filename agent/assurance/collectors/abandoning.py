"""When collectors are switched off: what they told of before is not known any more, and nobody would find out that it is over."""

from datetime import datetime

from sqlalchemy.orm import Session

from agent.assurance.alarms.handling import close_conditions
from agent.assurance.collectors.standings import Standings

WHY = "collectors are switched off, so that nobody finds out when it is over"


def abandon(session: Session, at: datetime) -> None:
    """Clear what stands by their word, and forget it."""
    standings = Standings()
    standings.recall(session)
    close_conditions(session, dict.fromkeys(standings.let_go(session, list(standings.known)), WHY), at)
