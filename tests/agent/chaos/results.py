"""What a run has tried and what came of it: a line of JSON each, for the page that tells it (`python -m tests.agent.chaos`)."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "FABD_CHAOS_RESULTS"
"""Environment: the file to add to; without it nothing is kept."""
WHOLE = "FABD_CHAOS"
"""Environment: `whole` tries everything, else what a quick run can."""


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


def note(kind: str, scenario: str, where: str, end: str, *, database: str = "") -> None:
    """`database` when it is another one than the run's."""
    if file := os.environ.get(FILE):
        result = Result(database or os.environ.get("FABD_TEST_DATABASE", "sqlite"), kind, scenario, where, end)
        with Path(file).open("a") as results:
            results.write(json.dumps(asdict(result)) + "\n")


def read(file: Path) -> list[Result]:
    return [Result(**json.loads(line)) for line in file.read_text().splitlines()]


def whole() -> bool:
    return os.environ.get(WHOLE) == "whole"
