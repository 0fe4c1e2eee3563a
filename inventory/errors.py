"""What can go wrong with the inventory.

InventoryError
├── UnknownObject            no element, port, pool … of that name          (LookupError)
├── PortInUse                another service has the port or the VLAN on it
├── VlanInUse                another service's frames are in that VLAN of the element
├── AllocationError
│   ├── PoolExhausted        nothing left to give
│   ├── ValueTaken           the value asked for is given, resting or kept back
│   ├── ValueNotInPool       the value asked for is not one of the pool's    (ValueError)
│   ├── RoleTaken            the owner already holds something else under that role
│   └── NotReserved          what is to be given back was not kept back
├── InvalidPool              a pool's definition makes no sense             (ValueError)
├── InvalidDocument          problems of an inventory document, each with its place
├── StillInUse               removal refused
├── ServiceStateConflict     the service is not in a state that allows it
├── InvalidMaintenance       a window of the maintenance calendar that cannot be meant  (ValueError)
├── MaintenanceOver          a window that has begun or ended is not called off
├── OutcomeUnknown           the database was lost while it committed, or does not answer
└── DatabaseDriverMissing    the Python driver of a database is not installed  (ImportError)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


class InventoryError(Exception):
    """Root of the tree."""


class UnknownObject(InventoryError, LookupError):
    def __init__(self, kind: str, name: str, remedy: str = "") -> None:
        self.kind, self.name = kind, name
        super().__init__(f"there is no {kind} {name!r} in the inventory; {remedy or 'check the name with `fabd inventory show`'}")


class PortInUse(InventoryError):
    """`vlan` is 0 when the whole port was asked for; `by` is the service that has it."""

    def __init__(self, port: str, by: str, *, vlan: int, held_vlan: int) -> None:
        self.port, self.by, self.vlan, self.held_vlan = port, by, vlan, held_vlan
        held = f"VLAN {held_vlan}" if held_vlan else "the whole port"
        remedy = "choose another VLAN or port" if vlan and held_vlan else "choose another port"
        super().__init__(f"port {port} is in use: service {by} has {held}; {remedy}, or delete that service first")


class VlanInUse(InventoryError):
    """`by` is the service whose frames the VLAN carries there."""

    def __init__(self, element: str, vlan: int, by: str) -> None:
        self.element, self.vlan, self.by = element, vlan, by
        super().__init__(
            f"VLAN {vlan} of {element} carries service {by}, and a VLAN joins all of its ports; ask for another VLAN, "
            "and keep the ranges of pools that serve the same switches apart"
        )


class AllocationError(InventoryError):
    """Nothing was allocated."""


class PoolExhausted(AllocationError):
    """`kept`: some of its values are kept back, and could be given back by hand."""

    def __init__(self, pool: str, detail: str, *, reusable_at: datetime | None = None, kept: bool = False) -> None:
        self.pool, self.reusable_at = pool, reusable_at
        wait = f"; the next one leaves quarantine at {reusable_at.isoformat(timespec='seconds')}" if reusable_at else ""
        remedy = "extend the pool or delete services that use it"
        if kept:
            shown = f"`fabd inventory pool show {pool}`"
            remedy = f"extend the pool, delete services that use it, or release what need not be kept back ({shown})"
        super().__init__(f"pool {pool} is exhausted: {detail}{wait}; {remedy}")


class ValueTaken(AllocationError):
    """`by` is the service that holds the value, or why it is not free."""

    def __init__(self, pool: str, value: str, by: str) -> None:
        self.pool, self.value, self.by = pool, value, by
        super().__init__(f"{value} of pool {pool} is not free: {by}; ask for another value, or for none to get a free one")


class ValueNotInPool(AllocationError, ValueError):
    def __init__(self, pool: str, value: str, reason: str) -> None:
        self.pool, self.value = pool, value
        super().__init__(f"{value!r} is not a value of pool {pool}: {reason}; ask for another value or extend the pool")


class RoleTaken(AllocationError):
    def __init__(self, owner: str, role: str, pool: str) -> None:
        self.owner, self.role, self.pool = owner, role, pool
        super().__init__(f"{owner} already holds a value of pool {pool} as {role!r}; one role is served from one pool")


class NotReserved(AllocationError):
    """`why` is how the value stands instead."""

    def __init__(self, pool: str, value: str, why: str) -> None:
        self.pool, self.value = pool, value
        super().__init__(f"{value} of pool {pool} is not kept back: {why}; see `fabd inventory pool show {pool}`")


class InvalidPool(InventoryError, ValueError):
    """`path` is where in the definition the mistake is."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a document: where it is, what it is and what to do."""

    file: str
    line: int
    """0 when the place has no line (a document that came as data)."""
    path: str
    """Of keys and positions: `elements[2].ports[0].name`."""
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path or 'document'}: {self.message}; {self.remedy}"


class InvalidDocument(InventoryError):
    """Nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ServiceStateConflict(InventoryError):
    def __init__(self, service: str, state: str, action: str) -> None:
        self.service, self.state, self.action = service, state, action
        super().__init__(f"service {service} is {state} and cannot be {action}")


class InvalidMaintenance(InventoryError, ValueError):
    """`mistakes`: where (a JSON pointer) and what, all of them at once."""

    def __init__(self, mistakes: Sequence[tuple[str, str]]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{where}: {what}" for where, what in mistakes))


class MaintenanceOver(InventoryError):
    def __init__(self, maintenance: str, why: str) -> None:
        self.maintenance = maintenance
        super().__init__(f"maintenance {maintenance} {why}; see `fabd maintenance show {maintenance}`")


class OutcomeUnknown(InventoryError):
    """Whether the transaction was made can only be found out by looking."""

    def __init__(self, what: str = "the connection to the database was lost while it committed") -> None:
        super().__init__(
            f"{what}: whether this was done is not known; look, or send it again with the Idempotency-Key that it came with"
        )


class DatabaseDriverMissing(InventoryError, ImportError):
    def __init__(self, dialect: str, module: str) -> None:
        super().__init__(
            f"database {dialect} needs the Python module {module}, which is not installed; write the URL as "
            "postgresql+psycopg://user@host/name and run: pip install 'fabd[postgresql]'"
        )
        self.dialect, self.module = dialect, module
