"""The template language of specifications: Jinja2 in a sandbox, where what is undefined or unsafe is an error, never a gap.

What a template prints of its data is made safe by the syntax in the file's name: `.xml.j2` escapes markup, `.objects.j2` prints
JSON (which YAML reads), `.lines.j2` prints as it is; none prints a control character, so no value can begin a line of its own.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, get_args

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

Syntax = Literal["xml", "lines", "objects"]
SYNTAXES: tuple[Syntax, ...] = get_args(Syntax)
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")
_OF_A_DICT = frozenset(dir(dict))
_OF_ANY_MAPPING = frozenset({"get", "items", "keys", "values"})


class _Language(ImmutableSandboxedEnvironment):
    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Put together once for a template. Jinja looks through two mappings, name by name, each time it renders one."""
        return {**self.globals, **(d or {})}

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401  what templates name is of any kind
        """Jinja looks for an attribute of Python's first, and raises and catches an error for each key of a mapping."""
        if type(obj) is dict and attribute not in _OF_A_DICT:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def environment(syntax: Syntax = "lines") -> ImmutableSandboxedEnvironment:
    """A fresh one: nothing that a template does outlives it."""
    made = _Language(
        undefined=StrictUndefined,
        autoescape=syntax == "xml",
        finalize=_FINALIZERS[syntax],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.clear()
    made.globals["range"] = range
    return made


def mistakes(text: str, known: frozenset[str], members: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, str]]:
    """Line and message of what cannot be meant: bad syntax, unknown names, and unknown members of those in `members`."""
    language: Environment = environment()
    try:
        tree = language.parse(text)
        undeclared = meta.find_undeclared_variables(tree) - {"range"}
        language.compile(text)
    except TemplateSyntaxError as error:
        yield error.lineno, f"not a template: {error.message}"
        return
    for name in sorted(undeclared - known):
        line = min(node.lineno for node in tree.find_all(nodes.Name) if node.name == name)
        yield line, f"{name!r} is not known here; known are {', '.join(sorted(known))}"
    for line, name, member in sorted(_named_members(tree)):
        if name in undeclared and member not in members.get(name, {member}) | _OF_ANY_MAPPING:
            there = ", ".join(sorted(members[name])) or "none"
            yield line, f"there is no {member!r} among the {name}; there are {there}"


def _named_members(tree: nodes.Template) -> Iterator[tuple[int, str, str]]:
    for dotted in tree.find_all(nodes.Getattr):
        if isinstance(dotted.node, nodes.Name):
            yield dotted.lineno, dotted.node.name, dotted.attr
    for subscript in tree.find_all(nodes.Getitem):
        if isinstance(subscript.node, nodes.Name) and isinstance(subscript.arg, nodes.Const):
            yield subscript.lineno, subscript.node.name, str(subscript.arg.value)


def has_control_characters(text: str) -> bool:
    return _CONTROL.search(text) is not None


def printable(value: object) -> object:
    """As it may be printed; `ValueError` for what begins a line of its own, or is not there."""
    if isinstance(value, Undefined):
        return value  # StrictUndefined says itself what is missing
    if value is None:
        raise ValueError("a value is missing where the template prints one")
    if has_control_characters(str(value)):
        raise ValueError(f"{str(value)!r} holds a control character or a line break")
    return value


def first_address(prefix: str) -> str:
    """The first usable address, the provider's: 10.0.0.0 of 10.0.0.0/31, 10.0.0.1 of 10.0.0.0/30."""
    return _usable(_network(prefix), 0)


def second_address(prefix: str) -> str:
    """The second usable address, the customer's."""
    return _usable(_network(prefix), 1)


def prefix_length(prefix: str) -> int:
    return _network(prefix).prefixlen


def netmask(prefix: str) -> str:
    """255.255.255.254 of 10.0.0.0/31."""
    return str(_network(prefix).netmask)


def network_address(prefix: str) -> str:
    return str(_network(prefix).network_address)


def quoted(value: object) -> str:
    """In single quotes, for a language where they end an argument; `ValueError` for what would end them."""
    text = str(value)
    if "'" in text or "\\" in text:
        raise ValueError(f"{text!r} holds a quote or a backslash, which cannot be quoted")
    return f"'{text}'"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "first_address": first_address,
    "second_address": second_address,
    "prefix_length": prefix_length,
    "netmask": netmask,
    "network_address": network_address,
    "quoted": quoted,
}


@lru_cache(maxsize=256, typed=True)  # one template asks for several things of each prefix
def _network(prefix: str | int) -> IPv4Network | IPv6Network:
    if isinstance(prefix, str) and ":" in prefix:  # else Python would try IPv4 first
        with suppress(ValueError):
            return IPv6Network(prefix)
    return ip_network(prefix)


def _usable(network: IPv4Network | IPv6Network, position: int) -> str:
    """RFC 3021 and RFC 6164: in a /31 and a /127 both addresses are usable; elsewhere the first one is the network's."""
    host_bits = network.max_prefixlen - network.prefixlen
    offset = position + (0 if host_bits == 1 else 1)
    address = network.network_address + offset
    if offset >> host_bits:
        raise ValueError(f"{network} has no usable address number {position + 1}")
    return str(address)


def _markup(value: object) -> object:
    return value if isinstance(value, Markup | Undefined) else escape(printable(value))


def _json(value: object) -> object:
    """Strings quoted, so that none can be read as anything else; numbers and lists as they are."""
    if isinstance(value, Undefined):
        return value
    if isinstance(value, str) or value is None:
        printable(value)
    return json.dumps(value, ensure_ascii=False, default=_undefined)


def _undefined(value: object) -> str:
    """What is missing inside a list says so itself, as it would alone."""
    if isinstance(value, Undefined):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be printed")


_FINALIZERS: Mapping[Syntax, Callable[[object], object]] = {"xml": _markup, "lines": printable, "objects": _json}
