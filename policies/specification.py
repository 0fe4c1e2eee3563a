"""Service specifications: what can be ordered and what it takes, as a folder of data.

`spec.yaml` is described by `Specification`. Beside it stand templates `<platform>.<syntax>.j2` (syntax: xml, lines or
objects) that say what one service is on one element of that platform; they state only what should be there. Changing and removing
are derived from the difference. In `samples/` lie orders to try it with, each a `Sample`.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import PurePosixPath as Path
from typing import Annotated, Any, Literal, Self

from jsonschema import Draft202012Validator, FormatChecker, SchemaError, TypeChecker, ValidationError, validators
from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.document import Document
from policies.document import Path as DocumentPath
from policies.errors import InvalidPolicy, Problem, Refusal
from policies.fitting import Fits, fitting
from policies.templates import SYNTAXES, Syntax, has_control_characters, mistakes

FILE = "spec.yaml"
SUFFIX = ".j2"
SAMPLES = "samples/"
CONTEXT = frozenset({"service", "text", "characteristics", "element", "attachments", "allocations", "vlan", "constants"})
"""What a template can name; see `policies.rendering.context`."""
CONDITIONS = frozenset({"characteristics", "constants"})
NAMES = CONDITIONS | {"customer"}
PROBED = CONDITIONS | {"service", "allocations"}
"""What the target of a probe can name; see `policies.probes`."""
_LONGEST_MESSAGE = 300

LayoutKind = Literal["access", "path", "tree", "sites", "overlay"]
Layer = Literal["l2", "l3"]
"""Whether an element passes the service on by its VLAN or ends it with addresses."""
Role = Literal["endpoint", "transit"]
LAYOUT_CHARACTERISTICS: Mapping[LayoutKind, tuple[tuple[str, ...], ...]] = {
    "access": (("port",), ("accessPort",)),
    "path": (("a", "b"),),
    "tree": (("sites",),),
    "sites": (("sites",),),
    "overlay": (("sites",), ("a", "b"), ("port",)),
}
"""What each layout needs to be told, any one of the alternatives; see `policies.layout`."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ResourceRule(_Data):
    """A value to allocate. `when`, `wanted` and `amount_bps` are expressions, `pool` is a template.

    They are over `characteristics` and `constants`; with one per site over `site` (what was ordered for the place, and for the
    whole where the place says nothing), with one per link over `link` (its `name`).
    """

    role: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    pool: str
    kind: str = ""
    """The kind that the pool must be of; by it a sample's values are made up."""
    when: str = "true"
    wanted: str = ""
    """The value to ask for; any, when the expression gives nothing."""
    amount_bps: str = "0"
    per: Literal["service", "site", "link"] = "service"
    """One for the service, one per place where it ends, or one per link on its way."""

    @property
    def names(self) -> frozenset[str]:
        """What its expressions can name."""
        return CONDITIONS | {self.per} - {"service"}


class Monitor(_Data):
    """What is watched of the service's ports: `state` decides its health, `usage` counts octets, `errors` counts bad packets."""

    kind: Literal["state", "usage", "errors"]
    of: tuple[Role, ...] = ("endpoint",)


class Acceptance(_Data):
    """What a service has to measure before it counts as delivered, and after a change; what it measured is kept as its baseline."""

    packets: int = Field(20, ge=2, le=1000)
    loss_ratio: float = Field(0.0, ge=0, le=1)
    """At most; with 1 nothing has to answer."""
    delay_s: float | None = Field(None, gt=0)
    """Mean, there and back, at most; any when left out."""
    jitter_s: float | None = Field(None, gt=0)


class ProbeMonitor(_Data):
    """What is measured actively: by ICMP echo, or by STAMP (RFC 8762) of a reflector at the customer's end.

    `when` is an expression and `target` a template that gives an IP address, over `service`, `characteristics`, `allocations` and
    `constants`; with one per site over `at`, too: its `port`, `characteristics` (of the place, over those of the whole) and
    `allocations`.
    """

    kind: Literal["echo", "stamp"]
    target: str = Field(min_length=1)
    port: int | str = 862
    """UDP, of STAMP; a number, or a template that gives one."""
    when: str = "true"
    per: Literal["service", "site"] = "service"
    every_s: float = Field(1.0, ge=0.1, le=60)
    """Seconds between packets."""
    credential: str = ""
    """Reference whose password is the key of authenticated STAMP; "" for the open mode."""
    acceptance: Acceptance | None = None
    """None: the service is delivered without it."""


