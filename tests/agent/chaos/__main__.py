"""Everything the chaos suite can try, on both kinds of database, and the page that tells what came of it.

python -m tests.agent.chaos                                      the whole of it, then the page
python -m tests.agent.chaos --piece RESULTS DATABASE [ARGS]      what ARGS of pytest choose, added to RESULTS if all pass
python -m tests.agent.chaos --page RESULTS                       the page
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.agent.chaos.results import FILE, WHOLE, Result, read
from tests.agent.chaos.scenarios import POINTS, SCENARIOS

PAGE = Path("docs/reliability.md")
BEGIN, END = "<!-- made by `make chaos`: begin -->", "<!-- made by `make chaos`: end -->"
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
TESTS = ("tests/agent/chaos", "tests/agent/test_any_sequence.py")
CHOSEN = {"sqlite": "not lab", "postgresql": "database and not lab"}
"""What does not depend on the database is tried once."""
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
    "events": "Told to a listener over HTTP",
    "sequence": "Any sequence, over real sockets",
}


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["--page", file]:
            write(read(Path(file)))
            return 0
        case ["--piece", file, database, *rest]:
            return tried(Path(file), database, rest)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        for database in DATABASES:
            if code := tried(results, database, ["-n", "2", "--dist", "load", *arguments]):
                return code
        write(read(results))
    return 0


def tried(results: Path, database: str, arguments: Sequence[str]) -> int:
    """pytest's exit code; only what has passed as a whole counts."""
    with tempfile.TemporaryDirectory() as folder:
        mine = Path(folder) / "results"
        mine.touch()
        environment = os.environ | {FILE: str(mine), WHOLE: "whole", "CI": "1", "FABD_TEST_DATABASE": database}
        tests = () if any(each.startswith("tests/") for each in arguments) else TESTS
        command = [sys.executable, "-m", "pytest", "-m", CHOSEN[database], *tests, *arguments]
        code = subprocess.run(command, env=environment, check=False).returncode
        if code == 0:
            with results.open("a") as kept:
                kept.write(mine.read_text())
        return code


def write(results: list[Result]) -> None:
    head, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{chr(10).join(report(results))}\n\n{END}{tail}")


def report(results: list[Result]) -> Iterator[str]:
    made = datetime.now(UTC).date().isoformat()
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    yield f"{made}; {where}. {len(results)} misfortunes, each followed by the whole comparison; differences found: 0."
    for database, name in DATABASES.items():
        yield from ["", f"### On {name}"]
        yield from of_one_database([result for result in results if result.database == database], database)


def of_one_database(results: list[Result], database: str) -> Iterator[str]:
    kinds: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        kinds[result.kind].append(result)
    left_out = [each.name for each in SCENARIOS if each.name not in {one.scenario for one in kinds["checkpoint"]}]
    expected = {"instant": "Killed at random instants"} | {
        kind: title for kind, title in SORTS.items() if _is_tried(kind, database)
    }
    left_out += [title for kind, title in expected.items() if not kinds[kind]]
    if left_out:
        yield from ["", f"Not in this run, which was cut short: {'; '.join(left_out)}."]
    if kinds["checkpoint"]:
        yield from ["", "#### Killed at every point of the journal", ""]
        yield from table("last killed", ((result.where, result) for result in kinds["checkpoint"]), order=_by_point)
        yield from ["", "#### The same by what was under way", ""]
        yield from table("under way", ((result.scenario, result) for result in kinds["checkpoint"]))
    if kinds["instant"]:
        yield from ["", "#### Killed at random instants", ""]
        yield from table("order", ((result.scenario, result) for result in kinds["instant"]))
    for kind, title in SORTS.items():
        if kinds[kind]:
            yield from ["", f"#### {title}", ""]
            yield from table("misfortune", ((_named(result), result) for result in kinds[kind]))


def _is_tried(kind: str, database: str) -> bool:
    """Two daemons need PostgreSQL; sequences over sockets are tried on both."""
    return kind != "pause" or database == "postgresql"


def _named(result: Result) -> str:
    return ", ".join(filter(None, (result.scenario, result.where)))


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
    sys.exit(main(sys.argv[1:]))
