"""Polling over real sockets: simulated agents, and agents that misbehave."""

import asyncio
import time
from collections.abc import Mapping

import numpy as np
import pytest

from drivers.errors import AuthenticationRefused, ElementTimeout, ElementUnreachable
from drivers.port import Credential, Target
from drivers.sim.faults import Fault
from drivers.snmp import walking
from drivers.snmp.batch import BatchBuilder, PollBatch, PollFailure, PollJob, PortRef, PortSample, Reason
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.columns import Column
from drivers.snmp.errors import NoSuchObject, WalkRefused
from tests.clock import EPOCH, FakeClock
from tests.drivers.snmp.conftest import V2C, V3, Lab
from tests.drivers.snmp.odd_agent import IF_NAME, UPTIME, Answer, Respond, agent_of, everything

QUICK, PATIENT = CollectorLimits(attempt=0.5), CollectorLimits(attempt=30.0)
PORTS = tuple(PortRef(100 + number, f"ge{number}") for number in range(1, 11))
WRONG_KEY = Credential("bad", username=V3.username, auth_key="wrong-key", priv_key=V3.priv_key)
NOBODY = Target("dead", "qbridge", "snmp", "127.0.0.1", 9, V2C)


def polled(*jobs: PollJob, limits: CollectorLimits = PATIENT) -> PollBatch:
    return asyncio.run(Collector(FakeClock(), limits).poll(jobs))


@pytest.mark.parametrize("credential", [V2C, V3], ids=["v2c", "v3"])
def test_every_port_comes_back_with_counters_name_and_time(lab: Lab, credential: Credential) -> None:
    def traffic() -> None:
        lab.state.ports["ge3"].counters.in_octets = 2**63 + 5
        lab.state.ports["ge3"].counters.out_octets = 7
        lab.state.set_carrier(lab.state.ports["ge4"], up=False)

    lab.loop.call(traffic)
    batch = polled(PollJob(lab.target(credential), PORTS))
    assert batch.names == tuple(port.name for port in PORTS)
    assert batch.failures == ()
    assert batch.read.all()
    assert batch.present.all()
    assert batch.answered.tolist() == [True]
    assert batch.if_index.tolist() == list(range(101, 111))
    assert int(batch.column(Column.IN_OCTETS)[2]) == 2**63 + 5
    assert int(batch.column(Column.OUT_OCTETS)[2]) == 7
    assert batch.column(Column.OPER_STATUS).tolist() == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert batch.column(Column.HIGH_SPEED).tolist() == [1000] * 10
    assert batch.wall.tolist() == [EPOCH.timestamp()] * 10
    assert batch.element_uptime[0] == batch.uptime[0]
    assert batch.values.dtype == np.uint64


def test_rows_keep_the_order_of_the_jobs_whatever_answers_first(lab: Lab) -> None:
    jobs = [PollJob(lab.target(element=name), PORTS[: count + 1]) for count, name in enumerate(["c", "a", "b"])]
    batch = polled(*jobs)
    assert batch.elements == ("c", "a", "b")
    assert batch.port_element.tolist() == [0, 1, 1, 2, 2, 2]
    assert batch.names == ("ge1", "ge1", "ge2", "ge1", "ge2", "ge3")


def test_an_element_without_ports_shows_that_it_answers(lab: Lab) -> None:
    batch = polled(PollJob(lab.target(), ()))
    assert (batch.answered.tolist(), batch.values.shape, batch.failures) == ([True], (len(Column), 0), ())


def test_failures_are_told_by_reason_and_object(lab: Lab) -> None:
    ports = (PORTS[0], PortRef(102, "renamed"), PortRef(999, "gone"), PortRef(103, ""))
    nobody, locked = PollJob(NOBODY, PORTS, timeout=0.5), PollJob(lab.target(WRONG_KEY, "locked"), PORTS)
    batch = polled(PollJob(lab.target(), ports), nobody, locked)
    assert [(failure.element, failure.reason, failure.if_index) for failure in batch.failures if failure.element == "acc1"] == [
        ("acc1", Reason.WRONG_NAME, 102),
        ("acc1", Reason.NO_SUCH_INSTANCE, 999),
    ]
    assert batch.failure_counts == {
        Reason.WRONG_NAME: 1,
        Reason.NO_SUCH_INSTANCE: 1,
        Reason.TIMEOUT: 1,
        Reason.AUTHENTICATION: 1,
    }
    assert batch.answered.tolist() == [True, False, False]
    assert batch.names[:4] == ("ge1", "ge2", "", "ge3")
    assert batch.read[:4].tolist() == [True, True, False, True]
    assert batch.present[:, :4].any(axis=0).tolist() == [True, False, False, True]
    assert np.isnan(batch.element_wall[1:]).all()
    assert "wrong-key" not in repr(batch.failures)