class ServiceTest(_Data):
    """What is tried on an element before the service counts as delivered, once for each of its ports that `of` names.

    `when` is an expression and `arguments` are templates, over what the element's template can name and `at`, the port.
    """

    kind: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    """ping, neighbour, interface, or a platform's own word."""
    of: Role | Layer | Literal["element"] = "endpoint"
    """`element`: once, whatever its ports; `at` is not there then."""
    when: str = "true"
    arguments: dict[str, str] = {}


class Sample(_Data):
    """An order to try the product with, on a made-up network of elements sw1, sw2, sw3, pe1, pe2 and pe3 with ports 1 to 4."""

    characteristics: dict[str, Any]
    change: dict[str, Any] = {}
    """Characteristics that a later modification sets; null takes one away."""
    values: dict[str, str] = {}
    """Of what is allocated, by role; made up by the `kind` of the resource where left out."""
    attributes: dict[str, Any] = {}
    """Of every element, beside bgp_as."""


class Specification(_Data):
    """One product."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: str = Field(pattern=r"^\d+(\.\d+)*$")
    title: str
    description: str = ""
    service_name: str
    """Template over `characteristics` and `customer`."""
    characteristics: dict[str, Any]
    """JSON Schema 2020-12 of an object without additional properties."""
    layout: LayoutKind
    handover: Literal["untagged", "tagged"] = "untagged"
    """How the customer's frames enter on an `accessPort`: as they are, or by the VLAN that carries the service."""
    needs: dict[Layer | Role, frozenset[str]] = {}
    """Features that a platform must realise to take part in a layer or a role."""
    features: dict[str, dict[Layer | Role, str]] = {}
    """Features that a characteristic needs, where it is given."""
    constants: dict[str, Any] = {}
    """Values of the product's own, for templates and expressions."""
    resources: tuple[ResourceRule, ...] = ()
    monitors: tuple[Annotated[Monitor | ProbeMonitor, Field(discriminator="kind")], ...] = ()
    tests: tuple[ServiceTest, ...] = ()
    sla: str | None = None
    """Default for agreements that name none."""
    tariff: str | None = None
    templates: dict[str, str] = {}
    """By file name."""
    samples: dict[str, Sample] = {}
    """By name, as they lie in `samples/`."""

    @model_validator(mode="after")
    def _schema_is_closed(self) -> Self:
        schema = self.characteristics
        if _has_reference(schema):
            raise ValueError("`characteristics` must not use `$ref`; write what it refers to in its place")
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            place = ".".join(map(str, ("characteristics", *error.absolute_path)))
            raise ValueError(f"`{place}` is no JSON Schema: {error.message}") from error
        if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
            raise ValueError("`characteristics` needs `type: object` and `additionalProperties: false`")
        known = schema.get("properties", {})
        ways = LAYOUT_CHARACTERISTICS[self.layout]
        if not any(known.keys() >= set(names) for names in ways):
            needed = ", or ".join(" and ".join(map(repr, names)) for names in ways)
            raise ValueError(f"`characteristics` lacks what layout {self.layout} is told by: the property {needed}")
        for name in self.features:
            if name not in self.known:
                raise ValueError(f"`characteristics` lacks the property {name!r}, which `features` names")
        return self

    @model_validator(mode="after")
    def _roles_are_distinct(self) -> Self:
        roles = [rule.role for rule in self.resources]
        for role in roles:
            if roles.count(role) > 1:
                raise ValueError(f"two `resources` have the role {role!r}")
        return self

    @cached_property
    def watched(self) -> tuple[Monitor, ...]:
        """What is watched of its ports."""
        return tuple(monitor for monitor in self.monitors if isinstance(monitor, Monitor))

    @cached_property
    def probes(self) -> tuple[ProbeMonitor, ...]:
        """What is measured actively."""
        return tuple(monitor for monitor in self.monitors if isinstance(monitor, ProbeMonitor))

    @cached_property
    def known(self) -> frozenset[str]:
        """Names of all characteristics: of the service, and of its sites."""
        own = self.characteristics.get("properties", {})
        return frozenset(own) | self.known_of_site

    @cached_property
    def known_of_site(self) -> frozenset[str]:
        sites = self.characteristics.get("properties", {}).get("sites", {})
        items = sites.get("items") if isinstance(sites, Mapping) else None
        return frozenset(items.get("properties", {})) if isinstance(items, Mapping) else frozenset()

    def needed(self, layer: Layer, role: Role) -> frozenset[str]:
        """Features of an element where the service has that layer and role."""
        return self.needs.get(layer, frozenset()) | self.needs.get(role, frozenset())

    @cached_property
    def validator(self) -> Draft202012Validator:
        return _VALIDATOR(self.characteristics, format_checker=_FORMATS)

    @cached_property
    def fits(self) -> Fits:
        """Whether characteristics fit for sure; else the validator says."""
        return fitting(self.characteristics)

    def template(self, platform: str) -> tuple[str, Syntax] | None:
        """File name and syntax of the template for a platform; None when the specification has none."""
        for syntax in SYNTAXES:
            if (file := f"{platform}.{syntax}{SUFFIX}") in self.templates:
                return file, syntax
        return None


