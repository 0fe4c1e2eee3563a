"""Running, candidate and startup of one element, with confirmed commit (RFC 6241, 8.2-8.7)."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from drivers.sim.netconf import binding, edit, notify, openconfig
from drivers.sim.netconf.errors import RpcErrors, protocol_refusal
from drivers.sim.netconf.locks import Locks, Target, Who, denied
from drivers.sim.netconf.names import Element
from drivers.sim.netconf.payload import Operation
from drivers.sim.netconf.validate import validate
from drivers.sim.state import ElementState

Publish = Callable[[Element], None]
"""Takes the content of an event for the subscribers."""


@dataclass(frozen=True, slots=True)
class EditOptions:
    default: Operation = Operation.MERGE
    on_error: edit.OnError = edit.OnError.STOP
    validate_first: bool = False
    """`test-then-set`, said by the client: a candidate that would not be valid is refused at once."""
    dry_run: bool = False
    """`test-only`"""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    confirmed: bool = False
    timeout: int = 600
    """Seconds."""
    persist: str | None = None
    persist_id: str | None = None


@dataclass(slots=True)
class _Pending:
    """A confirmed commit that nobody has confirmed yet."""

    who: Who
    persist: str | None
    revert: Element
    timer: asyncio.TimerHandle

    def owned_by(self, who: Who, persist_id: str | None) -> bool:
        if self.persist is not None or persist_id is not None:
            return self.persist == persist_id
        return self.who.session_id == who.session_id


class Datastores:
    """All methods refuse by raising RpcErrors and then have changed nothing (an edit says what it kept)."""

    def __init__(self, state: ElementState, publish: Publish) -> None:
        self.locks = Locks()
        self._state = state
        self._publish = publish
        self._running = binding.render(state)
        self._startup = deepcopy(self._running)
        self._candidate: Element | None = None
        """None while it is what running is."""
        self._candidate_editor: Who | None = None
        self._pending: _Pending | None = None
        self._pushing = False

    # -- reading

    def read(self, target: Target) -> Element:
        """The live tree; callers copy before they change it."""
        if target is Target.STARTUP:
            return self._startup
        if target is Target.CANDIDATE and self._candidate is not None:
            return self._candidate
        self.take_over()
        return self._running

    def operational(self) -> Element:
        return binding.with_state(deepcopy(self.read(Target.RUNNING)), self._state)

    def beside(self) -> list[Element]:
        """State that no configuration of ours goes with."""
        return openconfig.state_of(self._state)

    @property
    def confirm_pending(self) -> bool:
        return self._pending is not None

    # -- editing

    def edit(self, target: Target, payload: Element, options: EditOptions, who: Who) -> None:
        """Raises Stopped when part of the payload does not apply; with `rollback-on-error` nothing is kept then."""
        self.locks.check(who, target)
        tree = deepcopy(self.read(target))
        failure: RpcErrors | None = None
        try:
            edit.apply(tree, payload, options.default, options.on_error)
        except edit.Stopped as stopped:
            failure = stopped
        if failure and options.on_error is edit.OnError.ROLLBACK:
            raise failure
        if target is Target.RUNNING or options.validate_first or options.dry_run:
            self.validate(tree)
        if not options.dry_run:
            self._store(target, tree, who)
        if failure:
            raise failure

    def replace(self, target: Target, tree: Element, who: Who) -> None:
        """copy-config: `tree` becomes the whole content of `target`."""
        self.locks.check(who, target)
        if target is not Target.CANDIDATE:
            self.validate(tree)
        self._store(target, deepcopy(tree), who)

    def discard(self, who: Who) -> None:
        self.locks.check(who, Target.CANDIDATE)
        self._drop_candidate()

    @staticmethod
    def validate(tree: Element) -> None:
        if errors := validate(tree):
            raise RpcErrors(errors)

    # -- locking

    def lock(self, target: Target, who: Who) -> None:
        self.locks.check_free(target)
        if target is Target.CANDIDATE and self._candidate_editor:
            raise denied(target, self._candidate_editor, "has been changed without a commit")
        pending = self._pending
        if target is Target.RUNNING and pending and pending.who.session_id != who.session_id:
            raise denied(target, pending.who, "was committed, to be confirmed,")
        self.locks.take(target, who)

    def unlock(self, target: Target, who: Who) -> None:
        self.locks.give_back(target, who)
        if target is Target.CANDIDATE:
            self._drop_candidate()  # RFC 6241, 8.3.5.2

    def session_ended(self, who: Who) -> None:
        """Locks are released, the candidate under a lock is discarded, an own confirmed commit reverts."""
        if Target.CANDIDATE in self.locks.release_all(who):
            self._drop_candidate()
        if self._pending and self._pending.persist is None and self._pending.who.session_id == who.session_id:
            self._revert("cancel", who)

    # -- committing

    def commit(self, request: CommitRequest, who: Who) -> None:
        self.locks.check(who, Target.CANDIDATE, Target.RUNNING)
        pending = self._pending
        if pending and not pending.owned_by(who, request.persist_id):
            raise _not_yours(pending, request.persist_id)
        if not pending and request.persist_id is not None:
            raise protocol_refusal("invalid-value", "no confirmed commit is waiting for this persist-id", bad_element="persist-id")
        tree, before = deepcopy(self.read(Target.CANDIDATE)), deepcopy(self.read(Target.RUNNING))
        self.validate(tree)
        self._set_running(tree, who)
        self._drop_candidate()
        if request.confirmed:
            self._await_confirmation(request, who, pending, before)
        elif pending:
            self._forget_pending()
            self._publish(notify.confirmed_commit("complete", who))

    def cancel_commit(self, persist_id: str | None, who: Who) -> None:
        self.locks.check(who, Target.RUNNING)
        if self._pending is None:
            raise protocol_refusal("operation-failed", "no confirmed commit is waiting for its confirmation")
        if not self._pending.owned_by(who, persist_id):
            raise _not_yours(self._pending, persist_id)
        self._revert("cancel", who)

    def _await_confirmation(self, request: CommitRequest, who: Who, pending: _Pending | None, before: Element) -> None:
        timer = asyncio.get_running_loop().call_later(request.timeout, self._revert, "timeout", None)
        if pending:
            pending.timer.cancel()
            pending.timer, pending.persist = timer, request.persist or pending.persist
        else:
            self._pending = _Pending(who, request.persist, before, timer)
        self._publish(notify.confirmed_commit("extend" if pending else "start", who, request.timeout))

    def _revert(self, why: notify.ConfirmEvent, who: Who | None) -> None:
        pending = self._forget_pending()
        if pending:
            self._set_running(pending.revert, None)
            self._publish(notify.confirmed_commit(why, who))

    def _forget_pending(self) -> _Pending | None:
        pending, self._pending = self._pending, None
        if pending:
            pending.timer.cancel()
        return pending

    # -- what the element itself does

    def reboot(self) -> None:
        """Running from startup; locks, candidate and a waiting confirmed commit are gone.

        The state is back at its own saved configuration, and is corrected where startup was written by other means.
        """
        self.locks.clear()
        self._forget_pending()
        self._drop_candidate()
        self._running = binding.render(self._state)
        self._set_running(deepcopy(self._startup), None)

    def close(self) -> None:
        self._forget_pending()

    def take_over(self) -> None:
        """Bring what was configured by other means (SNMP, console) into running."""
        if self._pushing:
            return
        if touched := binding.pull(self._running, self._state):
            self._publish(notify.config_change(Target.RUNNING, None, [(name, "merge") for name in touched]))

    # -- storing

    def _store(self, target: Target, tree: Element, who: Who) -> None:
        if target is Target.RUNNING:
            self._set_running(tree, who)
        elif target is Target.CANDIDATE:
            self._candidate, self._candidate_editor = tree, who
        else:
            self._startup = tree
            self._state.save()

    def _set_running(self, tree: Element, who: Who | None) -> None:
        old, self._running, self._pushing = self._running, tree, True
        try:
            changes = binding.push(old, tree, self._state)
            if changes:
                self._state.changed()
        finally:
            self._pushing = False
        if changes:
            self._publish(notify.config_change(Target.RUNNING, who, changes))

    def _drop_candidate(self) -> None:
        self._candidate = self._candidate_editor = None


def _not_yours(pending: _Pending, persist_id: str | None) -> RpcErrors:
    if persist_id is not None:
        return protocol_refusal("invalid-value", "persist-id is not that of the waiting confirmed commit", bad_element="persist-id")
    owner = f"session {pending.who.session_id} (user {pending.who.user})"
    return protocol_refusal("in-use", f"a confirmed commit of {owner} waits for its confirmation")
