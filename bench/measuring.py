"""What measuring services all the time costs; prints one JSON object.

    python -m bench.measuring --services 1000 --seconds 60

Each service has a STAMP reflector at an address of its own on loopback, and gets a packet each second: from one socket, by one
thread. The reflectors are another process, which is not counted. `busy` has another thread of the same process compute all the
time, as a daemon that polls and serves does: what it does to delays is what the kernel's timestamps are there to keep out.
"""

import argparse
import json
import selectors
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

from bench.process import stopped
from bench.report import machine
from drivers.probing.kernel import arrival_of, enable_timestamps
from drivers.probing.prober import Minute, ProbeLimits, Prober
from drivers.probing.reflector import Reflections
from drivers.probing.tally import Tally, figures
from drivers.probing.target import ProbeTarget, target_of

NETWORK = "127.7"
PORT = 8620
PER_BLOCK = 250


def address(number: int) -> str:
    return f"{NETWORK}.{number // PER_BLOCK}.{number % PER_BLOCK + 1}"


def reflect(count: int) -> None:
    """Until it is ended; says `ready` first."""
    chosen, reflections = selectors.DefaultSelector(), Reflections(per_second=1_000_000)  # of all the services of this one machine
    for number in range(count):
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.bind((address(number), PORT))
        each.setblocking(False)
        enable_timestamps(each, sending=False)
        chosen.register(each, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in chosen.select():
            heard = key.fileobj
            with suppress(BlockingIOError):
                while isinstance(heard, socket.socket):
                    data, ancillary, _, source = heard.recvmsg(2048, 256)
                    if back := reflections.answer(data, source, arrival_of(ancillary) or time.time_ns()):
                        heard.sendto(back, source)


def measured(targets: list[ProbeTarget], seconds: float, *, busy: bool) -> dict[str, object]:
    """One run. CPU is that of the thread that measures."""
    prober, ended = Prober(ProbeLimits(packets_per_second=2 * len(targets)), span_s=1), threading.Event()
    if busy:
        threading.Thread(target=_compute, args=(ended,), daemon=True).start()
    prober.start()
    clock = time.pthread_getcpuclockid(prober._thread.ident or 0)  # noqa: SLF001  its own thread is what costs
    prober.watch(dict.fromkeys(targets, 1.0))
    minutes: list[Minute] = []
    ended.wait(2)  # until all have begun
    prober.minutes()
    packets, cpu, began = prober.packets, time.clock_gettime(clock), time.monotonic()
    while time.monotonic() < began + seconds:
        ended.wait(1)
        minutes += prober.minutes()
    wall, sent = time.monotonic() - began, prober.packets - packets
    spent = time.clock_gettime(clock) - cpu
    ended.set()
    prober.stop()
    whole = Tally()
    for tally in (tally for minute in minutes for tally in minute.tallies.values()):
        whole.sent += tally.sent
        whole.delays += tally.delays
    found = figures(whole)
    return {
        "packets_per_second": round(sent / wall, 1),
        "cpu_share_of_one_core": round(spent / wall, 4),
        "cpu_us_per_packet": round(spent / sent * 1e6, 1),
        "loss_ratio": found.loss_ratio,
        "delay_p50_us": round((found.delay_p50_s or 0) * 1e6, 1),
        "delay_p99_us": round((found.delay_p99_s or 0) * 1e6, 1),
    }


def _compute(ended: threading.Event) -> None:
    while not ended.is_set():
        sum(range(1000))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--services", type=int, default=1000, help="services, each with a packet a second; at most 2000")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each run lasts")
    parser.add_argument("--reflect", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.reflect:
        reflect(wanted.services)
        return
    command = [sys.executable, "-m", "bench.measuring", "--reflect", "--services", str(wanted.services)]
    with stopped(subprocess.Popen(command, stdout=subprocess.PIPE)) as process:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise SystemExit("the reflectors did not start; raise the limit of open files (ulimit -n)")
        targets = [target_of("stamp", address(number), PORT) for number in range(wanted.services)]
        runs = {name: measured(targets, wanted.seconds, busy=name == "busy") for name in ("idle", "busy")}
    print(json.dumps({"machine": machine(), "services": wanted.services, **runs}, indent=2))


if __name__ == "__main__":
    main()
