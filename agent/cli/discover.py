"""`fabd inventory discover`: the links that elements tell of, held against the inventory. It asks by SNMP, and changes nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from agent.assurance.topology.discovery import Discovery, Seen, Verdict, compare
from agent.assurance.topology.watchlist import WatchedElement, load_watchlist
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.errors import CliError
from agent.cli.options import AsJson
from agent.cli.output import print_json, say, show_rows
from agent.security.credentials import CredentialResolver
from drivers.errors import ElementError
from drivers.port import Target
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.lldp import Neighbour

AT_ONCE = 32
"""Elements asked at the same time."""
WORDS = {
    Verdict.CONFIRMED: "as in the inventory",
    Verdict.MISSING: "in the inventory, and not heard",
    Verdict.OTHER: "hears another one",
    Verdict.NEW: "not in the inventory",
    Verdict.UNKNOWN: "neighbour unknown to the inventory",
}


@local
def discover(
    desk: Desk,
    elements: Annotated[list[str] | None, typer.Argument(metavar="[ELEMENT...]", help="Only these; all when left out.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also the links that are as in the inventory.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask elements who their neighbours are (LLDP), and say what the inventory lacks or has otherwise. Nothing is changed."""
    with desk.reading() as session:
        watchlist = load_watchlist(session)
    wanted = elements or sorted(watchlist.elements)
    if unknown := sorted(set(wanted) - set(watchlist.elements)):
        raise CliError(f"{', '.join(unknown)}: no element with an SNMP endpoint has this name; see `fabd inventory show elements`")
    told, failures = asyncio.run(_ask(desk, [watchlist.elements[name] for name in dict.fromkeys(wanted)]))
    found = compare(watchlist.topology, told, failures)
    shown = [each for each in found.findings if all_ or each.verdict is not Verdict.CONFIRMED]
    if as_json:
        print_json({"findings": [_document(each) for each in found.findings], "failures": dict(found.failures)})
        return
    show_rows([_row(each) for each in shown], empty="every link is as in the inventory")
    for element, reason in sorted(found.failures.items()):
        say(f"{element} could not be asked: {reason}")
    say(_summary(found, len(told)))


async def _ask(desk: Desk, elements: Sequence[WatchedElement]) -> tuple[Mapping[str, Sequence[Neighbour]], Mapping[str, str]]:
    resolve = CredentialResolver(desk.settings.credentials_file).resolve
    collector = Collector(desk.clock, CollectorLimits(attempt=desk.settings.polling.timeout_s))
    told: dict[str, Sequence[Neighbour]] = {}
    failures: dict[str, str] = {}
    places = asyncio.Semaphore(AT_ONCE)

    async def one(element: WatchedElement) -> None:
        async with places:
            try:
                target = Target(element.name, element.platform, "snmp", element.host, element.port, resolve(element.credential))
                told[element.name] = await collector.neighbours(target)
            except (ElementError, LookupError, OSError, ValueError) as error:
                failures[element.name] = str(error)

    async with asyncio.TaskGroup() as group:
        for element in elements:
            group.create_task(one(element))
    return told, failures


def _row(seen: Seen) -> dict[str, object]:
    return {"port": seen.port, "finding": WORDS[seen.verdict], "hears": seen.heard, "inventory": seen.expected, "link": seen.link}


def _document(seen: Seen) -> dict[str, object]:
    return {"verdict": seen.verdict.value, "port": seen.port, "heard": seen.heard, "link": seen.link, "expected": seen.expected}


def _summary(found: Discovery, asked: int) -> str:
    counts = {verdict: sum(each.verdict is verdict for each in found.findings) for verdict in Verdict}
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count) or "no links"
    return f"{asked} element{'' if asked == 1 else 's'} asked, {len(found.failures)} not reached: {told}"
