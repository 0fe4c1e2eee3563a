"""Reading a bridge by SNMP and writing bindings to it, under snmpSetSerialNo where the agent has a usable one."""

from collections.abc import Iterable, Mapping, Sequence

from drivers.diff.objects import Intent, Leaf
from drivers.errors import EditRefused, ElementLocked, ElementTimeout
from drivers.port import PortState
from drivers.snmp import oids, portlist
from drivers.snmp import switch as bridge_state
from drivers.snmp.errors import NoSuchObject
from drivers.snmp.manager import Manager, SetOutcome, Value
from drivers.snmp.switch import Binding, Switch, Syntax, VlanRow

MAX_PDU_OCTETS = 1200
"""Bindings per SET stay below this, so that a change is one datagram on any path; more than that becomes several SETs."""
SET_ATTEMPT = 2.0
"""Seconds until a SET without an answer is looked into."""
_BINDING_OVERHEAD = 24
_SERIAL_MODULUS = 2**31
_ADMIN_WORD = {number: word for word, number in bridge_state.ADMIN_NUMBER.items()}


class Bridge:
    def __init__(self, element: str, manager: Manager) -> None:
        self._element = element
        self._manager = manager
        self._serial: int | None = None
        self._claimed = False
        self._lost = False

    def claim(self, deadline: float) -> None:
        """Move snmpSetSerialNo (TestAndIncr, RFC 2579): whoever claimed it before can no longer SET under it.

        Agents without one, or with one that cannot be set (net-snmp 5.9 refuses every value with wrongLength), are
        written without this protection.
        """
        value = self._manager.get([oids.SNMP_SET_SERIAL_NO], deadline)[oids.SNMP_SET_SERIAL_NO]
        self._claimed, self._lost, self._serial = True, False, None
        if not isinstance(value, int):
            return
        outcome = self._manager.set([_serial_binding(value)], SET_ATTEMPT, deadline)
        if outcome.done:
            self._serial = (value + 1) % _SERIAL_MODULUS
        elif outcome.status == "inconsistentValue":
            raise ElementLocked(self._element, "another manager is setting objects (snmpSetSerialNo moved); retrying")

    def read(self, intents: Sequence[Intent], deadline: float) -> Switch:
        """The rows, members and port objects that these desired states name."""
        vlans = frozenset(vlan for intent in intents for vlan in intent.vlans)
        leaves = frozenset(leaf for intent in intents for leaf in intent.leaves)
        switching = bool(vlans) or any(leaf == "pvid" for leaf, _ in leaves)
        bridge_port = self._bridge_ports(deadline) if switching else {}
        rows, width = self._rows(vlans, deadline) if vlans else ({}, 0)
        return Switch(bridge_port, width, rows, self._leaves(leaves, bridge_port, deadline))

    def write(self, bindings: Sequence[Binding], deadline: float) -> None:
        """All bindings in as few SETs as fit; each SET is all or nothing on the element (RFC 3416 §4.2.5).

        `ElementLocked` once another manager has claimed the element, until `claim` is called anew.
        """
        if bindings and self._lost:
            raise self._overtaken()
        if bindings and not self._claimed:
            self.claim(deadline)
        for chunk in chunks(bindings):
            self._set(chunk, deadline)

    def vlans(self, deadline: float) -> list[tuple[int, str]]:
        """Number and name of every row of dot1qVlanStaticTable."""
        names = self._manager.walk(oids.VLAN_STATIC_NAME, deadline)
        return sorted((int(suffix), _text(value)) for suffix, value in names.items())

    def ports(self, names: Sequence[str], deadline: float) -> tuple[PortState, ...]:
        """Existence and operational status by ifName, or by ifDescr on agents without ifXTable."""
        if not names:
            return ()
        index = {_text(value): suffix for suffix, value in self._manager.walk(oids.IF_NAME, deadline).items()}
        if not set(names) <= index.keys():
            described = self._manager.walk(oids.IF_DESCR, deadline)
            index = {_text(value): suffix for suffix, value in described.items()} | index
        status = self._manager.get([f"{oids.IF_OPER_STATUS}.{index[name]}" for name in names if name in index], deadline)
        up = 1
        return tuple(
            PortState(name, name in index, name in index and status[f"{oids.IF_OPER_STATUS}.{index[name]}"] == up) for name in names
        )

    def require(self, ports: Iterable[int], deadline: float) -> None:
        """NoSuchObject names the ports (ifIndex) that the element does not have."""
        listed = sorted(ports)
        found = self._manager.get([f"{oids.IF_ADMIN_STATUS}.{port}" for port in listed], deadline)
        missing = [str(port) for port in listed if found[f"{oids.IF_ADMIN_STATUS}.{port}"] is None]
        if missing:
            raise NoSuchObject(self._element, f"no port with ifIndex {', '.join(missing)}; read the element's ports again")

    def _bridge_ports(self, deadline: float) -> Mapping[int, int]:
        base = self._manager.walk(oids.BASE_PORT_IF_INDEX, deadline)
        return {index: int(suffix) for suffix, index in base.items() if isinstance(index, int)}

    def _rows(self, vlans: frozenset[int], deadline: float) -> tuple[dict[int, VlanRow], int]:
        columns = (oids.VLAN_STATIC_NAME, oids.VLAN_STATIC_EGRESS, oids.VLAN_STATIC_UNTAGGED, oids.VLAN_STATIC_ROW_STATUS)
        wanted = [oids.BASE_NUM_PORTS, *(f"{column}.{vlan}" for vlan in sorted(vlans) for column in columns)]
        found = self._manager.get(wanted, deadline)
        rows, width = {}, portlist.width_for(_number(found[oids.BASE_NUM_PORTS]))
        for vlan in vlans:
            name, egress, untagged, status = (found[f"{column}.{vlan}"] for column in columns)
            if status is None and egress is None:
                continue
            rows[vlan] = VlanRow(_text(name), portlist.decode(_octets(egress)), portlist.decode(_octets(untagged)))
            width = max(width, len(_octets(egress)))
        return rows, width

    def _leaves(
        self, leaves: frozenset[tuple[Leaf, int]], bridge_port: Mapping[int, int], deadline: float
    ) -> dict[tuple[Leaf, int], int | str | None]:
        index = {(leaf, port): bridge_port.get(port) if leaf == "pvid" else port for leaf, port in leaves}
        where = {key: f"{bridge_state.LEAF_COLUMN[key[0]]}.{number}" for key, number in index.items() if number is not None}
        found = self._manager.get(sorted(where.values()), deadline)
        return {key: _leaf_value(key[0], found[where[key]]) if key in where else None for key in leaves}

    def _set(self, bindings: Sequence[Binding], deadline: float) -> None:
        sent = [*([] if self._serial is None else [_serial_binding(self._serial)]), *bindings]
        try:
            outcome = self._manager.set(sent, SET_ATTEMPT, deadline)
        except ElementTimeout:
            self._resynchronise(bindings, deadline)
            raise
        self._check(outcome, sent)
        self._advance()

    def _advance(self) -> None:
        if self._serial is not None:
            self._serial = (self._serial + 1) % _SERIAL_MODULUS

    def _resynchronise(self, sent: Sequence[Binding], deadline: float) -> None:
        """After a SET without an answer: it arrived if the serial number moved by one and the objects are as we set them."""
        if self._serial is None:
            return
        found = self._manager.get([oids.SNMP_SET_SERIAL_NO, *(binding.oid for binding in sent)], deadline)
        value = found[oids.SNMP_SET_SERIAL_NO]
        if value == self._serial:
            return
        if value != (self._serial + 1) % _SERIAL_MODULUS or not all(_landed(binding, found[binding.oid]) for binding in sent):
            raise self._overtaken()
        self._advance()

    def _check(self, outcome: SetOutcome, sent: Sequence[Binding]) -> None:
        if outcome.done:
            return
        offender = sent[outcome.index] if 0 <= outcome.index < len(sent) else None
        if offender is not None and offender.oid == oids.SNMP_SET_SERIAL_NO and outcome.status == "inconsistentValue":
            raise self._overtaken()
        raise EditRefused(self._element, f"{outcome.status}: {offender or 'the whole SET'}")

    def _overtaken(self) -> ElementLocked:
        self._lost = True
        return ElementLocked(self._element, "another manager took over (snmpSetSerialNo moved since our lock); nothing was set")


