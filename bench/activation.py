"""The benches of activation: `python -m bench.activation engine|http|hanging|allocation|memory`.

Each prints a table; `--json` prints JSON instead, `--write` also puts the table into docs/performance.md.
"""

import argparse
from collections.abc import Callable

from bench.report import Report

BOTH = ("sqlite", "postgresql")


def engine(options: argparse.Namespace) -> Report:
    from bench.engine import measure  # noqa: PLC0415  each bench loads what it needs: loading is part of none

    rows = []
    for kind in options.databases:
        found = measure(kind, options.orders)
        rates = (found.placed, found.run, found.whole, found.peer)
        figures = [f"{rate.per_second:.0f}/s ({rate.cpu_ms:.1f} ms)" for rate in rates]
        rows.append([kind, str(found.orders), *figures, f"{found.ratio:.1f}"])
    columns = ["database", "orders", "placed", "carried out", "both at once", "plain journal", "journal ÷ both"]
    return Report("engine", columns, rows, "In parentheses: CPU of the process for each order or plan.")


def http(options: argparse.Namespace) -> Report:
    from bench.over_http import compare  # noqa: PLC0415  see above

    rows = [
        [
            str(found.threads),
            str(found.orders),
            f"{found.fabd.wall_s:.1f} s",
            f"{found.fabd.cpu_s:.1f} s",
            f"{found.script.wall_s:.1f} s",
            f"{found.script.cpu_s:.1f} s",
            f"{found.wall_ratio:.2f}",
            f"{found.cpu_ratio:.2f}",
        ]
        for found in compare(options.elements, options.orders, options.threads)
    ]
    columns = ["threads", "orders", "fabd", "its CPU", "script", "its CPU", "times faster", "by CPU"]
    return Report("http", columns, rows)


def hanging(options: argparse.Namespace) -> Report:
    from bench.hanging import compare  # noqa: PLC0415  see above

    found = compare(options.elements, options.share, options.workers)
    rows = [
        [label, str(latency.orders), f"{latency.median_s:.2f} s", f"{latency.p95_s:.2f} s"]
        for label, latency in (("all answer", found.without), (f"{found.hanging} of {found.elements} hang", found.beside))
    ]
    columns = ["elements", "orders on those that answer", "median", "p95"]
    return Report("hanging", columns, rows, f"p95 beside hanging elements ÷ p95 without: {found.p95_ratio:.2f}.")


def allocation(options: argparse.Namespace) -> Report:
    from bench.allocation import curve  # noqa: PLC0415  see above

    points = [point for kind in options.databases for point in curve(kind, options.taken)]
    rows = [[point.database, point.kind, f"{point.taken:,}", f"{point.microseconds:.0f} µs"] for point in points]
    return Report("allocation", ["database", "pool", "taken", "each value"], rows)


def memory(options: argparse.Namespace) -> Report:
    from bench.memory import measure  # noqa: PLC0415  see above

    found = list(measure(options.sizes))
    rows = [[f"{each.elements:,}", f"{each.resident_mb:.0f} MB", f"{each.idle_cpu_percent:.2f} %"] for each in found]
    first, last = found[0], found[-1]
    grown = last.elements - first.elements
    remark = f"{(last.resident_mb - first.resident_mb) / grown * 1000:.0f} MB for 1,000 elements." if grown else ""
    return Report("memory", ["elements", "resident", "CPU of one core while idle"], rows, remark)


def main() -> None:
    options = _arguments().parse_args()
    bench: Callable[[argparse.Namespace], Report] = options.bench
    report = bench(options)
    print(report.to_json() if options.json else "\n\n".join(filter(None, (report.table, report.remark))))
    if options.write:
        report.write()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.activation", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH")

    def add(name: str, bench: Callable[[argparse.Namespace], Report], text: str) -> argparse.ArgumentParser:
        made = benches.add_parser(name, help=text)
        made.add_argument("--json", action="store_true", help="print JSON")
        made.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
        made.set_defaults(bench=bench)
        return made

    one = add("engine", engine, "orders per second on elements that answer at once")
    one.add_argument("--databases", nargs="+", choices=BOTH, default=BOTH)
    one.add_argument("--orders", type=int, default=2_000)
    one = add("http", http, "orders through HTTP onto simulated elements, beside a script")
    one.add_argument("--elements", type=int, default=100)
    one.add_argument("--orders", type=int, default=1_000)
    one.add_argument("--threads", type=int, nargs="+", default=[1, 10, 40])
    one = add("hanging", hanging, "what others notice of elements that hang")
    one.add_argument("--elements", type=int, default=1_000)
    one.add_argument("--share", type=float, default=0.05)
    one.add_argument("--workers", type=int, default=8)
    one = add("allocation", allocation, "what a value costs, by how many are taken")
    one.add_argument("--databases", nargs="+", choices=BOTH, default=BOTH)
    one.add_argument("--taken", type=int, nargs="+", default=[10, 1_000, 100_000, 1_000_000])
    one = add("memory", memory, "memory by the size of the network, and CPU while idle")
    one.add_argument("--sizes", type=int, nargs="+", default=[0, 1_000])
    return parser


if __name__ == "__main__":
    main()
