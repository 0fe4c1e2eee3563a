"""Sends traps at a steady rate, as many elements would, from a process of its own: its CPU is not counted with the receiver's."""

import argparse
import ipaddress
import json
import socket
import sys
import time
from collections.abc import Sequence
from itertools import cycle

from drivers.sim.snmp.ber import INTEGER, OBJECT_ID, OCTETS, SEQUENCE, TIMETICKS, Oid, Value, encode_int, number, wrap
from drivers.sim.snmp.keys import UserKeys
from drivers.sim.snmp.message import Pdu, PduKind, write_pdu
from drivers.sim.snmp.usm import UsmEngine

USER, AUTH, PRIV = "bench", "bench-auth-key", "bench-priv-key"
COMMUNITY = "public"
SLICE_S = 0.01
_V2C = 1
_UPTIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
_TRAP_OID: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
_TRAPS: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)
_IF: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
_DOWN, _UP = 3, 4


def pdu(index: int, event: int) -> Pdu:
    """LinkDown or linkUp as RFC 2863 has it."""
    state = number(INTEGER, 1 if event == _UP else 2)
    bound = (
        (_UPTIME, number(TIMETICKS, 4711)),
        (_TRAP_OID, Value(OBJECT_ID, (*_TRAPS, event))),
        ((*_IF, 1, index), number(INTEGER, index)),
        ((*_IF, 7, index), number(INTEGER, 1)),
        ((*_IF, 8, index), state),
    )
    return Pdu(PduKind.TRAP, index, bound)


def datagrams(version: str, engine: bytes, ports: Sequence[int]) -> list[bytes]:
    """One of each kind for each port."""
    wanted = [pdu(index, event) for index in ports for event in (_DOWN, _UP)]
    if version == "v2c":
        return [wrap(SEQUENCE, encode_int(_V2C) + wrap(OCTETS, COMMUNITY.encode()) + write_pdu(each)) for each in wanted]
    sender = UsmEngine(engine, USER, UserKeys(AUTH, PRIV, engine), lambda: 1000, 1)
    return [sender.notify(each, number) for number, each in enumerate(wanted, start=1)]


def main(arguments: Sequence[str]) -> None:
    wanted = _parser().parse_args(arguments)
    sources = [str(ipaddress.ip_address(wanted.first) + number) for number in range(wanted.count)]
    messages = {}
    for place, source in enumerate(sources):
        engine = bytes.fromhex("80001f8804") + place.to_bytes(4, "big")
        messages[source] = datagrams(wanted.version, engine, range(1, wanted.ports + 1))
    plan = []
    sockets = {source: _bound(source, wanted.to) for source in sources}
    for turn in range(len(messages[sources[0]])):
        plan += [(sockets[source], messages[source][turn]) for source in sources]
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    print(json.dumps(send(plan, wanted.rate, wanted.seconds)), flush=True)


def send(plan: Sequence[tuple[socket.socket, bytes]], rate: float, seconds: float) -> dict[str, float]:
    total, sent, refused = int(rate * seconds), 0, 0
    turns = cycle(plan)
    began = time.monotonic()
    while sent < total:
        due = min(total, int((time.monotonic() - began) * rate) + 1)
        for _ in range(due - sent):
            sock, datagram = next(turns)
            try:
                sock.send(datagram)
            except OSError:  # the receiver is not there yet, or the sender's own buffer is full
                refused += 1
        sent = due
        time.sleep(SLICE_S)
    return {"sent": sent - refused, "refused": refused, "seconds": time.monotonic() - began, "ended": time.monotonic()}


def _bound(source: str, to: str) -> socket.socket:
    host, _, port = to.rpartition(":")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect((host, int(port)))
    return sock


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", required=True, help="host:port of the receiver")
    parser.add_argument("--version", choices=["v2c", "v3"], default="v2c")
    parser.add_argument("--rate", type=float, default=5000.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--first", default="127.0.1.1")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--ports", type=int, default=48)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
