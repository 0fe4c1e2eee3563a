"""How the demonstration looks in a terminal, and as JSON."""

import json
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agent import log as logs
from agent.config import LogSettings
from agent.demo.stage import Stage
from agent.demo.steps import STEPS
from agent.demo.story import Outcome, Step, Story

EXHIBIT_LINES = 60
FILE_WIDTH = 132
"""Columns when the story goes into a file or a pipe."""


@dataclass(frozen=True, slots=True)
class Wishes:
    once: bool = False
    """End after the story instead of staying up."""
    as_json: bool = False
    folder: Path | None = None
    """Where to keep database and settings; a scratch folder that is removed afterwards without one."""
    port: int = 0
    log_level: str = "error"


def play(wishes: Wishes) -> bool:
    """Tell the story and, unless it is to end there, stay up until Ctrl-C; whether every step held."""
    logs.configure(LogSettings.model_validate({"level": wishes.log_level}))
    folder = wishes.folder or Path(tempfile.mkdtemp(prefix="fabd-demo-"))
    console = Console(quiet=wishes.as_json)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    started = time.monotonic()
    try:
        with Stage(folder.absolute(), datetime.now(UTC), port=wishes.port, log_level=wishes.log_level) as stage:
            outcomes = _perform(console, stage)
            held = len(outcomes) == len(STEPS) and all(outcome.ok for outcome in outcomes)
            seconds = time.monotonic() - started
            if wishes.as_json:
                print(json.dumps(_report(outcomes, held=held, seconds=seconds), indent=2))  # noqa: T201  this is the answer
            console.print(_verdict(outcomes, held=held, seconds=seconds))
            if held and not wishes.once:
                _stay(console, stage)
    finally:
        if wishes.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    return held


def _perform(console: Console, stage: Stage) -> list[Outcome]:
    outcomes: list[Outcome] = []
    story = Story(stage, datetime.now(UTC))
    with Live(console=console, refresh_per_second=10, transient=True) as live:

        def show(step: Step) -> None:
            number = f"{len(outcomes) + 1}/{len(STEPS)}"
            live.update(Spinner("dots", Text(f" {number}  {step.title}", style="bold")))

        for outcome in story.tell(STEPS, show):
            outcomes.append(outcome)
            live.console.print(_scene(len(outcomes), outcome))
    return outcomes


def _scene(number: int, outcome: Outcome) -> Group:
    mark = Text("✓" if outcome.ok else "✗", style="bold green" if outcome.ok else "bold red")
    title = Text.assemble(mark, f" {number:>2}. {outcome.step.title} ", (f"{outcome.seconds:.1f} s", "dim"))
    if not outcome.ok:
        return Group(title, Text(f"      {outcome.problem}", style="red"))
    facts = Table.grid(padding=(0, 2))
    for name, value in outcome.told.facts.items():
        facts.add_row(Text(f"      {name.replace('_', ' ')}", style="dim"), Text(_plainly(value)))
    if not outcome.told.exhibit:
        return Group(title, facts)
    lines = outcome.told.exhibit.rstrip().splitlines()
    shown = "\n".join(lines[:EXHIBIT_LINES])
    more = f"\n… and {len(lines) - EXHIBIT_LINES} lines more" if len(lines) > EXHIBIT_LINES else ""
    return Group(
        title,
        facts,
        Panel(
            Syntax(shown + more, "text", background_color="default", word_wrap=True),
            title=outcome.told.exhibit_title,
            border_style="dim",
        ),
    )


def _plainly(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key}: {_plainly(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plainly, value))
    return str(value)


def _verdict(outcomes: list[Outcome], *, held: bool, seconds: float) -> Text:
    if held:
        return Text(f"\nThe whole line held: {len(outcomes)} steps in {seconds:.0f} s.", style="bold green")
    failed = outcomes[-1].step
    return Text(f"\nStep {len(outcomes)} ({failed.name}: {failed.title}) did not hold.", style="bold red")


def _report(outcomes: list[Outcome], *, held: bool, seconds: float) -> dict[str, object]:
    report: dict[str, object] = {"ok": held, "seconds": round(seconds, 3), "steps": [outcome.to_json() for outcome in outcomes]}
    return report if held else report | {"failed": outcomes[-1].step.name if outcomes else "start"}


def _stay(console: Console, stage: Stage) -> None:
    account = stage.accounts["ACME"]
    console.print("\nThe daemon and the network stay up until Ctrl-C. To look around, say in another terminal:\n")
    for line in surroundings(stage):
        console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)
    console.print(
        Panel(
            f"""  fabd order list                      fabd ticket list
  fabd inventory show                  fabd customer show {account}
  fabd bill list                       fabd audit list
  fabd sim cut pe1-p1 --control {stage.sim.control_url}
  fabd alarm list                      fabd sim restore pe1-p1 --control {stage.sim.control_url}

  API      {stage.url}/docs
  metrics  curl -H "Authorization: Bearer $FABD_TOKEN" {stage.url}/metrics/elements
  health   curl {stage.url}/-/ready""",
            title="Look around",
        )
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("stopping")


def surroundings(stage: Stage) -> Iterator[str]:
    """What a shell needs to find this program and this daemon: to be copied, so without a frame and a line each."""
    yield f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    yield f"export FABD_CONFIG={shlex.quote(str(stage.folder / 'fabd.toml'))}"
    yield f"export FABD_URL={stage.url}"
    yield f"export FABD_TOKEN={stage.token}"