def parse(files: Mapping[str, str], *, folder: str = "") -> Specification:
    """A folder's files, by name, as a specification; `folder` is only for messages. Raises `InvalidPolicy`."""
    where = f"{folder}/" if folder else ""
    if FILE not in files:
        raise InvalidPolicy([Problem(f"{where}{FILE}", 1, "", "the file is missing; a specification begins with it")])
    document = Document(files[FILE], f"{where}{FILE}")
    templates = {name: text for name, text in files.items() if name.endswith(SUFFIX)}
    for key in ("templates", "samples"):
        if key in document.data:
            raise InvalidPolicy([document.problem((key,), f"no such key; {key} are files beside this one")])
    samples = {Path(name).stem: Document(text, f"{where}{name}").check(Sample) for name, text in _samples(files)}
    spec = document.check(Specification, {**document.data, "templates": templates, "samples": samples})
    problems = [*_bad_templates(where, spec), *_bad_expressions(document, spec)]
    if problems:
        raise InvalidPolicy(problems)
    return spec


def _samples(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in sorted(files.items()):
        if name.startswith(SAMPLES):
            yield name, text


def check_characteristics(spec: Specification, values: Mapping[str, Any]) -> list[Refusal]:
    """Everything that does not fit, by JSON pointer; [] when all does."""
    said = dict(values)
    errors = () if spec.fits(said) else spec.validator.iter_errors(said)
    refusals = [refusal for error in errors for refusal in _refusals(error)]
    refused = {refusal.pointer for refusal in refusals}
    unprintable = (pointer for pointer in _unprintable(values, "") if pointer not in refused)
    refusals.extend(Refusal(pointer, "text", "holds a control character or a line break; remove it") for pointer in unprintable)
    return sorted(refusals, key=lambda refusal: (refusal.pointer, refusal.rule))


def _is_whole(_checker: TypeChecker, instance: object) -> bool:
    """5.0 is an integer to JSON Schema, but not to a command line."""
    return isinstance(instance, int) and not isinstance(instance, bool)


_VALIDATOR: type[Draft202012Validator] = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole)
)


_FORMATS = FormatChecker(formats=())
"""`format: ipv4-prefix` and `ipv6-prefix`: a prefix without bits beyond its length, with an address for each side."""


@_FORMATS.checks("ipv4-prefix", raises=ValueError)
def _is_ipv4_prefix(instance: object) -> bool:
    return not isinstance(instance, str) or _has_two_ends(IPv4Network(instance), instance)


@_FORMATS.checks("ipv6-prefix", raises=ValueError)
def _is_ipv6_prefix(instance: object) -> bool:
    return not isinstance(instance, str) or _has_two_ends(IPv6Network(instance), instance)


def _has_two_ends(network: IPv4Network | IPv6Network, written: str) -> bool:
    """And is written as it is printed: with its length, in its shortest form."""
    return network.prefixlen < network.max_prefixlen and str(network) == written