def chunks(bindings: Sequence[Binding]) -> list[tuple[Binding, ...]]:
    """Split so that each part fits one PDU; the objects of one VLAN row stay together, or agents refuse half a row."""
    parts: list[list[Binding]] = [[]]
    size = 0
    for group in _groups(bindings):
        weight = sum(_BINDING_OVERHEAD + (len(b.value) if isinstance(b.value, bytes) else 4) for b in group)
        if parts[-1] and size + weight > MAX_PDU_OCTETS:
            parts.append([])
            size = 0
        parts[-1].extend(group)
        size += weight
    return [tuple(part) for part in parts if part]


def _groups(bindings: Sequence[Binding]) -> list[list[Binding]]:
    table = oids.VLAN_STATIC_NAME.rpartition(".")[0]
    groups: dict[str, list[Binding]] = {}
    for binding in bindings:
        key = binding.oid.rpartition(".")[2] if binding.oid.startswith(f"{table}.") else binding.oid
        groups.setdefault(key, []).append(binding)
    return list(groups.values())


def _landed(binding: Binding, found: Value) -> bool:
    if binding.oid.startswith(f"{oids.VLAN_STATIC_ROW_STATUS}."):
        return found is None if binding.value == bridge_state.DESTROY else found is not None
    return found == binding.value


def _serial_binding(value: int) -> Binding:
    return Binding(oids.SNMP_SET_SERIAL_NO, Syntax.INTEGER, value)


def _leaf_value(leaf: Leaf, value: Value) -> int | str | None:
    if value is None:
        return None
    if leaf == "admin":
        return _ADMIN_WORD.get(_number(value), "testing")
    return _number(value) if leaf == "pvid" else _text(value)


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _octets(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
