"""The small expressions and texts of `spec.yaml`: conditions, amounts, names of pools. Pure."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from jinja2 import TemplateError, nodes

from policies.errors import RenderingFailed
from policies.specification import FILE, Specification
from policies.templates import environment

COMPILED = 256
_FAILURES = (TemplateError, ValueError, TypeError, ArithmeticError)


class Expressions:
    """What a specification's expressions come to, given `characteristics`, its `constants` and `values`."""

    def __init__(
        self, spec: Specification, values: Mapping[str, object], characteristics: Mapping[str, object] | None = None
    ) -> None:
        self._spec = spec
        self._values = {"constants": spec.constants, **values}
        if characteristics is not None:
            self._values["characteristics"] = dict(characteristics)

    def of(self, expression: str) -> object:
        """None when it names what is not there. Raises `RenderingFailed`."""
        try:
            return _expression(expression)(**self._values)
        except _FAILURES as error:
            raise self._failed(expression, error) from error

    def text(self, template: str) -> str:
        """Raises `RenderingFailed`, also when it names what is not there."""
        try:
            return _template(template)(self._values)
        except _FAILURES as error:
            raise self._failed(template, error) from error

    def amount(self, expression: str) -> int:
        """Zero when there is none. Raises `RenderingFailed`."""
        found = self.of(expression)
        try:
            return int(str(found or 0))
        except ValueError as error:
            raise self._failed(expression, ValueError(f"{found!r} is not a whole number")) from error

    def _failed(self, text: str, error: Exception) -> RenderingFailed:
        return RenderingFailed(f"{self._spec.name}/{FILE}", "", 1, f"{text!r}: {error}")


@lru_cache(maxsize=COMPILED)
def _expression(text: str) -> Callable[..., object]:
    language = environment()
    said = language.parse("{{ " + text + " }}").body
    match said:
        case [nodes.Output(nodes=[nodes.Const(value=value)])]:
            return lambda **_: value  # most conditions are `true`, most amounts 0
    return language.compile_expression(text)


@lru_cache(maxsize=COMPILED)
def _template(text: str) -> Callable[[Mapping[str, object]], str]:
    if "{" not in text and "\n" not in text:
        return lambda _: text
    return environment().from_string(text).render