def test_a_dead_element_holds_up_nobody_and_ends_at_its_deadline(lab: Lab) -> None:
    async def story() -> tuple[PollBatch, float]:
        async with agent_of(lambda _: None) as silent:
            collector = Collector(FakeClock(), CollectorLimits(concurrency=1, suspects=1, attempt=30.0))
            dead = PollJob(silent, PORTS, timeout=0.2)
            await collector.poll([dead])
            started = time.monotonic()
            return await collector.poll([dead, *(PollJob(lab.target(), PORTS) for _ in range(5))]), time.monotonic() - started

    batch, took = asyncio.run(story())
    assert batch.answered.tolist() == [False, True, True, True, True, True]
    assert batch.failures[0].reason is Reason.TIMEOUT
    assert took < 20


def with_uptime(value: bytes) -> Respond:
    return lambda asked: [(oid, value if oid == UPTIME else encoded) for oid, encoded in everything(asked)]


ODD: dict[str, Respond] = {
    "no BER at all": lambda _: b"\xff" * 50,
    "lengths without end": lambda _: b"\x30\x82\x03\xe8" + b"\x30\x80" * 500,
    "a message cut off": lambda _: b"\x30\x50\x02\x01\x01\x04\x06pub",
    "negative uptime": with_uptime(b"\x02\x01\xff"),
    "an uptime of 64 bits": with_uptime(b"\x46\x08" + b"\x7f" * 8),
}


@pytest.mark.parametrize("respond", ODD.values(), ids=ODD)
def test_no_answer_of_one_element_ends_the_cycle_of_the_others(lab: Lab, respond: Respond) -> None:
    async def story() -> PollBatch:
        async with agent_of(respond) as odd:
            collector = Collector(FakeClock(), CollectorLimits(attempt=1.5, attempts=1))  # that it was no answer is told after that
            with pytest.raises(ElementUnreachable):
                await collector.targeted(odd, 1)
            return await collector.poll([PollJob(odd, (PortRef(1, "p1"),)), PollJob(lab.target(), PORTS)])

    batch = asyncio.run(story())
    assert batch.answered.tolist() == [False, True]
    assert [(failure.element, failure.reason) for failure in batch.failures] == [("odd", Reason.PROTOCOL)]


def test_discovery_leaves_out_what_is_no_interface_index() -> None:
    async def story() -> tuple[PortRef, ...]:
        huge = b"\x8f\xff\xff\xff\x7f"  # 2^32-1; databases keep an ifIndex in 31 bits, as RFC 2863 does
        rows = [(IF_NAME + index, b"\x04\x01x") for index in (b"\x07", huge)]
        async with agent_of(lambda _: [*rows, (b"\x2b\x06\x01\x09", b"\x02\x01\x01")]) as odd:
            return await Collector(FakeClock(), QUICK).discover(odd)

    assert asyncio.run(story()) == (PortRef(7, "x"),)


def test_an_element_that_answers_again_is_read_again(lab: Lab) -> None:
    async def story() -> list[bool]:
        collector, answered = Collector(FakeClock(), PATIENT), []
        for silent in (True, False, False):
            if silent:
                lab.loop.call(lambda: lab.faults.inject(Fault("snmp_silent")))
            else:
                lab.loop.call(lab.faults.clear)
            batch = await collector.poll([PollJob(lab.target(V3), PORTS, timeout=0.5 if silent else 60)])
            answered.append(bool(batch.answered[0]))
        return answered

    assert asyncio.run(story()) == [False, True, True]


def test_what_was_learnt_of_elements_that_are_gone_is_forgotten(lab: Lab) -> None:
    async def story() -> Collector:
        collector = Collector(FakeClock(), PATIENT)
        await collector.poll([PollJob(lab.target(V3), PORTS), PollJob(NOBODY, (), timeout=0.5)])
        collector.keep({lab.target(V3).element})
        return collector

    assert set(asyncio.run(story())._memory) == {lab.target(V3).element}


