"""v2c agents that misbehave: one answer per request, made by a function of the identifiers that were asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from drivers.port import Credential, Target
from tests.drivers.snmp.messages import integer, tlv

Answer = list[tuple[bytes, bytes]] | bytes | None
"""(identifier, encoded value) in order; None: no answer; an empty list: error-status tooBig; octets: sent as they are."""
Respond = Callable[[list[bytes]], Answer]

UPTIME = bytes.fromhex("2b06010201010300")
IF_NAME = bytes.fromhex("2b060102011f01010101")
HC_OCTETS = (bytes.fromhex("2b060102011f01010106"), bytes.fromhex("2b060102011f0101010a"))
PORTS = 40


def everything(asked: list[bytes]) -> list[tuple[bytes, bytes]]:
    """A well-behaved answer: ports 1…40 exist and are called p<index>, all else is 1."""
    return [(oid, _value_of(oid)) for oid in asked]


@asynccontextmanager
async def agent_of(respond: Respond, sizes: list[int] | None = None) -> AsyncIterator[Target]:
    """`sizes` gets the number of objects of every request."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Agent(respond, [] if sizes is None else sizes), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        yield Target("odd", "any", "snmp", "127.0.0.1", port, Credential("c", community="public"))
    finally:
        transport.close()


class _Agent(asyncio.DatagramProtocol):
    def __init__(self, respond: Respond, sizes: list[int]) -> None:
        self._sizes = sizes
        self._respond = respond
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        version, community, pdu = content(data)
        request_id, _, _, pairs = content(pdu)
        asked = [payload(content(pair)[0]) for pair in content(pairs)]
        self._sizes.append(len(asked))
        answer = self._respond(asked)
        if answer is None or self._transport is None:
            return
        if isinstance(answer, bytes):
            self._transport.sendto(answer, addr)
            return
        status = integer(0) if answer else integer(1)
        listed = b"".join(tlv(0x30, tlv(0x06, oid) + value) for oid, value in answer)
        response = tlv(0xA2, request_id + status + integer(0) + tlv(0x30, listed))
        self._transport.sendto(tlv(0x30, version + community + response), addr)


def _value_of(oid: bytes) -> bytes:
    index = oid[-1]
    if oid == UPTIME:
        return b"\x43\x02\x04\xd2"
    if not 0 < index <= PORTS:
        return b"\x81\x00"
    if oid[:-1] == IF_NAME:
        return tlv(0x04, f"p{index}".encode())
    return b"\x46\x01\x01" if oid[:-1] in HC_OCTETS else b"\x41\x01\x01"


def payload(element: bytes) -> bytes:
    return element[_head(element) :]


def content(element: bytes) -> list[bytes]:
    """The elements inside one constructed element."""
    inner, found = payload(element), []
    while inner:
        head = _head(inner)
        end = head + (int.from_bytes(inner[2:head], "big") if head > 2 else inner[1])
        found.append(inner[:end])
        inner = inner[end:]
    return found


def _head(element: bytes) -> int:
    return 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)
