"""The command line as somebody types it, in a folder of its own."""

import json
import os
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from agent.cli.main import app
from agent.config import load_settings
from inventory.db import Database

WIDE = {"COLUMNS": "300", "NO_COLOR": "1", "TERMINAL_WIDTH": "300"}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str
    error: BaseException | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def complaint(self) -> str:
        """What an error told, without the program's name."""
        return "\n".join(line.removeprefix("fabd: ") for line in self.err.splitlines() if line.startswith("fabd: "))


class Terminal:
    """Runs in the working directory, where `fabd.toml` may lie."""

    def __call__(self, *words: str, typed: str | None = None, **environment: str) -> Said:
        done = CliRunner().invoke(app, [str(word) for word in words], input=typed, env=WIDE | environment)
        return Said(done.exit_code, done.stdout, done.stderr, done.exception)

    def ok(self, *words: str, **more: str) -> Said:
        said = self(*words, **more)
        assert said.code == 0, said.err
        return said

    def database(self) -> Database:
        return Database(load_settings(environment=os.environ).database_url)
