"""From what was ordered to what changes on which element. Pure: rows, allocations and platforms come in, values go out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drivers.diff import Statements, change_set, union
from drivers.platform import Platform
from drivers.port import ChangeSet, Check, Commitment
from policies.errors import Refused
from policies.layout import Free, Layout, Realises, TopologyView, lay_out, no_pools, unsupported
from policies.rendering import ServiceFacts, checks, context, render
from policies.specification import Role, Specification, check_characteristics


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan does on one element."""

    set: ChangeSet
    """Leaves alone what other services own too, as far as is known now; it is settled once the element is held."""
    commitment: Commitment
    alone: ChangeSet
    """What it would be if there were no others."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One service's configuration on the network before and after a plan: element → text. Absent where there is none."""

    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Element → ports that must exist and be up afterwards."""
    checks: Mapping[str, tuple[Check, ...]] = field(default_factory=dict)
    """Element → service tests that must pass afterwards."""
    shared: Mapping[str, Statements] = field(default_factory=dict)
    """Element → what of both sides other services own too."""
    planned: Mapping[str, str] = field(default_factory=dict)
    """What the service desires, whether it is to stand on the network (then it is `after`) or not."""


NOTHING = Intent()


def lay(
    spec: Specification, characteristics: Mapping[str, Any], network: TopologyView, realises: Realises, free: Free = no_pools
) -> Layout:
    """Where the service would lie. `Refused` with everything that does not fit: the schema, the way, what platforms can do.

    `free`: what is left in a bandwidth pool, for services that reserve on links.
    """
    refusals = check_characteristics(spec, characteristics)
    if refusals:
        raise Refused(refusals)
    layout = lay_out(spec, characteristics, network, realises, free)
    refusals = unsupported(spec, characteristics, layout, realises)
    if refusals:
        raise Refused(refusals)
    return layout


def contexts(
    layout: Layout,
    network: TopologyView,
    service: ServiceFacts,
    *,
    characteristics: Mapping[str, Any],
    allocations: Mapping[str, str],
) -> dict[str, Mapping[str, object]]:
    """Element → what its templates can name."""
    return {name: context(layout, network.element(name), service, characteristics, allocations) for name in layout.elements}


def desired(spec: Specification, network: TopologyView, known: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """What should be on each element, in its own language; `known` by `contexts`. Raises `RenderingFailed`."""
    return {name: render(spec, network.element(name).platform, facts) for name, facts in known.items()}


def tests_of(spec: Specification, known: Mapping[str, Mapping[str, object]]) -> dict[str, tuple[Check, ...]]:
    """Element → the service tests of the specification there. Raises `RenderingFailed`."""
    found = {name: tuple(Check(kind, arguments) for kind, arguments in checks(spec, facts)) for name, facts in known.items()}
    return {name: tests for name, tests in found.items() if tests}


def ports_of(layout: Layout) -> dict[str, tuple[str, ...]]:
    """Element → the ports that the service uses there."""
    return {name: tuple(dict.fromkeys(use.port for use in layout.of(name))) for name in layout.elements}


def port_roles(layout: Layout) -> dict[str, Role]:
    """Port id → what the service uses it for: endpoint where a customer is, even if it also passes through."""
    roles: dict[str, Role] = {}
    for use in layout.attachments:
        if roles.get(use.port_id) != "endpoint":
            roles[use.port_id] = use.role
    return roles


def changes(intents: Sequence[Intent], platforms: Mapping[str, Platform]) -> tuple[Change, ...]:
    """One change set per element for all services of a plan, sorted by element; elements where nothing changes are left out.

    `platforms`: element → its platform. Raises `DriverSetupError` when a template rendered what the platform cannot read.
    """
    return tuple(change for change in _changes(intents, platforms) if not change.alone.empty)


def _changes(intents: Sequence[Intent], platforms: Mapping[str, Platform]) -> Iterator[Change]:
    elements = sorted({name for intent in intents for name in (*intent.before, *intent.after)})
    for name in elements:
        platform = platforms[name]
        before = union(platform, [intent.before[name] for intent in intents if name in intent.before])
        after = union(platform, [intent.after[name] for intent in intents if name in intent.after])
        ports = dict.fromkeys(port for intent in intents for port in intent.ports.get(name, ()))
        tests = dict.fromkeys(test for intent in intents for test in intent.checks.get(name, ()))
        alone = change_set(platform, name, before, after, ports, tests)
        shared = {place: value for intent in intents for place, value in intent.shared.get(name, {}).items()}
        beside = change_set(platform, name, before, after, ports, tests, shared=shared) if shared else alone
        yield Change(beside, platform.commitment, alone)


def bundles(references: Sequence[str], pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Items that stand or fall together, given which pairs do; in the order of the items."""
    leader = {reference: reference for reference in references}

    def find(reference: str) -> str:
        while leader[reference] != reference:
            reference = leader[reference]
        return reference

    for one, other in pairs:
        first, second = sorted((find(one), find(other)), key=references.index)
        leader[second] = first
    groups: dict[str, list[str]] = {}
    for reference in references:
        groups.setdefault(find(reference), []).append(reference)
    return [tuple(group) for group in groups.values()]


def circle(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Some that wait for each other in a circle, the first repeated at the end; () when there is none."""
    done: set[str] = set()
    for start in needs:
        way: list[str] = []
        ahead: list[Iterator[str]] = []
        _enter(start, needs, way, ahead, done)
        while ahead:
            following = next(ahead[-1], None)
            if following is None:
                ahead.pop()
                done.add(way.pop())
            elif following in way:
                return (*way[way.index(following) :], following)
            else:
                _enter(following, needs, way, ahead, done)
    return ()


def _enter(name: str, needs: Mapping[str, Iterable[str]], way: list[str], ahead: list[Iterator[str]], done: set[str]) -> None:
    if name not in done:
        way.append(name)
        ahead.append(iter(needs.get(name, ())))
