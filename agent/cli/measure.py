"""`fabd measure`: loss, delay and jitter, by ICMP echo or STAMP: of an address from here, of a service by the daemon."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import FAILED, local, remote
from agent.cli.desk import Desk
from agent.cli.errors import CliError, FileUnusable
from agent.cli.options import AsJson, argument
from agent.cli.output import note, print_json, say, show_facts, show_rows
from agent.cli.resources import ROOT
from agent.cli.words import when

if TYPE_CHECKING:
    from drivers.probing.tally import Figures
    from drivers.probing.target import ProbeTarget

SERVICE_PREFIX = "svc-"
SILENT_REFLECTOR = (
    "nothing came back: is there a reflector, at this port and with this key? `fabd measure reflect` is one; see what filters UDP"
)
SILENT_ECHO = "nothing came back: look at the way there, and whether the address answers ICMP echo at all"
DEFAULT_LISTEN = "127.0.0.1:862"

Count = Annotated[int, typer.Option("--count", "-c", min=2, max=1000, help="Packets.")]
Key = Annotated[
    Path | None, typer.Option("--key-file", metavar="FILE", help="Holds the key of authenticated STAMP (HMAC-SHA-256).")
]


class _WithTarget(TyperGroup):
    """`fabd measure WHAT` is `fabd measure address WHAT`, or `… service WHAT` for the id of a service."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  Typer's own
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            named = "service" if any(each.startswith(SERVICE_PREFIX) for each in args) else "address"
            args = [named, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_WithTarget,
    no_args_is_help=True,
    help=(
        "Loss, delay and jitter, by ICMP echo or STAMP (RFC 8762).\n\n"
        "`fabd measure ADDRESS` measures from here, `fabd measure SERVICE` has the daemon test a service, "
        "`fabd measure reflect` answers STAMP of others."
    ),
)


@app.command()
@local
def address(
    _desk: Desk,
    what: Annotated[str, argument("ADDRESS", "An IP address or name; of STAMP with its port, as 192.0.2.1:862.")],
    *,
    stamp: Annotated[bool, typer.Option("--stamp", help="By STAMP, of a reflector; else by ICMP echo.")] = False,
    count: Count = 10,
    interval: Annotated[float, typer.Option("--interval", "-i", min=0.01, max=60, help="Seconds between packets.")] = 0.1,
    size: Annotated[int, typer.Option("--size", min=0, max=1400, help="Octets of a packet, at least.")] = 0,
    key_file: Key = None,
    as_json: AsJson = False,
) -> None:
    """Measure an address from here, without a daemon. Ends with 1 when nothing comes back.

    Delays are there and back, without the time that a STAMP reflector took, by the kernel's time of each packet. Jitter is the
    95th percentile of the delay over the shortest one.
    """
    from agent.measurement.testing import send  # noqa: PLC0415  as above
    from drivers.probing.prober import ProbeLimits  # noqa: PLC0415  NumPy is loaded by who measures
    from drivers.probing.tally import figures  # noqa: PLC0415  as above

    target = _target(what, stamp=stamp, key=_key(key_file))
    limits = ProbeLimits(packets_per_second=1000)
    deadline = time.monotonic() + count * interval + limits.timeout_s + 1
    found = figures(send([target], count, deadline, limits, interval_s=interval, size=size)[target])
    if as_json:
        print_json({"target": str(target), **asdict(found)})
    else:
        show_facts(str(target), _facts(found))
    if not found.received:
        note(SILENT_REFLECTOR if stamp else SILENT_ECHO)
        raise typer.Exit(FAILED)


@app.command()
@remote
def service(
    daemon: Daemon,
    service_id: Annotated[str, argument("SERVICE", "Id of the service.")],
    *,
    count: Count = 20,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="What it measures now is what later tests are compared with.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have the daemon test a service now, as its specification says. Ends with 1 when it does not pass. Role: operator."""
    path = f"{ROOT}/services/{segment(service_id)}/tests"
    found = daemon.post(path, {"packets": count, "baseline": baseline})
    if as_json:
        print_json(found)
    else:
        show_test(found)
    if not found["passed"]:
        raise typer.Exit(FAILED)


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    service_id: Annotated[str, argument("SERVICE", "Id of the service.")],
    *,
    as_json: AsJson = False,
) -> None:
    """The latest tests of a service, and which of them is its baseline."""
    found = daemon.objects(f"{ROOT}/services/{segment(service_id)}/tests")
    if as_json:
        print_json(found)
    else:
        show_rows(
            [_test_row(each) for each in found], empty=f"{service_id} was never tested; do it with `fabd measure {service_id}`"
        )


@app.command()
@local
def reflect(
    _desk: Desk,
    *,
    listen: Annotated[str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen; port 0 takes a free one.")] = (
        DEFAULT_LISTEN
    ),
    key_file: Key = None,
) -> None:
    """Answer STAMP test packets (RFC 8762) until Ctrl-C: a session-reflector, each session with a sequence of its own."""
    from drivers.probing.reflector import Reflector  # noqa: PLC0415  loaded by who reflects

    host, port = _split(listen, None)
    if port is None:
        raise CliError(f"{listen!r} has no port; write it as 127.0.0.1:862")
    reflector = Reflector(host, port, _key(key_file))
    bound, taken = reflector.address
    note(f"reflecting STAMP on {bound} port {taken}; stop with Ctrl-C")
    try:
        reflector.serve()
    finally:
        counts = reflector.reflections.counts
        reflector.stop()
        say(f"{counts['reflected']} packets reflected, {counts['refused']} were none{_unanswered(counts)}")


