"""One change set through the phases of a network transaction, on a command line that commits provisionally.

The edit is private until the commit, and the element undoes a commit that is not confirmed. A commit bears the plan's id where
the platform gives names, so that whoever takes the plan over can confirm or undo it.
"""

import math
from contextlib import suppress
from datetime import timedelta

from drivers.diff import lines
from drivers.errors import EditRefused, ElementDisconnected, ElementError, ElementLocked, RevertFailed, VerificationFailed
from drivers.platform import Transaction
from drivers.port import ChangeSet, Standing
from drivers.ssh.session import SshSession

TRIAL, REVERSE = "fabd-check", "fabd-reverse"
"""Names of edits that no other session will ask for: one plan at a time is on an element."""


def edit_name(persist: str) -> str:
    return f"fabd-{persist}"


class ConfirmedSession(SshSession):
    _committed: ChangeSet | None = None

    def stage(self, change: ChangeSet, deadline: float) -> ChangeSet:
        """The edit is typed, shown and thrown away: names cannot be changed, and the plan's is not known before the commit."""
        self._transcript.clear()
        self._refuse_untypable(change.forward)
        self._refuse_unknown_ports(change, deadline)
        if self._edit(TRIAL, change.before, change.after, deadline):
            try:
                if self._transaction.review:
                    self._say(self._transaction.review, deadline, "looking at the edit")
            finally:
                self._discard(TRIAL, deadline)
        return change

    def commit(self, change: ChangeSet, persist: str, timeout: timedelta, deadline: float) -> None:
        self._transcript.clear()
        self._committed = change
        name = edit_name(persist)
        if self._edit(name, change.before, change.after, deadline):
            self._finish(name, _filled(self._transaction.commit, name, timeout), deadline)

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        """Where it cannot be done the commit may expire; confirming looks first then."""
        if self._transaction.extend:
            self._say(_filled(self._transaction.extend, edit_name(persist), timeout), deadline, "extending the commit")

    def confirm(self, persist: str, deadline: float) -> None:
        """When nothing is pending, the commit was confirmed before or has expired. The session that committed tells the two apart

        and raises `VerificationFailed`; after a takeover, ask `standing`.
        """
        if self._confirmed(persist, deadline):
            return
        if self._committed and self.standing(self._committed, deadline) is not Standing.AFTER:
            raise VerificationFailed(self._element, "the commit could not be confirmed in time, the element has undone it")

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:
        """An edit that was lost before its commit goes, too: an element keeps only a few of them."""
        self._transcript.clear()
        if self._transaction.abort and self._is_pending(persist, deadline):
            self._undo_pending(persist, deadline)
        else:
            self._end_stale(edit_name(persist), deadline)
        if self.standing(change, deadline) is not Standing.BEFORE:
            self._apply_reverse(change, persist, deadline)
        self._committed = None

    def withdraw(self, persist: str, deadline: float) -> None:
        """Where the platform does not tell whose commit is pending, it is left to expire."""
        if self._transaction.pending is not None and self._transaction.abort and self._is_pending(persist, deadline):
            self._undo_pending(persist, deadline)

    def _undo_pending(self, persist: str, deadline: float) -> None:
        for command in self._transaction.abort:
            self._say(_filled(command, edit_name(persist)), deadline, "undoing the commit")

    def _apply_reverse(self, change: ChangeSet, persist: str, deadline: float) -> None:
        """The commit is confirmed, or there is no other way back: commit the reverse, for good."""
        try:
            if self._edit(REVERSE, change.after, change.before, deadline):
                self._finish(REVERSE, _filled(self._transaction.keep, REVERSE), deadline)
            if not self._transaction.abort:
                self._confirmed(persist, deadline)  # else what is pending would expire later, and take others' edits along
        except EditRefused as error:
            raise RevertFailed(self._element, f"the reverse was refused: {error.message}") from error
        left = self._way_back(change, deadline)
        if left:
            raise RevertFailed(
                self._element, f"the reverse was accepted, but this is still to undo: {' / '.join(left.splitlines())}"
            )

    def _confirmed(self, persist: str, deadline: float) -> bool:
        """Whether a commit of ours was pending, and is no longer."""
        name, idle = edit_name(persist), self._transaction.idle
        if self._transaction.pending is not None and not self._is_pending(persist, deadline):
            return False
        answers = []
        for command in (_filled(each, name) for each in self._transaction.confirm):
            answer = self._shell.run(command, deadline)
            self._note(command, answer)
            answers.append(answer)
            if idle is None or not idle.search(answer):
                self._refuse(answer, f"confirming the commit, {command!r}")
        return not any(idle is not None and idle.search(answer) for answer in answers)

    def _is_pending(self, persist: str, deadline: float) -> bool:
        test = self._transaction.pending
        if test is None:
            return True
        found = test.passed.finditer(self._read(test.command, deadline))
        return any(match["name"] == edit_name(persist) for match in found)

    def _edit(self, name: str, before: str, after: str, deadline: float) -> bool:
        """Type what is still to change into a private edit; False when nothing is."""
        if not self._shell.alive:
            raise ElementDisconnected(self._element, "the element ended the command line")
        there = lines.restrict(self._rules, self._running(deadline), before, after)
        todo = self._shell.pieces(lines.forward(self._rules, there, after))
        if not todo:
            return False
        self._end_stale(name, deadline)
        begin = _filled(self._transaction.begin, name)
        self._shell.configure(deadline, begin)
        self._note(begin, "")
        try:
            for number, piece in enumerate(todo, 1):
                self._say(piece, deadline, f"line {number} of {len(todo)}")
        except EditRefused:
            self._discard(name, deadline)
            raise
        return True

    def _end_stale(self, name: str, deadline: float) -> None:
        for command in self._transaction.stale:
            self._shell.run(_filled(command, name), deadline)

    def _finish(self, name: str, command: str, deadline: float) -> None:
        try:
            answer = self._shell.run(command, deadline)
            self._note(command, answer)
            self._refuse(answer, f"{command!r}")
        except (EditRefused, ElementLocked):
            self._discard(name, deadline)
            raise
        for parting in self._transaction.leave:
            self._shell.run(_filled(parting, name), deadline)
        self._shell.left()

    def _discard(self, name: str, deadline: float) -> None:
        """What refuses to be thrown away is left behind with its connection."""
        with suppress(ElementError):
            for command in self._transaction.discard:
                self._shell.run(_filled(command, name), deadline)
            self._shell.left()

    def _refuse(self, answer: str, doing: str) -> None:
        busy = self._transaction.busy
        if busy is not None and (match := busy.search(answer)):
            line = next(line for line in answer.splitlines() if match.group().splitlines()[0] in line)
            raise ElementLocked(self._element, f"{doing}: {line.strip()}")
        if refusal := self._shell.complaint(answer):
            raise EditRefused(self._element, f"{doing}: {refusal}")

    @property
    def _transaction(self) -> Transaction:
        if self._settings.transaction is None:
            raise AssertionError("only opened on platforms that have one")
        return self._settings.transaction


def _filled(template: str, name: str, timeout: timedelta = timedelta(0)) -> str:
    """Times are rounded up: to seconds, or to minutes where the platform counts only those."""
    seconds = max(1, math.ceil(timeout.total_seconds()))
    places = {
        "{name}": name,
        "{hours}": f"{seconds // 3600:02}",
        "{minutes}": f"{seconds // 60 % 60:02}",
        "{seconds}": f"{seconds % 60:02}",
        "{all_minutes}": str(math.ceil(seconds / 60)),
    }
    for place, value in places.items():
        template = template.replace(place, value)
    return template
