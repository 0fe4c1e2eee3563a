"""What a dashboard shows, as its file in `definitions` says it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "definitions"

Kind = Literal["stat", "timeseries", "table", "bargauge", "state-timeline"]
Colour = Literal["green", "yellow", "orange", "red"]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(_Said):
    expr: str
    legend: str = "__auto"


class Panel(_Said):
    title: str
    queries: tuple[Query, ...] = Field(min_length=1)
    kind: Kind = "timeseries"
    unit: str = "short"
    """One of Grafana's: bps, s, percentunit …"""
    width: int = Field(12, ge=1, le=24)
    height: int = Field(8, ge=1)
    about: str = ""
    steps: dict[float, Colour] = {}
    """Lower bound → colour, from there on; green below the first."""
    words: dict[int, tuple[str, Colour]] = {}
    """Value → word and colour."""
    quiet: bool = False
    """No data is what is hoped for, or what a network shows that has no such thing."""
    most: float | None = None
    """Of the axis."""


class Row(_Said):
    row: str


class Choice(_Said):
    """What whoever looks chooses, as `$name`."""

    name: str
    label: str
    query: str
    regex: str = ""


class Dashboard(_Said):
    name: str
    """Of the file, and with `fabd-` the uid."""
    title: str
    about: str
    panels: tuple[Panel | Row, ...]
    choices: tuple[Choice, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Self:
        return cls.model_validate({"name": file.stem, **yaml.safe_load(file.read_text(encoding="utf-8"))})

    def shown(self) -> Iterator[Panel]:
        return (panel for panel in self.panels if isinstance(panel, Panel))


def definitions() -> list[Dashboard]:
    return [Dashboard.read(file) for file in sorted(FOLDER.glob("*.yaml"))]
