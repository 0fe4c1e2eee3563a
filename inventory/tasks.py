"""Pieces of work of several threads in one transaction, done by one of them, each as if it had one of its own.

What one of them raises is told to who wanted it, and nothing of it stays. When the database itself refuses something, all are taken
back, and each is done by itself.
"""

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from inventory.db import Database, effects_of, gave_up, restore_effects
from inventory.postponed import Postponed
from inventory.together import Outcome, Together
from inventory.unit import POSTPONED

if TYPE_CHECKING:
    import psycopg

Result = TypeVar("Result")


class Tasks:
    """Of one database. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together: Together[Task[Any]] = Together(database, do_all)

    def do(self, work: Callable[[Session], Result]) -> Result:
        """Durable when it returns. Raises what `work` and the database do."""
        task = Task(work)
        self._together.add(task)
        return self._database.by_itself(work) if task.alone else task.result()

    def do_all(self, tasks: "Sequence[Task[Any]]") -> list[Outcome]:
        """All of them, for others: what came of each. Those to be done by themselves are left to the caller."""
        return [_whole(task, outcome) for task, outcome in zip(tasks, self._together.add_all(tasks), strict=True)]


class Task(Generic[Result]):
    """Runs with the context variables of who made it."""

    def __init__(self, work: Callable[[Session], Result]) -> None:
        self.work = work
        self._context = copy_context()
        self._result: Result | None = None
        self.error: Exception | None = None
        self.alone = False
        """It would have had to wait while others wait behind it: to be done in a transaction of its own."""

    def run(self, session: Session) -> None:
        self.error, self.alone = None, False
        self._result = self._context.run(self.work, session)

    def result(self) -> Result:
        """Once it was run. Raises what it did."""
        if self.error is not None:
            raise self.error
        return cast("Result", self._result)


def _whole(task: Task[Any], outcome: Outcome) -> Outcome:
    """With what the task itself says, which counts only where its set was written: until then others may still be at it."""
    if outcome.error is not None or outcome.alone:
        return outcome
    return Outcome(None if task.alone else task.error, task.alone)


def do_all(session: Session, tasks: Sequence[Task[Any]]) -> None:
    """In the transaction of the session, which is to be committed next."""
    postponed = session.info[POSTPONED] = Postponed()
    if len(tasks) == 1:
        tasks[0].run(session)
    else:
        for number, task in enumerate(tasks):
            _try(session, postponed, task, first=not number)
    session.flush()
    del session.info[POSTPONED]


def _try(session: Session, postponed: Postponed, task: Task[Any], *, first: bool) -> None:
    connection, effects = session.connection(), effects_of(session)
    _mark(connection, first=first)
    postponed.begin()
    try:
        task.run(session)
        if not session._is_clean():  # noqa: SLF001  `new`, `dirty` and `deleted` make a set each time
            session.flush()
    except Exception as error:
        if not session.is_active or (isinstance(error, DBAPIError) and not gave_up(error)):
            raise
        task.alone, task.error = gave_up(error), error
        connection.dialect.do_rollback_to_savepoint(connection, _SAVEPOINT)
        session.expunge_all()
        session.info.clear()
        session.info[POSTPONED] = postponed
        restore_effects(session, effects)
        postponed.take_back()
        session.flush()  # what others remember of it is forgotten


def _mark(connection: Connection, *, first: bool) -> None:
    """From here on it can be taken back. On PostgreSQL in one question to the server, with letting go of the last one."""
    if first:
        connection.dialect.do_savepoint(connection, _SAVEPOINT)
    elif connection.dialect.name == "postgresql":
        cursor = cast("psycopg.Connection", connection.connection.driver_connection).cursor()
        cursor.execute(f"RELEASE {_SAVEPOINT}; SAVEPOINT {_SAVEPOINT}", prepare=False)  # it cannot be, being two
        cursor.close()
    else:
        connection.dialect.do_release_savepoint(connection, _SAVEPOINT)
        connection.dialect.do_savepoint(connection, _SAVEPOINT)


_SAVEPOINT = "piece_of_work"
