"""A SET on trial: writes go to a copy, which is checked as a whole and then applied at once, or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from drivers.sim.snmp.errors import ErrorStatus, SetRefused
from drivers.sim.state import ElementState, Vlan

DEFAULT_VLAN = 1


@dataclass(slots=True)
class PortDraft:
    admin_up: bool
    alias: str
    pvid: int


class Draft:
    """What one SET wants to make of the element, varbind after varbind.

    `touched` remembers which varbind (from 1) was about which VLAN or port, so that an inconsistency names it.
    """

    def __init__(self, state: ElementState, serial: int) -> None:
        self._state = state
        self.vlans = {
            vid: replace(vlan, egress=set(vlan.egress), untagged=set(vlan.untagged), forbidden=set(vlan.forbidden))
            for vid, vlan in state.vlans.items()
        }
        self.ports = {p.index: PortDraft(p.admin_up, p.alias, p.pvid) for p in state.ports.values()}
        self.texts: dict[str, str] = {}
        self.serial = serial
        self.writing = 0
        """Number of the varbind being written, from 1."""
        self.touched: dict[object, int] = {}

    def touch(self, subject: object) -> None:
        self.touched[subject] = self.writing

    def check(self) -> None:
        """Raises SetRefused(INCONSISTENT_VALUE) at the varbind that made the whole contradict itself."""
        for culprit in self._contradictions():
            index = self.touched.get(culprit) or max(self.touched.values(), default=1)
            raise SetRefused(ErrorStatus.INCONSISTENT_VALUE, index)

    def apply(self) -> None:
        state = self._state
        state.vlans = self.vlans
        for port in state.ports.values():
            draft = self.ports[port.index]
            port.pvid = draft.pvid
            if draft.alias != port.alias:
                state.describe(port.name, draft.alias)
            if draft.admin_up != port.admin_up:
                state.enable(port.name, draft.admin_up)
        for attribute, text in self.texts.items():
            setattr(state, attribute, text)

    def _contradictions(self) -> Iterator[object]:
        for vid, vlan in self.vlans.items():
            if vlan.untagged - vlan.egress or vlan.forbidden & vlan.egress:
                yield ("vlan", vid)
        for index, port in self.ports.items():
            if port.pvid != DEFAULT_VLAN and port.pvid not in self.vlans:
                yield ("vlan", port.pvid) if ("vlan", port.pvid) in self.touched else ("pvid", index)

    def vlan(self, vid: int) -> Vlan:
        """Raises SetRefused when the row is neither there nor made by this SET (RFC 2579, RowStatus)."""
        try:
            return self.vlans[vid]
        except KeyError:
            raise SetRefused(ErrorStatus.INCONSISTENT_NAME) from None
