"""A sample tried on elements of one platform: laid out on the made-up network, given made-up values, rendered, compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.authoring.errors import NotRealised
from agent.authoring.network import ACCESS, BETWEEN, EDGE, ROLES, Kind, SampleNetwork
from agent.authoring.values import MadeUp
from agent.fulfillment.planning import lay
from drivers.diff import change_set
from drivers.platform import Platform
from policies.document import merged
from policies.errors import Refused
from policies.layout import Layout
from policies.probes import Probe, probes
from policies.rendering import ServiceFacts, checks, context, needs, render, service_name
from policies.specification import Sample, Specification, check_characteristics

CUSTOMER = "1000000"
SERVICE = "svc-sample"
PLENTY_BPS = 10**15

Tests = tuple[tuple[str, Mapping[str, str]], ...]
"""Kind and arguments of each."""


@dataclass(frozen=True)
class Outcome:
    """One set of characteristics, as it would be on the elements of the platform that is tried."""

    name: str
    """Of the service."""
    layout: Layout
    values: Mapping[str, str]
    """By role."""
    texts: Mapping[str, str]
    """By element."""
    tests: Mapping[str, Tests]
    """By element, where there are some."""
    measured: tuple[Probe, ...] = ()
    """Where fabd would measure it."""


@dataclass(frozen=True)
class Trial:
    """Which platform stands where, and what becomes of a sample there."""

    spec: Specification
    sample: Sample
    platform: Platform
    network: SampleNetwork
    realises: Mapping[str, frozenset[str]]
    made: MadeUp

    def outcome(self, characteristics: Mapping[str, Any] | None = None) -> Outcome:
        """Of the sample's own characteristics, or of others. Raises `Refused`, `RenderingFailed` or `ValueUnknown`."""
        wanted = self.sample.characteristics if characteristics is None else characteristics
        layout = lay(self.spec, wanted, self.network, self.realises, lambda _pool: PLENTY_BPS)
        values = {need.role: self.made.of(need) for need in needs(self.spec, wanted, layout)}
        facts = ServiceFacts(SERVICE, service_name(self.spec, wanted, CUSTOMER), CUSTOMER)
        seen = {
            name: context(layout, self.network.element(name), facts, wanted, values)
            for name in layout.elements
            if self.network.element(name).platform == self.platform.name
        }
        texts = {name: render(self.spec, self.platform.name, names) for name, names in seen.items()}
        tests = {name: found for name, names in seen.items() if (found := checks(self.spec, names))}
        return Outcome(facts.name, layout, values, texts, tests, probes(self.spec, facts, wanted, values))

    def payload(self, element: str, before: str, after: str) -> str:
        """What would be sent. Raises `DriverSetupError` for what the platform cannot read."""
        return change_set(self.platform, element, before, after).forward

    def reduced(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The sample without each thing that a client may leave out, one at a time, then without all of them."""
        may = optional(self.spec.characteristics, self.sample.characteristics)
        wanted = [("/".join(place), [place]) for place in may] + ([("anything optional", may)] if len(may) > 1 else [])
        for name, places in wanted:
            less = _without(self.sample.characteristics, places)
            if not check_characteristics(self.spec, less):  # else one needs the other
                yield name, less

    def changed(self) -> Mapping[str, Any]:
        """The characteristics after the sample's change."""
        return {key: value for key, value in merged(self.sample.characteristics, self.sample.change).items() if value is not None}


def trials(spec: Specification, sample: Sample, platform: Platform, platforms: Mapping[str, Platform]) -> Iterator[Trial]:
    """The platform everywhere it can stand: first everywhere at once, then beside others, as far as that shows it in another part.

    Raises `Refused` when it can stand nowhere, with what was refused where it stood everywhere.
    """
    shown: set[frozenset[object]] = set()
    refused: Refused | None = None
    for kinds in _castings(spec, platform, platforms):
        trial = _trial(spec, sample, platform, platforms, kinds)
        try:
            layout = trial.outcome().layout
        except Refused as error:
            refused = refused or error
            continue
        part = frozenset((at.role, at.layer, at.tagged) for at in layout.attachments if at.platform == platform.name)
        if part and not any(part <= other for other in shown):
            shown.add(part)
            yield trial
    if not shown and refused is not None:
        raise refused


def first_trial(spec: Specification, sample: Sample, platform: Platform, platforms: Mapping[str, Platform]) -> Trial:
    """Raises `Refused` or `NotRealised` when the platform can stand nowhere."""
    if spec.template(platform.name) is None:
        known = ", ".join(templates_of(spec, platforms)) or "none"
        raise NotRealised(f"{spec.name} has no template for {platform.name}; it has some for {known}")
    found = next(trials(spec, sample, platform, platforms), None)
    if found is None:
        raise NotRealised(f"no element of the sample can be of platform {platform.name}; render another sample")
    return found


def _castings(spec: Specification, platform: Platform, platforms: Mapping[str, Platform]) -> Iterator[Mapping[str, Platform]]:
    """Platforms by element."""
    access, edge = (tuple(name for name, role in ROLES.items() if role == which) for which in (ACCESS, EDGE))
    others = [other for name, other in sorted(platforms.items()) if name != platform.name and spec.template(name)]
    yield dict.fromkeys(ROLES, platform)
    for other in others:
        for names in (access, edge, (BETWEEN,)):
            yield dict.fromkeys(ROLES, other) | dict.fromkeys(names, platform)


def _trial(
    spec: Specification, sample: Sample, platform: Platform, platforms: Mapping[str, Platform], cast: Mapping[str, Platform]
) -> Trial:
    kinds = {name: Kind(each.name, each.sample_port) for name, each in cast.items()}
    realises = {name: each.realises for name, each in platforms.items()}
    network = SampleNetwork.of(kinds, sample.attributes)
    return Trial(spec, sample, platform, network, realises, MadeUp(spec, sample.values))


Place = tuple[str, ...]
"""Keys from the outside in; `*` stands for every member of a list."""


def optional(schema: Mapping[str, Any], said: Any, at: Place = ()) -> list[Place]:  # noqa: ANN401  JSON is any
    """What of what is said the schema does not require, the outermost first."""
    if isinstance(said, list):
        found = [place for each in said for place in optional(schema.get("items", {}), each, (*at, "*"))]
        return list(dict.fromkeys(found))
    if not isinstance(said, Mapping):
        return []
    required = schema.get("required", ())
    mine = [(*at, key) for key in said if key not in required]
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    return mine + [place for key, value in said.items() for place in optional(properties.get(key, {}), value, (*at, key))]


def _without(said: Any, places: Sequence[Place]) -> Any:  # noqa: ANN401  JSON is any
    if isinstance(said, list):
        inner = [place[1:] for place in places if place and place[0] == "*"]
        return [_without(each, inner) for each in said]
    if not isinstance(said, Mapping):
        return said
    gone = {place[0] for place in places if len(place) == 1}
    return {
        key: _without(value, [place[1:] for place in places if place[0] == key and len(place) > 1])
        for key, value in said.items()
        if key not in gone
    }


def templates_of(spec: Specification, platforms: Mapping[str, Platform]) -> Sequence[str]:
    """Installed platforms that the specification has a template for, sorted."""
    return [name for name in sorted(platforms) if spec.template(name)]
