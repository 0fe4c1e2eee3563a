"""Daemons one after the other, killed as a script says."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.agent.chaos.fate import BIRTH, DEATH
from tests.agent.installation import Process, eventually


class Cradles:
    """Processes that have the program loaded and wait for daemons to be asked of them."""

    def __init__(self) -> None:
        self._idle: list[Process] = []

    def take(self) -> Process:
        return self._idle.pop() if self._idle else Process([sys.executable, "-m", "tests.agent.chaos.fate"])

    def give_back(self, process: Process) -> None:
        process.forget()
        self._idle.append(process)

    def close(self) -> None:
        for process in self._idle:
            process.wait()


class Mortal:
    def __init__(self, config: Path, cradles: Cradles) -> None:
        folder = config.parent
        self._script, self._story, self._go = folder / "script", folder / "story", folder / "go"
        self._pid = folder / "pid"
        self._script.write_text("")
        self._story.write_text("")
        self._told = 0
        """How much of the story was there when the present script began."""
        self._cradles = cradles
        self.process = cradles.take()
        self.process.tell(f"{config}\t{folder}\n")
        self.process.wait_until_up()

    def follow(self, script: tuple[str, ...]) -> None:
        """`die …` and `wait …`; see `fate`."""
        self._told = len(self.story)
        self._script.write_text("".join(f"{line}\n" for line in script))

    def arrive(self, line: str) -> None:
        """Wait until this has happened."""
        eventually(lambda: self.has_told(line))

    def has_told(self, line: str) -> bool:
        """Whether this has happened, of the present script."""
        return line in self.story[self._told :]

    def go_on(self) -> None:
        """Whoever waits does not any more."""
        self._go.touch()
        eventually(lambda: not self._go.exists())

    def send(self, number: signal.Signals) -> None:
        """To the daemon that lives now. After SIGKILL the next one is born."""
        os.kill(int(self._pid.read_text()), number)

    def be_reborn(self, times: int, *, then: Callable[[], object] = lambda: None) -> None:
        """Wait until so many have died, do that, and wait until the last one is up."""
        for _ in range(times):
            self.process.wait_for(BIRTH)
        then()
        self.process.wait_until_up()

    @property
    def story(self) -> list[str]:
        return self._story.read_text().splitlines()

    def end(self) -> None:
        self.process.tell("end\n")
        self.process.wait_for(DEATH)
        self._cradles.give_back(self.process)
