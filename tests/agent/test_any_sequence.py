"""Whatever is ordered one after the other, and whatever fails meanwhile: what is left is what a fresh activation of it would be.

Orders, plans, journal and recovery are the real ones; elements are kept in memory, as the places and values that the platform's own
language has for them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from agent.fulfillment.errors import FulfilmentError
from agent.fulfillment.events import Announcer
from agent.fulfillment.realisation import Realisation
from agent.fulfillment.requests import ItemRequest, Related
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import OrderCancellationRow, OrderRow
from drivers.diff import statements
from drivers.platform import Platform, load_platform
from drivers.port import ChangeSet, PortState, Standing, Verification
from inventory.db import Database
from inventory.tables import (
    AllocationRow,
    ElementRow,
    PlannedPartRow,
    PoolRow,
    PortClaimRow,
    PortRow,
    ServicePartRow,
    ServiceRow,
    StatementRow,
)
from tests.agent.chaos.results import whole
from tests.agent.fulfillment.fakes import FAULTS, FakeElement, FakeSession
from tests.agent.fulfillment.house import COMMITMENTS, House
from tests.clock import FakeClock

PLATFORMS = {"pe1": "ietf", "pe2": "ios", "pe3": "frr", "sw1": "qbridge", "sw2": "qbridge"}
INTERNET, ELINE = "internet-access", "l2-eline"
PRODUCTS: dict[str, tuple[str, tuple[dict[str, object], ...]]] = {
    "NETCONF": (INTERNET, ({"port": "pe1/ge-0/0/0", "description": "first"}, {"port": "pe1/ge-0/0/0", "description": "second"})),
    "wanders": (INTERNET, ({"port": "pe1/ge-0/0/1"}, {"port": "pe2/Gi0/2"}, {"port": "pe3/eth1"})),
    "command line": (INTERNET, ({"port": "pe2/Gi0/1", "rate": 50}, {"port": "pe2/Gi0/1", "rate": 20, "vlan": 30})),
    "command line and SNMP": (
        INTERNET,
        ({"accessPort": "sw1/1"}, {"accessPort": "sw2/1", "rate": 10}, {"accessPort": "sw1/1", "vlan": 150}),
    ),
    "SNMP": (ELINE, ({"a": "sw1/2", "b": "sw2/2"}, {"a": "sw1/2", "b": "sw2/2", "vlan": 250}, {"a": "sw1/2", "b": "sw2/1"})),
}
"""Specification, and what may be wanted of the service in turns."""
PHASES = ("connect", "lock", "stage", "commit", "verify", "standing", "confirm", "revert", "save", "end")
POINTS = [
    f"{when} {point}"
    for point in (
        "take",
        "hold",
        "stage",
        "commit",
        "decide",
        "confirm",
        "activate",
        "regain",
        "reconnect",
        "undone",
        "refuse",
        "doubt",
    )
    for when in ("before", "after")
]


# -- elements ----------------------------------------------------------------------------------------------------------


@dataclass
class Speaking(FakeElement):
    """Its configuration is what the platform's language says, place by place."""

    platform: Platform = field(default_factory=lambda: load_platform("ietf"))

    def said(self, text: str) -> set[str]:
        return {f"{place} = {value}" for place, value in statements(self.platform, text).items()}


class SpeakingSession(FakeSession):
    element: Speaking

    def _turn(self, change: ChangeSet) -> None:
        before, after = self.element.said(change.before), self.element.said(change.after)
        self.element.running = self.element.running - before | after

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        del deadline
        before, after, running = self.element.said(change.before), self.element.said(change.after), self.element.running
        with self._phase("verify"):
            ports = tuple(PortState(port, exists=True, up=True) for port in change.ports)
            return Verification(tuple(sorted(after - running)), tuple(sorted((before - after) & running)), ports)

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        del deadline
        before, after, running = self.element.said(change.before), self.element.said(change.after), self.element.running
        with self._phase("standing"):
            if running & (before | after) == after:
                return Standing.AFTER
            return Standing.BEFORE if running & (before | after) == before else Standing.MIXED


@dataclass
class Door:
    element: Speaking

    def open(self, deadline: float) -> SpeakingSession:
        del deadline
        self.element.play("connect", "before")
        return SpeakingSession(self.element)

    def end(self, session_id: str, deadline: float) -> None:
        del deadline
        self.element.play("end", "before")
        if self.element.locked_by == session_id:
            self.element.locked_by = ""


class Doors:
    def __init__(self, elements: dict[str, Speaking]) -> None:
        self._elements = elements

    def look_ahead(self, session, elements) -> None:
        """Nothing is looked up for these doors."""

    def to(self, element: str) -> Door:
        return Door(self._elements[element])


