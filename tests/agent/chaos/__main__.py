"""Everything the chaos suite can try, and the page that tells what came of it: `python -m tests.agent.chaos [--page-only FILE]`."""

import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.agent.chaos.results import FILE, WHOLE, Result, read
from tests.agent.chaos.scenarios import POINTS, SCENARIOS

PAGE = Path("docs/reliability.md")
BEGIN, END = "<!-- made by `make chaos`: begin -->", "<!-- made by `make chaos`: end -->"
TESTS = ("tests/agent/chaos", "tests/agent/test_any_sequence.py")
WAYS = {
    "completed": "completed",
    "done": "completed",
    "failed": "undone",
    "cancelled": "cancelled",
    "partial": "partial",
}
"""How an order ended → how the table says it."""
SORTS = {
    "fault": "An element that fails",
    "partition": "A partition between fabd and one element",
    "pause": "A worker stopped past its lease and woken",
}


def main() -> int:
    if sys.argv[1:2] == ["--page-only"]:
        write(read(Path(sys.argv[2])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.touch()
        environment = os.environ | {FILE: str(results), WHOLE: "whole", "CI": "1"}
        command = [sys.executable, "-m", "pytest", *TESTS, "-m", "not lab", "-n", "2", "--dist", "load", *sys.argv[1:]]
        code = subprocess.run(command, env=environment, check=False).returncode
        if code == 0:
            write(read(results))
        return code


def write(results: list[Result]) -> None:
    head, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{chr(10).join(report(results))}\n\n{END}{tail}")


def report(results: list[Result]) -> Iterator[str]:
    made = datetime.now(UTC).date().isoformat()
    database = os.environ.get("FABD_TEST_DATABASE", "sqlite")
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {database}"
    yield f"{made}; {where}. {len(results)} misfortunes, each followed by the whole comparison; differences found: 0."
    kinds: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        kinds[result.kind].append(result)
    left_out = [each.name for each in SCENARIOS if each.name not in {one.scenario for one in kinds["checkpoint"]}]
    left_out += [title for kind, title in ({"instant": "random instants"} | SORTS).items() if not kinds[kind]]
    if left_out:
        yield from ["", f"Not in this run, which was cut short: {'; '.join(left_out)}."]
    if kinds["checkpoint"]:
        yield from ["", "### Killed at every point of the journal", ""]
        yield from table("last killed", ((result.where, result) for result in kinds["checkpoint"]), order=_by_point)
        yield from ["", "### The same by what was under way", ""]
        yield from table("under way", ((result.scenario, result) for result in kinds["checkpoint"]))
    if kinds["instant"]:
        yield from ["", "### Killed at random instants", ""]
        yield from table("order", ((result.scenario, result) for result in kinds["instant"]))
    for kind, title in SORTS.items():
        if kinds[kind]:
            yield from ["", f"### {title}", ""]
            yield from table("misfortune", ((f"{result.scenario}, {result.where}", result) for result in kinds[kind]))


def table(
    title: str, rows: Iterable[tuple[str, Result]], *, order: Callable[[str], tuple[int, str, bool]] | None = None
) -> Iterator[str]:
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for name, result in rows:
        counted[name][WAYS[result.end]] += 1
    ways = [way for way in dict.fromkeys(WAYS.values()) if any(way in counts for counts in counted.values())]
    yield f"| {title} | tried | {' | '.join(ways)} |"
    yield f"|---|{'---:|' * (len(ways) + 1)}"
    for name in sorted(counted, key=order) if order else counted:
        numbers = [str(counted[name][way] or "") for way in ways]
        yield f"| {name} | {counted[name].total()} | {' | '.join(numbers)} |"
    total = sum(counted.values(), Counter())
    yield f"| **all** | **{total.total()}** | {' | '.join(f'**{total[way]}**' for way in ways)} |"


def _by_point(checkpoint: str) -> tuple[int, str, bool]:
    when, _, point = checkpoint.partition(" ")
    return (POINTS.index(point) if point in POINTS else len(POINTS), point, when == "after")


if __name__ == "__main__":
    sys.exit(main())
