"""Acceptance tests as checks of a plan, which are stored with it: texts that say all that is needed to measure. Pure."""

from collections.abc import Mapping
from typing import Any

from drivers.port import Check
from drivers.probing.target import KINDS, Kind
from policies.probes import Probe, probes
from policies.rendering import ServiceFacts
from policies.specification import Acceptance, Specification

MEASURED = frozenset(KINDS)
"""Kinds of checks that fabd carries out by itself: elements are not asked."""


def acceptance_checks(
    spec: Specification, service: ServiceFacts, characteristics: Mapping[str, Any], allocations: Mapping[str, str]
) -> tuple[Check, ...]:
    """What is measured of a service before it counts as delivered. Raises `RenderingFailed`. Pure."""
    if not any(probe.acceptance for probe in spec.probes):
        return ()
    found = probes(spec, service, characteristics, allocations)
    return tuple(check_of(service.id, probe) for probe in found if probe.acceptance)


def check_of(service_id: str, probe: Probe) -> Check:
    """With texts for all that `probe_of` needs."""
    limits = probe.acceptance or Acceptance()
    arguments = {
        "service": service_id,
        "address": probe.address,
        "port": str(probe.port) if probe.kind == "stamp" else "",
        "site": probe.site,
        "credential": probe.credential,
        "number": str(probe.number) if probe.number else "",
        **{name: f"{value:g}" for name, value in limits.model_dump().items() if value is not None},
    }
    return Check(probe.kind, {name: value for name, value in arguments.items() if value})


def probe_of(check: Check) -> Probe:
    given = check.arguments
    limits = Acceptance.model_validate({name: given[name] for name in Acceptance.model_fields if name in given})
    kind: Kind = "stamp" if check.kind == "stamp" else "echo"
    return Probe(
        kind,
        given["address"],
        int(given.get("port", 862)),
        1.0,
        given.get("site", ""),
        given.get("credential", ""),
        limits,
        int(given.get("number", 0)),
    )
