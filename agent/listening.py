"""Who is heard: the credentials named by the settings, or those by which the elements are polled; and from which addresses."""

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import structlog
from sqlalchemy import select

from agent.config import SyslogSettings as WantedLines
from agent.config import TrapSettings as Wanted
from agent.errors import AgentError
from agent.security.credentials import CredentialResolver
from drivers.events.listener import SyslogListener, SyslogSettings
from drivers.port import Credential
from drivers.snmp.credentials import fault
from drivers.snmp.traps import TrapReceiver, TrapSettings
from inventory.db import Database
from inventory.tables import ElementRow, EndpointRow
from policies.values import Clock

log = structlog.get_logger(__name__)

SOURCES = "event_sources"
"""Element attribute: further addresses (or host names) that it sends events from, as a list or as one text."""
MOST_NAMES = 10_000
RESOLVED_AT_ONCE = 8


def trap_settings(wanted: Wanted) -> TrapSettings:
    return TrapSettings(host=wanted.host, port=wanted.port, queue_size=wanted.queue, per_source_s=wanted.per_source_s)


def syslog_listener(wanted: WantedLines, clock: Clock) -> SyslogListener:
    settings = SyslogSettings(
        host=wanted.host,
        port=wanted.port,
        tcp=wanted.tcp,
        queue_size=wanted.queue,
        per_source_s=wanted.per_source_s,
        connections=wanted.connections,
        connections_per_source=wanted.connections_per_source,
        idle_s=wanted.idle_s,
    )
    return SyslogListener(settings, clock)


class Listening:
    """The trap receiver, kept up with the inventory: an element imported while the daemon runs is heard soon after."""

    def __init__(self, wanted: Wanted, database: Database, credentials: CredentialResolver, clock: Clock) -> None:
        self.receiver = TrapReceiver(trap_settings(wanted), clock)
        self._wanted, self._database, self._credentials = wanted, database, credentials
        self._complained: set[str] = set()

    async def refresh(self) -> None:
        """Hear those who count now. What cannot be used is logged once: one missing secret must not deafen the daemon."""
        trusted = await asyncio.to_thread(lambda: list(self._trusted()))
        communities = frozenset(each.community for each in trusted if each.community)
        self.receiver.trust(communities, tuple(each for each in trusted if each.auth_key))

    def _trusted(self) -> Iterator[Credential]:
        for reference in self._references():
            try:
                found = self._credentials.resolve(reference)
            except AgentError as error:
                self._complain(reference, str(error))
                continue
            why = fault(replace(found, community="")) if found.auth_key else ""
            if why:
                self._complain(reference, why)
            else:
                yield found

    def _references(self) -> list[str]:
        if self._wanted.credentials:
            return self._wanted.credentials
        statement = select(EndpointRow.credential).where(EndpointRow.protocol == "snmp").distinct().order_by(EndpointRow.credential)
        with self._database.read() as session:
            return list(session.scalars(statement))

    def _complain(self, reference: str, reason: str) -> None:
        if reference not in self._complained:
            log.warning("traps of this credential are not heard", credential=reference, reason=reason)
            self._complained.add(reference)


class Addresses:
    """Where elements send events from: their endpoints of all protocols, names resolved, and what their attributes add."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def aliases(self) -> Mapping[str, str]:
        """Address → element. An address that several elements share stands for none of them."""
        names = await asyncio.to_thread(self._names)
        resolved = await _resolved({name for name, _ in names if not _is_address(name)})
        found = {(address, element) for name, element in names for address in resolved.get(name, [name])}
        shared = Counter(address for address, _ in found)
        return {address: element for address, element in found if shared[address] == 1}

    def _names(self) -> list[tuple[str, str]]:
        """Host and element."""
        hosts = select(EndpointRow.host, ElementRow.name).join(ElementRow, ElementRow.id == EndpointRow.element_id).distinct()
        with self._database.read() as session:
            found = [(host, name) for host, name in session.execute(hosts)]
            for name, attributes in session.execute(select(ElementRow.name, ElementRow.attributes)):
                found += [(host, name) for host in _listed(attributes.get(SOURCES))]
        return found


def _listed(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _resolved(names: Iterable[str]) -> dict[str, list[str]]:
    """A name that cannot be resolved has no addresses; the next refresh tries it again."""
    places = asyncio.Semaphore(RESOLVED_AT_ONCE)
    loop = asyncio.get_running_loop()

    async def look_up(name: str) -> tuple[str, list[str]]:
        async with places:
            try:
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
            except OSError:
                return name, []
        return name, sorted({str(each[4][0]) for each in found})

    return dict(await asyncio.gather(*(look_up(name) for name in sorted(names)[:MOST_NAMES])))