def _unanswered(counts: Mapping[str, int]) -> str:
    words = {"looped": "were of other reflectors", "crowded": "were more than one address may send"}
    return "".join(f", {counts[what]} {said}" for what, said in words.items() if counts[what])


def show_test(found: Document) -> None:
    """One test, with what was asked for and is not so."""
    verdict = "passed" if found["passed"] else "failed"
    say(f"{found['service_id']} {verdict} at {when(found['ended_at'])}{', kept as its baseline' if found['is_baseline'] else ''}")
    usual = {_place(each): each["figures"] for each in (found["baseline"] or {}).get("results", ())}
    show_rows([_result_row(each, usual.get(_place(each))) for each in found["results"]], empty="nothing measured")
    for result in found["results"]:
        for fault in result["faults"]:
            say(f"{result['kind']} {result['address']}: {fault}")


def _place(result: Document) -> tuple[str, str, int]:
    return result["kind"], result["site"], result["number"]


def _result_row(result: Document, usual: Document | None) -> dict[str, object]:
    figures = result["figures"]
    row: dict[str, object] = {
        "target": f"{result['kind']} {result['address']}{':' + str(result['port']) if result['port'] else ''}",
        **({"site": result["site"]} if result["site"] else {}),
        "lost": _lost(figures),
        "delay": _ms(figures["delay_s"]),
        "p95": _ms(figures["delay_p95_s"]),
        "p99": _ms(figures["delay_p99_s"]),
        "jitter": _ms(figures["jitter_s"]),
    }
    return row | ({"when new": _ms(usual["delay_s"])} if usual else {})


def _test_row(found: Document) -> dict[str, object]:
    results = found["results"]
    worst = max(results, key=lambda each: (each["figures"]["loss_ratio"] or 0, each["figures"]["delay_s"] or 0), default=None)
    return {
        "at": when(found["started_at"]),
        "for": found["occasion"],
        "by": found["by"],
        "result": "passed" if found["passed"] else "failed",
        "lost": _lost(worst["figures"]) if worst else "",
        "delay": _ms(worst["figures"]["delay_s"]) if worst else "",
        "jitter": _ms(worst["figures"]["jitter_s"]) if worst else "",
        "baseline": "yes" if found["is_baseline"] else "",
    }


def _facts(found: "Figures") -> dict[str, object]:
    return {
        "packets": f"{found.sent} sent, {found.received} came back{f', {_lost(asdict(found))} lost' if found.sent else ''}",
        "delay": _ms(found.delay_s) and f"{_ms(found.delay_s)} mean, {_ms(found.delay_min_s)} to {_ms(found.delay_max_s)}",
        "percentiles": _ms(found.delay_p50_s)
        and f"p50 {_ms(found.delay_p50_s)}, p95 {_ms(found.delay_p95_s)}, p99 {_ms(found.delay_p99_s)}",
        "jitter": _ms(found.jitter_s),
        "one way": "" if found.forward_s is None else f"{_ms(found.forward_s)} there, {_ms(found.backward_s)} back",
        "lost one way": "" if not found.lost_forward and not found.lost_backward else _ways(found),
        "odd": ", ".join(f"{count} {what}" for what, count in _odd(found).items() if count),
        "problem": found.problem,
    }


def _ways(found: "Figures") -> str:
    return f"{found.lost_forward} there, {found.lost_backward} back, between the first and the last answer"


def _odd(found: "Figures") -> Mapping[str, int]:
    return {"twice": found.duplicates, "too late": found.late, "out of order": found.reordered}


def _lost(figures: Mapping[str, Any]) -> str:
    return "" if figures["loss_ratio"] is None else f"{figures['loss_ratio']:.1%}"


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.3g} ms"


def _target(what: str, *, stamp: bool, key: bytes) -> "ProbeTarget":
    from drivers.probing.stamp import PORT  # noqa: PLC0415  as above
    from drivers.probing.target import looked_up, target_of  # noqa: PLC0415  as above

    host, port = _split(what, PORT)
    if not stamp and (port != PORT or key):
        raise CliError(f"{what!r}: ICMP echo has neither port nor key; add --stamp to measure a STAMP reflector")
    return target_of("stamp" if stamp else "echo", looked_up(host), PORT if port is None else port, key)


def _split(text: str, port: int | None) -> tuple[str, int | None]:
    """`192.0.2.1:862`, `[2001:db8::1]:862`, or a host alone with the usual port."""
    host, colon, number = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1], port
    if not colon or (":" in host and not host.startswith("[")):
        return text, port
    if not number.isdecimal() or int(number) > 65_535:  # noqa: PLR2004  16 bits
        raise CliError(f"{text!r}: {number!r} is no port; write it as 192.0.2.1:862")
    return host.strip("[]"), int(number)


def _key(file: Path | None) -> bytes:
    if file is None:
        return b""
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise FileUnusable(f"{file}: cannot be read: {error.strerror}") from error
    if not key:
        raise FileUnusable(f"{file} is empty; a key is at least one octet")
    return key
