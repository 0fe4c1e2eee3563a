"""`<rpc-error>` as a value, and the one exception that carries them (RFC 6241, 4.3 and appendix A)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.sim.netconf.names import NC, PREFIXES, Element, new, q, sub

ErrorType = Literal["transport", "rpc", "protocol", "application"]


@dataclass(frozen=True, slots=True)
class RpcError:
    """One error of a reply. `info` is (name, text) pairs in the base namespace, such as `bad-element`."""

    tag: str
    message: str
    type: ErrorType = "application"
    path: str | None = None
    app_tag: str | None = None
    info: tuple[tuple[str, str], ...] = ()

    def render(self) -> Element:
        error = new(q(NC, "rpc-error"))
        sub(error, "error-type", self.type)
        sub(error, "error-tag", self.tag)
        sub(error, "error-severity", "error")
        if self.app_tag:
            sub(error, "error-app-tag", self.app_tag)
        if self.path:
            used = {prefix: uri for prefix, uri in PREFIXES.items() if f"{prefix}:" in self.path}
            path = new(q(NC, "error-path"), self.path, used)
            error.append(path)
        message = sub(error, "error-message", self.message)
        message.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
        if self.info:
            info = sub(error, "error-info")
            for name, text in self.info:
                sub(info, name, text)
        return error


class RpcErrors(Exception):
    """The operation is refused with one or more errors."""

    def __init__(self, errors: Sequence[RpcError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)


def refusal(
    tag: str,
    message: str,
    *,
    type: ErrorType = "application",  # noqa: A002 - the protocol's word
    path: str | None = None,
    app_tag: str | None = None,
    info: tuple[tuple[str, str], ...] = (),
) -> RpcErrors:
    """One error, ready to be raised."""
    return RpcErrors([RpcError(tag, message, type, path, app_tag, info)])


def protocol_refusal(tag: str, message: str, **info: str) -> RpcErrors:
    """An error of the operation itself; keyword `bad_element="x"` becomes `<bad-element>x</bad-element>`."""
    pairs = tuple((name.replace("_", "-"), text) for name, text in info.items())
    return refusal(tag, message, type="protocol", info=pairs)
