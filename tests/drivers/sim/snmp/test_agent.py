"""pysnmp and gufo-snmp against the agent over real sockets; pysnmp as the receiver of its traps."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from gufo.snmp import Aes128Key, Sha1Key, SnmpVersion, User
from gufo.snmp.aio import SnmpSession
from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import ntfrcv
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_SHA,
    USM_PRIV_CFB128_AES,
    CommunityData,
    ContextData,
    Gauge32,
    Integer32,
    ObjectIdentity,
    ObjectType,
    OctetString,
    UdpTransportTarget,
    UsmUserData,
    bulk_cmd,
    get_cmd,
    set_cmd,
)

from drivers.sim.credentials import SimCredentials
from drivers.sim.errors import PortInUse
from drivers.sim.faults import ElementFaults, Fault, Phase
from drivers.sim.snmp import SnmpAgent
from drivers.sim.snmp.agent import engine_id
from drivers.sim.state import ElementState
from tests.drivers.sim.elements import switch

CREDENTIALS = SimCredentials()
SYS_NAME, SYS_UPTIME, ENGINE_BOOTS = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.10.2.1.2.0"
IF_NAME, HC_IN, IF_OPER = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.2.2.1.8"
LOCATION = "1.3.6.1.2.1.1.6.0"
VLAN, PVID = "1.3.6.1.2.1.17.7.1.4.3.1", "1.3.6.1.2.1.17.7.1.4.5.1.1"

V3 = UsmUserData(
    CREDENTIALS.v3_user,
    CREDENTIALS.v3_auth,
    CREDENTIALS.v3_priv,
    authProtocol=USM_AUTH_HMAC96_SHA,
    privProtocol=USM_PRIV_CFB128_AES,
)
Auth = CommunityData | UsmUserData
AUTHS = {"v2c": CommunityData(CREDENTIALS.community, mpModel=1), "v3": V3}
GUFO_USER = User(
    CREDENTIALS.v3_user,
    auth_key=Sha1Key(CREDENTIALS.v3_auth.encode()),
    priv_key=Aes128Key(CREDENTIALS.v3_priv.encode()),
)

# pysnmp is untyped: its requests are functions of any arguments.
Request = Callable[..., Any]


@dataclass
class Running:
    state: ElementState
    faults: ElementFaults
    agent: SnmpAgent
    engine: SnmpEngine = field(default_factory=SnmpEngine)

    async def ask(self, request: Request, auth: Auth, *arguments: object, timeout: float = 30.0) -> Any:  # noqa: ASYNC109
        """(error indication, status, index, varbinds)"""
        target = await UdpTransportTarget.create(("127.0.0.1", self.agent.port), timeout=timeout, retries=0)
        return await request(self.engine, auth, target, ContextData(), *arguments, lookupMib=False)

    def gufo(self, user: User | None = None, deadline: float = 30.0) -> SnmpSession:
        version = SnmpVersion.v2c if user is None else SnmpVersion.v3
        return SnmpSession(
            "127.0.0.1",
            self.agent.port,
            community=CREDENTIALS.community,
            user=user,
            version=version,
            timeout=deadline,
        )


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Running]:
    state = switch()
    faults = ElementFaults(state)
    agent = SnmpAgent(state, faults, CREDENTIALS, **options)
    await agent.start("127.0.0.1", 0)
    started = Running(state, faults, agent)
    try:
        yield started
    finally:
        started.engine.close_dispatcher()
        await agent.stop()


def run(test: Coroutine[object, object, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test

    asyncio.run(bounded())


def bind(oid: str, value: object = None) -> ObjectType:
    return ObjectType(ObjectIdentity(oid), value) if value is not None else ObjectType(ObjectIdentity(oid))


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_pysnmp_gets_walks_and_sets(auth: Auth) -> None:
    async def test() -> None:
        async with running() as element:
            error, status, _, got = await element.ask(get_cmd, auth, bind(SYS_NAME), bind(f"{HC_IN}.101"))
            assert (error, int(status), str(got[0][1]), int(got[1][1])) == (None, 0, "acc1", 0)
            error, _, _, rows = await element.ask(bulk_cmd, auth, 0, 10, bind(IF_NAME))
            assert (error, [str(row[1]) for row in rows]) == (None, [f"ge{port}" for port in range(1, 11)])
            error, status, index, _ = await element.ask(
                set_cmd,
                auth,
                bind(f"{VLAN}.1.100", OctetString("eline-7")),
                bind(f"{VLAN}.2.100", OctetString(hexValue="c000")),
                bind(f"{VLAN}.4.100", OctetString(hexValue="8000")),
                bind(f"{VLAN}.5.100", Integer32(4)),
                bind(f"{PVID}.1", Gauge32(100)),
            )
            assert (error, int(status), int(index)) == (None, 0, 0)
            assert (element.state.vlans[100].egress, element.state.ports["ge1"].pvid) == ({101, 102}, 100)
            error, status, index, _ = await element.ask(
                set_cmd, auth, bind(f"{VLAN}.1.100", OctetString("x")), bind(f"{VLAN}.5.100", Integer32(6))
            )
            assert (error, int(status), int(index)) == (None, 12, 2)
            assert element.state.vlans[100].name == "eline-7"

    run(test())


@pytest.mark.parametrize("user", [None, GUFO_USER], ids=["v2c", "v3"])
def test_gufo_gets_and_walks(user: User | None) -> None:
    async def test() -> None:
        async with running() as element, element.gufo(user) as session:
            assert await session.get(SYS_NAME) == b"acc1"
            wanted = [f"{column}.{port}" for port in range(101, 111) for column in (IF_NAME, HC_IN, IF_OPER)]
            assert set(await session.get_many(wanted)) == set(wanted)
            names = [value async for _, value in session.getbulk(IF_NAME, max_repetitions=4)]
            assert names == [f"ge{port}".encode() for port in range(1, 11)]
            assert len([oid async for oid, _ in session.getnext(IF_OPER)]) == 10

    run(test())


def test_counters_grow_with_the_traffic_and_the_uptime_beside_them() -> None:
    async def test() -> None:
        async with running() as element:
            element.state.count()
            element.state.ports["ge1"].in_bps = 8e9
            async with element.gufo() as session:
                first = await session.get_many([f"{HC_IN}.101", SYS_UPTIME])
                element.state.count(element.state.ports["ge1"].counted_at + 1.0)
                second = await session.get_many([f"{HC_IN}.101", SYS_UPTIME])
            assert int(second[f"{HC_IN}.101"]) - int(first[f"{HC_IN}.101"]) >= 10**9

    run(test())


SILENT = {
    "wrong community": CommunityData("guess", mpModel=1),
    "version 1": CommunityData(CREDENTIALS.community, mpModel=0),
}


@pytest.mark.parametrize("auth", SILENT.values(), ids=SILENT)
def test_a_stranger_gets_no_answer(auth: Auth) -> None:
    async def test() -> None:
        async with running() as element:
            error, *_ = await element.ask(get_cmd, auth, bind(SYS_NAME), timeout=0.1)
            assert "No SNMP response" in str(error)
            await element.ask(get_cmd, AUTHS["v2c"], bind(SYS_NAME))  # what came before it has been read by then
            assert element.agent.dropped == 1

    run(test())


def _user(name: str = CREDENTIALS.v3_user, auth: str = CREDENTIALS.v3_auth, priv: str = CREDENTIALS.v3_priv) -> Auth:
    return UsmUserData(name, auth, priv, authProtocol=USM_AUTH_HMAC96_SHA, privProtocol=USM_PRIV_CFB128_AES)


REPORTED = {
    "unknown user": (_user(name="nobody"), "Unknown USM user"),
    "wrong authentication key": (_user(auth="another-auth-key"), "Wrong SNMP PDU digest"),
    "wrong privacy key": (_user(priv="another-priv-key"), "Ciphering services not available or ciphertext is broken"),
    "no privacy": (
        UsmUserData(CREDENTIALS.v3_user, CREDENTIALS.v3_auth, authProtocol=USM_AUTH_HMAC96_SHA),
        "Unsupported SNMP security level",
    ),
}


@pytest.mark.parametrize(("auth", "reason"), REPORTED.values(), ids=REPORTED)
def test_a_v3_stranger_gets_a_report_and_nothing_else(auth: Auth, reason: str) -> None:
    async def test() -> None:
        async with running() as element:
            error, _, _, varbinds = await element.ask(get_cmd, auth, bind(SYS_NAME))
            assert (str(error), len(varbinds)) == (reason, 0)

    run(test())


def test_a_reboot_raises_the_engine_boots_and_clients_resynchronise() -> None:
    async def test() -> None:
        async with running() as element:
            before = (await element.ask(get_cmd, V3, bind(ENGINE_BOOTS)))[3]
            element.state.reboot()
            await element.ask(get_cmd, V3, bind(ENGINE_BOOTS))  # pysnmp may learn the new time from a report here
            error, _, _, after = await element.ask(get_cmd, V3, bind(ENGINE_BOOTS))
            assert (error, int(after[0][1])) == (None, int(before[0][1]) + 1)

    run(test())


def test_the_agent_is_silent_by_fault_and_out_of_reach() -> None:
    async def test() -> None:
        async with running() as element, element.gufo(deadline=0.1) as session, element.gufo() as patient:
            fault = element.faults.silence_snmp()
            with pytest.raises(TimeoutError):
                await session.get(SYS_NAME)
            element.faults.clear(fault.id)
            element.faults.set_reachable(reachable=False)
            with pytest.raises(TimeoutError):
                await session.get(SYS_NAME)
            element.faults.set_reachable(reachable=True)
            assert await patient.get(SYS_NAME) == b"acc1"

    run(test())


@pytest.mark.parametrize(
    ("fault", "answer", "location"),
    [
        (Fault("refuse", Phase.EDIT, times=1), 5, ""),
        (Fault("disconnect", Phase.EDIT, times=1), None, ""),
        (Fault("disconnect", Phase.AFTER_COMMIT, times=1), None, "set"),
        (Fault("hang", Phase.COMMIT, seconds=30.0, times=1), None, ""),
        (Fault("slow", Phase.EDIT, seconds=0.05), 0, "set"),
    ],
    ids=lambda value: f"{value.kind} {value.phase}" if isinstance(value, Fault) else "",
)
def test_faults_strike_a_set(fault: Fault, answer: int | None, location: str) -> None:
    """`answer` is the error-status that comes back, None for silence; `location` is what the SET left behind."""

    async def test() -> None:
        async with running() as element:
            element.faults.inject(fault)
            setting = bind(LOCATION, OctetString("set"))
            error, status, *_ = await element.ask(set_cmd, AUTHS["v2c"], setting, timeout=0.5 if answer is None else 30.0)
            assert (None if error else int(status)) == answer
            assert element.state.location == location

    run(test())


def test_a_bridge_keeps_its_vlans_over_a_reboot() -> None:
    async def test() -> None:
        async with running() as element:
            await element.ask(set_cmd, AUTHS["v2c"], bind(f"{VLAN}.5.7", Integer32(4)))
            element.state.reboot()
            assert list(element.state.vlans) == [1, 7]

    run(test())


def test_a_port_in_use_is_named() -> None:
    async def test() -> None:
        async with running() as element:
            other = SnmpAgent(element.state, element.faults, CREDENTIALS)
            with pytest.raises(PortInUse, match=f"127.0.0.1 port {element.agent.port}"):
                await other.start("127.0.0.1", element.agent.port)

    run(test())


@asynccontextmanager
async def trap_receiver(sender: bytes) -> AsyncIterator[tuple[int, asyncio.Queue[tuple[str, dict[str, str]]]]]:
    """(port, queue of (source address, varbinds)) of a pysnmp receiver that knows the v3 engine `sender`."""
    engine = SnmpEngine()
    transport = udp.UdpAsyncioTransport().open_server_mode(("127.0.0.1", 0))
    config.add_transport(engine, udp.DOMAIN_NAME, transport)
    config.add_v1_system(engine, "area", CREDENTIALS.community)
    config.add_v3_user(
        engine,
        CREDENTIALS.v3_user,
        USM_AUTH_HMAC96_SHA,
        CREDENTIALS.v3_auth,
        USM_PRIV_CFB128_AES,
        CREDENTIALS.v3_priv,
        securityEngineId=OctetString(sender),
    )
    queue: asyncio.Queue[tuple[str, dict[str, str]]] = asyncio.Queue(100)

    # pysnmp's signature
    def received(engine_: Any, reference: Any, _id: Any, _name: Any, varbinds: Any, _context: Any) -> None:
        _, address = engine_.message_dispatcher.get_transport_info(reference)
        queue.put_nowait((address[0], {str(oid): value.prettyPrint() for oid, value in varbinds}))

    ntfrcv.NotificationReceiver(engine, received)
    await transport._lport
    port = transport.transport.get_extra_info("sockname")[1]
    try:
        yield port, queue
    finally:
        engine.close_dispatcher()


@pytest.mark.parametrize("version", ["v2c", "v3"])
def test_traps_tell_of_the_boot_and_of_links(version: str) -> None:
    async def test() -> None:
        async with (
            trap_receiver(engine_id(switch())) as (port, traps),
            running(trap_targets=[("127.0.0.1", port)], trap_version=version) as element,
        ):
            source, booted = await asyncio.wait_for(traps.get(), 60)
            assert (source, booted["1.3.6.1.6.3.1.1.4.1.0"]) == ("127.0.0.1", "1.3.6.1.6.3.1.1.5.1")
            element.state.set_carrier(element.state.ports["ge2"], up=False)
            _, down = await asyncio.wait_for(traps.get(), 60)
            assert down.pop("1.3.6.1.2.1.1.3.0").isdecimal()
            assert down == {
                "1.3.6.1.6.3.1.1.4.1.0": "1.3.6.1.6.3.1.1.5.3",
                "1.3.6.1.2.1.2.2.1.1.102": "102",
                "1.3.6.1.2.1.2.2.1.7.102": "1",
                "1.3.6.1.2.1.2.2.1.8.102": "2",
                "1.3.6.1.2.1.31.1.1.1.1.102": "ge2",
            }
            element.state.set_carrier(element.state.ports["ge2"], up=True)
            _, up = await asyncio.wait_for(traps.get(), 60)
            assert up["1.3.6.1.6.3.1.1.4.1.0"] == "1.3.6.1.6.3.1.1.5.4"
            element.state.reboot()
            _, rebooted = await asyncio.wait_for(traps.get(), 60)
            assert rebooted["1.3.6.1.6.3.1.1.4.1.0"] == "1.3.6.1.6.3.1.1.5.1"

    run(test())


def test_configuration_and_a_silent_agent_send_no_trap() -> None:
    async def test() -> None:
        async with (
            trap_receiver(engine_id(switch())) as (port, traps),
            running(trap_targets=[("127.0.0.1", port)]) as element,
        ):
            await asyncio.wait_for(traps.get(), 60)
            element.state.changed()
            fault = element.faults.silence_snmp()
            element.state.set_carrier(element.state.ports["ge2"], up=False)
            element.faults.clear(fault.id)
            element.state.set_carrier(element.state.ports["ge2"], up=True)
            _, next_trap = await asyncio.wait_for(traps.get(), 60)
            assert next_trap["1.3.6.1.6.3.1.1.4.1.0"] == "1.3.6.1.6.3.1.1.5.4"

    run(test())
