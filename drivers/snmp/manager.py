"""GET, walk and SET on one element, blocking, with deadlines (pysnmp behind it).

pysnmp is asyncio and wants an engine per thread; so every manager brings its own loop and engine and runs
the loop only while a call is under way. Used by one thread at a time, like the session that owns it.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import SupportsInt

from pyasn1.type import univ
from pysnmp.hlapi.v3arch.asyncio import (
    ContextData,
    ObjectIdentity,
    ObjectType,
    Udp6TransportTarget,
    UdpTransportTarget,
    bulk_cmd,
    get_cmd,
    set_cmd,
)
from pysnmp.proto import errind, rfc1902, rfc1905

from drivers.errors import AuthenticationRefused, EditRefused, ElementError, ElementTimeout, ElementUnreachable
from drivers.port import Target
from drivers.snmp import credentials, mibs
from drivers.snmp.errors import WalkRefused
from drivers.snmp.switch import Binding, Syntax

Value = int | bytes | str | None
"""None: the element has no such object or instance."""
Reply = tuple[errind.ErrorIndication | None, SupportsInt, SupportsInt, Sequence[tuple[object, object]]]
"""pysnmp's answer: error indication, error-status, error-index (from 1), variable bindings."""
Command = Callable[..., Awaitable[Reply]]

ATTEMPT = 1.0
"""Seconds until a GET is sent again."""
OBJECTS_PER_GET = 24
MAX_ROWS = 10_000
_REPETITIONS = 20
_REFUSED = (
    errind.UnknownUserName,
    errind.UnknownSecurityName,
    errind.WrongDigest,
    errind.AuthenticationFailure,
    errind.AuthenticationError,
    errind.DecryptionError,
    errind.UnsupportedSecurityLevel,
    errind.UnknownCommunityName,
)


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """`status` is RFC 3416's error-status ("noError" when all was set); `index` is the offending binding, from 0."""

    status: str
    index: int = -1

    @property
    def done(self) -> bool:
        return self.status == "noError"


