"""Whose traps are heard: the credentials named by the settings, or those by which the elements are polled."""

import structlog
from sqlalchemy import select

from agent.config import TrapSettings as Wanted
from agent.errors import AgentError
from agent.security.credentials import CredentialResolver
from drivers.port import Credential
from drivers.snmp.traps import TrapSettings
from inventory.db import Database
from inventory.tables import EndpointRow

log = structlog.get_logger(__name__)


def trap_settings(wanted: Wanted, database: Database, credentials: CredentialResolver) -> TrapSettings:
    """A reference that does not resolve is logged and left out: one element's missing secret must not deafen the daemon."""
    resolved = [found for reference in _references(wanted, database) if (found := _resolve(credentials, reference)) is not None]
    return TrapSettings(
        host=wanted.host,
        port=wanted.port,
        communities=frozenset(each.community for each in resolved if each.community),
        users=tuple(each for each in resolved if each.auth_key),
        queue_size=wanted.queue,
    )


def _references(wanted: Wanted, database: Database) -> list[str]:
    if wanted.credentials:
        return wanted.credentials
    statement = select(EndpointRow.credential).where(EndpointRow.protocol == "snmp").distinct().order_by(EndpointRow.credential)
    with database.read() as session:
        return list(session.scalars(statement))


def _resolve(credentials: CredentialResolver, reference: str) -> Credential | None:
    try:
        return credentials.resolve(reference)
    except AgentError as error:
        log.warning("traps of this credential are not heard", credential=reference, reason=str(error))
        return None