# -- what is ordered, and what goes wrong ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    kind: str
    """A fault of `FAULTS`, killed, cancelled or rebooted; "" for none."""
    element: str = ""
    phase: str = ""
    when: str = "before"
    point: str = ""


@dataclass(frozen=True)
class Wish:
    product: str
    action: str
    """add, modify, delete, suspend, resume, or put another in its place: replace (one after the other) or exchange (at once)."""
    variant: int = 0
    trouble: Trouble = Trouble("")


TOGETHER = {"replace": "reliesOn", "exchange": "bundle"}
"""How the new service follows the old one."""
ELEMENTS = st.sampled_from(sorted(PLATFORMS))
TROUBLES = st.one_of(
    st.just(Trouble("")),
    st.builds(Trouble, st.sampled_from(sorted(FAULTS)), ELEMENTS, st.sampled_from(PHASES), st.sampled_from(["before", "after"])),
    st.builds(lambda point: Trouble("killed", point=point), st.sampled_from(POINTS)),
    st.builds(lambda point: Trouble("cancelled", point=point), st.sampled_from(POINTS)),
    st.builds(lambda element, point: Trouble("rebooted", element, point=point), ELEMENTS, st.sampled_from(POINTS)),
)
WISHES = st.builds(
    Wish,
    st.sampled_from(sorted(PRODUCTS)),
    st.sampled_from(["add", "add", "modify", "modify", "delete", "suspend", "resume", "replace", "exchange"]),
    st.integers(0, 2),
    TROUBLES,
)


class Town(House):
    """A house whose elements speak, and to which things happen."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, FakeClock())
        speaking = {
            name: Speaking(name, commitment, platform=load_platform(PLATFORMS[name])) for name, commitment in COMMITMENTS.items()
        }
        self.elements.clear()
        self.elements.update(speaking)
        self.services: dict[str, str] = {}
        """By product; the one ordered last."""
        self._doors = Doors(speaking)
        self._trouble, self._order = Trouble(""), ""

    def tools(self):
        return replace(super().tools(), doors=self._doors)

    def realisation(self) -> Realisation:
        """What services share is told apart in each element's own language."""
        return Realisation(self.lifecycle, Announcer(), load_platform)

    def checkpoint(self, name: str) -> None:
        trouble = self._trouble
        if name == trouble.point and trouble.kind in {"cancelled", "rebooted"}:
            self._trouble = Trouble("")
            if trouble.kind == "rebooted":
                self.elements[trouble.element].reboot()
            else:
                self._try(lambda: self.cancel(self._order))
        super().checkpoint(name)

    def wish(self, wish: Wish) -> None:
        """Ordered, worked off with its trouble, and ended one way or the other; or refused, and then nothing has happened."""
        self._trouble = trouble = wish.trouble
        self.kill_at = trouble.point if trouble.kind == "killed" else ""
        if trouble.kind in FAULTS:
            self.elements[trouble.element].fail(trouble.phase, FAULTS[trouble.kind](trouble.element), when=trouble.when)
        placed = self._try(lambda: self.place(*self._items(wish)))
        if isinstance(placed, OrderRow):
            self._order = placed.id
            self._end()
            came = {item.service_id for item in placed.items if item.action == "add"} & {row.id for row in self.survivors()}
            self.services[wish.product] = came.pop() if came else self.services.get(wish.product, "svc-nobody")
        self._trouble, self.kill_at = Trouble(""), ""
        for element in self.elements.values():
            element.faults.clear()

    def delete_all(self) -> None:
        product = next(iter(PRODUCTS))  # any, for a service to be named by
        for row in self.survivors():
            self.services[product] = row.id
            self.wish(Wish(product, "delete"))

    def _items(self, wish: Wish) -> list[ItemRequest]:
        if wish.action not in TOGETHER:
            return [self._item(wish)]
        added = self._item(replace(wish, action="add"))
        related = (Related(TOGETHER[wish.action], "1"),)
        return [self._item(replace(wish, action="delete")), replace(added, reference="2", related=related)]

    def _item(self, wish: Wish) -> ItemRequest:
        specification, variants = PRODUCTS[wish.product]
        wanted = variants[wish.variant % len(variants)]
        if wish.action == "add":
            return ItemRequest("1", "add", specification, characteristics=wanted)
        service = self.services.get(wish.product, "svc-nobody")
        if wish.action == "modify":
            return ItemRequest("1", "modify", service_id=service, characteristics=wanted)
        if wish.action == "delete":
            return ItemRequest("1", "delete", service_id=service)
        state, reason = ("inactive", "unpaid") if wish.action == "suspend" else ("active", "")
        return ItemRequest(
            "1", "modify", service_id=service, characteristics=self._has(service), state=state, suspension_reason=reason
        )

    def _has(self, service: str) -> dict[str, object]:
        with self.database.read() as session:
            row = session.get(ServiceRow, service)
            return dict(row.characteristics) if row is not None else {}

    def _try(self, act):
        try:
            return act()
        except FulfilmentError:
            return None

    def _end(self) -> None:
        self.work_off()
        assert self.open_work() == 0
        with self.database.read() as session:
            assert set(session.scalars(select(OrderRow.state))) <= FINAL
            assert set(session.scalars(select(OrderCancellationRow.state))) <= {"done", "terminatedWithError"}
        self.clock.advance(timedelta(minutes=5))  # what rests may be given again

    # -- looking -------------------------------------------------------------------------------------------------------

    def survivors(self) -> list[ServiceRow]:
        with self.database.read() as session:
            there = select(ServiceRow).where(ServiceRow.state != "terminated").order_by(ServiceRow.id)
            return list(session.scalars(there))

    def values(self, service: str) -> dict[str, str]:
        """By role."""
        given = AllocationRow.service_id == service, AllocationRow.state == "allocated"
        with self.database.read() as session:
            return dict(session.execute(select(AllocationRow.role, AllocationRow.value).where(*given)).all())

    def picture(self) -> dict[str, object]:
        """Everything that must not depend on how it came about; services by what they are."""
        names = {row.id: f"{row.specification} {row.state} {sorted(row.characteristics.items())}" for row in self.survivors()}

        def named(*columns, joined) -> list[tuple[object, ...]]:
            with self.database.read() as session:
                return sorted((names.get(service, service), *rest) for service, *rest in session.execute(joined(select(*columns))))

        service = AllocationRow.service_id
        return {
            "services": sorted(names.values()),
            "running": {name: sorted(element.running) for name, element in self.elements.items()},
            "startup": {name: sorted(element.startup) for name, element in self.elements.items()},
            "pending": {name: (element.persist, element.locked_by) for name, element in self.elements.items()},
            "values": named(
                service,
                PoolRow.name,
                AllocationRow.role,
                AllocationRow.value,
                joined=lambda rows: rows.join(PoolRow).where(AllocationRow.state == "allocated"),
            ),
            "claims": named(
                PortClaimRow.service_id,
                ElementRow.name,
                PortRow.name,
                PortClaimRow.vlan,
                PortClaimRow.heir,
                joined=lambda rows: rows.join(PortRow, PortRow.id == PortClaimRow.port_id).join(ElementRow),
            ),
            "parts": named(
                ServicePartRow.service_id, ElementRow.name, ServicePartRow.desired, joined=lambda rows: rows.join(ElementRow)
            ),
            "planned": named(
                PlannedPartRow.service_id, ElementRow.name, PlannedPartRow.desired, joined=lambda rows: rows.join(ElementRow)
            ),
            "statements": named(
                StatementRow.service_id,
                ElementRow.name,
                StatementRow.slot,
                StatementRow.value,
                joined=lambda rows: rows.join(ElementRow),
            ),
            "holds": self.holds(),
        }


