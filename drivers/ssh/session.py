"""One change set through the phases of a network transaction, on a plain command line.

Lines take effect one by one and a refused line leaves the earlier ones applied. So every step compares with what is really
there: `commit` sends what is still missing, `revert` what is still to undo, and both may be repeated.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from drivers import testing
from drivers.diff import as_found, lines
from drivers.diff.comparison import Comparison
from drivers.diff.uses import uses
from drivers.errors import EditRefused, ElementDisconnected, ElementError, PlatformUnsupported, RevertFailed
from drivers.platform import LineRules, Platform, Ssh
from drivers.port import ChangeSet, Check, CheckResult, PortState, Question, Standing, Use, Verification
from drivers.ssh.linux import LinuxShell
from drivers.ssh.shell import Shell


class SshSession:
    def __init__(
        self, element: str, platform: Platform, settings: Ssh, shell: Shell | LinuxShell, give_back: Callable[[], None]
    ) -> None:
        self._element, self._platform, self._settings, self._shell = element, platform, settings, shell
        self._give_back = give_back
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

    def stage(self, change: ChangeSet, deadline: float) -> ChangeSet:
        """Check what can be checked, and see what the change is about to overwrite."""
        self._transcript.clear()
        self._refuse_untypable(change.forward)
        self._refuse_unknown_ports(change, deadline)
        there = lines.restrict(self._rules, self._running(deadline), change.before, change.after, foreign=True)
        return as_found(self._platform, change, there)

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

    def check(self, check: Check, deadline: float) -> CheckResult:
        """A refused command has not passed: elements refuse to ping in a VRF, or to show a neighbour, that is not there."""
        test = self._settings.tests.get(check.kind)
        try:
            if test is not None:
                answer = self._shell.run(testing.words(test.command, check), deadline)
                return testing.passed(check) if test.passed.search(answer) else testing.failed(check, answer)
            if check.kind == "interface":
                return testing.of_port(check, *self._ports((testing.words("{port}", check),), deadline))
        except ValueError as error:
            return testing.failed(check, str(error))
        return testing.unsupported(check, self._platform.name)

    def observe(self, expected: str, deadline: float) -> str:
        return lines.observed(self._rules, expected, self._running(deadline))

    def uses(self, deadline: float) -> tuple[Use, ...]:
        return uses(self._platform, self._running(deadline))

    def show(self, question: Question, deadline: float) -> str:
        if not question.command:
            raise PlatformUnsupported(self._element, "a command line is asked by commands; correct what is asked, or its endpoint")
        answer = self._shell.run(question.command, deadline)
        # IOS points at the word first, and complains below
        first = [line for line in answer.splitlines() if line.strip()][:2]
        if refusal := self._shell.complaint("\n".join(first)):
            raise EditRefused(self._element, f"{question.command!r}: {refusal}")
        return answer

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        return self._assess(change, self._running(deadline)).standing

    def confirm(self, persist: str, deadline: float) -> None:
        """Nothing is pending."""

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:  # noqa: ARG002 - nothing is pending
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

    def withdraw(self, persist: str, deadline: float) -> None:
        """Nothing is pending."""

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
        todo = self._shell.pieces(commands)
        if not todo:
            return
        self._shell.configure(deadline)
        try:
            for number, piece in enumerate(todo, 1):
                self._say(piece, deadline, f"line {number} of {len(todo)}")
        finally:
            with suppress(ElementError):
                self._shell.leave(deadline)

    def _refuse_untypable(self, commands: str) -> None:
        bad = lines.untypable(self._rules, commands)
        if bad is not None:
            raise EditRefused(
                self._element,
                f"line {bad.strip()!r} cannot be typed here: it holds a character that means something else to the command line "
                "(such as `?`, which asks for help)",
            )

    def _say(self, command: str, deadline: float, doing: str) -> None:
        answer = self._shell.run(command, deadline)
        self._note(command, answer)
        refusal = self._shell.complaint(answer)
        if refusal:
            raise EditRefused(self._element, f"{doing}, {command.splitlines()[0]!r}: {refusal}")

    def _note(self, command: str, answer: str) -> None:
        self._transcript.append(f"{command}\n{answer}".rstrip())

    def _way_back(self, change: ChangeSet, deadline: float) -> str:
        """What is to send until all is as before."""
        there = lines.restrict(self._rules, self._running(deadline), change.before, change.after)
        return lines.forward(self._rules, there, change.before)

    def _refuse_unknown_ports(self, change: ChangeSet, deadline: float) -> None:
        made = lines.makes(self._rules, change.after)
        wanted = tuple(port for port in change.ports if port not in made)
        missing = [state.name for state in self._ports(wanted, deadline) if not state.exists]
        if missing:
            raise EditRefused(self._element, f"no such port: {', '.join(missing)}; correct the port's name in the inventory")

    def _assess(self, change: ChangeSet, running: str) -> Comparison:
        return lines.assess(self._rules, change.before, change.after, running)

    def _running(self, deadline: float) -> str:
        return self._answered(self._settings.running, self._shell.running(self._settings.running, deadline))

    def _read(self, command: str, deadline: float) -> str:
        """What the element shows. A refusal is not an empty configuration: what is there would count as undone, or as no port."""
        return self._answered(command, self._shell.run(command, deadline))

    def _answered(self, command: str, answer: str) -> str:
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
