"""One change set through the phases of a network transaction, over NETCONF with confirmed commit (RFC 6241 §8.4)."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from lxml import etree

from drivers import testing
from drivers.diff import xmltree
from drivers.diff.comparison import Comparison
from drivers.diff.uses import uses
from drivers.errors import EditRefused, ElementError, ElementLocked, PlatformUnsupported, RevertFailed, VerificationFailed
from drivers.netconf import holders, ports, rpc
from drivers.netconf.client import Client, Posted, Reply
from drivers.netconf.rpc import Operation
from drivers.platform import Netconf, Platform
from drivers.port import ChangeSet, Check, CheckResult, PortState, Question, Standing, Use, Verification

CONFIRMED_COMMIT = {
    "persist": (":confirmed-commit:1.1", "confirmed commit with persist (RFC 6241 §8.4)"),
    "plain": (":confirmed-commit", "confirmed commit (RFC 4741 §8.4)"),
}

PENDING = timedelta(minutes=2)
"""For how long a commit that could not be confirmed is kept waiting, so that it can be tried again."""

PARTING = 2.0
"""Seconds to unlock in when a session is closed with locks."""

FRESH = 0.5
"""Seconds that what was read with the commit says what stands: it is read as if the commit had taken so much longer."""


class NetconfSession:
    def __init__(self, element: str, platform: Platform, client: Client, give_back: Callable[[bool], None]) -> None:
        self._element, self._platform, self._client, self._give_back = element, platform, client, give_back
        self._locked: list[str] = []
        self._committed: ChangeSet | None = None
        self._edited = False
        """The candidate may hold an edit of ours that does not run."""
        self._look: _Look | None = None
        """What is read back was asked for with the commit."""
        self._finish: _Finish | None = None
        """To save and to unlock was asked for with the confirmation."""
        self._transcript: list[str] = []
        self._closed = False

    @property
    def session_id(self) -> str:
        return self._client.session_id

    @property
    def transcript(self) -> str:
        return "\n".join(self._transcript)

    def lock(self, deadline: float) -> None:
        """All that the platform says, or none."""
        self._finished(deadline)
        wanted = [datastore for datastore in self._netconf.locks if datastore not in self._locked]
        refused: tuple[str, EditRefused | ElementLocked] | None = None
        for datastore, reply in zip(wanted, self._tell(*map(rpc.lock, wanted), deadline=deadline), strict=True):
            if reply.refusal is None:
                self._locked.append(datastore)
            else:
                refused = refused or (datastore, reply.refusal)
        if refused is None:
            return
        with suppress(ElementError):
            self._unlock(deadline)
        raise self._not_locked(*refused, deadline)

    def stage(self, change: ChangeSet, deadline: float) -> ChangeSet:
        """Under the lock the candidate is nobody else's, so what is left in it is discarded."""
        self._transcript.clear()
        self._require(":candidate", "a candidate configuration")
        self._require(*CONFIRMED_COMMIT[self._netconf.confirmation])  # before other elements of the plan have committed
        self._edit(change.before, change.after, deadline)
        return change

    def commit(self, change: ChangeSet, persist: str, timeout: timedelta, deadline: float) -> None:
        """What `verify` will read is asked for in the same breath: nothing that it says depends on what comes between."""
        self._transcript.clear()
        self._require(*CONFIRMED_COMMIT[self._netconf.confirmation])
        self._committed = change
        reading = self._readings(change)
        commit = rpc.confirmed_commit(self._name(persist), timeout, pending=False)
        posted, look = self._post(commit, *reading, deadline=deadline).parted(1)
        self._look = _Look(change, look, time.monotonic() + FRESH)
        self._hear(posted, commit, deadline=deadline)[0].accept()

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        self._ask(rpc.confirmed_commit(self._name(persist), timeout, pending=True), deadline)

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        look, self._look = self._look, None
        if look is not None and look.change == change and time.monotonic() < look.until:
            configuration, *state = look.posted.replies(deadline)
        else:
            if look is not None:
                look.posted.forget()
            configuration, *state = self._client.replies(self._readings(change), deadline)
        found = self._assess(change, configuration.content)
        if state:
            found_ports = ports.by_state(state[0].content, change.ports)
        else:
            found_ports = self._ports(change.ports, deadline) if change.ports else ()
        return Verification(found.missing, found.leftover, found_ports)

    def check(self, check: Check, deadline: float) -> CheckResult:
        test = self._netconf.tests.get(check.kind)
        try:
            if test is not None:
                reply = self._client.request(rpc.custom(testing.words(test.request, check)), deadline)
                return testing.passed(check) if rpc.says(reply, test.passed) else testing.failed(check, rpc.text(reply))
            if check.kind == "interface":
                return testing.of_port(check, *self._ports((testing.words("{port}", check),), deadline))
        except EditRefused as refusal:
            return testing.failed(check, refusal.message)
        except ValueError as error:
            return testing.failed(check, str(error))
        return testing.unsupported(check, self._platform.name)

    def observe(self, expected: str, deadline: float) -> str:
        return xmltree.observed(self._platform.xml_rules, expected, self._running(expected, deadline=deadline))

    def uses(self, deadline: float) -> tuple[Use, ...]:
        roots = xmltree.roots(self._platform.xml_rules)
        if not roots:
            return ()
        return uses(self._platform, rpc.data(self._client.request(rpc.get_config("running", roots), deadline)))

    def show(self, question: Question, deadline: float) -> str:
        if question.get:
            return rpc.data(self._client.request(rpc.get(question.get), deadline))
        if question.rpc:
            return rpc.content(self._client.request(rpc.custom(question.rpc), deadline))
        raise PlatformUnsupported(self._element, "NETCONF knows no commands; correct what is asked, or the element's endpoint")

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        return self._compare(change, deadline).standing

    def confirm(self, persist: str, deadline: float) -> None:
        """When nothing is pending, the commit was confirmed before or has expired. The session that committed tells the two apart

        and raises `VerificationFailed`; after a takeover, ask `standing`. `EditRefused` when it is pending and stays so.
        """
        if self._netconf.confirmation == "plain":
            self._commit_nothing(deadline)
            return
        try:
            self._confirm_and_save(persist, deadline)
        except EditRefused as refusal:
            self._finished(deadline)
            if self._committed and self.standing(self._committed, deadline) is not Standing.AFTER:
                raise VerificationFailed(
                    self._element, f"the commit could not be confirmed, the element has undone it: {refusal.message}"
                ) from refusal
            if self._is_pending(persist, deadline):
                raise

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:
        self._transcript.clear()
        self.withdraw(persist, deadline)
        if self.standing(change, deadline) is not Standing.BEFORE:
            self._apply_reverse(change, deadline)
        elif "candidate" in self._locked:
            # some servers keep the edit in the candidate after a commit was undone
            self._ask(rpc.discard_changes(), deadline)
            self._edited = False
        self._committed = None

    def withdraw(self, persist: str, deadline: float) -> None:
        if self._netconf.confirmation == "persist":
            with suppress(EditRefused):  # nothing is pending: never committed, confirmed or expired
                self._ask(rpc.cancel_commit(persist), deadline)

    def save(self, deadline: float) -> None:
        """And unlock, said at once: what is for good needs no lock any more. What was said with the confirmation is waited for."""
        if self._finish is not None:
            said = self._finished(deadline)
        elif self._client.has(":startup"):
            said = self._unlock(deadline, rpc.copy_config("running", "startup"))
        else:
            return
        for reply in said:
            reply.accept()

    def abort(self, deadline: float) -> None:
        if not self._client.alive:
            return
        with suppress(ElementError):
            self._finished(deadline)
            self._unlock(deadline)

    def close(self) -> None:
        """What is still locked is given up, politely or by ending the session."""
        if not self._closed:
            self._closed = True
            if self._locked:
                self.abort(time.monotonic() + PARTING)
            self._look_no_more()
            if self._finish is not None:
                self._finish.posted.forget()
            self._give_back(not self._locked)

    def _confirm_and_save(self, persist: str, deadline: float) -> None:
        """All that is left to do is said at once; what comes after the confirmation is waited for when it is wanted.

        Where the confirmation is refused the rest is done all the same. No harm: it has been decided that the change is to stay,
        and the confirmation that succeeds saves again, as does the revert that an operator orders instead.
        """
        self._finished(deadline)
        first = [rpc.copy_config("running", "startup")] if self._client.has(":startup") else []
        last = self._parting()
        commit = rpc.commit(persist)
        posted, others = self._post(commit, *first, *last.operations, deadline=deadline).parted(1)
        self._finish = _Finish(others, tuple(first), last)
        self._hear(posted, commit, deadline=deadline)[0].accept()
        self._edited = False

    def _finished(self, deadline: float) -> list[Reply]:
        """What was said with the confirmation is done; the replies to what came before unlocking."""
        finish, self._finish = self._finish, None
        if finish is None:
            return []
        replies = self._hear(finish.posted, *finish.first, *finish.last.operations, deadline=deadline)
        self._parted(finish.last, replies[len(finish.first) :])
        return replies[: len(finish.first)]

    def _commit_nothing(self, deadline: float) -> None:
        """Any commit confirms; that of an empty edit does nothing else. That it had expired only what runs can tell."""
        self.lock(deadline)
        self._ask(rpc.discard_changes(), deadline)
        self._edited = False
        self._ask(rpc.commit(), deadline)
        if self._committed and self.standing(self._committed, deadline) is not Standing.AFTER:
            raise VerificationFailed(self._element, "the commit could not be confirmed in time, the element has undone it")

    def _name(self, persist: str) -> str:
        return persist if self._netconf.confirmation == "persist" else ""

    def _is_pending(self, persist: str, deadline: float) -> bool:
        """Only a commit that is pending can be extended; error tags do not tell, servers differ in them."""
        try:
            self.extend(persist, PENDING, deadline)
        except EditRefused:
            return False
        return True

    def _not_locked(self, datastore: str, refusal: EditRefused | ElementLocked, deadline: float) -> ElementError:
        if not isinstance(refusal, ElementLocked):
            return refusal
        holder = self._holder(refusal.session, deadline)
        since = holder.since if holder else None
        return ElementLocked(self._element, _lock_words(datastore, refusal, holder), session=refusal.session, since=since)

    def _holder(self, session: str, deadline: float) -> holders.Holder | None:
        """Who holds the lock, where the element keeps a list of its sessions (RFC 6022)."""
        if session in ("", "0") or not self._client.knows(holders.MONITORING):
            return None
        with suppress(EditRefused):
            return holders.read(rpc.data(self._client.request(rpc.get(holders.SESSIONS), deadline)), session)
        return None

    def _unlock(self, deadline: float, *first: Operation) -> list[Reply]:
        """After what is to be done `first`: its replies. Leaves no edit behind in a candidate that others may use again."""
        parting = self._parting()
        replies = self._tell(*first, *parting.operations, deadline=deadline)
        self._parted(parting, replies[len(first) :])
        return replies[: len(first)]

    def _parting(self) -> "_Parting":
        return _Parting(self._edited and "candidate" in self._locked, (*reversed(self._locked),))

    def _parted(self, parting: "_Parting", replies: list[Reply]) -> None:
        if parting.clears:
            self._edited = replies[0].refusal is not None
        for datastore, reply in zip(parting.held, replies[parting.clears :], strict=True):
            if reply.refusal is None:
                self._locked.remove(datastore)

    def _edit(self, before: str, after: str, deadline: float) -> None:
        """Put the difference into an empty candidate and have it validated as the platform wants it.

        What runs there matters only to what is taken away (`xmltree.forward`): without that, all is said at once.
        """
        emptying, running = [rpc.discard_changes()], ""
        if before:
            cleared, found = self._tell(*emptying, self._reading(before, after), deadline=deadline)
            del self._transcript[-1:]  # what was read is long, and said by the plan
            cleared.accept()
            emptying, running = [], rpc.data(found.content)
        content = xmltree.forward(self._platform.xml_rules, before, after, running)
        edit = self._editing(content) if content else []
        if edit:
            self._edited = True
            self._transcript.append(content)
        for reply in self._tell(*emptying, *edit, deadline=deadline):
            reply.accept()

    def _editing(self, content: str) -> list[Operation]:
        options = [("default-operation", "merge")]
        if self._netconf.validation == "test-then-set" and self._client.has(":validate"):
            options.append(("test-option", "test-then-set"))
        if self._client.has(":rollback-on-error"):
            options.append(("error-option", "rollback-on-error"))
        separately = self._netconf.validation == "validate" and self._client.has(":validate")
        return [rpc.edit_config("candidate", content, options, written=True), *([rpc.validate("candidate")] if separately else [])]

    def _apply_reverse(self, change: ChangeSet, deadline: float) -> None:
        """The commit is confirmed or half undone: commit the way back, for good."""
        self.lock(deadline)
        try:
            self._edit(change.after, change.before, deadline)
            self._ask(rpc.commit(), deadline)
            self._edited = False
        except EditRefused as error:
            raise RevertFailed(self._element, f"the reverse was refused: {error.message}") from error
        left = self._compare(change, deadline)
        if left.standing is not Standing.BEFORE:
            raise RevertFailed(self._element, "the reverse was accepted, but the running configuration is not as before the change")

    def _compare(self, change: ChangeSet, deadline: float) -> Comparison:
        return self._assess(change, self._client.request(self._reading(change.before, change.after), deadline))

    def _assess(self, change: ChangeSet, reply: etree._Element) -> Comparison:
        return xmltree.assess(self._platform.xml_rules, change.before, change.after, _running(reply))

    def _running(self, *texts: str, deadline: float) -> str:
        return rpc.data(self._client.request(self._reading(*texts), deadline))

    def _readings(self, change: ChangeSet) -> list[Operation]:
        """What reads back the change; with the states of its ports where they can be asked for so."""
        wanted = [self._reading(change.before, change.after)]
        if change.ports and self._netconf.ports is None and self._client.serves_state:
            wanted.append(rpc.get(ports.state_filter(change.ports), written=True))
        return wanted

    def _reading(self, *texts: str) -> Operation:
        """Asks for the running configuration of just the entries that the texts name."""
        return rpc.get_config("running", xmltree.selection(self._platform.xml_rules, *texts), written=True)

    def _ports(self, wanted: tuple[str, ...], deadline: float) -> tuple[PortState, ...]:
        if (asked := self._netconf.ports) is not None:
            return ports.by_request(self._client.request(rpc.custom(asked.request), deadline), asked, wanted)
        if self._netconf.port_state != "config":
            state = rpc.data(self._client.request(rpc.get(ports.STATE_FILTER), deadline))
            self._client.serves_state = ports.serves_state(state)
            if self._netconf.port_state == "oper" or self._client.serves_state:
                return ports.by_state(state, wanted)
        return ports.by_config(rpc.data(self._client.request(rpc.get_config("running", ports.CONFIG_FILTER), deadline)), wanted)

    def _ask(self, operation: Operation, deadline: float) -> None:
        self._tell(operation, deadline=deadline)[0].accept()

    def _tell(self, *operations: Operation, deadline: float) -> list[Reply]:
        """All of them at once, each with its line in the transcript."""
        if not operations:
            return []
        return self._hear(self._post(*operations, deadline=deadline), *operations, deadline=deadline)

    def _post(self, *operations: Operation, deadline: float) -> Posted:
        """All of them at once. What was asked with the commit is not wanted any more."""
        self._look_no_more()
        try:
            return self._client.post(operations, deadline)
        except ElementError as error:
            self._note(operations, error)
            raise

    def _look_no_more(self) -> None:
        look, self._look = self._look, None
        if look is not None:
            look.posted.forget()

    def _hear(self, posted: Posted, *operations: Operation, deadline: float) -> list[Reply]:
        """The replies to these operations, each with its line in the transcript."""
        try:
            replies = posted.replies(deadline)
        except ElementError as error:
            self._note(operations, error)
            raise
        for operation, reply in zip(operations, replies, strict=True):
            self._transcript.append(f"<{operation.name}>: {reply.refusal.message if reply.refusal else 'ok'}")
        return replies

    def _note(self, operations: Iterable[Operation], error: ElementError) -> None:
        self._transcript.append(f"<{', '.join(operation.name for operation in operations)}>: {error.message}")

    def _require(self, capability: str, words: str) -> None:
        if not self._client.has(capability):
            raise PlatformUnsupported(
                self._element, f"the element does not offer {words}; correct its platform (now {self._platform.name})"
            )

    @property
    def _netconf(self) -> Netconf:
        return self._platform.netconf or Netconf()


@dataclass(frozen=True, slots=True)
class _Look:
    """What is read back of a change: asked for with its commit."""

    change: ChangeSet
    posted: Posted
    until: float
    """On the monotonic clock: for so long it says what stands."""


@dataclass(frozen=True, slots=True)
class _Parting:
    """What lets go of an element: the candidate is emptied of what does not run, then the locks are given up."""

    clears: bool
    held: tuple[str, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        return (*([rpc.discard_changes()] if self.clears else []), *map(rpc.unlock, self.held))


@dataclass(frozen=True, slots=True)
class _Finish:
    """What was said with the confirmation."""

    posted: Posted
    first: tuple[Operation, ...]
    last: _Parting


def _running(reply: etree._Element) -> etree._Element | str:
    """What was read of the running configuration."""
    found = rpc.data_tree(reply)
    return "" if found is None else found


def _lock_words(datastore: str, error: ElementLocked, holder: holders.Holder | None) -> str:
    if error.session in ("", "0"):
        return (
            f"{datastore} cannot be locked: {error.message}. If it holds uncommitted changes, commit or discard them on the element"
        )
    return f"{datastore} cannot be locked, session {error.session} holds it{f' ({holder})' if holder else ''}: {error.message}"
