"""The operations of RFC 6241 and RFC 5277: parameters read and checked, datastores asked, faults played in between."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from drivers.sim.errors import RefusedByFault
from drivers.sim.faults import ElementFaults, Phase
from drivers.sim.netconf import binding, library, payload
from drivers.sim.netconf.datastore import CommitRequest, Datastores, EditOptions
from drivers.sim.netconf.edit import OnError
from drivers.sim.netconf.errors import protocol_refusal, refusal
from drivers.sim.netconf.filter import select
from drivers.sim.netconf.locks import Target, Who
from drivers.sim.netconf.names import NC, NOTIFICATION, Element, elements, local, namespace, new, q, text_of
from drivers.sim.netconf.payload import Operation

_MAX_TIMEOUT = 2**32 - 1

Parameters = dict[str, Element]
"""Local name → element."""


class Caller(Protocol):
    """What an operation may ask of its session."""

    who: Who

    def subscribe(self, wanted: Element | None) -> None: ...

    def close_after_reply(self) -> None: ...

    def kill(self, session_id: int) -> None:
        """Raises LookupError when there is no such session."""
        ...


Handler = Callable[[Parameters, Caller], Awaitable[list[Element]]]
"""Returns the content of `<rpc-reply>`; an empty list is `<ok/>`."""


class Operations:
    def __init__(self, datastores: Datastores, faults: ElementFaults) -> None:
        self._stores = datastores
        self._faults = faults
        self._handlers: dict[str, tuple[Handler, str]] = {
            q(NC, "get"): (self._get, "filter"),
            q(NC, "get-config"): (self._get_config, "source filter"),
            q(NC, "edit-config"): (self._edit_config, "target default-operation test-option error-option config"),
            q(NC, "copy-config"): (self._copy_config, "target source"),
            q(NC, "delete-config"): (self._delete_config, "target"),
            q(NC, "lock"): (self._lock, "target"),
            q(NC, "unlock"): (self._unlock, "target"),
            q(NC, "validate"): (self._validate, "source"),
            q(NC, "commit"): (self._commit, "confirmed confirm-timeout persist persist-id"),
            q(NC, "cancel-commit"): (self._cancel_commit, "persist-id"),
            q(NC, "discard-changes"): (self._discard, ""),
            q(NC, "close-session"): (self._close_session, ""),
            q(NC, "kill-session"): (self._kill_session, "session-id"),
            q(NOTIFICATION, "create-subscription"): (self._subscribe, "stream filter startTime stopTime"),
        }

    async def execute(self, operation: Element, caller: Caller) -> list[Element]:
        """Raises RpcErrors for the client, DisconnectedByFault when the session shall be gone."""
        entry = self._handlers.get(operation.tag)
        if entry is None:
            raise protocol_refusal(
                "operation-not-supported", f"unknown operation {local(operation.tag)}", bad_element=local(operation.tag)
            )
        handler, allowed = entry
        try:
            return await handler(_parameters(operation, allowed.split()), caller)
        except RefusedByFault as fault:
            raise refusal("operation-failed", fault.message) from fault

    # -- reading

    async def _get(self, given: Parameters, _: Caller) -> list[Element]:
        await self._faults.before(Phase.READ)
        data = self._stores.operational()
        data.append(library.modules_state())
        data.extend(self._stores.beside())
        return [_data(select(data, _filter(given)))]

    async def _get_config(self, given: Parameters, _: Caller) -> list[Element]:
        source = _datastore(_required(given, "source"))
        await self._faults.before(Phase.READ)
        return [_data(select(self._stores.read(source), _filter(given)))]

    # -- writing

    async def _edit_config(self, given: Parameters, caller: Caller) -> list[Element]:
        target = _datastore(_required(given, "target"))
        if target is Target.STARTUP:
            raise protocol_refusal("invalid-value", "startup is written by copy-config only", bad_element="target")
        test = _choice(given, "test-option", ("test-then-set", "set", "test-only"), "")
        options = EditOptions(
            default=Operation(_choice(given, "default-operation", ("merge", "replace", "none"), "merge")),
            on_error=OnError(_choice(given, "error-option", tuple(OnError), OnError.STOP)),
            validate_first=test == "test-then-set",
            dry_run=test == "test-only",
        )
        await self._faults.before(Phase.EDIT)
        self._stores.locks.check(caller.who, target)
        self._stores.edit(target, payload.read(_required(given, "config")), options, caller.who)
        return []

    async def _copy_config(self, given: Parameters, caller: Caller) -> list[Element]:
        target, source = _datastore(_required(given, "target")), _required(given, "source")
        await self._faults.before(Phase.SAVE)
        tree = self._source(source)
        if tree is self._stores.read(target):
            raise protocol_refusal("invalid-value", "source and target are the same datastore", bad_element="source")
        self._stores.replace(target, tree, caller.who)
        return []

    async def _delete_config(self, given: Parameters, caller: Caller) -> list[Element]:
        target = _datastore(_required(given, "target"))
        if target is not Target.STARTUP:
            raise protocol_refusal("invalid-value", f"{target} cannot be deleted", bad_element="target")
        await self._faults.before(Phase.SAVE)
        self._stores.replace(target, binding.empty_config(), caller.who)
        return []

    async def _validate(self, given: Parameters, _: Caller) -> list[Element]:
        source = _required(given, "source")
        await self._faults.before(Phase.VALIDATE)
        self._stores.validate(self._source(source))
        return []

    # -- locks

    async def _lock(self, given: Parameters, caller: Caller) -> list[Element]:
        target = _datastore(_required(given, "target"))
        await self._faults.before(Phase.LOCK)
        self._stores.lock(target, caller.who)
        return []

    async def _unlock(self, given: Parameters, caller: Caller) -> list[Element]:
        target = _datastore(_required(given, "target"))
        await self._faults.reachable()
        self._stores.unlock(target, caller.who)
        return []

    # -- commit

    async def _commit(self, given: Parameters, caller: Caller) -> list[Element]:
        request = _commit_request(given)
        confirms = self._stores.confirm_pending and not request.confirmed
        await self._faults.before(Phase.CONFIRM if confirms else Phase.COMMIT)
        self._stores.commit(request, caller.who)
        await self._faults.before(Phase.AFTER_COMMIT)
        return []

    async def _cancel_commit(self, given: Parameters, caller: Caller) -> list[Element]:
        await self._faults.reachable()
        self._stores.cancel_commit(_text(given, "persist-id"), caller.who)
        return []

    async def _discard(self, _: Parameters, caller: Caller) -> list[Element]:
        await self._faults.reachable()
        self._stores.discard(caller.who)
        return []

    # -- sessions

    async def _close_session(self, _: Parameters, caller: Caller) -> list[Element]:
        await self._faults.reachable()
        caller.close_after_reply()
        return []

    async def _kill_session(self, given: Parameters, caller: Caller) -> list[Element]:
        text = text_of(_required(given, "session-id"))
        await self._faults.reachable()
        try:
            caller.kill(int(text))
        except (ValueError, LookupError) as error:
            message = str(error) if isinstance(error, LookupError) else f"'{text}' is not a session id"
            raise protocol_refusal("invalid-value", message, bad_element="session-id") from error
        return []

    async def _subscribe(self, given: Parameters, caller: Caller) -> list[Element]:
        if (stream := _text(given, "stream")) not in (None, "NETCONF"):
            raise protocol_refusal("invalid-value", f"there is no stream {stream}", bad_element="stream")
        for name in ("startTime", "stopTime"):
            if name in given:
                raise protocol_refusal("operation-failed", "this element keeps no log to replay", bad_element=name)
        await self._faults.before(Phase.READ)
        caller.subscribe(_filter(given))
        return []

    def _source(self, source: Element) -> Element:
        """A datastore, or the configuration given inline."""
        inline = source.find(q(NC, "config"))
        return payload.read(inline) if inline is not None else self._stores.read(_datastore(source))


# -- reading parameters


def _parameters(operation: Element, allowed: list[str]) -> Parameters:
    given: Parameters = {}
    for child in elements(operation):
        name = local(child.tag)
        # clients, the stock ncclient among them, send the base namespace's filter in a subscription
        spaces = {namespace(operation.tag), NC} if name == "filter" else {namespace(operation.tag)}
        if namespace(child.tag) not in spaces or name not in allowed:
            raise protocol_refusal("unknown-element", f"{local(operation.tag)} takes no {name}", bad_element=name)
        if name in given:
            raise protocol_refusal("bad-element", f"{name} is given twice", bad_element=name)
        given[name] = child
    return given


def _required(given: Parameters, name: str) -> Element:
    if name not in given:
        raise protocol_refusal("missing-element", f"{name} is missing", bad_element=name)
    return given[name]


def _text(given: Parameters, name: str) -> str | None:
    return text_of(given[name]) if name in given else None


def _choice(given: Parameters, name: str, allowed: tuple[str, ...], default: str) -> str:
    text = _text(given, name)
    if text is None:
        return default
    if text not in allowed:
        raise protocol_refusal("invalid-value", f"{name} is one of {', '.join(allowed)}, not '{text}'", bad_element=name)
    return text


def _datastore(where: Element) -> Target:
    named = elements(where)
    if len(named) != 1:
        raise protocol_refusal("missing-element", f"{local(where.tag)} names no datastore", bad_element=local(where.tag))
    name = local(named[0].tag)
    if name not in set(Target):
        raise protocol_refusal("unknown-element", f"there is no datastore {name}", bad_element=name)
    return Target(name)


def _filter(given: Parameters) -> Element | None:
    wanted = given.get("filter")
    if wanted is not None and (kind := wanted.get("type", wanted.get(q(NC, "type"), "subtree"))) != "subtree":
        raise protocol_refusal(
            "bad-attribute", f"filter type {kind} is not supported; use subtree", bad_attribute="type", bad_element="filter"
        )
    return wanted


def _commit_request(given: Parameters) -> CommitRequest:
    confirmed = "confirmed" in given
    for name in ("confirm-timeout", "persist"):
        if name in given and not confirmed:
            raise protocol_refusal("missing-element", f"{name} needs confirmed", bad_element="confirmed")
    timeout = _text(given, "confirm-timeout") or "600"
    if not timeout.isdigit() or not 1 <= int(timeout) <= _MAX_TIMEOUT:
        raise protocol_refusal("invalid-value", f"'{timeout}' is not a number of seconds from 1", bad_element="confirm-timeout")
    return CommitRequest(confirmed, int(timeout), _text(given, "persist"), _text(given, "persist-id"))


def _data(selected: Element) -> Element:
    data = new(q(NC, "data"))
    data.extend(list(selected))
    return data
