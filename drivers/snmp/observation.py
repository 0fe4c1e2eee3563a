"""What stands on a bridge in the places that a desired state names. Pure."""

from drivers.diff.objects import Intent, VlanIntent
from drivers.snmp.switch import Switch, VlanRow


def observed(switch: Switch, expected: Intent) -> Intent:
    """As a desired state. Of a row that bears our name every member, for such rows are ours alone; of others' rows only ours."""
    index = {bridge: port for port, bridge in switch.bridge_port.items()}
    vlans = {
        vlan: _members(switch.rows[vlan], wanted, index) for vlan, wanted in sorted(expected.vlans.items()) if vlan in switch.rows
    }
    leaves = {key: value for key in expected.leaves if (value := switch.leaves.get(key)) is not None}
    return Intent(vlans, leaves)


def _members(row: VlanRow, wanted: VlanIntent, index: dict[int, int]) -> VlanIntent:
    ours = wanted.tagged | wanted.untagged
    egress = {index[port]: port in row.untagged for port in row.egress if port in index}
    seen = {port: bare for port, bare in egress.items() if row.name == wanted.name or port in ours}
    return VlanIntent(
        wanted.name,
        frozenset(port for port, bare in seen.items() if not bare),
        frozenset(port for port, bare in seen.items() if bare),
    )
