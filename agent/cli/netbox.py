"""NetBox, as `fabd inventory import --from netbox` reads it."""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.cli.desk import Desk
from agent.cli.errors import FileUnusable
from agent.cli.files import read_object, read_text, write_text
from agent.cli.output import note
from agent.security.credentials import CredentialResolver
from inventory.exporter import export
from inventory.netbox.client import connect
from inventory.netbox.mapping import map_dump
from inventory.netbox.objects import Dump
from inventory.netbox.rules import Rules, read_rules
from inventory.source import Source
from inventory.tables import AllocationRow, PoolRow

CREDENTIAL = "netbox"


def read_netbox(desk: Desk, place: str, *, credential: str, authority: Path | None, dump_to: Path | None) -> Dump:
    """From an address or a file."""
    if not place.startswith(("http://", "https://")):
        return Dump.read(read_object(Path(place)), place)
    token = CredentialResolver(desk.settings.credentials_file).resolve(credential).password
    if place.startswith("http://"):
        note(f"the token goes to {place} without encryption; better use https")
    with connect(place, token, verify=_trust(authority)) as netbox:
        found = netbox.dump(lambda kind, count: note(f"{count} {kind.replace('_', ' ')}"))
    if dump_to is not None:
        write_text(dump_to, json.dumps(found, indent=1) + "\n")
        note(f"written to {dump_to}")
    return Dump.read(found, place)


def rules_of(file: Path | None) -> Rules:
    return Rules() if file is None else read_rules(read_text(file), str(file))


def source_of(desk: Desk, session: Session, dump: Dump, rules: Rules, place: str) -> tuple[Source, tuple[str, ...]]:
    """What NetBox says as a document over what the inventory has, and what was left out."""
    protocols = {name: desk.platforms.load(name).protocol for name in desk.platforms.names()}
    mapped = map_dump(dump, rules, export(session), protocols, _given(session))
    return Source.of_data(_plain(mapped.data), place), mapped.remarks


def _given(session: Session) -> frozenset[tuple[str, str]]:
    rows = select(PoolRow.name, AllocationRow.value).join(AllocationRow).where(AllocationRow.state == "allocated")
    return frozenset((name, value) for name, value in session.execute(rows))


def _plain(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """JSON all through: documents are checked strictly."""
    plain: Mapping[str, Any] = json.loads(json.dumps(data))
    return plain


def _trust(authority: Path | None) -> ssl.SSLContext:
    """The system's authorities, and the one that is named."""
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError) as error:
            raise FileUnusable(f"{authority} cannot be read as certificates: {error}; give a PEM file") from error
    return context
