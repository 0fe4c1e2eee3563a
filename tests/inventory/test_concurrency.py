"""Many clients of one pool at once, from threads and from processes; and clients of different pools, who never meet."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from inventory.allocation import allocate, release_owner
from inventory.db import Database
from inventory.errors import PoolExhausted, ValueTaken
from inventory.fill import fill
from inventory.lockedpools import lock_pools
from inventory.pools import space_of
from inventory.tables import AllocationRow, PoolRow
from policies.values import new_id
from tests.clock import EPOCH
from tests.inventory.factory import add_pool

CLIENTS = 64
PROCESSES = 4
PATIENCE_S = 120

CLIENT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from inventory.allocation import allocate
from inventory.db import Database

url, name, at = sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3])
database = Database(url)

def client(number):
    with database.write() as session:
        return allocate(session, "vlans", owner=f"{name}-{number}", role="vlan", service_id="svc", at=at).value

with ThreadPoolExecutor(16) as pool:
    print(*pool.map(client, range(16)))
database.close()
"""


def take(database: Database, pool: str, owner: str) -> str:
    with database.write() as session:
        return allocate(session, pool, owner=owner, role="value", service_id=f"svc-{owner}", at=EPOCH).value


def at_once(work: Iterable[Callable[[], str]]) -> list[str]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [done.result(PATIENCE_S) for done in [pool.submit(each) for each in work]]


def test_many_threads_at_one_pool_never_get_the_same_value(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[1, 4000]])
    values = at_once(partial(take, database, "vlans", f"client-{number}") for number in range(CLIENTS))
    assert sorted(map(int, values)) == list(range(1, CLIENTS + 1))


def test_many_processes_at_one_pool_never_get_the_same_value(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[1, 4000]])
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", CLIENT, url]
    clients = [
        subprocess.Popen([*command, f"process-{n}", EPOCH.isoformat()], stdout=subprocess.PIPE, text=True) for n in range(PROCESSES)
    ]
    values = [value for client in clients for value in client.communicate(timeout=PATIENCE_S)[0].split()]
    assert sorted(map(int, values)) == list(range(1, CLIENTS + 1))


def test_taking_and_giving_back_at_once_loses_nothing(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "few", "vlan", ranges=[[1, 8]])
        add_pool(session, "many", "integer", ranges=[[1, 1000]])

    def client(number: int) -> str:
        for turn in range(3):
            owner = f"{number}-{turn}"
            try:
                with database.write() as session:
                    lock_pools(session, ["few", "many"])
                    for pool in ("many", "few") if number % 2 else ("few", "many"):
                        allocate(session, pool, owner=owner, role=pool, service_id=f"svc-{owner}", at=EPOCH)
            except PoolExhausted:
                continue
            with database.write() as session:
                assert len(release_owner(session, owner, EPOCH)) == 2
        return "done"

    assert at_once(partial(client, number) for number in range(CLIENTS)) == ["done"] * CLIENTS
    with database.read() as session:
        assert [fill(session, pool, EPOCH).free for pool in ("few", "many")] == [8, 1000]


def test_of_many_that_race_for_the_last_value_one_gets_it_and_the_others_are_told_so(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "last", "vlan", ranges=[[7, 7]])

    def client(number: int) -> str:
        try:
            return take(database, "last", str(number))
        except PoolExhausted as refusal:
            return str(refusal)

    outcomes = sorted(at_once(partial(client, number) for number in range(CLIENTS)))
    refusal = "pool last is exhausted: none of its 1 values is free; extend the pool or delete services that use it"
    assert outcomes == ["7", *[refusal] * (CLIENTS - 1)]


def test_clients_of_another_pool_do_not_wait(database: Database) -> None:
    """On SQLite they wait for the single writer, so there is nothing to prove."""
    with database.write() as session:
        add_pool(session, "one", "vlan", ranges=[[1, 4000]])
        add_pool(session, "other", "vlan", ranges=[[1, 4000]])
    if database.is_sqlite:
        assert take(database, "other", "b") == "1"
        return
    with database.write() as session:
        allocate(session, "one", owner="a", role="value", service_id="svc-a", at=EPOCH)  # not committed while the other one works
        found: list[str] = []
        other = threading.Thread(target=lambda: found.append(_impatient(database, "other")))
        other.start()
        other.join(PATIENCE_S)
        assert found == ["1"]


def _impatient(database: Database, pool: str) -> str:
    with database.write() as session:
        session.execute(text("SET LOCAL lock_timeout = '2s'"))
        return allocate(session, pool, owner="b", role="value", service_id="svc-b", at=EPOCH).value


def test_the_statements_of_an_allocation_are_the_same_at_any_fill_of_any_pool(database: Database) -> None:
    """Small and empty, a /8 and an IPv6 /32 with ten thousand given out and a thousand at rest."""
    with database.write() as session:
        add_pool(session, "empty", "ipv4-prefix", prefix="10.0.0.0/28", length=31)
        expected = _statements(database, session, "empty")
        for name, definition in (("eight", ("ipv4-prefix", "11.0.0.0/8", 31)), ("v6", ("ipv6-prefix", "2001:db8::/32", 64))):
            kind, prefix, length = definition
            pool = add_pool(session, name, kind, prefix=prefix, length=length)
            _fill(session, pool, 10_000)
            assert _statements(database, session, name) == expected
            _fill(session, pool, 1_000, state="quarantined")
            rested = _statements(database, session, name)
            assert len(rested) <= len(expected)
            assert not [statement for statement in (*expected, *rested) if "count(" in statement.lower()]


def _fill(session: Session, pool: PoolRow, count: int, *, state: str = "allocated") -> None:
    """As if so many had been given out, one after the other."""
    space, start = space_of(pool.kind, pool.definition), int(pool.cursor)
    session.add_all(
        AllocationRow(
            id=new_id("alo"),
            pool_id=pool.id,
            value=space.at(offset),
            state=state,
            reason="",
            amount_bps=0,
            allocated_at=EPOCH,
            reusable_at=EPOCH if state == "quarantined" else None,
        )
        for offset in range(start, start + count)
    )
    pool.cursor = str(start + count)
    session.flush()


def _statements(database: Database, session: Session, pool: str) -> list[str]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        allocate(session, pool, owner=new_id("own"), role="value", service_id="svc", at=EPOCH)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return seen


def test_those_that_share_transactions_get_each_value_once_whoever_asks_by_name_or_is_taken_back(database: Database) -> None:
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[1, 4000]])

    def one(number: int) -> str:
        def work(session: Session) -> str:
            wanted = str(number) if number % 5 == 0 else None
            taken = allocate(
                session, "vlans", owner=f"itm-{number}", role="vlan", service_id="svc", at=EPOCH, wanted=wanted, newcomer=True
            )
            if number % 7 == 0:
                raise LookupError
            return taken.value

        try:
            return database.together(work)
        except (LookupError, ValueTaken):
            return ""

    given = [value for value in at_once(partial(one, number) for number in range(1, CLIENTS)) if value]
    assert len(given) == len(set(given)) > CLIENTS // 2
    with database.read() as session:
        stored = set(session.scalars(select(AllocationRow.value)))
        cursor = int(session.scalars(select(PoolRow.cursor)).one())
    assert stored == set(given)
    assert not {str(number) for number in range(1, cursor + 1)} - stored, "what comes back of itself is not passed over"
