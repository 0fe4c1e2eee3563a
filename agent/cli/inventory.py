"""`fabd inventory`: the network as data."""

from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.cli import netbox
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.discover import discover
from agent.cli.files import read_text, write_text
from agent.cli.leaks import audit
from agent.cli.options import AsJson, DryRun, argument
from agent.cli.output import in_json, note, print_json, print_rows, say, show_facts
from agent.cli.pool import app as pool_app
from agent.cli.pool import fill_facts
from agent.cli.words import BitRate
from agent.security.audit import record
from drivers.registry import protocols
from inventory.difference import Action, Change
from inventory.document import json_schema
from inventory.exporter import export as exported
from inventory.exporter import to_data, to_yaml
from inventory.fill import fills, forecasts
from inventory.importer import ImportPlan, apply_import, plan_import
from inventory.source import Source
from inventory.tables import ElementRow, LinkRow, PoolRow, PortClaimRow, PortRow, ServiceRow, SiteRow

app = typer.Typer(no_args_is_help=True, help="The network as data: import it from a file, export it, look at it, compare it.")

app.add_typer(pool_app, name="pool")
app.command("audit")(audit)
app.command("discover")(discover)

_Row = dict[str, object]
_LONGEST_AUDIT = 1000
"""Changes of one import that the audit row lists; how many there were it says always."""


class Origin(StrEnum):
    FILE = "file"
    NETBOX = "netbox"


class Kind(StrEnum):
    SITES = "sites"
    ELEMENTS = "elements"
    PORTS = "ports"
    LINKS = "links"
    POOLS = "pools"
    SERVICES = "services"


@app.command("import")
@local
def import_(  # noqa: PLR0917  the options of a command
    desk: Desk,
    file: Annotated[str, argument("FILE", "File to read; - reads standard input. Of NetBox also its address.")],
    dry_run: DryRun = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what the file leaves out, unless services use it.")] = False,
    kind: Annotated[Origin, typer.Option("--from", help="What the file is, or where it comes from.")] = Origin.FILE,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="How NetBox's words become fabd's (YAML).")] = None,
    credential: Annotated[
        str, typer.Option(metavar="NAME", help="Credential whose password is NetBox's API token.")
    ] = netbox.CREDENTIAL,
    authority: Annotated[Path | None, typer.Option("--ca", metavar="FILE", help="Trust this authority for NetBox, too.")] = None,
    dump: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep what NetBox answered, to import it from.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the inventory in line with a YAML or JSON file, or with NetBox; the same again changes nothing.

    All mistakes are named at once, with file, line and path. All or nothing is changed.
    """
    if kind is Origin.NETBOX:
        found = netbox.read_netbox(desk, file, credential=credential, authority=authority, dump_to=dump)
        said = partial(netbox.source_of, desk, dump=found, rules=netbox.rules_of(rules), place=file)
    else:
        source = Source.of_text(read_text(Path(file)), file)
        said = partial(_as_it_is, source=source)
    with desk.reading() if dry_run else desk.writing() as session:
        wanted, remarks = said(session)
        plan = plan_import(session, wanted, platforms=desk.platforms.names(), protocols=protocols(), prune=prune)
        if not dry_run:
            _apply(desk, session, plan, file)
    _report(plan, remarks, dry_run=dry_run, as_json=as_json)


def _as_it_is(_session: Session, source: Source) -> tuple[Source, tuple[str, ...]]:
    return source, ()


@app.command()
@local
def export(
    desk: Desk,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="File to write; standard output without.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the inventory as a file that `fabd inventory import` reads."""
    with desk.reading() as session:
        document = exported(session)
    if file is not None:
        write_text(file, to_yaml(document))
        note(f"written to {file}")
    elif as_json:
        print_json(to_data(document))
    else:
        typer.echo(to_yaml(document), nl=False)


@app.command()
@local
def schema(_desk: Desk) -> None:
    """Print the JSON Schema of the inventory file, for editors."""
    print_json(json_schema())


@app.command("show")
@local
def show_(
    desk: Desk,
    kind: Annotated[
        Kind | None, typer.Argument(help="What to list; without it, how much there is of everything.", show_default=False)
    ] = None,
    element: Annotated[str | None, typer.Option(metavar="NAME", help="Only ports, links and services of this element.")] = None,
    as_json: AsJson = False,
) -> None:
    """List sites, elements, ports, links, pools or services."""
    with desk.reading() as session:
        if kind is None:
            _print_counts(_counts(session), as_json=as_json)
            return
        rows = [row for row in _LISTS[kind](session) if element is None or _concerns(row, element)]
    print_rows(rows, as_json=as_json, empty=f"there are no {kind}{f' of {element}' if element else ''}")


