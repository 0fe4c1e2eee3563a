"""What other daemons on the same database are there for: rules that are on with them and may be off here.

Each writes down once a minute which rules are on with it. What is off here, and on with a daemon that has said so lately, is for
that one to do: here it is neither done nor called off. On SQLite there is one daemon, and nobody to ask.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from agent.assurance.tables import MarkRow
from crm_bridge.once import insert_once
from inventory.db import Database
from inventory.work import WorkQueue
from policies.acting.rules import Mode, Rule

SAY_EVERY = timedelta(minutes=1)
LATELY = timedelta(minutes=3)
FORGOTTEN = timedelta(hours=1)
BY_ITSELF = frozenset({Mode.APPROVE, Mode.AUTOMATIC})
"""Modes in which an alarm makes actions."""


class Elsewhere:
    def __init__(self, daemon: str = "") -> None:
        self.daemon = daemon or secrets.token_hex(4)
        """Of this daemon, from its start to its end."""
        self._said_at: datetime | None = None

    def say(self, database: Database, queue: WorkQueue, rules: Iterable[Rule], at: datetime) -> None:
        """Which rules are on here, when it is time to."""
        if database.is_sqlite or (self._said_at is not None and abs(at - self._said_at) < SAY_EVERY):
            return
        own = {_key(rule.name, self.daemon) for rule in rules if rule.mode in BY_ITSELF}
        with database.write() as session:
            stamp = int(queue.common_time(session, at).timestamp())
            old = MarkRow.value < stamp - int(FORGOTTEN.total_seconds())
            session.execute(delete(MarkRow).where(MarkRow.name.startswith(_RULE, autoescape=True), old))
            for name in sorted(own):
                insert_once(session, MarkRow, {"name": name, "value": stamp})
                session.get_one(MarkRow, name, populate_existing=True).value = stamp
        self._said_at = at

    def has_on(self, session: Session, rule: str, at: datetime) -> bool:
        """Whether another daemon does what the rule says, and has said so lately. `at`: by the time they have in common."""
        lately = MarkRow.value > int((at - LATELY).timestamp())
        mine = MarkRow.name == _key(rule, self.daemon)
        others = select(MarkRow.name).where(MarkRow.name.startswith(_key(rule, ""), autoescape=True), lately, ~mine)
        return session.scalars(others.limit(1)).first() is not None


_RULE = "rule on/"


def _key(rule: str, daemon: str) -> str:
    return f"{_RULE}{rule}/{daemon}"
