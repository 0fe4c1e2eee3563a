"""SNMPv3 traps opened without an engine: what another implementation seals is read, and no damage breaks the reader."""

import asyncio
import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysnmp.entity.engine import SnmpEngine
from pysnmp.hlapi.v3arch.asyncio import (
    ContextData,
    NotificationType,
    ObjectIdentity,
    UdpTransportTarget,
    UsmUserData,
    send_notification,
    usmDESPrivProtocol,
    usmHMACSHAAuthProtocol,
)

from drivers.port import Credential
from drivers.sim.snmp.ber import OBJECT_ID, TIMETICKS, Value, number
from drivers.sim.snmp.keys import UserKeys
from drivers.sim.snmp.message import Pdu, PduKind
from drivers.sim.snmp.usm import UsmEngine
from drivers.snmp import ber, oids
from drivers.snmp.errors import BerError
from drivers.snmp.traps import TrapReceiver, TrapSettings, TrapStats
from drivers.snmp.unsealing import opened
from drivers.snmp.usm import TOO_OLD, User
from tests.clock import FakeClock

ENGINE = bytes.fromhex("80001f8804fabd0002")
SECRETS = {"auth_key": "authpass12", "priv_key": "privpass12"}
CREDENTIAL = Credential("r1", username="traps", auth_protocol="sha1", priv_protocol="aes128", **SECRETS)
USER = User.of(CREDENTIAL)
KEYS = UserKeys(SECRETS["auth_key"], SECRETS["priv_key"], ENGINE)
SOURCE = ("192.0.2.1", 162)


def sealed(kind: PduKind = PduKind.TRAP) -> bytes:
    sender = UsmEngine(
        ENGINE, "traps", UserKeys(auth=SECRETS["auth_key"], priv=SECRETS["priv_key"], engine_id=ENGINE), lambda: 7, 1
    )
    trap = Value(OBJECT_ID, tuple(map(int, oids.LINK_DOWN.split("."))))
    up, name = (tuple(map(int, oid.split("."))) for oid in (oids.SYS_UPTIME, oids.SNMP_TRAP_OID))
    return sender.notify(Pdu(kind, 1, ((up, number(TIMETICKS, 4711)), (name, trap))), 1)


def test_a_trap_is_read_without_an_engine() -> None:
    datagram = sealed()
    found = opened(datagram, ber.v3_header(datagram), USER)
    assert found is not None
    assert (found.version, found.trap_oid, found.uptime) == ("v3", oids.LINK_DOWN, 4711)


def test_what_has_to_be_answered_or_is_sealed_otherwise_goes_the_long_way() -> None:
    inform = sealed(PduKind.INFORM)
    assert opened(inform, ber.v3_header(inform), USER) is None
    des = User.of(Credential("r2", username="traps", priv_protocol="des", **SECRETS))
    assert opened(sealed(), ber.v3_header(sealed()), des) is None


def test_a_trap_under_des_is_read_all_the_same() -> None:
    credential = Credential("r3", username="old", auth_protocol="sha1", priv_protocol="des", **SECRETS)

    async def story() -> str:
        receiver = TrapReceiver(TrapSettings(port=0, users=(credential,)), FakeClock())
        await receiver.start()
        engine = SnmpEngine()
        user = UsmUserData("old", SECRETS["auth_key"], SECRETS["priv_key"], usmHMACSHAAuthProtocol, usmDESPrivProtocol)
        target = await UdpTransportTarget.create(receiver.address, timeout=60, retries=0)
        await send_notification(engine, user, target, ContextData(), "trap", NotificationType(ObjectIdentity(oids.LINK_DOWN)))
        trap = await asyncio.wait_for(receiver.queue.get(), 60)
        engine.close_dispatcher()
        await receiver.stop()
        return trap.trap_oid

    assert asyncio.run(story()) == oids.LINK_DOWN


def test_a_replay_of_an_opened_trap_is_stale_once_its_engine_moved_on() -> None:
    """The gate looks before anything is opened."""

    async def story() -> None:
        receiver = TrapReceiver(TrapSettings(port=0, users=(CREDENTIAL,)), FakeClock())
        await receiver.start()
        receiver.received(sealed(), SOURCE)
        later = UsmEngine(ENGINE, "traps", KEYS, lambda: 9000, 1)
        receiver.received(later.notify(Pdu(PduKind.TRAP, 1, ()), 1), SOURCE)
        receiver.received(sealed(), SOURCE)
        assert receiver.stats == TrapStats(received=3, accepted=1, malformed=1, stale=1)
        assert receiver.senders.take_refused() == {(SOURCE[0], TOO_OLD): 1}, "its element can be told of"
        await receiver.stop()

    asyncio.run(story())


@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 400))
def test_no_damage_does_more_than_be_refused(place: int, octet: int, length: int) -> None:
    datagram = bytearray(sealed())
    datagram[place % len(datagram)] = octet
    for damaged in (bytes(datagram), bytes(datagram[:length])):
        with contextlib.suppress(BerError):
            opened(damaged, ber.v3_header(damaged), USER)


@given(st.binary(max_size=200))
def test_any_octets_as_a_scoped_pdu_are_read_or_refused(plain: bytes) -> None:
    with contextlib.suppress(BerError):
        ber.scoped_trap(plain)


@pytest.mark.parametrize("seed", range(3))
def test_hostile_nesting_and_lengths_are_refused(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        plain = bytes(rng.choice((0x30, 0x04, 0xA7, 0x84, 0xFF, 0x80, 0x06, 0x02)) for _ in range(rng.randrange(120)))
        with contextlib.suppress(BerError):
            ber.scoped_trap(plain)
