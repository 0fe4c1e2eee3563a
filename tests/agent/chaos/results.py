"""What a run has tried and what came of it: a line of JSON for each test that passed, for the page that tells it
(`python -m tests.agent.chaos`).
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "FABD_CHAOS_RESULTS"
"""Environment: the file to add to; without it nothing is kept."""
WHOLE = "FABD_CHAOS"
"""Environment: `whole` tries everything, else what a quick run can."""
COMMIT = "FABD_CHAOS_COMMIT"
"""Environment: of what is tried."""


@dataclass(frozen=True, slots=True)
class Result:
    database: str
    """Kind of it."""
    kind: str
    """checkpoint, instant, fault, partition, pause, events, sequence."""
    scenario: str
    where: str
    """The last one, where there are several."""
    end: str
    """Of the order; everything else was as it should be then."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A test that passed as a whole, and all that it tried."""

    test: str
    database: str
    """Kind of the run's."""
    commit: str
    day: str
    """ISO 8601."""
    results: tuple[Result, ...]


_noted: list[Result] = []


def note(kind: str, scenario: str, where: str, end: str, *, database: str = "") -> None:
    """Of the test that runs now. `database` when it is another one than the run's."""
    _noted.append(Result(database or _database(), kind, scenario, where, end))


def ended(test: str, *, passed: bool) -> None:
    """What it has tried is kept if it has passed; else nobody speaks of it."""
    file = os.environ.get(FILE)
    if file and passed:
        day = datetime.now(UTC).date().isoformat()
        line = asdict(Passed(test, _database(), os.environ.get(COMMIT, ""), day, tuple(_noted)))
        with Path(file).open("a") as results:
            results.write(f"{json.dumps(line)}\n")
    _noted.clear()


def read(file: Path) -> list[Passed]:
    """Empty when there is no such file."""
    return [_passed(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def whole() -> bool:
    return os.environ.get(WHOLE) == "whole"


def _passed(line: dict[str, Any]) -> Passed:
    results: Iterable[dict[str, str]] = line.pop("results")
    return Passed(**line, results=tuple(Result(**each) for each in results))


def _database() -> str:
    return os.environ.get("FABD_TEST_DATABASE", "sqlite")