def _print_counts(counts: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(in_json(counts))
    else:
        show_facts("inventory", counts)


def _apply(desk: Desk, session: Session, plan: ImportPlan, file: str) -> None:
    if not plan.changes:
        return
    at = desk.clock.now()
    apply_import(session, plan, at)
    listed = [str(change) for change in plan.changes[:_LONGEST_AUDIT]]
    after = {"file": file, "count": len(plan.changes), "changes": listed}
    record(session, desk.actor, "import", "inventory", at, after=after)


def _report(plan: ImportPlan, remarks: tuple[str, ...], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        left_out = {"leftOut": list(remarks)} if remarks else {}
        print_json({"applied": not dry_run, "changes": [_change(change) for change in plan.changes]} | left_out)
        return
    for remark in remarks:
        note(remark)
    if plan.changes:
        say(str(plan))
    counts = Counter(change.action for change in plan.changes)
    summary = ", ".join(f"{counts[action]} {word}" for action, word in _WORDS if counts[action])
    note(f"{'would change' if dry_run else 'changed'}: {summary or 'nothing'}")


_WORDS: tuple[tuple[Action, str], ...] = (("add", "added"), ("change", "changed"), ("remove", "removed"))


def _change(change: Change) -> dict[str, object]:
    fields = [{"name": field.name, "before": field.before, "after": field.after} for field in change.fields]
    return {"action": change.action, "kind": change.kind, "name": change.name, "fields": fields}


def _counts(session: Session) -> dict[str, object]:
    tables = {"sites": SiteRow, "elements": ElementRow, "ports": PortRow, "links": LinkRow, "pools": PoolRow}
    counts: dict[str, object] = {
        name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()
    }
    live = select(ServiceRow.state, func.count()).group_by(ServiceRow.state).order_by(ServiceRow.state)
    return counts | {f"services {state}": count for state, count in session.execute(live)}


def _sites(session: Session) -> list[_Row]:
    parents = dict(session.execute(select(SiteRow.id, SiteRow.name)).all())
    elements = Counter(session.scalars(select(ElementRow.site_id)))
    return [
        {"name": row.name, "in": parents.get(row.parent_id or "", ""), "address": row.address, "elements": elements[row.id]}
        for row in session.scalars(select(SiteRow).order_by(SiteRow.name))
    ]


def _elements(session: Session) -> list[_Row]:
    sites = dict(session.execute(select(SiteRow.id, SiteRow.name)).all())
    ports = Counter(session.scalars(select(PortRow.element_id)))
    return [
        {
            "element": row.name,
            "platform": row.platform,
            "role": row.role,
            "site": sites[row.site_id],
            "managed by": [f"{way.protocol} {way.host}:{way.port}" for way in sorted(row.endpoints, key=lambda way: way.protocol)],
            "ports": ports[row.id],
            "state": row.administrative,
        }
        for row in session.scalars(select(ElementRow).order_by(ElementRow.name))
    ]


def _ports(session: Session) -> list[_Row]:
    users: dict[str, list[str]] = {}
    for port_id, vlan, service_id in session.execute(select(PortClaimRow.port_id, PortClaimRow.vlan, PortClaimRow.service_id)):
        users.setdefault(port_id, []).append(f"{service_id} (VLAN {vlan})" if vlan else service_id)
    query = select(PortRow, ElementRow.name).join(ElementRow).order_by(ElementRow.name, PortRow.if_index, PortRow.name)
    return [
        {
            "port": f"{element}/{row.name}",
            "role": row.role,
            "speed": BitRate(row.speed_bps),
            "if index": row.if_index,
            "used by": users.get(row.id, []),
        }
        for row, element in session.execute(query)
    ]


def _links(session: Session) -> list[_Row]:
    ports = session.execute(select(PortRow.id, ElementRow.name, PortRow.name).join(ElementRow))
    references = {port_id: f"{element}/{port}" for port_id, element, port in ports}
    return [
        {"link": row.name, "a": references[row.a_port_id], "b": references[row.b_port_id]}
        for row in session.scalars(select(LinkRow).order_by(LinkRow.name))
    ]


def _pools(session: Session) -> list[_Row]:
    found = fills(session, datetime.now(UTC))
    left = forecasts(session, found)
    return [fill_facts(each, left[each.name]) for each in found]


def _services(session: Session) -> list[_Row]:
    names = dict(session.execute(select(ElementRow.id, ElementRow.name)).all())
    return [
        {
            "service": row.id,
            "name": row.name,
            "specification": row.specification,
            "customer": row.customer,
            "state": row.state,
            "elements": sorted(names[part.element_id] for part in row.parts),
        }
        for row in session.scalars(select(ServiceRow).order_by(ServiceRow.id))
    ]


_LISTS = {
    Kind.SITES: _sites,
    Kind.ELEMENTS: _elements,
    Kind.PORTS: _ports,
    Kind.LINKS: _links,
    Kind.POOLS: _pools,
    Kind.SERVICES: _services,
}


def _concerns(row: _Row, element: str) -> bool:
    ends = [str(row.get(key, "")).partition("/")[0] for key in ("element", "port", "a", "b")]
    among = row.get("elements")
    return element in ends or (isinstance(among, list) and element in among)
