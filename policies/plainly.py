"""The plain ones among expressions, without a template: names with dots, constants, `is defined`, `default` and `==`. Pure.

Most conditions of most products are of these, and are asked for with every order; a template makes a context for each. What comes
out is just what the template's would be: where that is not plain (a value that is missing and is asked for something, a mapping of
another kind, an attribute of Python's own) `Unsure` is raised, and who asks turns to the template.
"""

from collections.abc import Callable, Mapping, Sequence

from jinja2 import Undefined, nodes

from policies.templates import printable

Values = Mapping[str, object]
Worked = Callable[[Values], object]


class Unsure(Exception):
    """The template has to say."""


class _Missing:
    """What is not there."""


MISSING = _Missing()
_OWN = frozenset(dir(dict))
"""In a template these are the mapping's own attributes, or none that may be had."""


def worked(node: nodes.Node) -> Worked | None:  # noqa: PLR0911  one for each kind of expression
    """What the expression comes to, given its values; `MISSING` where that is not there. None: only a template can say."""
    match node:
        case nodes.Const(value=value):
            return lambda _: value
        case nodes.Name(name=name, ctx="load"):
            return _named(name)
        case nodes.Getattr(node=inner, attr=attribute) if attribute not in _OWN:
            return _member(worked(inner), attribute)
        case nodes.Test(node=inner, name="defined", args=[], kwargs=[], dyn_args=None, dyn_kwargs=None):
            return _is_defined(worked(inner))
        case nodes.Filter(node=nodes.Node() as inner, name="default", args=[other], kwargs=[], dyn_args=None, dyn_kwargs=None):
            return _default(worked(inner), worked(other))
        case nodes.Compare(expr=one, ops=[nodes.Operand(op="eq", expr=other)]):
            return _equal(worked(one), worked(other))
    return None


def written(parts: Sequence[nodes.Node]) -> Callable[[Values], str] | None:
    """What a template of these parts prints. None: only the template can say."""
    pieces: list[str | Worked] = []
    for part in parts:
        inner = part.nodes if isinstance(part, nodes.Output) else [None]
        for each in inner:
            piece = each.data if isinstance(each, nodes.TemplateData) else None if each is None else worked(each)
            if piece is None:
                return None
            pieces.append(piece)
    return lambda values: "".join([piece if isinstance(piece, str) else _printed(piece(values)) for piece in pieces])


def _printed(value: object) -> str:
    if value is MISSING:
        raise Unsure
    return str(printable(value))


def _named(name: str) -> Worked:
    def find(values: Values) -> object:
        if name not in values:
            raise Unsure
        return _told(values[name])

    return find


def _member(inner: Worked | None, attribute: str) -> Worked | None:
    if inner is None:
        return None

    def find(values: Values) -> object:
        among = inner(values)
        if type(among) is not dict:
            raise Unsure
        return _told(among.get(attribute, MISSING))

    return find


def _told(value: object) -> object:
    if isinstance(value, Undefined):
        raise Unsure
    return value


def _is_defined(inner: Worked | None) -> Worked | None:
    return None if inner is None else lambda values: inner(values) is not MISSING


def _default(inner: Worked | None, other: Worked | None) -> Worked | None:
    if inner is None or other is None:
        return None

    def choose(values: Values) -> object:
        value = inner(values)
        return other(values) if value is MISSING else value

    return choose


def _equal(one: Worked | None, other: Worked | None) -> Worked | None:
    if one is None or other is None:
        return None

    def compare(values: Values) -> object:
        left, right = one(values), other(values)
        if left is MISSING or right is MISSING:
            raise Unsure
        return left == right

    return compare
