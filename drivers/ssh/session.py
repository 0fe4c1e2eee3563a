"""One change set through the phases of a network transaction, on a plain command line.

Lines take effect one by one and a refused line leaves the earlier ones applied. So every step compares with what is really
there: `commit` sends what is still missing, `revert` what is still to undo, and both may be repeated.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from drivers.diff import lines
from drivers.diff.comparison import Comparison
from drivers.errors import EditRefused, ElementDisconnected, ElementError, RevertFailed
from drivers.platform import LineRules, Platform, Ssh
from drivers.port import ChangeSet, PortState, Standing, Verification
from drivers.ssh.shell import Shell


class SshSession:
    def __init__(self, element: str, platform: Platform, settings: Ssh, shell: Shell, give_back: Callable[[], None]) -> None:
        self._element, self._platform, self._settings, self._shell = element, platform, settings, shell
        self._give_back = give_back
        self._found: tuple[ChangeSet, str] | None = None
        self._transcript: list[str] = []
        self._closed = False

    @property
    def session_id(self) -> str:
        """Command lines have none."""
        return ""

    @property
    def transcript(self) -> str:
        return "\n".join(self._transcript)

    def lock(self, deadline: float) -> None:  # noqa: ARG002 - the port's signature; plain command lines lock nothing
        if not self._shell.alive:
            raise ElementDisconnected(self._element, "the element ended the command line")

    def stage(self, change: ChangeSet, deadline: float) -> None:
        """Check what can be checked, and keep what the change is about to overwrite, for `revert` in this session."""
        self._transcript.clear()
        bad = lines.untypable(self._rules, change.forward)
        if bad is not None:
            raise EditRefused(
                self._element,
                f"line {bad.strip()!r} cannot be typed here: it holds a control character or `?`, which asks for help",
            )
        self._refuse_unknown_ports(change, deadline)
        owned = lines.restrict(self._rules, self._running(deadline), change.before, change.after, foreign=True)
        self._found = (change, owned)

    def commit(self, change: ChangeSet, persist: str, timeout: timedelta, deadline: float) -> None:  # noqa: ARG002 - takes effect at once, for good
        self._transcript.clear()
        running = self._running(deadline)
        if self._assess(change, running).standing is Standing.BEFORE:
            self._push(change.forward, deadline)
        else:
            there = lines.restrict(self._rules, running, change.before, change.after)
            self._push(lines.forward(self._rules, there, change.after), deadline)

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        """Nothing expires."""

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        found = self._assess(change, self._running(deadline))
        return Verification(found.missing, found.leftover, self._ports(change.ports, deadline))

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        """Lines that stood there when `stage` looked, or were missing then, tell no side."""
        before, after = self._as_found(change)
        return lines.assess(self._rules, before, after, self._running(deadline)).standing

    def confirm(self, persist: str, deadline: float) -> None:
        """Nothing is pending."""

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:  # noqa: ARG002 - nothing is pending
        """Back to what `stage` found in this session, or, after a takeover, to the change's own `before`."""
        self._transcript.clear()
        way_back = self._way_back(change, deadline)
        if not way_back:
            return
        try:
            self._push(way_back, deadline)
        except EditRefused as error:
            raise RevertFailed(self._element, f"the reverse was refused: {error.message}") from error
        left = self._way_back(change, deadline)
        if left:
            raise RevertFailed(
                self._element, f"the reverse was accepted, but this is still to undo: {' / '.join(left.splitlines())}"
            )

    def save(self, deadline: float) -> None:
        if self._settings.save:
            self._say(self._settings.save, deadline, "saving the configuration")

    def abort(self, deadline: float) -> None:
        with suppress(ElementError):
            self._shell.leave(deadline)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._give_back()

    def _push(self, commands: str, deadline: float) -> None:
        """Line by line, so that a refusal names its line. `EditRefused` leaves the earlier lines applied."""
        todo = [line.strip() for line in commands.splitlines() if line.strip()]
        if not todo:
            return
        self._shell.configure(deadline)
        try:
            for number, line in enumerate(todo, 1):
                self._say(line, deadline, f"line {number} of {len(todo)}")
        finally:
            with suppress(ElementError):
                self._shell.leave(deadline)

    def _say(self, command: str, deadline: float, doing: str) -> None:
        answer = self._shell.run(command, deadline)
        self._transcript.append(f"{command}\n{answer}".rstrip())
        refusal = self._shell.complaint(answer)
        if refusal:
            raise EditRefused(self._element, f"{doing}, {command!r}: {refusal}")

    def _way_back(self, change: ChangeSet, deadline: float) -> str:
        """What is to send until all is as before; without a snapshot, values that are nobody's of ours stay."""
        found = self._found[1] if self._found and self._found[0] == change else None
        target = change.before if found is None else found
        there = lines.restrict(self._rules, self._running(deadline), change.before, change.after, foreign=found is not None)
        return lines.forward(self._rules, there, target)

    def _as_found(self, change: ChangeSet) -> tuple[str, str]:
        """Both sides of the change, the earlier one as far as `stage` found it on the element; also of the change inverted."""
        if self._found is None or change not in (staged := self._found[0], staged.inverted()):
            return change.before, change.after
        found = lines.restrict(self._rules, self._found[1], change.before, change.after)
        return (found, change.after) if change == self._found[0] else (change.before, found)

    def _refuse_unknown_ports(self, change: ChangeSet, deadline: float) -> None:
        made = lines.opens(self._rules, change.after)
        wanted = tuple(port for port in change.ports if f"interface {port}" not in made)
        missing = [state.name for state in self._ports(wanted, deadline) if not state.exists]
        if missing:
            raise EditRefused(self._element, f"no such port: {', '.join(missing)}; correct the port's name in the inventory")

    def _assess(self, change: ChangeSet, running: str) -> Comparison:
        return lines.assess(self._rules, change.before, change.after, running)

    def _running(self, deadline: float) -> str:
        return self._read(self._settings.running, deadline)

    def _read(self, command: str, deadline: float) -> str:
        """What the element shows. A refusal is not an empty configuration: what is there would count as undone, or as no port."""
        answer = self._shell.run(command, deadline)
        first = next((line for line in answer.splitlines() if line.strip()), "")
        if refusal := self._shell.complaint(first):
            raise EditRefused(self._element, f"{command!r}: {refusal}")
        return answer

    def _ports(self, wanted: tuple[str, ...], deadline: float) -> tuple[PortState, ...]:
        if not wanted:
            return ()
        rows = (self._settings.ports.row.match(line) for line in self._read(self._settings.ports.command, deadline).splitlines())
        up = {row["name"]: row["up"] is not None for row in rows if row}
        return tuple(PortState(name, exists=name in up, up=up.get(name, False)) for name in wanted)

    @property
    def _rules(self) -> LineRules:
        return self._platform.line_rules
