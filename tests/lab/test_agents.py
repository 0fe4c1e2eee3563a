"""net-snmp's agents: polling over SNMPv3 and v2c, interface numbers, and the traps of a cut cable."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gufo.snmp import Aes128Key, Sha1Key, SnmpVersion, User
from gufo.snmp.aio import SnmpSession
from pyasn1.codec.ber import decoder
from pysnmp.proto import api

from tests.lab.credentials import SNMP_V2C, snmp_v3
from tests.lab.lab import Lab
from tests.lab.shell import PATIENCE, wait_until
from tests.lab.topology import P1, PE1, ROUTERS, TRAP_PORT, TRAP_V3_PORT, Router

pytestmark = pytest.mark.lab

SYS_NAME = "1.3.6.1.2.1.1.5.0"
OPER_STATUS = "1.3.6.1.2.1.2.2.1.8"
IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"
HC_IN_OCTETS = "1.3.6.1.2.1.31.1.1.1.6"
HIGH_SPEED = "1.3.6.1.2.1.31.1.1.1.15"
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
LINK_UP = "1.3.6.1.6.3.1.1.5.4"


Answer = dict[str, Any]
Ask = Callable[..., Answer]


def ask_v3(lab: Lab, router: Router, *objects: str) -> Answer:
    secret = lab.credentials()[snmp_v3(router.name)]
    auth_key, priv_key = Sha1Key(secret["auth_key"].encode()), Aes128Key(secret["priv_key"].encode())
    user = User(secret["username"], auth_key=auth_key, priv_key=priv_key)

    async def ask() -> Answer:
        async with SnmpSession(str(router.management), user=user, version=SnmpVersion.v3, timeout=PATIENCE) as session:
            return await session.get_many(objects)

    return asyncio.run(ask())


def ask_v2c(lab: Lab, router: Router, *objects: str) -> Answer:
    community = lab.credentials()[SNMP_V2C]["community"]

    async def ask() -> Answer:
        async with SnmpSession(str(router.management), community=community, timeout=PATIENCE) as session:
            return await session.get_many(objects)

    return asyncio.run(ask())


def port_number(lab: Lab, element: str, port: str) -> int:
    [router] = [each for each in lab.inventory()["elements"] if each["name"] == element]
    [number] = [each["if_index"] for each in router["ports"] if each["name"] == port]
    return int(number)


@pytest.mark.parametrize("ask", [ask_v3, ask_v2c])
@pytest.mark.parametrize("router", ROUTERS, ids=lambda router: router.name)
def test_every_agent_answers_by_its_routers_name(management: Lab, router: Router, ask: Ask) -> None:
    assert ask(management, router, SYS_NAME) == {SYS_NAME: router.name.encode()}


def test_the_kernels_interface_number_is_the_agents(management: Lab) -> None:
    for element in management.inventory()["elements"][: len(ROUTERS)]:
        [router] = [each for each in ROUTERS if each.name == element["name"]]
        for port in element["ports"]:
            name, speed = f"{IF_NAME}.{port['if_index']}", f"{HIGH_SPEED}.{port['if_index']}"
            told = ask_v3(management, router, name, speed)
            assert told == {name: port["name"].encode(), speed: port["speed_bps"] // 1_000_000}


def test_the_counters_count_what_was_sent(management: Lab) -> None:
    counter = f"{HC_IN_OCTETS}.{port_number(management, 'p1', 'c-pe1')}"
    before = ask_v3(management, P1, counter)[counter]
    ping = ["ping", "-q", "-c", "50", "-i", "0.01", "-s", "1000", str(P1.loopback)]
    management.exec("pe1", ping)
    sent = 50 * (1000 + 8 + 20 + 14)  # payload, ICMP, IPv4 and Ethernet headers
    wait_until("p1 has counted", lambda: ask_v3(management, P1, counter)[counter] >= before + sent)
    assert ask_v3(management, P1, counter)[counter] < before + 2 * sent


@pytest.fixture
def traps(management: Lab) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((str(management.trap_listener), TRAP_PORT))
        yield listener


def link_traps(listener: socket.socket, wanted: dict[Router, list[str]]) -> dict[Router, list[str]]:
    """Each router's last: [which trap, ifIndex, ifAdminStatus, ifOperStatus, ifName]; who sent none in time is absent.

    The traps of FRR itself (OSPF, BGP) pass by, and those that tell late of what was done before.
    """
    by_address = {str(sender.management): sender for sender in wanted}
    told: dict[Router, list[str]] = {}
    deadline = time.monotonic() + PATIENCE
    while told != wanted and (left := deadline - time.monotonic()) > 0:
        listener.settimeout(left)
        try:
            datagram, (address, _) = listener.recvfrom(4096)
        except TimeoutError:
            break
        values = trap_values(datagram)
        if address in by_address and values[0] in {LINK_DOWN, LINK_UP}:
            told[by_address[address]] = values
    return told


def trap_values(datagram: bytes) -> list[str]:
    v2c = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
    message, _rest = decoder.decode(datagram, asn1Spec=v2c.Message())
    variables = v2c.apiPDU.get_varbinds(v2c.apiMessage.get_pdu(message))
    return [value.prettyPrint() for _, value in variables[1:6]]


@pytest.mark.parametrize("ends", [{PE1: "cust1"}, {PE1: "c-p1", P1: "c-pe1"}], ids=["customer", "core"])
def test_a_cut_cable_is_told_by_the_routers_at_its_ends_within_seconds(
    management: Lab, traps: socket.socket, ends: dict[Router, str]
) -> None:
    numbers = {router: str(port_number(management, router.name, port)) for router, port in ends.items()}
    try:
        for act, trap, status in ((management.link_down, LINK_DOWN, "2"), (management.link_up, LINK_UP, "1")):
            act("pe1", ends[PE1])
            wanted = {router: [trap, numbers[router], "1", status, port] for router, port in ends.items()}
            assert link_traps(traps, wanted) == wanted
            for router, number in numbers.items():
                state = f"{OPER_STATUS}.{number}"
                assert ask_v3(management, router, state) == {state: int(status)}
    finally:
        management.link_up("pe1", ends[PE1])
    management.until_converged()


def test_the_same_trap_comes_over_snmpv3_from_the_engine_that_the_credential_names(management: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((str(management.trap_listener), TRAP_V3_PORT))
        listener.settimeout(PATIENCE)
        management.link_down("pe1", "cust1")
        try:
            # others may have something to say, too
            while (heard := listener.recvfrom(4096))[1][0] != str(PE1.management):
                pass
        finally:
            management.link_up("pe1", "cust1")
    datagram = heard[0]
    assert bytes.fromhex(management.credentials()[snmp_v3("pe1")]["engine_id"]) in datagram
    assert b"cust1" not in datagram, "the trap is encrypted"
