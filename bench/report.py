"""What a bench found: printed as a table and as JSON, and put between its markers in docs/performance.md."""

import json
import os
import platform
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path("docs/performance.md")


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    """Of the bench, and of its markers: `<!-- engine -->` … `<!-- /engine -->`."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""

    @property
    def table(self) -> str:
        """Markdown, which reads well on a terminal too."""
        widths = [max(len(row[n]) for row in (self.columns, *self.rows)) for n in range(len(self.columns))]
        lines = [self._line(self.columns, widths), self._line(["-" * width for width in widths], widths)]
        return "\n".join([*lines, *(self._line(row, widths) for row in self.rows)])

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    def to_json(self) -> str:
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return json.dumps({"bench": self.name, "at": _now(), "machine": machine(), "rows": rows, "remark": self.remark}, indent=2)

    def write(self, page: Path = PAGE) -> None:
        """Raises `LookupError` when the page has no place for it."""
        text = page.read_text(encoding="utf-8")
        place = re.compile(rf"(<!-- {self.name} -->\n).*?(<!-- /{self.name} -->)", re.DOTALL)
        if not place.search(text):
            raise LookupError(f"{page} has no <!-- {self.name} --> … <!-- /{self.name} -->")
        parts = [f"{_now()}, {machine()}.", self.table, *([self.remark] if self.remark else [])]
        new = "\n\n".join(parts)
        page.write_text(place.sub(lambda found: f"{found[1]}\n{new}\n\n{found[2]}", text), encoding="utf-8")


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def _processor() -> str:
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")
