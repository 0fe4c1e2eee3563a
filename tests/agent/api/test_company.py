"""What requests want that come together is done in one transaction by one thread, and each is told what came of its own."""

import asyncio
import threading

import pytest
from fastapi import APIRouter, Depends
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from agent.api.company import Company
from agent.api.errors import Unavailable
from agent.api.lean import Lean
from inventory.db import Database
from inventory.errors import OutcomeUnknown
from inventory.tables import SiteRow
from tests.inventory.waiting import until

DEADLINE = 60


class Sites:
    """Wants sites by name; the first may be kept in its transaction until others have come."""

    def __init__(self, database, company: Company) -> None:
        self.database, self.company = database, company
        self.sets: dict[Session, list[str]] = {}
        self.writing, self.go = threading.Event(), threading.Event()

    async def want(self, name: str, *, key: str = "", waits: bool = False) -> str:
        def work(session) -> str:
            self.sets.setdefault(session, []).append(name)
            if waits:
                self.writing.set()
                assert self.go.wait(DEADLINE)
            if name == "refused":
                raise LookupError(name)
            session.add(SiteRow(id=key or f"ste-{name}", name=name))
            return name.upper()

        return await self.company.do(self.database, work)

    async def together(self, *names: str) -> list[str | BaseException]:
        """What came of each; they come while another one is written."""
        first = asyncio.create_task(self.want("first", waits=True))
        await asyncio.to_thread(self.writing.wait, DEADLINE)
        others = [asyncio.create_task(self.want(name)) for name in names]
        await asyncio.sleep(0)  # each of them begins
        self.go.set()
        await first
        return await asyncio.gather(*others, return_exceptions=True)

    def stored(self) -> set[str]:
        with self.database.read() as session:
            return set(session.scalars(select(SiteRow.name)))


@pytest.fixture
def sites(database) -> Sites:
    return Sites(database, Company())


def test_what_comes_while_others_are_done_is_done_in_one_transaction(sites):
    assert asyncio.run(sites.together("a", "b", "c")) == ["A", "B", "C"]
    assert sorted(sites.sets.values()) == [["a", "b", "c"], ["first"]]
    assert sites.stored() == {"first", "a", "b", "c"}


def test_one_that_is_refused_is_told_so_alone(sites):
    told = asyncio.run(sites.together("a", "refused", "c"))
    assert told[0] == "A"
    assert isinstance(told[1], LookupError)
    assert told[2] == "C"
    assert sites.stored() == {"first", "a", "c"}


def test_one_that_the_database_refuses_is_told_so_alone(sites):
    *same, other = asyncio.run(sites.together("a", "a", "c"))
    assert {type(each) for each in same} == {str, IntegrityError}
    assert other == "C"
    assert sites.stored() == {"first", "a", "c"}


def test_a_set_waits_for_as_many_as_came_the_last_time(database):
    sites = Sites(database, Company(gather_s=DEADLINE))

    async def twice() -> None:
        await sites.together("a", "b")
        early = asyncio.create_task(sites.want("c"))
        done, _ = await asyncio.wait([early], timeout=0.05)
        assert not done
        assert await sites.want("d") == "D"
        assert await early == "C"

    asyncio.run(twice())
    assert ["c", "d"] in sites.sets.values()


def test_a_set_does_not_wait_long_for_those_who_do_not_come(sites):
    async def twice() -> str:
        await sites.together("a", "b")
        return await sites.want("c")

    assert asyncio.run(twice()) == "C"


def test_who_is_called_off_keeps_nobody_from_hearing(sites):
    async def called_off() -> str:
        first = asyncio.create_task(sites.want("first", waits=True))
        await asyncio.to_thread(sites.writing.wait, DEADLINE)
        other = asyncio.create_task(sites.want("other"))
        await asyncio.sleep(0)
        first.cancel()
        sites.go.set()
        return await other

    assert asyncio.run(called_off()) == "OTHER"
    assert sites.stored() == {"first", "other"}


def test_one_that_comes_alone_and_is_refused_is_not_tried_again(sites):
    with pytest.raises(LookupError):
        asyncio.run(sites.want("refused"))
    assert list(sites.sets.values()) == [["refused"]]


def test_who_is_called_off_before_his_turn_wants_nothing(sites):
    async def called_off() -> None:
        first = asyncio.create_task(sites.want("first", waits=True))
        await asyncio.to_thread(sites.writing.wait, DEADLINE)
        other = asyncio.create_task(sites.want("other"))
        await asyncio.sleep(0)
        other.cancel()
        await asyncio.wait({other})
        sites.go.set()
        await first

    asyncio.run(called_off())
    assert sites.stored() == {"first"}


def test_when_the_database_does_not_answer_each_hears_whether_his_was_begun(database):
    sites = Sites(database, Company(longest_s=0.2))

    async def hearing() -> list[str | BaseException]:
        first = asyncio.create_task(sites.want("first", waits=True))
        await asyncio.to_thread(sites.writing.wait, DEADLINE)
        told = await asyncio.gather(first, sites.want("other"), return_exceptions=True)
        sites.company._longest_s = DEADLINE  # for the database answers again, in its own time
        sites.go.set()
        assert await Sites(database, sites.company).want("third") == "THIRD"
        return told

    begun, waiting = asyncio.run(hearing())
    assert isinstance(begun, OutcomeUnknown)
    assert isinstance(waiting, Unavailable)
    assert "nothing was done" in waiting.message
    assert sites.stored() == {"first", "third"}


def test_where_there_is_no_thread_each_is_done_by_itself_and_the_next_time_together(sites, monkeypatch):
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def both() -> list[str]:
        await asyncio.to_thread(sites.go.set)  # the loop has its thread
        with monkeypatch.context() as patched:
            patched.setattr("concurrent.futures.thread.threading.Thread.start", start)
            early = asyncio.create_task(sites.want("a"))
            await asyncio.sleep(0)
        return [await early, await asyncio.wait_for(sites.want("b"), DEADLINE)]

    assert asyncio.run(both()) == ["A", "B"]
    assert sites.stored() == {"a", "b"}


def test_a_lean_route_takes_no_dependency_that_nobody_would_resolve():
    async def endpoint() -> None: ...

    with pytest.raises(TypeError, match="resolves no dependency"):
        APIRouter().add_api_route("/x", endpoint, route_class_override=Lean, dependencies=[Depends(endpoint)])


def test_where_the_server_cannot_be_reached_one_who_tries_tells_all_who_wait():
    """Those of the set, and those that came meanwhile: each would wait as long to be told the same."""
    company, tries = Company(), []
    gone = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    async def refused() -> list[BaseException | None]:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        @event.listens_for(gone.engine, "do_connect")
        def _all_have_come(*_args: object) -> None:
            tries.append(len(company._waiting))
            loop.call_soon_threadsafe(begun.set)
            until(lambda: len(company._waiting) == 100)

        first = asyncio.create_task(company.do(gone, done.append))
        await asyncio.wait_for(begun.wait(), DEADLINE)
        others = [asyncio.create_task(company.do(gone, done.append)) for _ in range(100)]
        return await asyncio.wait_for(asyncio.gather(first, *others, return_exceptions=True), DEADLINE)

    done: list[Session] = []
    told = asyncio.run(refused())
    gone.close()
    assert [type(each) for each in told] == [OperationalError] * 101
    assert (len(tries), done, company._waiting) == (1, [], [])