def test_discovery_lists_every_port(lab: Lab) -> None:
    assert asyncio.run(Collector(FakeClock()).discover(lab.target(V3))) == PORTS


def test_a_targeted_read_tells_one_ports_state_now(lab: Lab) -> None:
    lab.loop.call(lambda: lab.state.set_carrier(lab.state.ports["ge3"], up=False))
    sample = asyncio.run(Collector(FakeClock()).targeted(lab.target(), 103))
    assert (sample.name, sample.oper_up, sample.admin_up) == ("ge3", False, True)


@pytest.mark.parametrize(
    ("credential", "index", "error"),
    [(V2C, 999, NoSuchObject), (WRONG_KEY, 103, AuthenticationRefused)],
)
def test_a_targeted_read_that_finds_nothing_says_why(lab: Lab, credential: Credential, index: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        asyncio.run(Collector(FakeClock(), QUICK).targeted(lab.target(credential), index))


OPER_STATUS = "1.3.6.1.2.1.2.2.1.8"


@pytest.mark.parametrize("credential", [V2C, V3])
def test_single_objects_are_read_whatever_their_number(lab: Lab, credential: Credential) -> None:
    wanted = [f"{OPER_STATUS}.{index}" for index in range(101, 121)]
    found = asyncio.run(Collector(FakeClock()).objects(lab.target(credential), wanted))
    assert found == {name: 1 if position < len(PORTS) else None for position, name in enumerate(wanted)}


@pytest.mark.parametrize(
    ("tag", "octets", "number"),
    [
        (0x02, b"\x06", 6),
        (0x02, b"\xfb", -5),
        (0x41, b"\xff\xff\xff\xff", 2**32 - 1),
        (0x46, b"\x00" + b"\xff" * 8, 2**64 - 1),
        (0x04, b"up", None),
    ],
)
def test_an_object_is_a_number_of_any_kind_or_none(tag: int, octets: bytes, number: int | None) -> None:
    async def story() -> Mapping[str, int | None]:
        async with agent_of(lambda asked: [(oid, bytes([tag, len(octets)]) + octets) for oid in asked]) as odd:
            return await Collector(FakeClock(), QUICK).objects(odd, [f"{OPER_STATUS}.1"])

    assert asyncio.run(story()) == {f"{OPER_STATUS}.1": number}


@pytest.mark.parametrize(
    ("answer", "patience", "error", "words"),
    [
        (None, 0.5, ElementTimeout, "did not answer in time"),
        ([], 60.0, ElementUnreachable, r"error-status 1 \(tooBig\)"),
        (b"\x30\x03", 5.0, ElementUnreachable, "the answer is no SNMP message"),  # another one is waited for
    ],
    ids=["silence", "an error", "no message"],
)
def test_objects_that_cannot_be_read_are_an_error_with_its_reason(
    answer: Answer, patience: float, error: type[Exception], words: str
) -> None:
    async def story() -> None:
        async with agent_of(lambda _: answer) as odd:
            await Collector(FakeClock(), PATIENT).objects(odd, [f"{OPER_STATUS}.1"], deadline=patience)

    with pytest.raises(error, match=words):
        asyncio.run(story())


def test_a_targeted_read_ends_at_its_deadline() -> None:
    async def story() -> None:
        async with agent_of(lambda _: None) as silent:
            await Collector(FakeClock()).targeted(silent, 1, deadline=0.2)

    with pytest.raises(ElementTimeout, match="did not answer in time"):
        asyncio.run(story())


FORTY = tuple(PortRef(index, f"p{index}") for index in range(1, 41))


def poll_odd(
    respond: Respond, ports: tuple[PortRef, ...] = FORTY, cycles: int = 1, limits: CollectorLimits = PATIENT
) -> tuple[PollBatch, list[int]]:
    """`PATIENT` where everything is answered: a request that this machine is slow with must not be sent again, and smaller."""
    sizes: list[int] = []

    async def story() -> PollBatch:
        async with agent_of(respond, sizes) as target:
            collector = Collector(FakeClock(), limits)
            for _ in range(cycles):
                batch = await collector.poll([PollJob(target, ports, timeout=60)])
            return batch

    return asyncio.run(story()), sizes


def test_the_size_grows_while_it_succeeds_and_every_pdu_carries_the_uptime() -> None:
    uptimes: list[bool] = []

    def respond(asked: list[bytes]) -> Answer:
        uptimes.append(UPTIME in asked)
        return everything(asked)

    batch, sizes = poll_odd(respond)
    assert batch.failures == ()
    assert [(size - 1) // 12 for size in sizes] == [4, 5, 6, 7, 8, 8, 2]
    assert all(uptimes)


def test_an_agent_that_drops_large_requests_is_read_in_smaller_ones() -> None:
    limits = CollectorLimits(attempt=0.5, attempts=10)  # what it does answer may come late, too
    batch, sizes = poll_odd(lambda asked: everything(asked) if len(asked) <= 30 else None, FORTY[:8], limits=limits)
    assert batch.failures == ()
    assert batch.read.all()
    assert sizes[:2] == [49, 25]


def test_an_agent_that_says_too_big_is_read_in_smaller_ones() -> None:
    batch, _ = poll_odd(lambda asked: everything(asked) if len(asked) <= 14 else [], FORTY[:6])
    assert batch.failures == ()
    assert batch.read.all()


def test_an_agent_that_cuts_answers_short_loses_no_port_and_is_asked_for_less() -> None:
    batch, sizes = poll_odd(lambda asked: everything(asked)[:64], cycles=6)
    assert batch.failures == ()
    assert batch.present.all()
    assert max(sizes[-8:]) <= 61


def test_absent_ports_are_told_from_answers_cut_short() -> None:
    ports = (FORTY[0], PortRef(77, "p77"), FORTY[1], PortRef(78, "p78"))
    batch, _ = poll_odd(everything, ports)
    assert [(failure.reason, failure.if_index) for failure in batch.failures] == [
        (Reason.NO_SUCH_INSTANCE, 77),
        (Reason.NO_SUCH_INSTANCE, 78),
    ]
    assert batch.read.tolist() == [True, False, True, False]


def test_an_agent_that_goes_silent_midway_keeps_what_was_read() -> None:
    answers = iter([True, True])
    batch, _ = poll_odd(
        lambda asked: everything(asked) if next(answers, False) else None, FORTY[:12], limits=CollectorLimits(attempt=1.5)
    )
    assert batch.read.tolist() == [True] * 9 + [False] * 3
    assert [(failure.reason, failure.if_index) for failure in batch.failures] == [(Reason.TIMEOUT, index) for index in (10, 11, 12)]


def test_a_walk_that_does_not_advance_is_refused() -> None:
    def respond(asked: list[bytes]) -> Answer:
        return [(IF_NAME + bytes([index]), b"\x04\x01a") for index in (5, 4)] if asked else None

    async def story() -> None:
        async with agent_of(respond) as target:
            await Collector(FakeClock(), PATIENT).discover(target, deadline=60.0)

    with pytest.raises(WalkRefused):
        asyncio.run(story())


def test_an_endless_walk_ends_at_the_row_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MAX_ROWS", 50)
    counter = iter(range(1, 128))

    def respond(asked: list[bytes]) -> Answer:
        return [(IF_NAME + bytes([next(counter)]), b"\x04\x01a") for _ in range(20)] if asked else None

    async def story() -> None:
        async with agent_of(respond) as target:
            await Collector(FakeClock(), QUICK).discover(target)

    with pytest.raises(WalkRefused, match="more than 50 rows"):
        asyncio.run(story())


def test_the_builder_fills_rows_in_any_order() -> None:
    jobs = [PollJob(NOBODY, PORTS[:2]), PollJob(NOBODY, PORTS[:1])]
    builder = BatchBuilder(jobs)
    builder.answered(1, 5.0, 6.0, 7)
    builder.answered(1, 50.0, 60.0, 70)
    builder.port(1, 0, PortSample(101, "x", 5.0, 6.0, 7, {Column.IN_OCTETS: 2**64 - 1}))
    builder.failed(PollFailure("dead", Reason.TIMEOUT, "silent"))
    batch = builder.build()
    assert batch.answered.tolist() == [False, True]
    assert (batch.element_wall[1], batch.element_uptime[1]) == (5.0, 7)
    assert int(batch.column(Column.IN_OCTETS)[2]) == 2**64 - 1
    assert batch.has(Column.IN_OCTETS).tolist() == [False, False, True]
    assert batch.names == ("", "", "x")
