"""Where services are measured: their specifications' probes, with the addresses and keys that they come to."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.measurement.errors import TargetUnusable
from drivers.port import Credential
from drivers.probing.errors import AddressUnusable
from drivers.probing.target import ProbeTarget, target_of
from inventory.tables import AllocationRow, ServiceRow
from policies.errors import NotInCatalog, RenderingFailed
from policies.probes import Probe, probes
from policies.rendering import ServiceFacts
from policies.specification import Specification

log = structlog.get_logger(__name__)

MEASURED = ("active",)
"""Services in these states stand on the network."""
Resolve = Callable[[str], Credential]
ANEW_EVERY = 20
_BATCH = 500


class Specifications(Protocol):
    @property
    def specifications(self) -> Mapping[str, Specification]: ...

    def specification(self, name: str) -> Specification:
        """Raises `NotInCatalog`."""
        ...


@dataclass(frozen=True, slots=True)
class Aim:
    """One probe of one service, ready to be sent."""

    service_id: str
    probe: Probe
    target: ProbeTarget


class Aims:
    def __init__(self, catalog: Specifications, resolve: Resolve) -> None:
        self._catalog, self._resolve = catalog, resolve
        self._known: dict[str, tuple[int, tuple[Aim, ...]]] = {}
        """Service → its revision and what it came to."""
        self._turns = 0

    def of(self, session: Session, service: ServiceRow) -> tuple[Aim, ...]:
        """Raises `TargetUnusable` for a target that makes no sense."""
        try:
            spec = self._catalog.specification(service.specification)
        except NotInCatalog:
            return ()
        return self._aims(spec, service, _allocated(session, [service.id]).get(service.id, {})) if spec.probes else ()

    def standing(self, session: Session) -> list[Aim]:
        """Of every service on the network. A target that makes no sense is logged and left out.

        What a service comes to is remembered while the service is the same, and thought through anew now and then, for keys may
        be others by then.
        """
        probed = [spec.name for spec in self._catalog.specifications.values() if spec.probes]
        if not probed:
            return []
        self._turns += 1
        if self._turns % ANEW_EVERY == 0:
            self._known.clear()
        standing = select(ServiceRow.id, ServiceRow.revision).where(
            ServiceRow.state.in_(MEASURED), ServiceRow.specification.in_(probed)
        )
        revisions = dict(session.execute(standing.order_by(ServiceRow.id)).all())
        self._known = {service_id: known for service_id, known in self._known.items() if known[0] == revisions.get(service_id)}
        unknown = [service_id for service_id in revisions if service_id not in self._known]
        for begin in range(0, len(unknown), _BATCH):
            self._learn(session, unknown[begin : begin + _BATCH])
        return [aim for service_id in revisions if service_id in self._known for aim in self._known[service_id][1]]

    def _learn(self, session: Session, services: Sequence[str]) -> None:
        values = _allocated(session, services)
        for service in session.scalars(select(ServiceRow).where(ServiceRow.id.in_(services))):
            aims: tuple[Aim, ...] = ()
            try:
                aims = self._aims(self._catalog.specifications[service.specification], service, values.get(service.id, {}))
            except TargetUnusable as error:
                log.warning("a service is not measured", service=service.id, reason=str(error))
            self._known[service.id] = service.revision, aims

    def aim(self, service_id: str, probe: Probe) -> Aim:
        """Raises `TargetUnusable`."""
        try:
            key = self._resolve(probe.credential).password.encode() if probe.credential else b""
            return Aim(service_id, probe, target_of(probe.kind, probe.address, probe.port, key))
        except AddressUnusable as error:
            raise TargetUnusable(f"{service_id}: {error}; correct `target` of its specification's monitor") from error
        except (LookupError, OSError, ValueError) as error:
            raise TargetUnusable(f"{service_id}: the key {probe.credential!r} of its measurement: {error}") from error

    def _aims(self, spec: Specification, service: ServiceRow, values: Mapping[str, str]) -> tuple[Aim, ...]:
        facts = ServiceFacts(service.id, service.name, service.customer)
        try:
            found = probes(spec, facts, service.characteristics, values)
        except RenderingFailed as error:
            raise TargetUnusable(f"{service.id}: {error}") from error
        return tuple(self.aim(service.id, probe) for probe in found)


def _allocated(session: Session, services: Collection[str]) -> dict[str, dict[str, str]]:
    """Service → role → value, of what it holds for sure; see `inventory.allocation.held`."""
    rows = session.execute(
        select(AllocationRow.service_id, AllocationRow.role, AllocationRow.value)
        .where(AllocationRow.service_id.in_(services), AllocationRow.state == "allocated")
        .order_by(AllocationRow.allocated_at.desc())
    )
    found: dict[str, dict[str, str]] = {}
    for service_id, role, value in rows:
        if service_id is not None and role is not None:
            found.setdefault(service_id, {})[role] = value
    return found
