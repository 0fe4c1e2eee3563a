"""Alarms of lost neighbours get their place among causes: symptoms of a link that passes nothing, until it is over.

Those that were lost over it are, and those of sessions that have no way left around it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from agent.assurance.alarms.alarm import Alarm, alarm_id
from agent.assurance.alarms.board import Board
from agent.assurance.alarms.causes import LINK_DOWN, LINK_SILENT
from agent.assurance.alarms.ledger import SPEAKS_FOR_ITSELF, Judgement, Ledger
from agent.assurance.problems.correlator import Patience
from agent.assurance.problems.sight import Sight
from agent.assurance.topology.adjacency import Place
from agent.assurance.topology.correlation import LINK, Network, Standing
from agent.assurance.topology.silence import Parts
from inventory.topology import split_reference

OVER_IT = "its neighbour is lost with a link that passes nothing"
BEHIND_IT = "every way to its neighbour leads over a link that passes nothing"

Homes = Mapping[str, tuple[str, datetime]]
"""Links that are named → the problem that they are, or belong to, and since when they pass nothing."""


def place_among_causes(ledger: Ledger, board: Board, sight: Sight, patience: Patience) -> bool:
    """Whether that has to be looked at again before long, though nothing changes. Problems are there by now."""
    network, failures = sight.watchlist.network, board.failures
    ledger.recall(alarm for alarm in sight.alarms if ledger.get(alarm.id) is None)
    homes = _homes(board, network)
    parts = Parts(network, failures)
    again = False
    for alarm in sight.alarms:
        place, known = sight.places.get(alarm.id), ledger.get(alarm.id)
        if known is None or not known.stands:
            continue
        links = _links_of(known, place, homes, parts, patience) if place is not None else ()
        if links and place is not None:
            _to_symptom(ledger, known, links, homes, over=place.way is not None)
        elif known.standing == Standing.SYMPTOM and LINK in known.why:
            again |= not _released(ledger, board, sight, known, patience)
    return again


def id_of(reference: str, cause: str) -> str:
    """Of the alarm about it that has this cause."""
    element, _, port = split_reference(reference)
    return alarm_id(element, port, cause)


def _links_of(alarm: Alarm, place: Place, homes: Homes, parts: Parts, patience: Patience) -> tuple[str, ...]:
    """Of the links that are named, those with which the adjacency went; a session that was lost long before did not."""
    if place.way is not None:
        return (place.way.link,) if place.way.link in homes else ()
    young = [link for link, (_, since) in homes.items() if alarm.raised_at >= since - patience.recheck]
    return tuple(sorted(parts.between(place.near, place.far).intersection(young))) if young and place.far else ()


def _released(ledger: Ledger, board: Board, sight: Sight, alarm: Alarm, patience: Patience) -> bool:
    """The link is over it, or down by its ports' own word, which explains as much; the neighbour has two polls to be back.

    False while these last.
    """
    ends = sight.watchlist.network.links.get(str(alarm.why[LINK]), ())
    if any(board.fails(f"port:{port}") for port in ends):
        return True
    ids = [id_of(port, cause) for port in ends for cause in (LINK_SILENT, LINK_DOWN)]
    ledger.fetch(ids)
    ended = [known.cleared_at for each in ids if (known := ledger.get(each)) is not None and known.cleared_at is not None]
    if ended and patience.waits(max(ended) + patience.recheck, sight.at):
        return False
    why = {"rule": SPEAKS_FOR_ITSELF, "verification": alarm.why.get("verification", "read back")}
    ledger.judge([alarm], Judgement(Standing.ROOT.value, None, why))
    return True


def _homes(board: Board, network: Network) -> Homes:
    found: dict[str, tuple[str, datetime]] = {}
    for alarm in sorted(board.alarms, key=lambda each: each.id):
        way = network.way_of.get(alarm.reference) if alarm.cause == LINK_SILENT else None
        if way is not None and alarm.problem_id is not None:
            found.setdefault(way.link, (alarm.problem_id, alarm.raised_at))
    return found


def _to_symptom(ledger: Ledger, alarm: Alarm, links: Sequence[str], homes: Homes, *, over: bool) -> None:
    home, _ = homes[links[0]]
    why = {
        "rule": OVER_IT if over else BEHIND_IT,
        "roots": [f"{LINK}:{link}" for link in links],
        "problems": sorted({homes[link][0] for link in links}),
        "ticket": f"none of its own: see problem {home}",
        LINK: links[0],
        **{name: alarm.why[name] for name in ("verification",) if name in alarm.why},
    }
    if alarm.parent_id is not None:
        alarm.parent_id = None  # it was near; now it is known what it comes of
        ledger.touch(alarm)
    ledger.judge([alarm], Judgement(Standing.SYMPTOM.value, home, why))
