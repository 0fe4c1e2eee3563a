"""Records delay and loss of real packets on loopback, through a relay that is made to misbehave at known times.

Flows of UDP probes run beside each other; the relay of each holds some of them back or drops them as its script says. What is kept
is one line per flow and second: mean delay, share lost, and whether the script disturbed it. The machine's own noise is in it, and
that is the point. `python -m bench.record SECONDS FILE`.
"""

import argparse
import asyncio
import csv
import random
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

FLOWS = 10
PROBES_PER_SECOND = 10
LATE_S = 1.0
"""A probe that takes longer is lost."""
_PROBE = struct.Struct("!Id")


@dataclass(frozen=True, slots=True)
class Disturbance:
    """From `begin` to `end`, seconds; delay and loss grow in line from nothing to `delay_s` and `loss`, or are there at once."""

    begin: float
    end: float
    delay_s: float = 0.0
    loss: float = 0.0
    grows: bool = False

    def at(self, second: float) -> tuple[float, float]:
        if not self.begin <= second < self.end:
            return 0.0, 0.0
        share = (second - self.begin) / (self.end - self.begin) if self.grows else 1.0
        return self.delay_s * share, self.loss * share


def script(flow: int, seconds: float) -> tuple[Disturbance, ...]:
    """Every other flow is disturbed, in the last third."""
    chance = random.Random(flow)
    begin = seconds * chance.uniform(0.7, 0.85)
    end = begin + seconds * 0.1
    match flow % 10:
        case 1:
            return (Disturbance(begin, end, delay_s=0.004),)
        case 3:
            return (Disturbance(begin, end, loss=0.05),)
        case 5:
            return (Disturbance(begin, end, delay_s=0.02, grows=True),)
        case 7:
            return (Disturbance(begin, end, loss=0.3, grows=True),)
        case 9:
            return (Disturbance(begin, end, delay_s=0.01, loss=0.02),)
    return ()


class Relay(asyncio.DatagramProtocol):
    """Sends each probe back, later or not at all."""

    def __init__(self, disturbances: tuple[Disturbance, ...], start: float) -> None:
        self._disturbances, self._start, self._chance = disturbances, start, random.Random(7)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        now = time.monotonic() - self._start
        effects = [each.at(now) for each in self._disturbances]
        delay, loss = sum(effect[0] for effect in effects), max((effect[1] for effect in effects), default=0.0)
        if self._chance.random() >= loss:
            asyncio.get_running_loop().call_later(delay, self._transport.sendto, data, addr)  # type: ignore[attr-defined]


@dataclass
class Probes(asyncio.DatagramProtocol):
    sent: dict[int, int] = field(default_factory=dict)
    """Second → probes."""
    delays: dict[int, list[float]] = field(default_factory=dict)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        second, at = _PROBE.unpack(data)
        delay = time.monotonic() - at
        if delay <= LATE_S:
            self.delays.setdefault(second, []).append(delay)


async def flow(number: int, seconds: int, start: float) -> list[tuple[int, int, float, float, int]]:
    loop = asyncio.get_running_loop()
    disturbances = script(number, seconds)
    relay, _ = await loop.create_datagram_endpoint(lambda: Relay(disturbances, start), ("127.0.0.1", 0))
    probes = Probes()
    sender, _ = await loop.create_datagram_endpoint(lambda: probes, remote_addr=relay.get_extra_info("sockname"))
    for tick in range(seconds * PROBES_PER_SECOND):
        due = start + (tick + number / FLOWS) / PROBES_PER_SECOND
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        second = tick // PROBES_PER_SECOND
        probes.sent[second] = probes.sent.get(second, 0) + 1
        sender.sendto(_PROBE.pack(second, time.monotonic()))
    await asyncio.sleep(LATE_S)
    sender.close()
    relay.close()
    rows = []
    for second, sent in probes.sent.items():
        got = probes.delays.get(second, [])
        mean = sum(got) / len(got) if got else float("nan")
        disturbed = any(each.begin <= second < each.end for each in disturbances)
        rows.append((number, second, mean, 1 - len(got) / sent, int(disturbed)))
    return rows


async def record(seconds: int, file: Path) -> None:
    start = time.monotonic() + 0.1
    found = await asyncio.gather(*(flow(number, seconds, start) for number in range(FLOWS)))
    with file.open("w", encoding="ascii", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("flow", "second", "delay_us", "loss_ratio", "disturbed"))
        writer.writerows(
            (number, second, round(delay * 1e6, 1), loss, label) for rows in found for number, second, delay, loss, label in rows
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Record delay and loss of real packets under known disturbances.")
    parser.add_argument("seconds", type=int)
    parser.add_argument("file", type=Path)
    wanted = parser.parse_args()
    asyncio.run(record(wanted.seconds, wanted.file))
