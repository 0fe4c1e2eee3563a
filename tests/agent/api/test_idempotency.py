"""The same request again has the same answer and no second effect, whatever happened in between."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from agent.api import idempotency
from agent.api.errors import Conflict
from agent.api.idempotency import ABANDONED_AFTER, KEPT_FOR, Answer, Attempt, forget, perform
from agent.api.tables import IdempotencyRow
from agent.fulfillment.tables import OrderRow
from agent.security.roles import Role
from inventory.errors import OutcomeUnknown
from inventory.tables import SiteRow
from tests.agent.api.office import ORDERS
from tests.inventory.test_together import Lost

KEY = {"Idempotency-Key": "a1b2"}
ATTEMPT = Attempt("client", "key", "digest")


def orders(office) -> int:
    with office.database.read() as session:
        return session.scalar(select(func.count()).select_from(OrderRow))


def sites(database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(SiteRow))


def effect(session) -> Answer:
    session.add(SiteRow(id=f"ste-{id(session)}", name=f"site {id(session)}"))
    session.flush()
    return Answer(201, {"made": "one"}, {"Location": "/one"})


def test_the_stored_answer_is_given_again(office):
    first = office.post(ORDERS, json=office.order(), headers=KEY)
    again = office.post(ORDERS, json=office.order(), headers=KEY)
    assert (again.status_code, again.json(), again.headers["location"]) == (201, first.json(), first.headers["location"])
    assert (again.headers["idempotency-replayed"], "idempotency-replayed" in first.headers) == ("true", False)
    assert orders(office) == 1


def test_another_body_under_the_key_is_refused(office):
    office.post(ORDERS, json=office.order(), headers=KEY)
    answer = office.post(ORDERS, json=office.order("pe2/Gi0/1"), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotencyKeyReused")
    assert "'a1b2'" in answer.json()["message"]
    assert orders(office) == 1


def test_keys_of_different_clients_do_not_meet(office):
    office.post(ORDERS, json=office.order(), headers=KEY)
    theirs = office.post(ORDERS, json=office.order("pe2/Gi0/1"), headers=KEY, role=Role.PROVISIONER)
    assert (theirs.status_code, orders(office)) == (201, 2)


def test_a_refusal_gives_the_key_back(office):
    assert office.post(ORDERS, json=office.order("pe9/x"), headers=KEY).status_code == 400
    assert office.post(ORDERS, json=office.order(), headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_cannot_be_kept_is_refused(office, key):
    answer = office.post(ORDERS, json=office.order(), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalidIdempotencyKey")
    assert orders(office) == 0


def test_while_it_runs_a_repetition_hears_so(database, clock):
    assert idempotency._claim(database, ATTEMPT, clock.now()) is None
    with pytest.raises(Conflict) as caught:
        perform(database, ATTEMPT, clock.now(), effect)
    assert (caught.value.code, sites(database)) == ("requestRunning", 0)


def test_after_a_crash_between_claim_and_effect_the_repetition_does_it(database, clock):
    assert idempotency._claim(database, ATTEMPT, clock.now()) is None  # and here the process died
    clock.advance(ABANDONED_AFTER)
    assert perform(database, ATTEMPT, clock.now(), effect) == Answer(201, {"made": "one"}, {"Location": "/one"})
    assert perform(database, ATTEMPT, clock.now(), effect).headers["Idempotency-Replayed"] == "true"
    assert sites(database) == 1


def test_who_was_thought_dead_and_is_not_changes_nothing(database, clock):
    begun = clock.now()

    def slow(session) -> Answer:
        session.execute(
            update(IdempotencyRow).values(created_at=begun + ABANDONED_AFTER)  # a repetition took it over meanwhile
        )
        return effect(session)

    with pytest.raises(Conflict) as caught:
        perform(database, ATTEMPT, begun, slow)
    assert (caught.value.code, sites(database)) == ("requestTakenOver", 0)


def test_a_crash_inside_the_effect_leaves_neither_effect_nor_answer(database, clock):
    def dies(session) -> Answer:
        effect(session)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform(database, ATTEMPT, clock.now(), dies)
    assert sites(database) == 0
    assert perform(database, ATTEMPT, clock.now(), effect).status == 201


def test_eight_at_once_have_one_effect(database, clock):
    answers, begin = [], threading.Barrier(8)

    def send() -> None:
        begin.wait(60)
        try:
            answers.append(perform(database, ATTEMPT, clock.now(), effect).status)
        except Conflict as error:
            answers.append(error.code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sites(database) == 1
    assert 201 in answers
    assert set(answers) <= {201, "requestRunning"}
    assert len(answers) == 8


def test_answers_are_forgotten_after_their_time(database, clock):
    perform(database, ATTEMPT, clock.now(), effect)
    clock.advance(KEPT_FOR)
    with database.write() as session:
        assert forget(session, clock.now()) == 0
    clock.advance(timedelta(seconds=1))
    with database.write() as session:
        assert forget(session, clock.now()) == 1


@pytest.mark.parametrize("made", [False, True])
def test_when_nobody_knows_whether_it_was_done_the_repetition_is_given_the_answer_or_does_it(database, clock, monkeypatch, made):
    """SQLite has no server to lose."""
    if database.is_sqlite:
        return
    done = []

    def losing(session) -> Answer:
        done.append(session)
        monkeypatch.setattr(database.engine.dialect, "do_commit", Lost(database.engine.dialect, made=made))
        return effect(session)

    with pytest.raises(OutcomeUnknown):
        perform(database, ATTEMPT, clock.now(), losing)
    again = perform(database, ATTEMPT, clock.now(), effect)
    assert (again.status, again.headers.get("Idempotency-Replayed")) == (201, "true" if made else None)
    assert (len(done), sites(database)) == (1, 1)


@pytest.mark.parametrize("made", [False, True])
def test_what_is_done_together_is_looked_after_when_its_server_was_lost_and_done_again_only_where_it_was_not_made(
    database, clock, monkeypatch, made
):
    if database.is_sqlite:
        return
    done = []

    def losing_once(session) -> Answer:
        if not done:
            monkeypatch.setattr(database.engine.dialect, "do_commit", Lost(database.engine.dialect, made=made))
        done.append(session)
        return effect(session)

    answer = perform(database, ATTEMPT, clock.now(), losing_once, together=True)
    again = perform(database, ATTEMPT, clock.now(), effect, together=True)
    assert (answer.status, again.status, again.headers.get("Idempotency-Replayed")) == (201, 201, "true")
    assert (len(done), sites(database)) == (1 if made else 2, 1)


@pytest.mark.parametrize("made", [False, True])
def test_when_nobody_knows_whether_the_key_was_claimed_the_repetition_need_not_wait(database, clock, monkeypatch, made):
    if database.is_sqlite:
        return
    with database.read() as session:
        session.execute(select(1))
    monkeypatch.setattr(database.engine.dialect, "do_commit", Lost(database.engine.dialect, made=made))
    with pytest.raises(OutcomeUnknown):
        perform(database, ATTEMPT, clock.now(), effect)
    assert perform(database, ATTEMPT, clock.now(), effect).status == 201


def test_a_claim_that_cannot_be_given_back_does_not_hide_what_failed(database, clock, monkeypatch):
    def failing(_session) -> Answer:
        monkeypatch.setattr(database, "write", unreachable)
        raise LookupError("what failed")

    def unreachable() -> None:
        raise OperationalError("DELETE", {}, Exception("no server"))

    with pytest.raises(LookupError, match="what failed"):
        perform(database, ATTEMPT, clock.now(), failing)
