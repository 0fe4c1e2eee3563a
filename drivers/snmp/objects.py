"""A few single objects of one element, read at once: what an event spoke of, as it really stands."""

from collections.abc import Mapping, Sequence

from drivers.snmp import asking
from drivers.snmp.ber import Binding
from drivers.snmp.reading import INTEGER, whole
from drivers.snmp.speech import Wish
from drivers.snmp.walking import Asker

OBJECTS_PER_GET = 16


async def read(asker: Asker, objects: Sequence[str]) -> Mapping[str, int | None]:
    """Object instance → its number, None where the element does not have it. Raises `ElementError`."""
    found: dict[str, int | None] = dict.fromkeys(objects)
    for start in range(0, len(objects), OBJECTS_PER_GET):
        some = objects[start : start + OBJECTS_PER_GET]
        wish = Wish(asking.GET, b"".join(asking.varbind(asking.encode_oid(asking.arcs(name))) for name in some))
        answer = await asker.get(wish)
        found |= {name: _number(answer[name]) for name in some if name in answer}
    return found


def _number(binding: Binding) -> int | None:
    if binding.tag == INTEGER and isinstance(binding.value, int):
        return binding.value  # a temperature may be below zero
    narrow = whole(binding, narrow=True)
    return whole(binding, narrow=False) if narrow is None else narrow
