"""Private edits by name, committed for good or on a timer that undoes them: the element's configuration sessions.

As EOS has them: an edit is a copy of the running configuration at its beginning and replaces it as a whole; names outlive the
connection that gave them; one commit at a time waits to be confirmed.
"""

import asyncio
from copy import deepcopy
from dataclasses import dataclass, replace

from drivers.sim.cli.errors import Refused
from drivers.sim.state import ElementState, Saved

MOST_PENDING = 5


@dataclass(slots=True)
class _Waiting:
    """A commit that is undone unless it is confirmed."""

    name: str
    before: Saved
    timer: asyncio.TimerHandle
    until: float


class Edits:
    def __init__(self, state: ElementState) -> None:
        self._state = state
        self._open: dict[str, ElementState] = {}
        self._waiting: _Waiting | None = None
        self.history: list[tuple[str, str]] = []
        """(name, how it ended), the newest last."""

    def begin(self, name: str) -> ElementState:
        """What the edit's lines are about, new or as it was left. Raises Refused."""
        if name not in self._open:
            if len(self._open) >= MOST_PENDING:
                raise Refused(
                    "Maximum number of pending sessions has been reached. Please commit or abort previous sessions before "
                    "creating a new one."
                )
            scratch = replace(self._state, listeners=[], ports=deepcopy(self._state.ports))
            scratch.restore(self._state.snapshot())
            self._open[name] = scratch
        return self._open[name]

    def commit(self, name: str, seconds: int = 0) -> None:
        """With `seconds` it waits for another commit of the same name. Raises Refused."""
        if self._waiting is not None and self._waiting.name == name and name not in self._open:
            self._confirm_or_extend(self._waiting, seconds)
            return
        scratch = self._open.get(name)
        if scratch is None:
            raise Refused(f"Session {name} not found")
        if self._waiting is not None:
            raise Refused(f"A commit timer is already running for session {self._waiting.name}")
        before = self._state.snapshot()
        del self._open[name]
        self._state.restore(scratch.snapshot())
        if seconds:
            self._waiting = self._wait(name, before, seconds)
        self.history.append((name, "completed"))

    def abort(self, name: str) -> None:
        """Throw an edit away, or undo the commit that waits. Raises Refused."""
        if self._open.pop(name, None) is not None:
            self.history.append((name, "aborted"))
        elif self._waiting is not None and self._waiting.name == name:
            self._undo()
        else:
            raise Refused(f"Session {name} not found")

    def forget(self) -> None:
        """The element restarts: from its startup configuration, without edits."""
        if self._waiting is not None:
            self._waiting.timer.cancel()
        self._open.clear()
        self._waiting = None

    @property
    def names(self) -> list[str]:
        return sorted(self._open)

    @property
    def waiting(self) -> tuple[str, int] | None:
        """The commit that waits to be confirmed, and the seconds that are left."""
        if self._waiting is None:
            return None
        return self._waiting.name, max(0, round(self._waiting.until - asyncio.get_running_loop().time()))

    def _confirm_or_extend(self, waiting: _Waiting, seconds: int) -> None:
        waiting.timer.cancel()
        self._waiting = self._wait(waiting.name, waiting.before, seconds) if seconds else None

    def _wait(self, name: str, before: Saved, seconds: int) -> _Waiting:
        loop = asyncio.get_running_loop()
        return _Waiting(name, before, loop.call_later(seconds, self._undo), loop.time() + seconds)

    def _undo(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        waiting.timer.cancel()
        self._state.restore(waiting.before)
        self.history.append((waiting.name, "aborted"))
