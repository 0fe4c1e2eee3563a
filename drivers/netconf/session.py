"""One change set through the phases of a network transaction, over NETCONF with confirmed commit (RFC 6241 §8.4)."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from lxml import etree

from drivers import testing
from drivers.diff import xmltree
from drivers.diff.comparison import Comparison
from drivers.diff.uses import uses
from drivers.errors import EditRefused, ElementError, ElementLocked, PlatformUnsupported, RevertFailed, VerificationFailed
from drivers.netconf import holders, ports, rpc
from drivers.netconf.client import Client, Reply
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


class NetconfSession:
    def __init__(self, element: str, platform: Platform, client: Client, give_back: Callable[[bool], None]) -> None:
        self._element, self._platform, self._client, self._give_back = element, platform, client, give_back
        self._locked: list[str] = []
        self._committed: ChangeSet | None = None
        self._edited = False
        """The candidate may hold an edit of ours that does not run."""
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
        self._transcript.clear()
        self._require(*CONFIRMED_COMMIT[self._netconf.confirmation])
        self._committed = change
        self._ask(rpc.confirmed_commit(self._name(persist), timeout, pending=False), deadline)

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        self._ask(rpc.confirmed_commit(self._name(persist), timeout, pending=True), deadline)

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        if not change.ports or self._netconf.ports is not None or not self._client.serves_state:
            found = self._compare(change, deadline)
            return Verification(found.missing, found.leftover, self._ports(change.ports, deadline) if change.ports else ())
        operations = [self._reading(change.before, change.after), rpc.get(ports.state_filter(change.ports))]
        configuration, state = self._client.replies(operations, deadline)
        found = self._assess(change, configuration.content)
        return Verification(found.missing, found.leftover, ports.by_state(rpc.data(state.content), change.ports))

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
            self._ask(rpc.commit(persist), deadline)
            self._edited = False
        except EditRefused as refusal:
            if self._committed and self.standing(self._committed, deadline) is not Standing.AFTER:
                raise VerificationFailed(
                    self._element, f"the commit could not be confirmed, the element has undone it: {refusal.message}"
                ) from refusal
            if self._is_pending(persist, deadline):
                raise

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:
        self._transcript.clear()
        if self._netconf.confirmation == "persist":
            with suppress(EditRefused):  # nothing is pending: never committed, confirmed or expired
                self._ask(rpc.cancel_commit(persist), deadline)
        if self.standing(change, deadline) is not Standing.BEFORE:
            self._apply_reverse(change, deadline)
        elif "candidate" in self._locked:
            # some servers keep the edit in the candidate after a commit was undone
            self._ask(rpc.discard_changes(), deadline)
            self._edited = False
        self._committed = None

    def save(self, deadline: float) -> None:
        """And unlock, said at once: what is for good needs no lock any more."""
        if self._client.has(":startup"):
            _ = self._unlock(deadline, rpc.copy_config("running", "startup"))[0].content

    def abort(self, deadline: float) -> None:
        if not self._client.alive:
            return
        with suppress(ElementError):
            self._unlock(deadline)

    def close(self) -> None:
        """What is still locked is given up, politely or by ending the session."""
        if not self._closed:
            self._closed = True
            if self._locked:
                self.abort(time.monotonic() + PARTING)
            self._give_back(not self._locked)

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

    def _unlock(self, deadline: float, *first: etree._Element) -> list[Reply]:
        """After what is to be done `first`: its replies. Leaves no edit behind in a candidate that others may use again."""
        cleared = [rpc.discard_changes()] if self._edited and "candidate" in self._locked else []
        held = [*reversed(self._locked)]
        replies = self._tell(*first, *cleared, *map(rpc.unlock, held), deadline=deadline)
        said, replies = replies[: len(first)], replies[len(first) :]
        if cleared:
            self._edited = replies.pop(0).refusal is not None
        for datastore, reply in zip(held, replies, strict=True):
            if reply.refusal is None:
                self._locked.remove(datastore)
        return said

    def _edit(self, before: str, after: str, deadline: float) -> None:
        """Put the difference into an empty candidate and have it validated as the platform wants it.

        What runs there matters only to what is taken away (`xmltree.forward`): without that, all is said at once.
        """
        emptying, running = [rpc.discard_changes()], ""
        if before:
            cleared, found = self._tell(*emptying, self._reading(before, after), deadline=deadline)
            del self._transcript[-1:]  # what was read is long, and said by the plan
            _ = cleared.content
            emptying, running = [], rpc.data(found.content)
        content = xmltree.forward(self._platform.xml_rules, before, after, running)
        edit = self._editing(content) if content else []
        if edit:
            self._edited = True
            self._transcript.append(content)
        for reply in self._tell(*emptying, *edit, deadline=deadline):
            _ = reply.content

    def _editing(self, content: str) -> list[etree._Element]:
        options = [("default-operation", "merge")]
        if self._netconf.validation == "test-then-set" and self._client.has(":validate"):
            options.append(("test-option", "test-then-set"))
        if self._client.has(":rollback-on-error"):
            options.append(("error-option", "rollback-on-error"))
        separately = self._netconf.validation == "validate" and self._client.has(":validate")
        return [rpc.edit_config("candidate", content, options), *([rpc.validate("candidate")] if separately else [])]

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
        return xmltree.assess(self._platform.xml_rules, change.before, change.after, rpc.data(reply))

    def _running(self, *texts: str, deadline: float) -> str:
        return rpc.data(self._client.request(self._reading(*texts), deadline))

    def _reading(self, *texts: str) -> etree._Element:
        """Asks for the running configuration of just the entries that the texts name."""
        return rpc.get_config("running", xmltree.selection(self._platform.xml_rules, *texts))

    def _ports(self, wanted: tuple[str, ...], deadline: float) -> tuple[PortState, ...]:
        if (asked := self._netconf.ports) is not None:
            return ports.by_request(self._client.request(rpc.custom(asked.request), deadline), asked, wanted)
        if self._netconf.port_state != "config":
            state = rpc.data(self._client.request(rpc.get(ports.STATE_FILTER), deadline))
            self._client.serves_state = ports.serves_state(state)
            if self._netconf.port_state == "oper" or self._client.serves_state:
                return ports.by_state(state, wanted)
        return ports.by_config(rpc.data(self._client.request(rpc.get_config("running", ports.CONFIG_FILTER), deadline)), wanted)

    def _ask(self, operation: etree._Element, deadline: float) -> etree._Element:
        return self._tell(operation, deadline=deadline)[0].content

    def _tell(self, *operations: etree._Element, deadline: float) -> list[Reply]:
        """All of them at once, each with its line in the transcript."""
        if not operations:
            return []
        names = [etree.QName(operation).localname for operation in operations]
        try:
            replies = self._client.replies(operations, deadline)
        except ElementError as error:
            self._transcript.append(f"<{', '.join(names)}>: {error.message}")
            raise
        for name, reply in zip(names, replies, strict=True):
            self._transcript.append(f"<{name}>: {reply.refusal.message if reply.refusal else 'ok'}")
        return replies

    def _require(self, capability: str, words: str) -> None:
        if not self._client.has(capability):
            raise PlatformUnsupported(
                self._element, f"the element does not offer {words}; correct its platform (now {self._platform.name})"
            )

    @property
    def _netconf(self) -> Netconf:
        return self._platform.netconf or Netconf()


def _lock_words(datastore: str, error: ElementLocked, holder: holders.Holder | None) -> str:
    if error.session in ("", "0"):
        return (
            f"{datastore} cannot be locked: {error.message}. If it holds uncommitted changes, commit or discard them on the element"
        )
    return f"{datastore} cannot be locked, session {error.session} holds it{f' ({holder})' if holder else ''}: {error.message}"
