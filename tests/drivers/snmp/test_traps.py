"""The trap receiver on a real socket: what comes out, what is acknowledged, what is counted."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Self

import pytest
from pysnmp.entity.engine import SnmpEngine
from pysnmp.hlapi.v3arch.asyncio import (
    ContextData,
    NotificationType,
    ObjectIdentity,
    ObjectType,
    UdpTransportTarget,
    UsmUserData,
    send_notification,
    usmAesCfb128Protocol,
    usmHMAC192SHA256AuthProtocol,
)
from pysnmp.proto.rfc1902 import Integer32

from drivers.events.kernel import drops_of
from drivers.port import Credential
from drivers.sim.credentials import SimCredentials
from drivers.sim.faults import ElementFaults
from drivers.sim.snmp.agent import SnmpAgent
from drivers.snmp import oids
from drivers.snmp.errors import TrapSetupError
from drivers.snmp.traps import MAX_PENDING, Trap, TrapReceiver, TrapSettings, TrapStats
from drivers.snmp.usm import User
from tests.clock import EPOCH, FakeClock
from tests.drivers.sim.elements import switch
from tests.drivers.snmp import messages
from tests.drivers.snmp.messages import INFORM, RESPONSE, integer

USER = Credential("r1", username="traps", auth_protocol="sha256", auth_key="authpass12", priv_key="privpass12")
SETTINGS = TrapSettings(port=0, communities=frozenset({"public"}), users=(USER,))
TRAP = messages.v2c([(f"{messages.IF_INDEX}.3", integer(3))])


@asynccontextmanager
async def receiving(settings: TrapSettings = SETTINGS) -> AsyncIterator[TrapReceiver]:
    receiver = TrapReceiver(settings, FakeClock())
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another socket's queue, not in an Event
            await asyncio.sleep(0.005)


async def counted(receiver: TrapReceiver, **expected: int) -> None:
    """What became of the datagrams, told in full."""
    wanted = TrapStats(**expected)
    await until(lambda: receiver.stats.received >= wanted.received and receiver.stats == wanted)


class Sender:
    def __init__(self, receiver: TrapReceiver) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(receiver.address)

    def send(self, datagram: bytes) -> None:
        self._socket.send(datagram)

    async def answer(self) -> bytes:
        async with asyncio.timeout(60):
            return await asyncio.get_running_loop().sock_recv(self._socket, 65535)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@pytest.mark.parametrize("version", ["v1", "v2c"])
def test_a_trap_comes_out_as_what_it_says(version: str) -> None:
    async def story() -> Trap:
        async with receiving() as receiver:
            with Sender(receiver) as sender:
                sender.send(messages.v1(2) if version == "v1" else TRAP)
                return await asyncio.wait_for(receiver.queue.get(), 60)

    trap = asyncio.run(story())
    assert (trap.received_at, trap.source, trap.version, trap.uptime) == (EPOCH, "127.0.0.1", version, 4711)
    assert (trap.trap_oid, trap.inform) == (oids.LINK_DOWN, False)
    assert trap.value(oids.IF_INDEX) == 3
    assert trap.value(oids.IF_NAME) is None


def test_an_inform_is_acknowledged() -> None:
    async def story() -> tuple[bytes, Trap]:
        async with receiving() as receiver:
            with Sender(receiver) as sender:
                sender.send(messages.v2c(pdu=INFORM))
                return await sender.answer(), await asyncio.wait_for(receiver.queue.get(), 60)

    answer, trap = asyncio.run(story())
    assert answer == messages.v2c(pdu=RESPONSE)
    assert trap.inform


@pytest.mark.parametrize(
    ("datagram", "counter"),
    [
        (messages.v2c(community=b"wrong"), "strangers"),
        (messages.v1(2, community=b""), "strangers"),
        (messages.v3(user=b"nobody"), "strangers"),
        (messages.v3(user=b"traps", digest_octets=24), "strangers"),
        (b"hello", "malformed"),
        (b"", "malformed"),
        (TRAP[:-1], "malformed"),
        (messages.v3(user=b"", engine=b"", flags=4), "reports"),
        (
            messages.v3(master=User.of(USER).auth_master, protocol="sha256", digest_octets=24),
            "malformed",
        ),
    ],
    ids=["community", "empty community", "user", "digest", "noise", "empty", "cut", "discovery", "authentic rubbish"],
)
def test_what_is_not_taken_is_counted_once(datagram: bytes, counter: str) -> None:
    async def story() -> None:
        async with receiving() as receiver:
            with Sender(receiver) as sender:
                sender.send(datagram)
                await counted(receiver, received=1, **{counter: 1})
                assert receiver.queue.empty()
                sender.send(TRAP)
                await asyncio.wait_for(receiver.queue.get(), 60)

    asyncio.run(story())


def test_no_community_means_none_is_accepted() -> None:
    async def story() -> None:
        async with receiving(replace(SETTINGS, communities=frozenset())) as receiver:
            with Sender(receiver) as sender:
                sender.send(messages.v2c(community=b""))
                await counted(receiver, received=1, strangers=1)

    asyncio.run(story())


def test_a_full_queue_drops_counts_and_leaves_informs_unacknowledged() -> None:
    async def story() -> None:
        async with receiving(replace(SETTINGS, queue_size=2)) as receiver:
            with Sender(receiver) as sender:
                for _ in range(3):
                    sender.send(TRAP)
                sender.send(messages.v2c(pdu=INFORM))
                await counted(receiver, received=4, accepted=2, queue_drops=2)
                await receiver.queue.get()
                sender.send(messages.v2c(pdu=INFORM))
                assert await sender.answer() == messages.v2c(pdu=RESPONSE)
                await counted(receiver, received=5, accepted=3, queue_drops=2)

    asyncio.run(story())


def test_a_flood_of_expensive_messages_is_bounded() -> None:
    """Those to our own engine are informs, which pysnmp answers."""
    flood = messages.v3(master=User.of(USER).auth_master, protocol="sha256", digest_octets=24)

    async def story() -> None:
        async with receiving(replace(SETTINGS, engine_id=messages.ENGINE)) as receiver:
            for _ in range(MAX_PENDING + 5):
                receiver.received(flood, ("127.0.0.1", 9))
            assert receiver.stats.queue_drops == 5

    asyncio.run(story())


def test_one_source_may_send_so_much_and_its_losses_are_known_by_name() -> None:
    async def story() -> None:
        async with receiving(replace(SETTINGS, per_source_s=2)) as receiver:
            for _ in range(13):
                receiver.received(TRAP, ("192.0.2.1", 162))
            receiver.received(TRAP, ("192.0.2.2", 162))
            assert receiver.stats == TrapStats(received=14, accepted=11, rate_drops=3)
            assert receiver.senders.take_lost() == {"192.0.2.1": 3}
            assert receiver.senders.take_lost() == {}

    asyncio.run(story())


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (messages.v2c(community=b"wrong"), "unknown community"),
        (messages.v3(user=b"nobody"), "unknown user"),
        (messages.v3(user=b"traps", digest_octets=24), "wrong key"),
        (messages.v3(flags=1), "less than authPriv"),
    ],
)
def test_why_a_stranger_is_one_is_known_by_source(datagram: bytes, reason: str) -> None:
    async def story() -> None:
        async with receiving() as receiver:
            receiver.received(datagram, ("192.0.2.1", 162))
            assert receiver.senders.take_refused() == {("192.0.2.1", reason): 1}

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["trap", "inform"])
def test_v3_notifications_of_another_implementation_are_decrypted(kind: str) -> None:
    """pysnmp as the sender: a trap under its own engine, an inform under ours after discovery."""

    async def story() -> Trap:
        async with receiving() as receiver:
            engine = SnmpEngine()
            user = UsmUserData(USER.username, USER.auth_key, USER.priv_key, usmHMAC192SHA256AuthProtocol, usmAesCfb128Protocol)
            error, *_ = await send_notification(
                engine,
                user,
                await UdpTransportTarget.create(receiver.address, timeout=60, retries=0),
                ContextData(),
                kind,
                NotificationType(ObjectIdentity(oids.LINK_DOWN)).add_varbinds(
                    ObjectType(ObjectIdentity(f"{oids.IF_INDEX}.3"), Integer32(3))
                ),
            )
            assert error is None
            trap = await asyncio.wait_for(receiver.queue.get(), 60)
            engine.close_dispatcher()
            await asyncio.sleep(0)
            return trap

    trap = asyncio.run(story())
    assert (trap.version, trap.trap_oid, trap.source, trap.inform) == ("v3", oids.LINK_DOWN, "127.0.0.1", kind == "inform")
    assert trap.value(oids.IF_INDEX) == 3


@pytest.mark.parametrize("version", ["v2c", "v3"])
def test_a_simulated_elements_link_down_is_heard(version: str) -> None:
    secrets = SimCredentials()
    user = Credential("sim", username=secrets.v3_user, auth_key=secrets.v3_auth, priv_key=secrets.v3_priv)
    settings = TrapSettings(port=0, communities=frozenset({secrets.community}), users=(user,))

    async def story() -> list[Trap]:
        async with receiving(settings) as receiver:
            state = switch()
            agent = SnmpAgent(
                state, ElementFaults(state), secrets, [receiver.address], trap_version="v3" if version == "v3" else "v2c"
            )
            await agent.start("127.0.0.1", 0)
            state.set_carrier(state.ports["ge3"], up=False)
            traps = [await asyncio.wait_for(receiver.queue.get(), 60) for _ in range(2)]
            await agent.stop()
            assert receiver.stats == TrapStats(received=2, accepted=2)
            return traps

    cold, down = asyncio.run(story())
    assert (cold.trap_oid, down.trap_oid) == (oids.COLD_START, oids.LINK_DOWN)
    assert {trap.version for trap in (cold, down)} == {version}
    assert (down.value(oids.IF_INDEX), down.value(oids.IF_OPER_STATUS), down.value(oids.IF_NAME)) == (103, 2, b"ge3")


def test_a_replayed_v3_trap_is_stale_once_its_engine_moved_on() -> None:
    master = User.of(USER).auth_master
    old, new = (messages.v3(master=master, protocol="sha256", digest_octets=24, time=time) for time in (1000, 9000))

    async def story() -> None:
        async with receiving() as receiver:
            with Sender(receiver) as sender:
                sender.send(new)
                await counted(receiver, received=1, malformed=1)
                sender.send(old)
                await counted(receiver, received=2, malformed=1, stale=1)

    asyncio.run(story())


def test_a_port_in_use_is_told_with_the_remedy() -> None:
    async def story() -> None:
        async with receiving() as first:
            with pytest.raises(TrapSetupError, match=r"cannot listen for traps on 127\.0\.0\.1 port \d+: .*choose another"):
                await TrapReceiver(replace(SETTINGS, port=first.address[1]), FakeClock()).start()

    asyncio.run(story())


def test_a_user_without_keys_is_refused_at_the_start() -> None:
    with pytest.raises(TrapSetupError, match="credential r9: auth_key and priv_key need at least 8"):
        TrapReceiver(TrapSettings(users=(Credential("r9", username="u"),)), FakeClock())


def test_kernel_drops_are_found_by_the_sockets_inode() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
        " 1020: 0100007F:27B2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 17\n"
    )
    assert (drops_of(table, 4242), drops_of(table, 1)) == (17, 0)


def test_the_kernels_own_drops_are_counted() -> None:
    async def story() -> None:
        async with receiving(replace(SETTINGS, receive_buffer=2048, queue_size=5000)) as receiver:
            with Sender(receiver) as sender:
                for _ in range(3000):
                    sender.send(TRAP)
            await until(lambda: receiver.stats.kernel_drops + receiver.stats.received == 3000)
            assert receiver.stats.kernel_drops > 0

    asyncio.run(story())
