"""Who is meant where one object of NetBox refers to another: by the name that stands there, or else by the id. Pure.

What has no name in NetBox has none in references either. It is told by its id, so that somebody can find it.
"""

from collections.abc import Collection, Sequence

from inventory.netbox.objects import Device, Dump, End, Interface, Named

AnyEnd = Interface | End


class Names:
    def __init__(self, dump: Dump) -> None:
        self._sites = {site.id: site.name for site in dump.sites}
        self._devices = {device.id: device.name or "" for device in dump.devices}

    def site(self, device: Device) -> str:
        """Of the device; "" when it has none, or one that nobody knows a name of."""
        return (device.site.name or self._sites.get(device.site.id, "")) if device.site else ""

    def device(self, meant: Named | None) -> str:
        return (meant.name or self._devices.get(meant.id, "")) if meant else ""

    def port(self, end: AnyEnd) -> str:
        """`element/port`, as far as either has a name."""
        return f"{self.device(end.device)}/{end.name}"

    def is_stranger(self, meant: Named) -> bool:
        """Whether nobody can say which device it is. One that was read is told of by itself, whatever it lacks."""
        return not meant.name and meant.id not in self._devices

    def riddles(self, one: AnyEnd, other: AnyEnd, there: Collection[str]) -> str:
        """Why nobody can say what is joined there; "" where that can be said, or is none of the ports that are `there`."""
        found = [riddle for riddle in (self._riddle(one), self._riddle(other)) if riddle]
        ours = self.port(one) in there or self.port(other) in there
        return ", and ".join(found) if ours or len(found) > 1 else ""

    def _riddle(self, end: AnyEnd) -> str:
        if end.device is None:
            return f"{_called(end)} is of no device"
        if self.is_stranger(end.device):
            return f"{_called(end)} is of the device with id {end.device.id}, which has no name"
        return "" if end.name else f"{_called(end)} has no name"


def strangers_left_out(device: int, interfaces: Sequence[Interface]) -> str:
    """Of one device, told at once."""
    others = f" and {len(interfaces) - 1} more" if len(interfaces) > 1 else ""
    verb = "are" if others else "is"
    reason = f"the device with id {device} has no name; give it one in NetBox"
    return f"{_called(interfaces[0])}{others} {verb} left out: {reason}"


def _called(end: AnyEnd) -> str:
    return f"interface {end.name} (id {end.id})" if end.name else f"the interface with id {end.id}"
