"""Everything the chaos suite can try, on both kinds of database, and the page that tells what came of it.

python -m tests.agent.chaos RESULTS [ARGS]                       all that is not in RESULTS yet; the page; RESULTS is removed
python -m tests.agent.chaos --piece RESULTS DATABASE [ARGS]      what of it ARGS of pytest choose, added to RESULTS
python -m tests.agent.chaos --page RESULTS                       the page

What a test has tried is in RESULTS when it has passed: a run that was stopped, or failed somewhere, goes on where it was.
"""

import os
import platform
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.agent.chaos.results import COMMIT, FILE, WHOLE, Passed, Result, read
from tests.agent.chaos.scenarios import POINTS

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
            write(Path(file))
        case ["--piece", file, database, *rest]:
            return tried(Path(file), database, rest)
        case [file, *rest]:
            codes = [tried(Path(file), database, ["-n", "2", "--dist", "load", *rest]) for database in DATABASES]
            if any(codes):
                return max(codes)
            write(Path(file))
            Path(file).unlink()
        case _:
            sys.exit(__doc__)
    return 0


def tried(results: Path, database: str, arguments: Sequence[str]) -> int:
    """pytest's exit code. A test that fails does not keep the others from being tried."""
    environment = os.environ | {
        FILE: str(results.absolute()),
        WHOLE: "whole",
        COMMIT: _output("git", "describe", "--always", "--dirty"),
        "CI": "1",
        "FABD_TEST_DATABASE": database,
    }
    known = [f"--deselect={each.test}" for each in read(results) if each.database == database and each.results]
    tests = () if any(each.startswith("tests/") for each in arguments) else TESTS
    command = [sys.executable, "-m", "pytest", "-m", CHOSEN[database], *known, *tests, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def write(file: Path) -> None:
    head, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{chr(10).join(report(read(file)))}\n\n{END}{tail}")


def report(passed: list[Passed]) -> Iterator[str]:
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    number = sum(len(each.results) for each in passed)
    yield f"{where}. {number} misfortunes, each followed by the whole comparison; differences found: 0."
    for database, name in DATABASES.items():
        yield from ["", f"### On {name}"]
        yield from of_one_database(passed, database)
        yield from _missing(database, {each.test for each in passed if each.database == database})


def _missing(database: str, there: set[str]) -> Iterator[str]:
    """Tests of which nothing is told here: they were not run, or failed."""
    environment = os.environ | {WHOLE: "whole", "FABD_TEST_DATABASE": database}
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-m", f"chaos and {CHOSEN[database]}", TESTS[0])
    known = [line for line in _output(*command, environment=environment).splitlines() if "::" in line]
    missing = [test.partition("::test_")[2].replace("_", " ") for test in known if test not in there]
    if missing:
        yield from ["", "Not in these tables, because the run was cut short or they failed:", ""]
        yield from (f"- {test}" for test in missing)


def _output(*command: str, environment: Mapping[str, str] | None = None) -> str:
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def of_one_database(passed: list[Passed], database: str) -> Iterator[str]:
    kinds: dict[str, list[Result]] = defaultdict(list)
    runs: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for each in passed:
        for result in (one for one in each.results if one.database == database):
            kinds[result.kind].append(result)
            runs[result.kind][each.day, each.commit] += 1
    if kinds["checkpoint"]:
        yield from _headed("Killed at every point of the journal", runs["checkpoint"])
        yield from table("last killed", ((result.where, result) for result in kinds["checkpoint"]), order=_by_point)
        yield from ["", "#### The same by what was under way", ""]
        yield from table("under way", ((result.scenario, result) for result in kinds["checkpoint"]))
    if kinds["instant"]:
        yield from _headed("Killed at random instants", runs["instant"])
        yield from table("order", ((result.scenario, result) for result in kinds["instant"]))
    for kind, title in SORTS.items():
        if kinds[kind]:
            yield from _headed(title, runs[kind])
            yield from table("misfortune", ((_named(result), result) for result in kinds[kind]))


def _headed(title: str, runs: Counter[tuple[str, str]]) -> Iterator[str]:
    """With when it was tried, and of which code."""
    one = len(runs) == 1
    told = [f"{'all' if one else number} on {day} of commit {commit}" for (day, commit), number in sorted(runs.items())]
    yield from ["", f"#### {title}", "", f"Tried: {', '.join(told)}.", ""]


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
