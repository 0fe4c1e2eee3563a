"""What several threads have ready to be written at the same time, written as one set: one transaction, few statements.

Who comes while another one writes waits with all that come, and the first of them writes for all. Each returns when its own is
durable. A set that the database refuses is taken back whole, and each of it is written by itself: what is wrong with one is told to
that one alone. A set waits for locks only briefly, for all that come wait behind it; by itself each may wait as long as anybody.
Where the server cannot be reached, one who tries tells all.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Generic, NamedTuple, Protocol, TypeVar

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from inventory.db import Database, carry_out, effects_of, gave_up, wait_briefly
from inventory.errors import OutcomeUnknown

log = structlog.get_logger(__name__)

Entry = TypeVar("Entry")


class Company(Protocol):
    """Who else may come with an entry before long."""

    def expected(self) -> int:
        """How many are under way to `add` something, or wait in it. Thread-safe."""
        ...

    def waiting(self) -> AbstractContextManager[None]:
        """Around the time in which one of them waits until its entry is durable."""
        ...


class Nobody:
    """Each is written as soon as it comes."""

    def expected(self) -> int:
        return 0

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()


class Outcome(NamedTuple):
    """What came of an entry in its set."""

    error: Exception | None
    alone: bool
    """The set was taken back: it is to be written by itself."""
    away: bool = False
    """No connection to the server was to be had, so nothing was begun. Who comes next would only wait for the same."""


LONGEST_S = 180.0
"""How long one waits for the thread that writes for it: longer than that one may, unless the database does not answer at all."""
GATHER_S = 0.1
"""How long a set waits at most until half of those that are expected have come."""


class Together(Generic[Entry]):
    """Thread-safe. `write` is called in a transaction, again for the same entry when its set was taken back.

    What it finds wrong with a single entry it notes there, and writes nothing of it; what it raises takes the transaction back.
    No more wait than there are threads.
    """

    def __init__(
        self, database: Database, write: Callable[[Session, Sequence[Entry]], None], company: Company | None = None
    ) -> None:
        """`company`: for whom a set waits a moment, so that they come with it. A set costs several times what each of it does."""
        self._database, self._write = database, write
        self._company = company or Nobody()
        self._guard = threading.Lock()
        self._gathered = threading.Condition(self._guard)
        """Enough have come."""
        self._turn = threading.Lock()
        """Elsewhere than on SQLite, where the writer's place does it: the next set gathers while one is written."""
        self._writing = 0
        """The thread that has the turn."""
        self._waiting: list[_Ticket[Entry]] = []

    def add(self, entry: Entry) -> None:
        """Durable when it returns. Raises what `write` and the database do where the entry is written by itself.

        `RuntimeError` inside `write`: it would wait for itself.
        """
        outcome = self.add_all([entry])[0]
        if outcome.error is not None:
            raise outcome.error
        if outcome.alone:
            self._database.by_itself(lambda session: self._write(session, [entry]))

    def add_all(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Several of one thread, in the same set. What came of each; those to be written by themselves are left to the caller."""
        if self._writing == threading.get_ident():
            raise RuntimeError("a set is written by this very thread; pass its session down instead of adding to the next one")
        tickets = [_Ticket(entry) for entry in entries]
        with self._company.waiting():
            with self._guard:
                leads = not self._waiting
                self._waiting += tickets
                if not leads and self._enough():
                    self._gathered.notify()
            if leads:
                self._lead()
            until = time.monotonic() + LONGEST_S
            for ticket in tickets:
                if not self._is_settled(ticket, until):
                    self._give_up(ticket)
        return [Outcome(ticket.error, ticket.alone, ticket.away) for ticket in tickets]

    def _is_settled(self, ticket: "_Ticket[Entry]", until: float) -> bool:
        """Waits for it."""
        return ticket.settled.acquire(timeout=max(0.0, until - time.monotonic()))

    def _give_up(self, ticket: "_Ticket[Entry]") -> None:
        """It is taken out of its set, or, where that is being written, nobody knows: in no case is it written twice."""
        with self._guard:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                ticket.alone = True
                return
        if not ticket.settled.acquire(blocking=False):
            log.error("a set is being written for too long; what becomes of it is not known", seconds=LONGEST_S)
            ticket.error = OutcomeUnknown("the database does not answer")

    def _lead(self) -> None:
        tickets: list[_Ticket[Entry]] = []
        connected = written = False
        number: int | None = None
        effects: Sequence[Callable[[], None]] = ()
        try:
            self._gather()
            with self._database.write() as session, self._its_turn():
                session.connection()  # begins: whoever comes until then is of this set
                connected = True
                number = wait_briefly(session)
                tickets = self._cut()
                self._write(session, [ticket.entry for ticket in tickets])
                session.flush()
                effects = effects_of(session)
            written = True
        except OutcomeUnknown as error:
            written = self._made(tickets, number, error)
            carry_out(effects if written else ())
        except Exception as error:  # noqa: BLE001  told to whose it is, in its own thread
            if self._is_away(error, connected=connected):
                tickets = tickets or self._cut()
                _tell_away(tickets, error)
            elif len(tickets) == 1 and not gave_up(error):
                tickets[0].error = error
            else:
                log.info("a set was taken back; each of it is written by itself", entries=len(tickets), reason=_reason(error))
        finally:
            for ticket in tickets or self._cut():
                ticket.alone = not written and ticket.error is None
                ticket.settled.release()

    @contextmanager
    def _its_turn(self) -> Iterator[None]:
        with self._turn:
            self._writing = threading.get_ident()
            try:
                yield
            finally:
                self._writing = 0

    def _gather(self) -> None:
        """Wait for those that are about to come, and not for long; a few have no company worth waiting for."""
        deadline = time.monotonic() + GATHER_S
        with self._guard:
            while not self._enough() and (left := deadline - time.monotonic()) > 0:
                self._gathered.wait(left)

    def _enough(self) -> bool:
        return 2 * len(self._waiting) >= self._company.expected()

    def _is_away(self, error: Exception, *, connected: bool) -> bool:
        """Whether the server cannot be reached: one who tries tells all, for each would wait as long to be told the same."""
        if self._database.is_sqlite or not isinstance(error, OperationalError):
            return False
        if not connected:
            return True
        return error.connection_invalidated and not self._database.answers()

    def _made(self, tickets: "list[_Ticket[Entry]]", number: int | None, error: OutcomeUnknown) -> bool:
        """Whether the set was written although nobody said so. When that stays unknown, all are told; none is written twice."""
        try:
            if number is not None:
                return self._database.made(number)
        except OutcomeUnknown as still:
            error = still
        for ticket in tickets:
            ticket.error = error
        return True

    def _cut(self) -> "list[_Ticket[Entry]]":
        with self._guard:
            tickets, self._waiting = self._waiting, []
        return tickets


def _tell_away(tickets: "Sequence[_Ticket[Entry]]", error: Exception) -> None:
    log.warning("the database cannot be reached; all that wait for it are told", entries=len(tickets), reason=_reason(error))
    for ticket in tickets:
        ticket.error, ticket.away = error, True


def _reason(error: Exception) -> str:
    """Without the statement and its values: they may be a customer's."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


class _Ticket(Generic[Entry]):
    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.error: Exception | None = None
        self.alone = False
        """The set was taken back: it is for its own thread to write."""
        self.away = False
        self.settled = threading.Lock()
        self.settled.acquire()
