"""A network whose elements answer collectors as a test says, and assurance that asks them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from agent.assurance.collectors.asking import Asking
from agent.assurance.collectors.collecting import Collecting, CollectingParts
from agent.assurance.events.hearing import Ears
from agent.assurance.service import AssuranceParts, AssuranceService
from agent.assurance.tables import AlarmRow
from agent.config import CollectorSettings
from drivers.errors import EditRefused, ElementError, ElementTimeout
from drivers.port import Credential, Question, Target
from inventory.db import Database
from inventory.tables import ElementRow, EndpointRow
from policies.collecting.collector import Collector
from policies.collecting.meaning import parse_collector
from policies.values import new_id
from tests.agent.assurance.world import World, metro
from tests.clock import FakeClock

NEIGHBOURS = """
name: neighbours
platforms: [frr]
ask: {command: show neighbours}
read: {json: '{peer}', fields: {state: state, port: port}}
states:
  - cause: bgpNeighbourDown
    qualifier: "{peer}"
    over: "{port}"
    good: Established
    passing: OpenSent
    unwanted: Idle Admin
    text: "{element}: BGP neighbour {peer} is {state}"
samples: [{answer: '{}'}]
"""
ADJACENCIES = """
name: adjacencies
platforms: [frr]
ask: {command: show adjacencies}
read: {json: '{address}', fields: {state: state, router: router, interface: interface}}
states:
  - cause: ospfNeighbourDown
    qualifier: "{address}.0"
    also: ["{router} {interface}"]
    over: "{interface}"
    good: Full
    passing: Loading
    absent: bad
    text: "{element}: OSPF neighbour {address} is {state}"
samples: [{answer: '{}'}]
"""
OPTICS = """
name: optics
platforms: [frr]
ask: {command: show optics}
interval_s: 300
read: {json: '{port}', fields: {receive: rx}}
values: [{metric: receive_power_dbm, value: receive}]
samples: [{answer: '{}'}]
"""
FILES = {"neighbours": NEIGHBOURS, "adjacencies": ADJACENCIES, "optics": OPTICS}
COLLECTORS = {name: parse_collector(text, name) for name, text in FILES.items()}


@dataclass
class Elements:
    """A driver over elements that show what was put there; `failing` are those that cannot be spoken to."""

    shown: dict[tuple[str, str], str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    closed: int = 0

    def open(self, target: Target, deadline: float) -> "Session":
        del deadline
        self.opened.append(target.element)
        if target.element in self.failing:
            raise ElementTimeout(target.element, "no answer in time")
        return Session(self, target.element)

    def close(self) -> None:
        raise AssertionError


@dataclass
class Session:
    elements: Elements
    element: str

    def show(self, question: Question, deadline: float) -> str:
        del deadline
        self.elements.asked.append((self.element, question.command))
        answer = self.elements.shown.get((self.element, question.command))
        if answer is None:
            raise EditRefused(self.element, "% Invalid input")
        if answer == "gone":
            raise ElementError(self.element, "the connection broke")
        return answer

    def close(self) -> None:
        self.elements.closed += 1


@dataclass
class Field:
    world: World
    elements: Elements
    collectors: Sequence[Collector]
    settings: CollectorSettings = field(default_factory=CollectorSettings)

    def __post_init__(self) -> None:
        self.restarted()

    def restarted(self, ears: Ears = Ears()) -> None:  # noqa: B008  immutable
        """As after a restart of the daemon."""
        world = self.world
        asking = Asking(lambda _: self.elements, self._target, world.clock)  # type: ignore[arg-type,return-value]
        world.service = AssuranceService(
            AssuranceParts(
                database=world.database,
                clock=world.clock,
                collector=world.network,
                resolve=Credential,
                book=world.book,
                monitors_of=lambda _: (),
                polling=world.polling,
                assurance=world.assurance,
                usage=world.usage,
                ears=ears,
                asks=CollectingParts(self.collectors, asking, self.settings),
                host="here",
            )
        )

    @property
    def collecting(self) -> Collecting:
        found = self.world.service.collecting
        assert found is not None
        return found

    def show(self, element: str, command: str, answer: str) -> None:
        self.elements.shown[element, command] = answer

    def turn(self, after: float = 60.0) -> None:
        """What is due then is asked, answered and stored; the first time, each gets its place in the interval."""
        if not self.collecting.roster():
            asyncio.run(self.collecting.turn())
        self.world.clock.advance(after)
        asyncio.run(self._turn())

    def alarms(self, *, standing: bool = True) -> list[tuple[str, str, str]]:
        """Element, cause, qualifier."""
        query = select(AlarmRow).order_by(AlarmRow.element, AlarmRow.cause, AlarmRow.qualifier)
        with self.world.database.read() as session:
            rows = session.scalars(query.where(AlarmRow.cleared_at.is_(None)) if standing else query)
            return [(row.element, row.cause, row.qualifier) for row in rows if row.cause.endswith("NeighbourDown")]

    def endpoint(self, element: str, protocol: str = "ssh", platform: str = "frr", attributes: Mapping[str, object] = {}) -> None:
        with self.world.database.write() as session:
            row = session.scalars(select(ElementRow).where(ElementRow.name == element)).one()
            row.platform, row.attributes = platform, {**row.attributes, **attributes}
            row.endpoints.append(
                EndpointRow(id=new_id("end"), protocol=protocol, host=f"{element}.example", port=22, credential="shell")
            )

    async def _turn(self) -> None:
        await self.collecting.turn()
        await self.collecting.finished()

    def _target(self, place: object) -> Target:
        element, platform, host, port = (getattr(place, name) for name in ("element", "platform", "host", "port"))
        return Target(element, platform, "ssh", host, port, Credential("shell"))


def made(database: Database, clock: FakeClock, *names: str, **settings: object) -> Field:
    """The metro network, whose pe1 and pe2 have a command line; `names` of the collectors that there are."""
    world = metro(database, clock)
    field_ = Field(world, Elements(), [COLLECTORS[name] for name in names], CollectorSettings(**settings))  # type: ignore[arg-type]
    for element in ("pe1", "pe2"):
        field_.endpoint(element)
    return field_
