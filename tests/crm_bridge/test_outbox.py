"""Events out: written with their facts, sent over real sockets, in order, signed, and with an end to every retry."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from standardwebhooks.webhooks import Webhook

from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.deliveries import claim, inherit, snapshot, targets
from crm_bridge.dispatcher import Dispatcher, DispatchSettings
from crm_bridge.errors import CallbackRefused, InvalidSubscription, UnknownSubscription
from crm_bridge.outbox import REPLAYED_WITHIN, forget, publish
from crm_bridge.retry import SCHEDULE, Breaker, next_delay, retry_after
from crm_bridge.subscriptions import (
    SubscriptionRequest,
    disable,
    enable,
    keep_configured,
    replay,
    subscribe,
    subscription,
    unsubscribe,
)
from crm_bridge.tables import DeliveryRow, EventRow, SubscriptionRow
from inventory.db import Database
from tests.clock import EPOCH, FakeClock
from tests.crm_bridge.receiver import Receiver, receiver

LOCAL = CallbackPolicy.of(["127.0.0.0/8"], http=True)
OLD, NEW = "whsec_b2xkIHNlY3JldCBvZiB0aGUgdGVzdHM=", "whsec_bmV3IHNlY3JldCBvZiB0aGUgdGVzdHM="
SECRETS = {"hook": f"{OLD} {NEW}", "nonsense": "whsec_%%%", "empty": " ", "password": "correcthorse"}


class Line:
    """A database, a clock and a dispatcher, as one test needs them."""

    def __init__(self, database: Database, clock: FakeClock, **settings: Any) -> None:
        self.database, self.clock = database, clock
        self.dispatcher = Dispatcher(
            database,
            clock,
            secrets=SECRETS.__getitem__,
            policy=LOCAL,
            settings=DispatchSettings(**{"timeout_s": 60.0, "poll_s": 0.05, **settings}),
            chance=lambda: 0.5,
        )

    def subscribe(self, callback: str, kind: Any = "webhook", secret: str = "hook", query: str = "") -> str:
        with self.database.write() as session:
            return subscribe(session, SubscriptionRequest(kind, callback, secret, query), LOCAL, self.clock.now()).id

    def publish(self, aggregate: str = "order:1", kind: str = "serviceOrderStateChangeEvent", **resource: Any) -> str:
        with self.database.write() as session:
            payload = {"serviceOrder": {"id": "1", **resource}}
            return publish(session, aggregate=aggregate, type=kind, payload=payload, correlation_id="cor-1", at=self.clock.now())

    def state(self) -> list[tuple[str, int]]:
        with self.database.read() as session:
            rows = session.scalars(select(DeliveryRow).order_by(DeliveryRow.event_sequence, DeliveryRow.subscription_id))
            return [(row.state, row.attempts) for row in rows]

    def errors(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(DeliveryRow.last_error).order_by(DeliveryRow.event_sequence)))


@pytest.fixture
def line(database: Database, clock: FakeClock) -> Line:
    return Line(database, clock)


def run(story: Callable[[Receiver], Awaitable[None]], **given: Any) -> None:
    async def with_receiver() -> None:
        async with receiver(**given) as subscriber:
            await asyncio.wait_for(story(subscriber), 120)

    asyncio.run(with_receiver())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another's socket or in the database
            await asyncio.sleep(0.01)


def test_an_event_without_its_fact_does_not_exist(line: Line) -> None:
    line.subscribe("http://127.0.0.1:1/")
    with line.database.write() as session, session.begin_nested() as fact:
        publish(session, aggregate="a:1", type="xEvent", payload={}, correlation_id="c", at=EPOCH)
        fact.rollback()
    assert line.state() == []


def test_a_webhook_gets_a_signed_cloud_event(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.clock.step_to(datetime.now(UTC))  # a verifier compares with the real time
        line.subscribe(subscriber.url("/in?tenant=a"))
        event_id = line.publish(state="completed")
        await line.dispatcher.drain()
        [request] = subscriber.requests
        assert (request.target, request.headers["host"]) == ("/in?tenant=a", f"127.0.0.1:{subscriber.port}")
        for secret in (OLD, NEW):
            assert Webhook(secret).verify(request.body, request.headers) == request.json
        assert request.headers["content-type"].startswith("application/cloudevents+json")
        assert request.headers["webhook-id"] == event_id
        told = request.json
        assert (told["specversion"], told["id"], told["type"]) == ("1.0", event_id, "serviceOrderStateChangeEvent")
        assert (told["subject"], told["data"]) == ("order:1", {"serviceOrder": {"id": "1", "state": "completed"}})
        assert told["sequence"] == f"{1:020d}"
        assert line.state() == [("delivered", 1)]

    run(story)


def test_a_hub_gets_the_event_of_tm_forum(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url("/client/"), kind="hub", secret="")
        line.publish()
        await line.dispatcher.drain()
        [request] = subscriber.requests
        assert request.target == "/client/listener/serviceOrderStateChangeEvent"
        assert request.json["eventType"] == "ServiceOrderStateChangeEvent"
        assert request.json["timeOcurred"] == request.json["eventTime"] == EPOCH.isoformat()
        assert request.json["event"] == {"serviceOrder": {"id": "1"}}
        assert "webhook-signature" not in request.headers

    run(story)


def test_a_retry_has_the_same_id_and_a_signature_of_its_own(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        line.publish()
        await line.dispatcher.drain()
        line.clock.advance(4.9)
        await line.dispatcher.drain()
        assert len(subscriber.requests) == 1
        line.clock.advance(0.1)
        await line.dispatcher.drain()
        first, second = subscriber.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
        assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 5
        assert line.state() == [("delivered", 2)]

    run(story, answers=["500 Oops"])


def test_after_the_last_attempt_a_delivery_is_dead_and_can_be_replayed(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        hook = line.subscribe(subscriber.url())
        line.publish()
        for delay in (timedelta(), *SCHEDULE):
            line.clock.advance(delay + timedelta(hours=1))  # beyond the breaker's pause too
            await line.dispatcher.drain()
        assert line.state() == [("dead", 9)]
        assert line.errors() == ["answered 500"]
        assert line.dispatcher.outcomes == {"failed": 8, "dead": 1}
        with line.database.write() as session:
            assert snapshot(session, line.clock.now()).dead == 1
            assert replay(session, hook, line.clock.now(), sequence=99) == 0
            assert replay(session, hook, line.clock.now()) == 1
        line.clock.advance(3600)
        await line.dispatcher.drain()
        assert line.state() == [("delivered", 1)]

    run(story, answers=["500 Oops"] * 9)


def test_order_is_kept_within_an_aggregate_and_not_beyond(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        first = line.publish("order:1", number=1)
        line.publish("order:1", number=2)
        other = line.publish("order:2", number=3)
        subscriber.choose = lambda request: "500 Oops" if request.json["id"] == first and len(subscriber.requests) < 3 else "200 OK"
        await line.dispatcher.drain()
        assert sorted(request.json["id"] for request in subscriber.requests) == sorted([first, other])
        line.clock.advance(60)
        await line.dispatcher.drain()
        numbers = [r.json["data"]["serviceOrder"]["number"] for r in subscriber.requests if r.json["subject"] == "order:1"]
        assert numbers == [1, 1, 2]

    run(story)


def test_a_dead_letter_does_not_hold_up_what_follows_it(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        bad = line.publish()
        line.publish()
        subscriber.choose = lambda request: "422 No" if request.json["id"] == bad else "200 OK"
        for delay in (timedelta(), *SCHEDULE):
            line.clock.advance(delay)
            await line.dispatcher.drain()
        assert line.state() == [("dead", 9), ("delivered", 1)]

    run(story)


def test_gone_disables_the_subscription_and_keeps_the_event(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        hook = line.subscribe(subscriber.url())
        line.publish()
        await line.dispatcher.drain()
        line.publish()
        line.clock.advance(3600)
        await line.dispatcher.drain()
        assert len(subscriber.requests) == 1
        with line.database.write() as session:
            assert subscription(session, hook).state == "disabled"
            assert snapshot(session, line.clock.now()).disabled_subscriptions == 1
            enable(session, hook)
        await line.dispatcher.drain()
        assert line.state() == [("delivered", 2)]  # what is published while nobody listens is not kept for them

    run(story, answers=["410 Gone"])


@pytest.mark.parametrize(
    ("status", "wait"),
    [("429 Slow\r\nretry-after: 77", 77), ("503 Later\r\nretry-after: 77", 77), ("500 Oops\r\nretry-after: 77", 5)],
)
def test_a_subscriber_may_ask_for_patience(line: Line, status: str, wait: int) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        line.publish()
        await line.dispatcher.drain()
        with line.database.read() as session:
            assert session.scalars(select(DeliveryRow.due_at)).one() == EPOCH + timedelta(seconds=wait)

    run(story, answers=[status])


def test_a_redirect_is_not_followed(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        line.publish()
        await line.dispatcher.drain()
        assert [request.target for request in subscriber.requests] == ["/events"]
        assert "redirects are not followed" in line.errors()[0]

    run(story, answers=["302 Found\r\nlocation: http://127.0.0.1:1/elsewhere"])


def test_a_hanging_subscriber_times_out_and_delays_nobody(database: Database, clock: FakeClock) -> None:
    line = Line(database, clock, timeout_s=4.0, places=6, places_each=2)

    async def story(hanging: Receiver) -> None:
        async with receiver() as healthy:
            line.subscribe(hanging.url())
            line.subscribe(healthy.url())
            for number in range(4):
                line.publish(f"order:{number}")
            drained = asyncio.create_task(line.dispatcher.drain())
            await until(lambda: len(healthy.requests) == 4)
            await drained
            assert hanging.most_concurrent == 2
            assert sorted(set(line.errors())) == ["", "no answer within 4 s"]

    run(story, hang=True)


def test_a_breaker_spares_an_endpoint_that_is_down(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        for number in range(20):
            line.publish(f"order:{number}")
        await line.dispatcher.drain()
        asked = len(subscriber.requests)
        assert asked < 20
        assert line.dispatcher.open_breakers == 1
        await line.dispatcher.drain()
        assert len(subscriber.requests) == asked
        line.clock.advance(31)
        subscriber.choose = None
        await line.dispatcher.drain()
        assert line.dispatcher.open_breakers == 0
        line.clock.advance(31)
        await line.dispatcher.drain()
        assert {state for state, _ in line.state()} == {"delivered"}

    run(story, choose=lambda _: "500 Oops")


def test_two_dispatchers_deliver_an_event_once(database: Database, clock: FakeClock) -> None:
    lines = [Line(database, clock), Line(database, clock)]

    async def story(subscriber: Receiver) -> None:
        lines[0].subscribe(subscriber.url())
        for number in range(12):
            lines[0].publish(f"order:{number}")
        await asyncio.gather(*(each.dispatcher.drain() for each in lines))
        assert len({request.json["id"] for request in subscriber.requests}) == len(subscriber.requests) == 12

    run(story)


def test_a_delivery_whose_process_died_is_taken_up_after_its_lease(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        line.publish()
        with line.database.write() as session:
            assert len(claim(session, targets(session)[0], EPOCH, limit=4, lease=timedelta(seconds=50))) == 1
        await line.dispatcher.drain()
        assert subscriber.requests == []
        line.clock.advance(50)
        await line.dispatcher.drain()
        assert line.state() == [("delivered", 2)]

    run(story)


def test_what_a_dead_process_had_in_hand_is_sent_again_at_once_and_what_had_failed_waits_on(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        line.publish("order:1")
        await line.dispatcher.drain()
        line.publish("order:2")
        with line.database.write() as session:
            assert len(claim(session, targets(session)[0], EPOCH, limit=4, lease=timedelta(seconds=50))) == 1
        with line.database.write() as session:
            inherit(session, EPOCH)
        await line.dispatcher.drain()
        assert line.state() == [("due", 1), ("delivered", 2)]

    run(story, answers=["500 Oops"])


def test_run_sends_what_is_published_while_it_runs_and_stops_when_told(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url())
        stop = asyncio.Event()
        running = asyncio.create_task(line.dispatcher.run(stop))
        await asyncio.to_thread(line.publish)
        line.dispatcher.wake()
        await until(lambda: len(subscriber.requests) == 1)
        await until(lambda: line.state() == [("delivered", 1)])
        stop.set()
        await asyncio.wait_for(running, 60)

    run(story)


def test_a_delivery_that_always_takes_its_process_with_it_ends(line: Line) -> None:
    line.subscribe("http://127.0.0.1:1/")
    line.publish()
    with line.database.write() as session:
        [target] = targets(session)
    for _ in range(len(SCHEDULE) + 1):
        with line.database.write() as session:
            assert len(claim(session, target, line.clock.now(), limit=4, lease=timedelta(seconds=50))) == 1
        line.clock.advance(50)
    with line.database.write() as session:
        assert claim(session, target, line.clock.now(), limit=4, lease=timedelta(seconds=50)) == []
    assert line.state() == [("dead", 9)]
    assert "no attempt came to an end" in line.errors()[0]


def test_a_mistake_of_ours_is_retried_by_the_schedule_and_tells_no_secret(line: Line) -> None:
    def confused(_reference: str) -> str:
        raise RuntimeError(OLD)

    async def story() -> None:
        line.subscribe("http://127.0.0.1:1/")
        line.publish()
        dispatcher = Dispatcher(line.database, line.clock, secrets=confused, policy=LOCAL, chance=lambda: 0.5)
        for delay in (timedelta(), *SCHEDULE):
            line.clock.advance(delay)
            await dispatcher.drain()
        assert line.state() == [("dead", 9)]
        assert line.errors() == ["secret hook: RuntimeError"]

    asyncio.run(story())


def test_a_name_server_that_hangs_holds_up_neither_the_thread_pool_nor_the_end(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(database, clock, timeout_s=0.3, places_each=4)
    asked, answer = threading.Semaphore(0), threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        asked.release()
        answer.wait(120)
        raise OSError("too late")

    async def story() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        line.subscribe("http://silent.example/")
        for number in range(4):
            line.publish(f"order:{number}")
        monkeypatch.setattr("crm_bridge.callbacks.socket.getaddrinfo", hang)
        await asyncio.wait_for(line.dispatcher.drain(), 60)  # its database work found the one thread free
        assert set(line.errors()) == {"no answer within 0.3 s"}

    asyncio.run(story())  # ends although four look-ups have not
    assert all(asked.acquire(timeout=60) for _ in range(4))
    answer.set()


def test_a_webpage_in_place_of_an_endpoint_is_told_by_its_status(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url("/hooks/T0/s3cr3t"))
        line.publish()
        await line.dispatcher.drain()
        assert line.errors() == ["answered 404"]

    run(story, answers=["404 Not Found\r\ncontent-type: text/html"])


def test_errors_tell_the_host_of_a_callback_and_nothing_behind_it() -> None:
    with pytest.raises(CallbackRefused, match=r"callback http://crm\.example/…: is not encrypted") as caught:
        CallbackPolicy().check("http://crm.example/hooks/s3cr3t?token=s3cr3t#s3cr3t")
    assert "s3cr3t" not in str(caught.value)


def test_the_same_webhook_twice_in_the_settings_is_one_however_often_fabd_starts(database: Database) -> None:
    wanted = [SubscriptionRequest("webhook", "http://127.0.0.1:1/", "hook")] * 2
    for _ in range(3):
        with database.write() as session:
            keep_configured(session, wanted, LOCAL, EPOCH)
    with database.read() as session:
        assert session.scalar(select(func.count(SubscriptionRow.id))) == 1


def test_a_mistake_in_one_delivery_does_not_end_the_others(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        def confused(_reference: str) -> str:
            raise RuntimeError("a mistake in the program")

        hub = line.subscribe(subscriber.url(), kind="hub", secret="")
        line.subscribe(subscriber.url())
        line.publish()
        dispatcher = Dispatcher(line.database, line.clock, secrets=confused, policy=LOCAL)
        await dispatcher.drain()
        assert [request.json["eventType"] for request in subscriber.requests] == ["ServiceOrderStateChangeEvent"]
        with line.database.read() as session:
            assert session.get_one(DeliveryRow, (1, hub)).state == "delivered"
        assert sorted(line.state()) == [("delivered", 1), ("due", 1)]

    run(story)


def test_events_that_nobody_is_owed_are_forgotten(line: Line) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url(), query="serviceOrder.state=wanted")
        bad = line.publish("order:1", state="wanted")
        subscriber.choose = lambda request: "500 Oops" if request.json["id"] == bad else "200 OK"
        line.publish("order:2", state="wanted")
        line.publish("order:3")
        line.publish("order:4")
        await line.dispatcher.drain()
        with line.database.write() as session:
            assert forget(session, before=EPOCH) == 0
            assert forget(session, before=EPOCH + timedelta(seconds=1), limit=1) == 1
            assert forget(session, before=EPOCH + timedelta(seconds=1)) == 1
            assert session.scalars(select(EventRow.sequence).order_by(EventRow.sequence)).all() == [1, 4]

    run(story)


def test_what_a_subscriber_never_got_is_forgotten_in_the_end(line: Line) -> None:
    hook = line.subscribe("http://127.0.0.1:1/")
    line.publish()
    line.publish()
    line.publish()
    late = EPOCH + REPLAYED_WITHIN + timedelta(seconds=1)
    with line.database.write() as session:
        session.get_one(DeliveryRow, (1, hook)).state = "dead"
    with line.database.write() as session:
        assert forget(session, before=EPOCH + REPLAYED_WITHIN) == 0
        assert forget(session, before=late) == 1  # the dead letter; the other is still tried
        disable(session, hook)
        assert forget(session, before=late) == 1
        assert session.scalars(select(EventRow.sequence)).all() == [3]  # the newest, for the sake of its number


def test_lag_is_the_age_of_what_was_not_delivered(line: Line) -> None:
    hook = line.subscribe("http://127.0.0.1:1/")
    line.publish()
    line.clock.advance(42)
    line.publish()
    with line.database.write() as session:
        seen = snapshot(session, line.clock.now())
        assert (seen.due, seen.dead, seen.lag_s) == (2, 0, 42.0)
        disable(session, hook)
        assert snapshot(session, line.clock.now()).lag_s == 0.0


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", True),
        ("eventType=serviceOrderStateChangeEvent", True),
        ("eventType=ServiceOrderStateChangeEvent", True),
        ("eventType=serviceOrderCreateEvent,serviceOrderStateChangeEvent", True),
        ("eventType=serviceOrderCreateEvent", False),
        ("serviceOrder.state=completed", True),
        ('serviceOrder.state="completed"', True),
        ("serviceOrder.state=failed", False),
        ("serviceOrder.item.id=2&serviceOrder.state=failed,completed", True),
        ("serviceOrder.item.id=3", False),
        ("serviceOrder.absent=1", False),
        ("serviceOrder.bundled=true", True),
    ],
)
def test_a_subscriber_gets_what_its_query_asks_for(line: Line, query: str, wanted: bool) -> None:
    line.subscribe("http://127.0.0.1:1/", query=query)
    line.publish(state="completed", item=[{"id": 1}, {"id": 2}], bundled=True)
    assert len(line.state()) == int(wanted)


@pytest.mark.parametrize("query", ["eventType", "a.gt=1", "=&&=", "x.regex=.*"])
def test_a_query_that_cannot_be_served_is_refused(line: Line, query: str) -> None:
    with pytest.raises(InvalidSubscription, match="query"):
        line.subscribe("http://127.0.0.1:1/", query=query)


def test_a_webhook_needs_a_secret(line: Line) -> None:
    with pytest.raises(InvalidSubscription, match="credential"):
        line.subscribe("http://127.0.0.1:1/", secret="")


@pytest.mark.parametrize("reference", ["unknown", "nonsense", "empty", "password"])
def test_a_secret_that_does_not_resolve_is_named_and_not_shown(line: Line, reference: str) -> None:
    async def story(subscriber: Receiver) -> None:
        line.subscribe(subscriber.url(), secret=reference)
        line.publish()
        await line.dispatcher.drain()
        assert subscriber.requests == []
        assert line.errors()[0].startswith(f"secret {reference}:")
        assert not any(secret in line.errors()[0] for secret in ("%%%", "correcthorse"))

    run(story)


def test_an_earlier_event_can_be_asked_for(line: Line) -> None:
    line.publish()
    line.publish()
    with line.database.write() as session:
        subscribe(session, SubscriptionRequest("webhook", "http://127.0.0.1:1/", "hook"), LOCAL, EPOCH, from_sequence=2)
        assert session.scalars(select(DeliveryRow.event_sequence)).all() == [2]


def test_deliveries_go_with_their_subscription(line: Line) -> None:
    hook = line.subscribe("http://127.0.0.1:1/")
    line.publish()
    with line.database.write() as session:
        unsubscribe(session, hook)
        assert session.scalar(select(func.count()).select_from(DeliveryRow)) == 0
        assert session.scalar(select(func.count(EventRow.id))) == 1
        with pytest.raises(UnknownSubscription, match=hook):
            unsubscribe(session, hook)


def test_the_settings_decide_which_configured_webhooks_are_active(line: Line) -> None:
    one, two = (SubscriptionRequest("webhook", f"http://127.0.0.1:1/{name}", "hook") for name in "ab")
    for wanted, active in (([one, two], 2), ([two], 1), ([two, one], 2), ([], 0)):
        with line.database.write() as session:
            keep_configured(session, wanted, LOCAL, EPOCH)
            assert session.scalar(select(func.count(SubscriptionRow.id)).where(SubscriptionRow.state == "active")) == active
            assert session.scalar(select(func.count(SubscriptionRow.id))) == 2


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        ("http://example.com/", "not encrypted"),
        ("ftp://example.com/", "https://"),
        ("https:///path", "https://"),
        ("//example.com", "https://"),
        ("https://user:secret@example.com/", "names a user"),
        ("https://example.com/events#here", "has a fragment"),
        ("https://127.0.0.1/", "not public"),
        ("https://10.1.2.3/", "not public"),
        ("https://169.254.169.254/latest", "not public"),
        ("https://[::1]/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://[64:ff9b::a00:1]/", "not public"),
        ("https://[2002:a00:1::]/", "not public"),
        ("https://0.0.0.0/", "not public"),
        ("https://224.0.0.1/", "not public"),
        ("https://example.com/" + "a" * 2000, "longer"),
        ("https://example.com:99999/", "is no address"),
        ("https://example.com:port/", "is no address"),
        ("https://exa mple.com/", "is no address"),
    ],
)
def test_a_callback_that_leads_inside_is_refused(callback: str, said: str) -> None:
    with pytest.raises(CallbackRefused, match=said) as caught:
        CallbackPolicy().check(callback)
    assert "secret" not in str(caught.value)


def answers(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("hook.example", 443)
        return list(addresses)

    return resolve


@pytest.mark.parametrize(
    ("addresses", "allowed", "good"),
    [
        (["93.184.216.34"], [], True),
        (["127.0.0.1"], [], False),
        (["93.184.216.34", "10.0.0.1"], [], False),
        (["10.0.0.1"], ["10.0.0.0/8"], True),
        (["10.0.0.1"], ["HOOK.example"], True),
        (["10.0.0.1"], ["other.example"], False),
        (["fd00::1"], ["10.0.0.0/8"], False),
        (["fd00::1"], ["fd00::/8"], True),
    ],
)
def test_a_name_is_judged_by_every_address_it_has(addresses: list[str], allowed: list[str], good: bool) -> None:
    located = CallbackPolicy.of(allowed).locate("https://hook.example/x", answers(*addresses))
    if good:
        assert asyncio.run(located)[1] == addresses[0]
    else:
        with pytest.raises(CallbackRefused, match="not public"):
            asyncio.run(located)


def test_a_name_that_leads_inside_is_never_connected_to(database: Database, clock: FakeClock) -> None:
    async def inside(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async def story(subscriber: Receiver) -> None:
        dispatcher = Dispatcher(
            database, clock, secrets=SECRETS.__getitem__, policy=CallbackPolicy.of([], http=True), resolve=inside
        )
        line = Line(database, clock)
        line.subscribe(f"http://hook.example:{subscriber.port}/")
        line.publish()
        await dispatcher.drain()
        assert subscriber.requests == []
        assert "not public" in line.errors()[0]

    run(story)


def test_the_name_is_looked_up_and_the_address_that_was_checked_is_connected_to(database: Database, clock: FakeClock) -> None:
    async def local(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async def story(subscriber: Receiver) -> None:
        line = Line(database, clock)
        line.subscribe(f"http://hook.example:{subscriber.port}/")
        line.publish()
        await Dispatcher(database, clock, secrets=SECRETS.__getitem__, policy=LOCAL, resolve=local).drain()
        assert subscriber.requests[0].headers["host"] == f"hook.example:{subscriber.port}"

    run(story)


def test_the_schedule_ends() -> None:
    delays = [next_delay(attempt, 0.5) for attempt in range(1, 10)]
    assert delays == [*SCHEDULE, None]
    assert next_delay(1, 0.0) == timedelta(seconds=4.5)
    assert next_delay(1, 1.0) == timedelta(seconds=5.5)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("120", timedelta(seconds=120)),
        ("99999999999999999999", timedelta(hours=12)),
        ("Mon, 05 Jan 2026 09:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 05 Jan 2026 08:00:00 GMT", timedelta()),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, expected: timedelta | None) -> None:
    assert retry_after(header, EPOCH) == expected


def pauses() -> Iterator[float]:
    breaker, now = Breaker(), 0.0
    for _ in range(4):
        breaker.failed(now)
    assert breaker.allowance(4, now) == 4
    while True:
        breaker.failed(now)
        assert breaker.allowance(4, now) == 0
        yield breaker.closed_at - now
        now = breaker.closed_at
        assert breaker.allowance(4, now) == 1


def test_a_breaker_pauses_longer_each_time_up_to_a_limit() -> None:
    seen = pauses()
    assert [next(seen) for _ in range(7)] == [30, 60, 120, 240, 480, 600, 600]


def test_a_breaker_forgets_after_a_success() -> None:
    breaker = Breaker()
    for _ in range(9):
        breaker.failed(0.0)
    breaker.succeeded()
    assert breaker.allowance(4, 0.0) == 4