def activated_afresh(town: Town, services: list[tuple[ServiceRow, dict[str, str]]]) -> None:
    for row, values in services:
        item = ItemRequest(
            "1",
            "add",
            row.specification,
            characteristics=row.characteristics,
            values=values,
            state="inactive" if row.state == "inactive" else "",
            suspension_reason=row.suspension_reason,
        )
        order = town.place(item)
        town.work_off()
        assert town.order_row(order.id).state == "completed"


# -- the property ------------------------------------------------------------------------------------------------------


class Ground:
    """Where towns are built: an empty database each."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._template, self._folder, self._numbers = template, folder, count()

    @contextmanager
    def town(self) -> Iterator[Town]:
        path = self._folder / f"{next(self._numbers)}.db"
        shutil.copyfile(self._template, path)
        database = Database(f"sqlite:///{path}")
        try:
            yield Town(database)
        finally:
            database.close()
            path.unlink()


@pytest.fixture(scope="module")
def ground(_sqlite_template, tmp_path_factory) -> Ground:
    return Ground(_sqlite_template, tmp_path_factory.mktemp("towns"))


@settings(max_examples=100 if whole() else 12)
@given(st.lists(WISHES, min_size=3, max_size=9))
def test_what_is_left_is_what_a_fresh_activation_would_be(ground, wishes):
    with ground.town() as town, ground.town() as fresh:
        for wish in wishes:
            town.wish(wish)
        activated_afresh(fresh, [(row, town.values(row.id)) for row in town.survivors()])
        assert town.picture() == fresh.picture()
        for element in town.elements.values():
            element.reboot()
        assert town.picture() == fresh.picture()


@settings(max_examples=40 if whole() else 5)
@given(st.lists(WISHES, min_size=2, max_size=6))
def test_and_when_all_of_it_is_deleted_nothing_is(ground, wishes):
    with ground.town() as town:
        for wish in wishes:
            town.wish(wish)
        town.delete_all()
        town.assert_empty()
