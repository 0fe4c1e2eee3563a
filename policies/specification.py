"""Service specifications: what can be ordered and what it takes, as a folder of data.

`spec.yaml` is described by `Specification`. Beside it stand templates `<platform>.<syntax>.j2` (syntax: xml, lines or
objects) that say what one service is on one element of that platform; they state only what should be there. Changing and removing
are derived from the difference.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, Self

from jinja2 import Environment, TemplateSyntaxError, meta
from jsonschema import Draft202012Validator, SchemaError, TypeChecker, ValidationError, validators
from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.document import Document
from policies.errors import InvalidPolicy, Problem, Refusal
from policies.templates import SYNTAXES, Syntax, environment, has_control_characters

FILE = "spec.yaml"
SUFFIX = ".j2"
CONTEXT = frozenset({"service", "text", "characteristics", "element", "attachments", "allocations", "vlan"})
"""What a template can name; see `policies.rendering.context`."""
CONDITIONS = frozenset({"characteristics"})
NAMES = frozenset({"characteristics", "customer"})
_LONGEST_MESSAGE = 300

LayoutKind = Literal["access", "path", "sites"]
Layer = Literal["l2", "l3"]
"""Whether an element passes the service on by its VLAN or ends it with addresses."""
Role = Literal["endpoint", "transit"]
LAYOUT_CHARACTERISTICS: Mapping[LayoutKind, tuple[str, ...]] = {"access": ("port",), "path": ("a", "b"), "sites": ("sites",)}
"""What each layout needs to be told; see `policies.layout`."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ResourceRule(_Data):
    """A value to allocate. `when`, `wanted` and `amount_bps` are expressions over `characteristics`, `pool` is a template."""

    role: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    pool: str
    when: str = "true"
    wanted: str = ""
    """The value to ask for; any, when the expression gives nothing."""
    amount_bps: str = "0"
    per: Literal["service", "site"] = "service"
    """One for the service, or one per place where it ends."""


class Monitor(_Data):
    """What is watched of the service's ports: `state` decides its health, `usage` counts octets, `errors` counts bad packets."""

    kind: Literal["state", "usage", "errors"]
    of: tuple[Role, ...] = ("endpoint",)


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
    needs: dict[Layer, frozenset[str]] = {}
    """Features that a platform must realise to take part in a layer."""
    features: dict[str, dict[Layer, str]] = {}
    """Features that a characteristic needs, where it is given."""
    resources: tuple[ResourceRule, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    sla: str | None = None
    """Default for agreements that name none."""
    tariff: str | None = None
    templates: dict[str, str] = {}
    """By file name."""

    @model_validator(mode="after")
    def _schema_is_closed(self) -> Self:
        schema = self.characteristics
        if _has_reference(schema):
            raise ValueError("`characteristics` must not use `$ref`; write what it refers to in its place")
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise ValueError(f"`characteristics` is no JSON Schema: {error.message}") from error
        if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
            raise ValueError("`characteristics` needs `type: object` and `additionalProperties: false`")
        known = schema.get("properties", {})
        for name in (*LAYOUT_CHARACTERISTICS[self.layout], *self.features):
            if name not in known:
                raise ValueError(f"`characteristics` lacks the property {name!r}, which layout {self.layout} or `features` needs")
        return self

    @model_validator(mode="after")
    def _roles_are_distinct(self) -> Self:
        roles = [rule.role for rule in self.resources]
        for role in roles:
            if roles.count(role) > 1:
                raise ValueError(f"two `resources` have the role {role!r}")
        return self

    @cached_property
    def validator(self) -> Draft202012Validator:
        return _VALIDATOR(self.characteristics)

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
    if "templates" in document.data:
        raise InvalidPolicy([document.problem(("templates",), "no such key; templates are files beside this one")])
    spec = document.check(Specification, {**document.data, "templates": templates})
    problems = [*_bad_templates(where, templates), *_bad_expressions(document, spec)]
    if problems:
        raise InvalidPolicy(problems)
    return spec


def check_characteristics(spec: Specification, values: Mapping[str, Any]) -> list[Refusal]:
    """Everything that does not fit, by JSON pointer; [] when all does."""
    refusals = [refusal for error in spec.validator.iter_errors(dict(values)) for refusal in _refusals(error)]
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
    if rule == "pattern" and (hint := schema.get("description")):
        return f"does not fit: {hint}"
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


def _bad_templates(where: str, templates: Mapping[str, str]) -> Iterator[Problem]:
    for name, text in sorted(templates.items()):
        parts = name.removesuffix(SUFFIX).rsplit(".", 1)
        if len(parts) == 1 or parts[1] not in SYNTAXES:
            yield Problem(f"{where}{name}", 1, "", f"name it <platform>.<syntax>{SUFFIX} with syntax {', '.join(SYNTAXES)}")
            continue
        for line, message in _mistakes(text, CONTEXT):
            yield Problem(f"{where}{name}", line, "", message)


def _bad_expressions(document: Document, spec: Specification) -> Iterator[Problem]:
    for _, message in _mistakes(spec.service_name, NAMES):
        yield document.problem(("service_name",), message)
    for position, rule in enumerate(spec.resources):
        texts = {"pool": rule.pool, "when": _expression(rule.when), "amount_bps": _expression(rule.amount_bps)}
        if rule.wanted:
            texts["wanted"] = _expression(rule.wanted)
        for key, text in texts.items():
            for _, message in _mistakes(text, CONDITIONS):
                yield document.problem(("resources", position, key), message)


def _expression(text: str) -> str:
    return "{{ " + text + " }}"


def _mistakes(text: str, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    language: Environment = environment()
    try:
        names = meta.find_undeclared_variables(language.parse(text))
        language.compile(text)
    except TemplateSyntaxError as error:
        yield error.lineno, f"not a template: {error.message}"
        return
    for name in sorted(names - known - {"range"}):
        yield 1, f"{name!r} is not known here; known are {', '.join(sorted(known))}"
