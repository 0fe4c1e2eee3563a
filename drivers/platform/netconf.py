"""How a kind of element behaves over NETCONF."""

import re
from typing import Literal

from lxml import etree
from pydantic import Field, field_validator

from drivers.platform.data import Data


class RequestTest(Data):
    """A service test by RPC. Arguments stand in it as `{address}`; what is in `[ ]` is sent only when its arguments are given."""

    request: str
    """XML."""
    passed: str
    """Local name of an element of the reply that says so (`ping-success`), or with its text (`peer-state=Established`)."""

    @field_validator("request")
    @classmethod
    def _is_xml(cls, request: str) -> str:
        try:
            etree.fromstring(re.sub(r"[\[\]]", "", request))
        except etree.XMLSyntaxError as error:
            raise ValueError(f"it is no XML: {error}") from error
        return request


class PortRequest(Data):
    """The RPC that lists ports, and where a reply says what; local names of elements."""

    request: str
    """XML."""
    entries: frozenset[str]
    name: str = "name"
    status: str = "oper-status"
    up: str = "up"


class Netconf(Data):
    confirmation: Literal["persist", "plain"] = "persist"
    """How a provisional commit is known: by the `persist` of confirmed-commit:1.1 (RFC 6241 §8.4), or not at all (1.0, RFC 4741):

    then any commit confirms it, and nothing but a commit of the reverse undoes it before its time.
    """
    locks: tuple[Literal["running", "candidate"], ...] = ("running", "candidate")
    """In the order in which they are taken: a confirmed commit that expires would also undo another's edit of running."""
    validation: Literal["test-then-set", "validate", "none"] = "validate"
    """How an edit is validated: as an option of `edit-config`, by the operation of its own, or only by `commit`."""
    port_state: Literal["auto", "oper", "config"] = "auto"
    """Whether a port is up is told by `oper-status`, or only by its configuration; `auto`: by what the server serves."""
    ports: PortRequest | None = None
    """Where ports are not asked for by ietf-interfaces."""
    tests: dict[str, RequestTest] = Field(default_factory=dict)
    """Kind → how it is asked; `interface` is asked as ports are."""
