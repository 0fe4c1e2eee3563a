"""The benches of activation: `python -m bench.activation engine|http|hanging|allocation|memory|all`.

Each prints a table, and tells on standard error what it is doing; `--json` prints JSON instead, `--write` also puts the table into
docs/performance.md. By themselves they take a minute or two each on a quiet machine; `all` is every one of them as it is by itself.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.progress import Progress
from bench.report import Report

if TYPE_CHECKING:
    from bench.engine import Rate

BOTH = ("sqlite", "postgresql")


def engine(options: argparse.Namespace) -> Report:
    from bench.engine import measure  # noqa: PLC0415  each bench loads what it needs: loading is part of none

    rows = []
    for kind in options.databases:
        options.progress(f"{options.orders:,} orders on {kind}")
        found = measure(kind, options.orders)
        figures = [_figures(rate) for rate in (found.placed, found.run, found.whole, found.two, found.peer)]
        rows.append([kind, str(found.orders), *figures, f"{found.ratio:.1f}"])
    columns = ["database", "orders", "placed", "carried out", "both at once", "in two processes", "plain journal", "journal ÷ both"]
    remark = "In parentheses: CPU of fabd's processes for each order or plan + that of PostgreSQL's."
    return Report("engine", columns, rows, remark)


def _figures(rate: "Rate | None") -> str:
    if rate is None:
        return "-"
    server = f" + {rate.server_ms:.1f}" if rate.server_ms else ""
    return f"{rate.per_second:.0f}/s ({rate.cpu_ms:.1f}{server} ms)"


def http(options: argparse.Namespace) -> Report:
    from bench.over_http import compare  # noqa: PLC0415  see above

    rows = [
        [
            str(found.threads),
            str(found.fabd.changes),
            f"{found.fabd.wall_ms:.0f} ms",
            f"{found.fabd.cpu_ms:.1f} ms",
            str(found.script.changes),
            f"{found.script.wall_ms:.0f} ms",
            f"{found.script.cpu_ms:.1f} ms",
            f"{found.wall_ratio:.2f}",
            f"{found.cpu_ratio:.2f}",
        ]
        for found in compare(options.elements, options.orders, options.changes, options.threads, options.progress)
    ]
    columns = [
        "threads",
        "orders",
        "each",
        "fabd's CPU",
        "script's changes",
        "each change",
        "script's CPU",
        "times faster",
        "by CPU",
    ]
    return Report("http", columns, rows)


def hanging(options: argparse.Namespace) -> Report:
    from bench.hanging import compare  # noqa: PLC0415  see above

    found = compare(options.elements, options.share, options.workers, options.progress)
    rows = [
        [label, str(latency.orders), f"{latency.median_s:.2f} s", f"{latency.p95_s:.2f} s"]
        for label, latency in (("all answer", found.without), (f"{found.hanging} of {found.elements} hang", found.beside))
    ]
    columns = ["elements", "orders on those that answer", "median", "p95"]
    return Report("hanging", columns, rows, f"p95 beside hanging elements ÷ p95 without: {found.p95_ratio:.2f}.")


def allocation(options: argparse.Namespace) -> Report:
    from bench.allocation import curve  # noqa: PLC0415  see above

    points = []
    for kind in options.databases:
        options.progress(f"filling pools on {kind}")
        for point in curve(kind, options.taken):
            points.append(point)
            options.progress(f"{point.kind} on {kind}, {point.taken:,} taken")
    rows = [[point.database, point.kind, f"{point.taken:,}", f"{point.microseconds:.0f} µs"] for point in points]
    return Report("allocation", ["database", "pool", "taken", "each value"], rows)


def memory(options: argparse.Namespace) -> Report:
    from bench.memory import measure  # noqa: PLC0415  see above

    found = list(measure(options.sizes, options.progress))
    rows = [[f"{each.elements:,}", f"{each.resident_mb:.0f} MB", f"{each.idle_cpu_percent:.2f} %"] for each in found]
    first, last = found[0], found[-1]
    grown = last.elements - first.elements
    remark = f"{(last.resident_mb - first.resident_mb) / grown * 1000:.0f} MB for 1,000 elements." if grown else ""
    return Report("memory", ["elements", "resident", "CPU of one core while idle"], rows, remark)


def main() -> None:
    parser = _arguments()
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that what was started is ended, too
    names = [options.name] if options.name != "all" else list(BENCHES)
    reports = []
    for name in names:
        chosen = options if options.name != "all" else parser.parse_args([name])
        report = _measured(name, chosen)
        if options.write:
            report.write()
        if not options.json:
            print("\n\n".join(filter(None, (f"## {name}" if len(names) > 1 else "", report.table, report.remark))), flush=True)
        reports.append(report)
    if options.json:
        print(reports[0].to_json() if len(reports) == 1 else f"[{', '.join(report.to_json() for report in reports)}]")


def _measured(name: str, options: argparse.Namespace) -> Report:
    options.progress = progress = Progress(name)
    try:
        return BENCHES[name](options)
    finally:
        progress.end()


BENCHES: dict[str, Callable[[argparse.Namespace], Report]] = {
    "engine": engine,
    "http": http,
    "hanging": hanging,
    "allocation": allocation,
    "memory": memory,
}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.activation", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH", dest="name")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        made = benches.add_parser(name, help=text)
        made.add_argument("--json", action="store_true", help="print JSON")
        made.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
        return made

    one = add("engine", "orders per second on elements that answer at once")
    one.add_argument("--databases", nargs="+", choices=BOTH, default=BOTH)
    one.add_argument("--orders", type=int, default=500)
    one = add("http", "orders through HTTP onto simulated elements, beside a script")
    one.add_argument("--elements", type=int, default=100)
    one.add_argument("--orders", type=int, default=1_000)
    one.add_argument("--changes", type=int, default=0, help="how many the script makes (default: as many as a few seconds hold)")
    one.add_argument("--threads", type=int, nargs="+", default=[1, 10, 40])
    one = add("hanging", "what others notice of elements that hang")
    one.add_argument("--elements", type=int, default=1_000)
    one.add_argument("--share", type=float, default=0.05)
    one.add_argument("--workers", type=int, default=8)
    one = add("allocation", "what a value costs, by how many are taken")
    one.add_argument("--databases", nargs="+", choices=BOTH, default=BOTH)
    one.add_argument("--taken", type=int, nargs="+", default=[10, 1_000, 100_000], help="in rising order")
    one = add("memory", "memory by the size of the network, and CPU while idle")
    one.add_argument("--sizes", type=int, nargs="+", default=[0, 1_000])
    add("all", "every bench, one after another")
    return parser


if __name__ == "__main__":
    main()
