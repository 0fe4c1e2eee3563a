"""What several services say alike on one element: found before a change, so that it leaves alone what is not the change's own."""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from sqlalchemy.orm import Session

from drivers.diff import Statements, statements
from drivers.errors import DriverSetupError
from drivers.platform import Platform
from inventory import sharing

_NOTHING: Mapping[str, Mapping[str, sharing.Said]] = MappingProxyType({})


class Conflict(Exception):
    """Another service says something else in a place that holds one value."""

    def __init__(self, element: str, place: str, value: str, service_id: str) -> None:
        super().__init__(f"{element}: service {service_id} has another value than {value!r} in {plain(place)}")
        self.element, self.place, self.value, self.service_id = element, place, value, service_id


def plain(place: str) -> str:
    """For people: without the namespaces of YANG."""
    return re.sub(r"\{[^}]*\}", "", place)


class Shared:
    """In one transaction. Also knows what the order at hand has said so far.

    `known`: element → place → who says what there, where it was looked up already and none of the services at hand says anything.
    """

    def __init__(self, session: Session, known: Mapping[str, Mapping[str, sharing.Said]] = _NOTHING) -> None:
        self._session, self._known = session, known
        self._said: dict[tuple[str, str], tuple[str, str]] = {}
        """Element and place → service and value."""

    def of(
        self, platform: Platform, element: str, before: str, after: str, services: Collection[str], *, sayer: str = ""
    ) -> dict[str, str]:
        """Which statements of both sides services other than these say too. `Conflict` when they exclude a new one.

        `sayer`: the one of the services that is to say it, where that is remembered for the next of its order.
        `DriverSetupError` when a text is not in the platform's language.
        """
        old, new = said(platform, element, before), said(platform, element, after)
        others = (
            self._known[element] if element in self._known else sharing.others(self._session, element, {**old, **new}, services)
        )
        for place, value in new.items():
            if old.get(place) != value:
                self._refuse_other_value(element, place, value, others.get(place))
        if sayer:
            self._said |= {(element, place): (sayer, value) for place, value in new.items()}
        return {
            place: value
            for side in (old, new)
            for place, value in side.items()
            if place in others and others[place].is_value(value)
        }

    def _refuse_other_value(self, element: str, place: str, value: str, other: sharing.Said | None) -> None:
        if other is not None and not other.is_value(value):
            raise Conflict(element, place, value, other.service_id)
        service_id, said = self._said.get((element, place), ("", value))
        if said != value and service_id:
            raise Conflict(element, place, value, service_id)


def said(platform: Platform, element: str, text: str) -> Statements:
    """What a text says on the element; `DriverSetupError` when it is not in the platform's language."""
    try:
        return statements(platform, text)
    except DriverSetupError as error:
        raise DriverSetupError(f"{element}: {error}") from error