def _refusals(error: ValidationError) -> Iterator[Refusal]:
    here = "".join(_step(part) for part in error.absolute_path)
    rule = str(error.validator)
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    instance: Any = error.instance
    if rule == "required":
        missing = [name for name in schema["required"] if name not in instance and f"'{name}'" in error.message]
        yield from (Refusal(f"{here}{_step(name)}", rule, "is missing") for name in missing)
    elif rule == "additionalProperties":
        known = schema.get("properties", {})
        for name in instance:
            if name not in known:
                yield Refusal(f"{here}{_step(name)}", rule, f"is not known; known are {', '.join(sorted(known))}")
    else:
        yield Refusal(here, rule, _message(rule, schema, error.message))


def _message(rule: str, schema: Mapping[str, Any], text: str) -> str:
    """The schema's own words where it has some (`description` beside a pattern), else the validator's."""
    if rule in {"pattern", "format"} and (hint := schema.get("description")):
        return f"does not fit: {hint}"
    if rule == "maxLength":
        return f"has more than {schema[rule]} characters"
    if rule in {"anyOf", "oneOf"} and all(branch.keys() == {"required"} for branch in schema[rule]):
        choices = " or ".join(" and ".join(branch["required"]) for branch in schema[rule])
        return f"needs {'exactly one of ' if rule == 'oneOf' else ''}{choices}"
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _has_reference(schema: object) -> bool:
    if isinstance(schema, Mapping):
        return "$ref" in schema or "$dynamicRef" in schema or any(_has_reference(inner) for inner in schema.values())
    return isinstance(schema, list) and any(_has_reference(inner) for inner in schema)


def _step(part: object) -> str:
    """RFC 6901 §3."""
    return "/" + str(part).replace("~", "~0").replace("/", "~1")


def _unprintable(value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, str) and has_control_characters(value):
        yield pointer
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _unprintable(inner, pointer + _step(key))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _unprintable(inner, pointer + _step(position))


def _bad_templates(where: str, spec: Specification) -> Iterator[Problem]:
    for name, text in sorted(spec.templates.items()):
        parts = name.removesuffix(SUFFIX).rsplit(".", 1)
        if len(parts) == 1 or parts[1] not in SYNTAXES:
            yield Problem(f"{where}{name}", 1, "", f"name it <platform>.<syntax>{SUFFIX} with syntax {', '.join(SYNTAXES)}")
            continue
        for line, message in mistakes(text, CONTEXT, _members(spec)):
            yield Problem(f"{where}{name}", line, "", message)


def _bad_expressions(document: Document, spec: Specification) -> Iterator[Problem]:
    for path, text, names in _expressions(spec):
        for _, message in mistakes(text, names, _members(spec)):
            yield document.problem(path, message)


def _expressions(spec: Specification) -> Iterator[tuple[DocumentPath, str, frozenset[str]]]:
    """Where in the file, as a template, over which names."""
    yield ("service_name",), spec.service_name, NAMES
    for position, rule in enumerate(spec.resources):
        yield ("resources", position, "pool"), rule.pool, rule.names
        for key, text in (("when", rule.when), ("wanted", rule.wanted or "none"), ("amount_bps", rule.amount_bps)):
            yield ("resources", position, key), _expression(text), rule.names
    for position, monitor in enumerate(spec.monitors):
        if isinstance(monitor, ProbeMonitor):
            names = PROBED | {"at"} if monitor.per == "site" else PROBED
            yield ("monitors", position, "when"), _expression(monitor.when), names
            yield ("monitors", position, "target"), monitor.target, names
            yield ("monitors", position, "port"), str(monitor.port), names
    for position, test in enumerate(spec.tests):
        names = CONTEXT if test.of == "element" else CONTEXT | {"at"}
        yield ("tests", position, "when"), _expression(test.when), names
        for key, text in test.arguments.items():
            yield ("tests", position, "arguments", key), text, names


def _members(spec: Specification) -> Mapping[str, frozenset[str]]:
    """What can follow a name and a dot, where the specification says so."""
    roles = frozenset(rule.role for rule in spec.resources if rule.per == "service")
    own = frozenset(spec.characteristics.get("properties", {}))
    constants = frozenset(spec.constants)
    return {"characteristics": own, "allocations": roles, "constants": constants, "site": spec.known, "link": frozenset({"name"})}


def _expression(text: str) -> str:
    return "{{ " + text + " }}"
