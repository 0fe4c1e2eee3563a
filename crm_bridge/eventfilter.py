"""Which events a subscriber wants: the hub's `query`, e.g. `eventType=troubleTicketCreateEvent&troubleTicket.status=resolved`.

A path leads into the event (`event.troubleTicket.status`), its payload (`troubleTicket.status`) or the resource (`status`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from crm_bridge.errors import InvalidSubscription

OPERATORS = (".gt", ".gte", ".lt", ".lte", ".ne", ".regex")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Comma means or, several conditions mean and; no condition lets everything pass."""

    types: frozenset[str]
    conditions: tuple[tuple[tuple[str, ...], frozenset[str]], ...]
    """(dotted path, values of which one must be there)."""
    resources: frozenset[str] = frozenset()
    """Kinds of resources; empty: all."""

    @classmethod
    def parse(cls, query: str, resources: Collection[str] = ()) -> "EventFilter":
        """Raises `InvalidSubscription` on what cannot be served, rather than letting every event pass."""
        types: set[str] = set()
        conditions = []
        for name, text in _pairs(query):
            if name.endswith(OPERATORS):
                raise InvalidSubscription(f"query {query!r}: {name} compares; a subscription can only ask for equal values")
            if name == "fields":
                raise InvalidSubscription(f"query {query!r}: events carry the whole resource; leave fields out")
            values = frozenset(value.strip().strip("\"'") for value in text.split(","))
            if name == "eventType":
                types |= {lower_first(value) for value in values}
            else:
                conditions.append((tuple(name.removeprefix("event.").split(".")), values))
        return cls(frozenset(types), tuple(conditions), frozenset(resources))

    def wants(self, event_type: str, payload: Mapping[str, object]) -> bool:
        if self.types and lower_first(event_type) not in self.types:
            return False
        if self.resources and not self.resources & payload.keys():
            return False
        places = [payload, *payload.values()]
        return all(any(values & set(_at(place, path)) for place in places) for path, values in self.conditions)


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(query.strip().lstrip("?"), keep_blank_values=True, strict_parsing=bool(query), max_num_fields=20)
        return [(name.strip(), text.strip()) for name, text in pairs]
    except ValueError:
        raise InvalidSubscription(
            f"query {query!r}: cannot be read; write e.g. eventType=troubleTicketCreateEvent&troubleTicket.status=resolved"
        ) from None


def lower_first(name: str) -> str:
    """Event names are sent with either initial in the wild."""
    return name[:1].lower() + name[1:]


def _at(value: object, path: tuple[str, ...]) -> list[str]:
    """Every value at the path, lists on the way searched through."""
    if isinstance(value, list):
        return [found for item in value for found in _at(item, path)]
    if path:
        return _at(value[path[0]], path[1:]) if isinstance(value, Mapping) and path[0] in value else []
    return [] if value is None else [str(value).lower() if isinstance(value, bool) else str(value)]
