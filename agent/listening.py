"""Whose traps are heard: the credentials named by the settings, or those by which the elements are polled."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import structlog
from sqlalchemy import select

from agent.config import TrapSettings as Wanted
from agent.errors import AgentError
from agent.security.credentials import CredentialResolver
from drivers.port import Credential
from drivers.snmp.credentials import fault
from drivers.snmp.traps import TrapReceiver, TrapSettings
from inventory.db import Database
from inventory.tables import EndpointRow
from policies.values import Clock

log = structlog.get_logger(__name__)


class Listening:
    """The trap receiver, kept up with the inventory: an element imported while the daemon runs is heard soon after."""

    def __init__(self, wanted: Wanted, database: Database, credentials: CredentialResolver, clock: Clock) -> None:
        self.receiver = TrapReceiver(TrapSettings(host=wanted.host, port=wanted.port, queue_size=wanted.queue), clock)
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