class Manager:
    """Raises `ElementTimeout`, `AuthenticationRefused`, `ElementUnreachable` or `EditRefused` (the element's own words)."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._auth = credentials.for_pysnmp(target)
        self._loop = asyncio.new_event_loop()
        self._engine = mibs.engine()
        self._context = ContextData()

    def get(self, identifiers: Sequence[str], deadline: float) -> dict[str, Value]:
        """Every identifier is a key of the result."""
        found: dict[str, Value] = {}
        for start in range(0, len(identifiers), OBJECTS_PER_GET):
            found.update(self._get(identifiers[start : start + OBJECTS_PER_GET], deadline))
        return found

    def walk(self, column: str, deadline: float) -> dict[str, Value]:
        """Instance suffix (after `column.`) → value; bounded in rows and time, and only as long as identifiers grow."""
        found: dict[str, Value] = {}
        last = _numbers(column)
        while True:
            for name, value in self._bulk(".".join(map(str, last)), deadline):
                if not name.startswith(f"{column}.") or isinstance(value, rfc1905.EndOfMibView):
                    return found
                if _numbers(name) <= last:
                    raise WalkRefused(self._target.element, f"walk of {column} does not advance after {name}; the agent loops")
                last = _numbers(name)
                found[name[len(column) + 1 :]] = plain(value)
                if len(found) > MAX_ROWS:
                    raise WalkRefused(self._target.element, f"walk of {column} has more than {MAX_ROWS} rows; gave up")

    def set(self, bindings: Sequence[Binding], attempt: float, deadline: float) -> SetOutcome:
        """One SET, sent once: whether a SET without an answer took effect is for the caller to find out."""
        objects = [ObjectType(ObjectIdentity(binding.oid), _encoded(binding)) for binding in bindings]
        seconds = min(attempt, self._left(deadline))
        status, index, _ = self._exchange(set_cmd, objects, deadline, attempt=seconds, retries=0)
        return SetOutcome(_words(status), int(index) - 1)

    def close(self) -> None:
        if self._loop.is_closed():
            return
        with contextlib.suppress(Exception):  # a closing engine has nothing to tell anybody
            self._engine.close_dispatcher()
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _get(self, identifiers: Sequence[str], deadline: float) -> Iterator[tuple[str, Value]]:
        objects = [ObjectType(ObjectIdentity(identifier)) for identifier in identifiers]
        status, index, found = self._exchange(get_cmd, objects, deadline)
        if int(status):
            where = identifiers[int(index) - 1] if 0 < int(index) <= len(identifiers) else "the request"
            raise EditRefused(self._target.element, f"reading {where}: {_words(status)}")
        return ((identifier, plain(value)) for identifier, (_, value) in zip(identifiers, found, strict=False))

    def _bulk(self, start: str, deadline: float) -> list[tuple[str, object]]:
        status, _, found = self._exchange(bulk_cmd, [ObjectType(ObjectIdentity(start))], deadline)
        if int(status):
            raise EditRefused(self._target.element, f"walking {start}: {_words(status)}")
        if not found:
            raise WalkRefused(self._target.element, f"walk after {start} got an empty answer")
        return [(str(name), value) for name, value in found]

    def _exchange(
        self, command: Command, objects: list[ObjectType], deadline: float, *, attempt: float = ATTEMPT, retries: int = 60
    ) -> tuple[SupportsInt, SupportsInt, Sequence[tuple[object, object]]]:
        try:
            indication, status, index, found = self._run(self._request(command, objects, attempt, retries), deadline)
        except TimeoutError as error:
            raise self._silent() from error
        except Exception as error:  # pysnmp raises its own and pyasn1's; all mean that no exchange took place
            raise ElementUnreachable(self._target.element, f"{self._where}: {error}") from error
        if indication:
            raise self._failure(indication)
        return status, index, found

    async def _request(self, command: Command, objects: list[ObjectType], attempt: float, retries: int) -> Reply:
        kind = Udp6TransportTarget if ":" in self._target.host else UdpTransportTarget
        transport = await kind.create((self._target.host, self._target.port), timeout=attempt, retries=retries)
        repetitions = (0, _REPETITIONS) if command is bulk_cmd else ()
        return await command(self._engine, self._auth, transport, self._context, *repetitions, *objects, lookupMib=False)

    def _run(self, work: Awaitable[Reply], deadline: float) -> Reply:
        seconds = self._left(deadline)
        return self._loop.run_until_complete(asyncio.wait_for(work, seconds))

    def _left(self, deadline: float) -> float:
        return max(deadline - time.monotonic(), 0.001)

    def _failure(self, indication: errind.ErrorIndication) -> ElementError:
        if isinstance(indication, errind.RequestTimedOut):
            return self._silent()
        if isinstance(indication, _REFUSED):
            reference = self._target.credential.reference
            return AuthenticationRefused(
                self._target.element, f"{self._where} refused credential {reference}: {indication}; check user and keys"
            )
        return ElementUnreachable(self._target.element, f"{self._where}: {indication}")

    def _silent(self) -> ElementTimeout:
        hint = f"; a wrong community (credential {self._target.credential.reference}) looks the same" * bool(
            self._target.credential.community
        )
        return ElementTimeout(self._target.element, f"{self._where} did not answer in time{hint}")

    @property
    def _where(self) -> str:
        return f"SNMP agent at {self._target.host} port {self._target.port}"


def _numbers(identifier: str) -> tuple[int, ...]:
    return tuple(map(int, identifier.split(".")))


def _words(status: SupportsInt) -> str:
    return str(rfc1905.errorStatus.clone(int(status)).prettyPrint())


def _encoded(binding: Binding) -> object:
    kind = {Syntax.INTEGER: rfc1902.Integer32, Syntax.GAUGE: rfc1902.Gauge32, Syntax.OCTETS: rfc1902.OctetString}[binding.syntax]
    return kind(binding.value)


def plain(value: object) -> Value:
    """Pysnmp's value as Python's own: numbers, octets, dotted identifiers and addresses; None where there is no object."""
    if isinstance(value, rfc1905.NoSuchObject | rfc1905.NoSuchInstance | rfc1905.EndOfMibView | univ.Null):
        return None
    if isinstance(value, rfc1902.IpAddress | univ.ObjectIdentifier):
        return str(value.prettyPrint())
    if isinstance(value, univ.OctetString):
        return bytes(value)
    return int(value)  # type: ignore[call-overload,no-any-return] # what remains are integers of one width or another
