"""From a specification and what was allocated to the text that should be on each element. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, TemplateError

from policies.errors import RenderingFailed
from policies.expressions import COMPILED, Expressions
from policies.layout import Attachment, ElementView, Layout
from policies.specification import FILE, ResourceRule, ServiceTest, Specification
from policies.templates import Syntax, environment

VLAN_ROLE = "vlan"
LONGEST_TEXT = 64
"""ifAlias holds 64 octets (RFC 2863)."""


@dataclass(frozen=True, slots=True)
class Need:
    """A value that the service needs."""

    role: str
    """The rule's role; with one per site `role:site`, as in link4:pe1/ge-0/0/1.100, and with one per link `role:link`: stable while
    others come and go."""
    pool: str
    wanted: str | None = None
    amount_bps: int = 0


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    id: str
    name: str
    customer: str
    """Account number."""


def needs(spec: Specification, characteristics: Mapping[str, Any], layout: Layout) -> tuple[Need, ...]:
    """What must be allocated, in the order of the specification. Raises `RenderingFailed` for a bad expression."""
    return tuple(need for rule in spec.resources for need in _needs(spec, rule, characteristics, layout))


def service_name(spec: Specification, characteristics: Mapping[str, Any], customer: str) -> str:
    """What people call the service."""
    return Expressions(spec, {"customer": customer}, characteristics).text(spec.service_name)


def context(
    layout: Layout,
    element: ElementView,
    service: ServiceFacts,
    characteristics: Mapping[str, Any],
    allocations: Mapping[str, str],
) -> dict[str, object]:
    """What the templates of one element can name.

    `service` (id, name, customer), `characteristics`, `element` (name, platform, attributes), `allocations` (by role), `vlan`
    (the allocated one, a number; undefined without), `text` (for descriptions: the characteristic `description`, else the service's
    name), and `attachments`: the element's ports, each with port, if_index (undefined where unknown), interface (the port, or
    port.vlan where tagged), role, layer, tagged, vlan (undefined without), peer, site, `allocations` of its own site by role, and
    `characteristics`: what was ordered for this place, over what was ordered for the whole. `constants` are added by `render`.
    """
    made: dict[str, object] = {
        "service": {"id": service.id, "name": service.name, "customer": service.customer},
        "characteristics": dict(characteristics),
        "element": {"name": element.name, "platform": element.platform, "attributes": dict(element.attributes)},
        "allocations": {role: value for role, value in allocations.items() if ":" not in role},
        "text": str(characteristics.get("description") or service.name)[:LONGEST_TEXT],
        "attachments": [_attachment(attachment, characteristics, allocations) for attachment in layout.of(element.name)],
    }
    return made | ({"vlan": int(allocations[VLAN_ROLE])} if VLAN_ROLE in allocations else {})


def render(spec: Specification, platform: str, context: Mapping[str, object]) -> str:
    """What the service should be on one element, in the platform's language. Raises `RenderingFailed`."""
    found = spec.template(platform)
    element = _name_of(context)
    if found is None:
        raise RenderingFailed(f"{spec.name}/{FILE}", element, 1, f"there is no template for platform {platform}")
    file, syntax = found
    try:
        template = _language(syntax, tuple(sorted(spec.templates.items()))).get_template(file)
        text = template.render({"constants": spec.constants, **context})
    except (TemplateError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise RenderingFailed(f"{spec.name}/{file}", element, _line_of(error, file), str(error)) from error
    return "".join([f"{bare}\n" for line in text.splitlines() if (bare := line.rstrip())])


def checks(spec: Specification, context: Mapping[str, object]) -> tuple[tuple[str, Mapping[str, str]], ...]:
    """Kind and arguments of what is tried on one element, given what its template can name. Raises `RenderingFailed`."""
    found = [(test.kind, arguments) for test in spec.tests for arguments in _arguments(spec, test, context)]
    return tuple(each for position, each in enumerate(found) if each not in found[:position])


def _arguments(spec: Specification, test: ServiceTest, context: Mapping[str, object]) -> Iterator[Mapping[str, str]]:
    for names in _tried(test, context):
        expressions = Expressions(spec, {**context, **names})
        if expressions.of(test.when):
            yield {key: expressions.text(text) for key, text in test.arguments.items()}


def _tried(test: ServiceTest, context: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """What the arguments can name beside the context: `at`, for each port that is meant."""
    if test.of == "element":
        yield {}
        return
    ports = context["attachments"]
    for at in ports if isinstance(ports, list) else ():
        if test.of in {at["role"], at["layer"]}:
            yield {"at": at}


@lru_cache(maxsize=COMPILED)
def _language(syntax: Syntax, templates: tuple[tuple[str, str], ...]) -> Environment:
    """With the compiled templates of one specification; the sandbox keeps them from remembering anything."""
    made = environment(syntax)
    made.loader = DictLoader(dict(templates))
    made.auto_reload = False  # they are what they are
    return made


def _needs(spec: Specification, rule: ResourceRule, characteristics: Mapping[str, Any], layout: Layout) -> Iterator[Need]:
    for suffix, values in _occasions(rule, characteristics, layout):
        expressions = Expressions(spec, values, characteristics)
        if expressions.of(rule.when):
            wanted = expressions.of(rule.wanted) if rule.wanted else None
            asked = None if wanted is None else str(wanted)
            yield Need(f"{rule.role}{suffix}", expressions.text(rule.pool), asked, expressions.amount(rule.amount_bps))


def _occasions(
    rule: ResourceRule, characteristics: Mapping[str, Any], layout: Layout
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """What is put behind the role, and what the rule's expressions can name beside the characteristics."""
    match rule.per:
        case "service":
            yield "", {}
        case "site":
            for attachment in layout.sites:
                yield f":{attachment.site}", {"site": {**characteristics, **attachment.place}}
        case "link":
            for name in layout.link_names:
                yield f":{name}", {"link": {"name": name}}


def _attachment(attachment: Attachment, characteristics: Mapping[str, Any], allocations: Mapping[str, str]) -> dict[str, object]:
    vlan = attachment.vlan
    if vlan is None and VLAN_ROLE in allocations:
        vlan = int(allocations[VLAN_ROLE])
    suffix = f":{attachment.site}"
    facts: dict[str, object] = {
        "port": attachment.port,
        "interface": f"{attachment.port}.{vlan}" if attachment.tagged else attachment.port,
        "role": attachment.role,
        "layer": attachment.layer,
        "tagged": attachment.tagged,
        "peer": attachment.peer,
        "site": attachment.site,
        "characteristics": {**characteristics, **attachment.place},
        "allocations": {role.removesuffix(suffix): value for role, value in allocations.items() if role.endswith(suffix)},
    }
    known = {"vlan": vlan, "if_index": attachment.if_index}
    return facts | {key: _absent(attachment, key) if value is None else value for key, value in known.items()}


def _absent(attachment: Attachment, key: str) -> StrictUndefined:
    """Not defined, and says what to do when a template prints it nevertheless."""
    if key == "if_index":
        return StrictUndefined(f"port {attachment.reference} has no if_index; give it one in the inventory")
    return StrictUndefined(f"port {attachment.reference} is untagged and has no vlan; ask `tagged` first")


def _name_of(context: Mapping[str, object]) -> str:
    element = context.get("element")
    return str(element.get("name", "")) if isinstance(element, Mapping) else ""


def _line_of(error: BaseException, file: str) -> int:
    """Where in the template it happened: Jinja2 rewrites tracebacks to the template's own lines."""
    line, trace = 1, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename in {file, "<template>"}:
            line = trace.tb_lineno
        trace = trace.tb_next
    return getattr(error, "lineno", None) or line
