import threading
import time

import pytest

from drivers.errors import ElementTimeout
from drivers.pool import Pool


class Session:
    def __init__(self) -> None:
        self.alive = True
        self.ended = threading.Event()

    def end(self) -> None:
        self.alive = False
        self.ended.set()


def soon(seconds: float = 60.0) -> float:
    return time.monotonic() + seconds


def test_a_returned_session_is_used_again() -> None:
    pool: Pool[Session] = Pool()
    first = pool.take("pe1", "pe1", soon(), Session)
    pool.give("pe1", first, reusable=True)
    assert pool.take("pe1", "pe1", soon(), Session) is first


def test_elements_do_not_share_sessions() -> None:
    pool: Pool[Session] = Pool()
    first = pool.take("pe1", "pe1", soon(), Session)
    pool.give("pe1", first, reusable=True)
    assert pool.take("pe2", "pe2", soon(), Session) is not first


@pytest.mark.parametrize(("reusable", "alive"), [(False, True), (True, False)])
def test_what_cannot_be_used_again_is_ended(reusable: bool, alive: bool) -> None:
    pool: Pool[Session] = Pool()
    first = pool.take("pe1", "pe1", soon(), Session)
    first.alive = alive
    pool.give("pe1", first, reusable=reusable)
    assert first.ended.is_set()
    assert pool.take("pe1", "pe1", soon(), Session) is not first


def test_a_session_that_died_while_kept_is_not_given_out() -> None:
    pool: Pool[Session] = Pool()
    first = pool.take("pe1", "pe1", soon(), Session)
    pool.give("pe1", first, reusable=True)
    first.alive = False
    assert pool.take("pe1", "pe1", soon(), Session) is not first
    assert first.ended.is_set()


class Slow(Session):
    """Takes its time to tell whether it is alive."""

    def __init__(self) -> None:
        self.asked, self.tell = threading.Event(), threading.Event()
        self.tell.set()
        super().__init__()

    @property
    def alive(self) -> bool:
        self.asked.set()
        return self.tell.wait(60)

    @alive.setter
    def alive(self, _alive: bool) -> None:
        pass


def test_one_that_is_slow_to_tell_whether_it_is_alive_keeps_no_other_element_waiting() -> None:
    pool: Pool[Session] = Pool()
    slow = Slow()
    pool.take("pe1", "pe1", soon(), lambda: slow)
    pool.give("pe1", slow, reusable=True)
    slow.tell.clear()
    slow.asked.clear()
    taken: list[Session] = []
    waiting = threading.Thread(target=lambda: taken.append(pool.take("pe1", "pe1", soon(), Session)))
    waiting.start()
    assert slow.asked.wait(60)
    ended = threading.Thread(target=lambda: taken.append(pool.take("pe2", "pe2", soon(), Session)))
    ended.start()
    ended.join(60)
    assert len(taken) == 1
    slow.tell.set()
    waiting.join(60)
    assert taken[1] is slow


def test_a_session_that_died_ends_those_kept_beside_it() -> None:
    pool: Pool[Session] = Pool()
    first, second, other = (pool.take(key, key, soon(), Session) for key in ("pe1", "pe1", "pe2"))
    pool.give("pe1", second, reusable=True)
    pool.give("pe2", other, reusable=True)
    first.alive = False
    pool.give("pe1", first, reusable=True)
    assert second.ended.is_set()
    assert pool.take("pe2", "pe2", soon(), Session) is other


def test_more_than_the_limit_wait_until_the_deadline() -> None:
    pool: Pool[Session] = Pool(limit=1)
    pool.take("pe1", "pe1", soon(), Session)
    with pytest.raises(ElementTimeout, match="pe1: all 1 sessions"):
        pool.take("pe1", "pe1", soon(0.05), Session)


def test_a_waiting_caller_gets_what_another_gives_back() -> None:
    pool: Pool[Session] = Pool(limit=1)
    first = pool.take("pe1", "pe1", soon(), Session)
    timer = threading.Timer(0.05, lambda: pool.give("pe1", first, reusable=True))
    timer.start()
    assert pool.take("pe1", "pe1", soon(), Session) is first
    timer.join()


def test_a_failed_connection_frees_its_place() -> None:
    pool: Pool[Session] = Pool(limit=1)

    def fail() -> Session:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        pool.take("pe1", "pe1", soon(), fail)
    assert pool.take("pe1", "pe1", soon(0.05), Session).alive


def test_an_idle_session_is_ended_by_itself() -> None:
    pool: Pool[Session] = Pool(idle=0.05)
    first = pool.take("pe1", "pe1", soon(), Session)
    pool.give("pe1", first, reusable=True)
    assert first.ended.wait(60)


def test_close_ends_what_is_kept() -> None:
    pool: Pool[Session] = Pool()
    first = pool.take("pe1", "pe1", soon(), Session)
    pool.give("pe1", first, reusable=True)
    pool.close()
    assert first.ended.is_set()
