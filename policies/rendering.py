"""From a specification and what was allocated to the text that should be on each element. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Template, TemplateError

from policies.errors import RenderingFailed
from policies.layout import Attachment, ElementView, Layout
from policies.specification import FILE, ResourceRule, Specification
from policies.templates import Syntax, environment

VLAN_ROLE = "vlan"
COMPILED = 256
"""How many templates are kept compiled, which is most of what rendering costs."""
LONGEST_TEXT = 64
"""ifAlias holds 64 octets (RFC 2863)."""


@dataclass(frozen=True, slots=True)
class Need:
    """A value that the service needs."""

    role: str
    """The rule's role; with one per site `role:site`, as in link4:pe1/ge-0/0/1.100: stable while other sites come and go."""
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
    found: list[Need] = []
    for rule in spec.resources:
        values = _Evaluator(spec, {"characteristics": dict(characteristics)})
        if not values.of(rule.when):
            continue
        pool, wanted = values.text(rule.pool), values.of(rule.wanted) if rule.wanted else None
        amount = int(str(values.of(rule.amount_bps) or 0))
        asked = None if wanted is None else str(wanted)
        found.extend(Need(role, pool, asked, amount) for role in _roles(rule, layout))
    return tuple(found)


def service_name(spec: Specification, characteristics: Mapping[str, Any], customer: str) -> str:
    """What people call the service."""
    return _Evaluator(spec, {"characteristics": dict(characteristics), "customer": customer}).text(spec.service_name)


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
    port.vlan where tagged), role, layer, tagged, vlan (undefined without), peer, site, and `allocations` of its own site by role.
    """
    made: dict[str, object] = {
        "service": {"id": service.id, "name": service.name, "customer": service.customer},
        "characteristics": dict(characteristics),
        "element": {"name": element.name, "platform": element.platform, "attributes": dict(element.attributes)},
        "allocations": {role: value for role, value in allocations.items() if ":" not in role},
        "text": str(characteristics.get("description") or service.name)[:LONGEST_TEXT],
        "attachments": [_attachment(attachment, allocations) for attachment in layout.of(element.name)],
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
        text = _language(syntax, tuple(sorted(spec.templates.items()))).get_template(file).render(dict(context))
    except (TemplateError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise RenderingFailed(f"{spec.name}/{file}", element, _line_of(error, file), str(error)) from error
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines() if line.strip())


@lru_cache(maxsize=COMPILED)
def _language(syntax: Syntax, templates: tuple[tuple[str, str], ...]) -> Environment:
    """With the compiled templates of one specification; the sandbox keeps them from remembering anything."""
    made = environment(syntax)
    made.loader = DictLoader(dict(templates))
    return made


@lru_cache(maxsize=COMPILED)
def _expression(text: str) -> Callable[..., object]:
    return environment().compile_expression(text)


@lru_cache(maxsize=COMPILED)
def _template(text: str) -> Template:
    return environment().from_string(text)


class _Evaluator:
    """The small expressions and texts of `spec.yaml`."""

    def __init__(self, spec: Specification, values: Mapping[str, object]) -> None:
        self._spec, self._values = spec, values

    def of(self, expression: str) -> object:
        """None when it names what is not there."""
        try:
            return _expression(expression)(**self._values)
        except (TemplateError, ValueError, TypeError, ArithmeticError) as error:
            raise RenderingFailed(f"{self._spec.name}/{FILE}", "", 1, f"{expression!r}: {error}") from error

    def text(self, template: str) -> str:
        try:
            return _template(template).render(dict(self._values))
        except (TemplateError, ValueError, TypeError, ArithmeticError) as error:
            raise RenderingFailed(f"{self._spec.name}/{FILE}", "", 1, f"{template!r}: {error}") from error


def _roles(rule: ResourceRule, layout: Layout) -> list[str]:
    return [rule.role] if rule.per == "service" else [f"{rule.role}:{attachment.site}" for attachment in layout.sites]


def _attachment(attachment: Attachment, allocations: Mapping[str, str]) -> dict[str, object]:
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
