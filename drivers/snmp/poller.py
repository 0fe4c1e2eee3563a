"""One gufo-snmp session on one element: GETs of whole ports, bounded walks, failures told by reason."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gufo.snmp import SnmpAuthError, SnmpError
from gufo.snmp.aio import SnmpSession

from drivers.errors import AuthenticationRefused, ElementError, ElementTimeout, ElementUnreachable
from drivers.port import Target
from drivers.snmp import credentials, oids
from drivers.snmp.batch import COLUMN_OID, PortRef, PortSample, Reason
from drivers.snmp.errors import NoSuchObject, WalkRefused

Value = int | float | str | bytes | None
MAX_ROWS = 10_000
_UINT64 = 2**64
_TICKS_RANGE = 2**32
_MAX_IF_INDEX = 2**31 - 1
"""InterfaceIndex (RFC 2863)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One PDU: sysUpTime and whatever instances the element had."""

    uptime: int
    values: Mapping[str, Value]

    def port(self, if_index: int, wall: float, monotonic: float) -> PortSample | None:
        """None when the element has no port of this index."""
        name = self.values.get(f"{oids.IF_NAME}.{if_index}")
        if not isinstance(name, bytes):
            return None
        values = {column: self.values.get(f"{oid}.{if_index}") for column, oid in COLUMN_OID.items()}
        whole = {column: value for column, value in values.items() if isinstance(value, int) and 0 <= value < _UINT64}
        return PortSample(if_index, name.decode("utf-8", "replace"), wall, monotonic, self.uptime, whole)


class Poller:
    """Every method may raise TimeoutError, OSError or gufo's SnmpError; `reason_of` and `error_of` sort them."""

    def __init__(self, session: SnmpSession) -> None:
        self._session = session

    @classmethod
    async def open(cls, target: Target, attempt: float, engine_id: bytes | None = None) -> "Poller":
        """`attempt`: seconds to wait for each answer. With v3, the engine's time is asked for (and its id, unless given)."""
        credentials.check(target)
        session = SnmpSession(
            await _address(target),
            target.port,
            community=target.credential.community,
            user=credentials.for_gufo(target.credential),
            engine_id=engine_id,
            timeout=attempt,
        )
        with _contained():
            await session.refresh()
        return cls(session)

    @property
    def engine_id(self) -> bytes:
        return bytes(self._session.get_engine_id())

    async def ports(self, indices: Iterable[int]) -> Answer:
        """SysUpTime with name, discontinuity and counters of these ports, all in one PDU."""
        # the name comes last: a port that an answer was cut short in lacks it, and so is not mistaken for read
        columns = (*COLUMN_OID.values(), oids.IF_NAME)
        with _contained():
            values = await self._session.get_many([oids.SYS_UPTIME, *(f"{oid}.{index}" for index in indices for oid in columns)])
        uptime = values.get(oids.SYS_UPTIME)
        if not isinstance(uptime, int) or not 0 <= uptime < _TICKS_RANGE:
            raise SnmpError("the answer carries no sysUpTime")
        return Answer(uptime, values)

    async def walk(self, column: str, element: str) -> dict[int, Value]:
        """Last sub-identifier → value; bounded in rows, and only as long as identifiers grow."""
        rows: dict[int, Value] = {}
        last = -1
        with _contained():
            async for identifier, value in self._session.getbulk(column):
                index = int(identifier.rpartition(".")[2])
                if index <= last:
                    raise WalkRefused(element, f"walk of {column} does not advance after index {last}; the agent loops")
                if len(rows) >= MAX_ROWS:
                    raise WalkRefused(element, f"walk of {column} has more than {MAX_ROWS} rows; gave up")
                rows[index] = value
                last = index
        return rows


async def discover(poller: Poller, element: str) -> tuple[PortRef, ...]:
    """Every port by ifName, or by ifDescr where the agent has no ifXTable."""
    names = await poller.walk(oids.IF_NAME, element) or await poller.walk(oids.IF_DESCR, element)
    return tuple(
        PortRef(index, name.decode("utf-8", "replace"))
        for index, name in names.items()
        if isinstance(name, bytes) and index <= _MAX_IF_INDEX
    )


def reason_of(error: Exception) -> Reason:
    match error:
        case TimeoutError():
            return Reason.TIMEOUT
        case SnmpAuthError() | AuthenticationRefused():
            return Reason.AUTHENTICATION
        case NoSuchObject():
            return Reason.NO_SUCH_INSTANCE
        case OSError():
            return Reason.UNREACHABLE
        case _:
            return Reason.PROTOCOL


def error_of(error: Exception, target: Target) -> ElementError:
    """The same as an error of the drivers' tree, for callers that asked for one thing and want it or the reason."""
    if isinstance(error, ElementError):
        return error
    where, reference = f"SNMP agent at {target.host} port {target.port}", target.credential.reference
    match reason_of(error):
        case Reason.TIMEOUT:
            return ElementTimeout(target.element, f"{where} did not answer in time (credential {reference})")
        case Reason.AUTHENTICATION:
            return AuthenticationRefused(target.element, f"{where} refused credential {reference}; check user and keys")
        case _:
            return ElementUnreachable(target.element, f"{where}: {error}")


@contextmanager
def _contained() -> Iterator[None]:
    """Gufo's native core panics on some malformed datagrams, with an error that derives from BaseException alone and would end the
    whole cycle; anybody who can forge an element's address could send one.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise SnmpError("the answer is no SNMP message") from None


async def _address(target: Target) -> str:
    """Gufo takes addresses only."""
    try:
        return str(ipaddress.ip_address(target.host))
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
        return str(found[0][4][0])
