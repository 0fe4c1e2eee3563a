"""The inventory document: what `fabd inventory import` reads and `export` writes.

    sites:    [{name: ghent, parent: belgium}]
    elements: [{name: pe1, site: ghent, platform: ios, role: edge,
                endpoints: {ssh: {host: 192.0.2.1, port: 22, credential: core}},
                ports: [{name: ge-0/0/1, if_index: 5, speed_bps: 1000000000, role: customer}],
                attributes: {bgp_as: 65000}}]
    links:    [{name: pe1-p1, a: pe1/ge-0/0/0, b: p1/ge-0/0/3}]
    pools:    [{name: ipv4-links, kind: ipv4-prefix, prefix: 10.0.0.0/16, length: 31,
                reserved: [10.0.0.0/31, {value: 10.0.0.2/31, reason: in use before fabd came}]}]

Ports are referred to as `element/port`. An import changes what it names; what it leaves out stays, unless told to prune.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from inventory.errors import InvalidDocument, Problem
from inventory.pools import BANDWIDTH
from inventory.source import Path, Source

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
"""Without spaces and slashes, so that `element/port` reads one way only."""
PoolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=128)]
"""As a name; the pool of a link's bandwidth is `link:NAME`."""
PortName = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=64)]
SiteName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=128)]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[!-~]+$")]
Protocol = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=32)]
PROTOCOLS = ("netconf", "snmp", "ssh")
"""Those that fabd speaks by itself; further ones come with drivers."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SiteEntry(_Entry):
    name: SiteName
    parent: SiteName | None = None
    address: str = Field("", max_length=500)
    attributes: dict[str, JsonValue] = {}


class EndpointEntry(_Entry):
    host: str = Field(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)
    port: int = Field(ge=1, le=65535)
    credential: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
    """A reference, never the secret."""


class PortEntry(_Entry):
    name: PortName
    if_index: int | None = Field(None, ge=1, le=2**31 - 1)
    speed_bps: int = Field(1_000_000_000, ge=1, lt=2**63)
    role: Literal["customer", "core", "management"] = "customer"
    attributes: dict[str, JsonValue] = {}


class ElementEntry(_Entry):
    name: Name
    site: SiteName
    platform: Name
    role: Literal["edge", "core", "access"] = "edge"
    administrative: Literal["unlocked", "locked"] = "unlocked"
    attributes: dict[str, JsonValue] = {}
    """Facts for templates, as bgp_as."""
    endpoints: dict[Protocol, EndpointEntry] = {}
    ports: list[PortEntry] = []


class LinkEntry(_Entry):
    name: Annotated[str, Field(pattern=r"^[!-~]+$", max_length=200)] | None = None
    """The two ends joined by `--`, when left out."""
    a: Reference
    b: Reference
    attributes: dict[str, JsonValue] = {}

    @property
    def key(self) -> str:
        return self.name or "--".join(sorted((self.a, self.b)))


class ReservedEntry(_Entry):
    """A value that is never given out; in a document the value alone will do."""

    value: str = Field(min_length=1, max_length=100)
    reason: str = Field("", max_length=200)

    @model_validator(mode="before")
    @classmethod
    def _value_alone(cls, data: object) -> object:
        if isinstance(data, dict):
            return data | {"value": _as_text(data.get("value"))} if "value" in data else data
        return {"value": _as_text(data)}


class PoolEntry(_Entry):
    """`inventory.pools` says which of the keys a kind has."""

    name: PoolName
    kind: str
    ranges: list[list[int]] | None = None
    prefix: str | None = None
    length: int | None = None
    administrator: str | None = None
    capacity_bps: int | None = Field(None, lt=2**63)
    quarantine_s: int = Field(0, ge=0, le=10 * 366 * 86_400)
    low_watermark: int = Field(0, ge=0, le=100)
    """Per cent free below which an alarm is raised."""
    reserved: list[ReservedEntry] = []
    """Kept back for good. What was kept back otherwise stays so: `fabd inventory pool release` gives it back."""

    @field_validator("administrator", mode="before")
    @classmethod
    def _number_as_text(cls, value: object) -> object:
        return _as_text(value)

    @property
    def definition(self) -> dict[str, Any]:
        keys = ("ranges", "prefix", "length", "administrator", "capacity_bps")
        return {key: value for key in keys if (value := getattr(self, key)) is not None}

    @property
    def unit(self) -> str:
        return "bit/s" if self.kind == BANDWIDTH else "values"


class InventoryDocument(_Entry):
    sites: list[SiteEntry] = []
    elements: list[ElementEntry] = []
    links: list[LinkEntry] = []
    pools: list[PoolEntry] = []

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_an_empty_list(cls, data: object) -> object:
        """`links:` with nothing below it."""
        return {key: [] if value is None else value for key, value in data.items()} if isinstance(data, dict) else data


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def read_document(source: Source) -> InventoryDocument:
    """Raises `InvalidDocument` with everything that is not of the document's shape."""
    try:
        return InventoryDocument.model_validate(dict(source.data))
    except ValidationError as error:
        raise InvalidDocument(
            [
                _problem(source, tuple(item["loc"]), item["type"], item["msg"], item.get("input"))
                for item in error.errors(include_url=False)
            ]
        ) from None


def json_schema() -> dict[str, Any]:
    """JSON Schema of the document, for editors."""
    return InventoryDocument.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


_SEEN = 80
"""Characters of a wrong value that are shown."""


def _problem(source: Source, path: Path, kind: str, message: str, value: object) -> Problem:
    if path and path[-1] == "[key]":
        path = path[:-1]
    match kind:
        case "extra_forbidden":
            return source.problem(path, "there is no such key here", f"correct its spelling or remove it; {_known_keys(path)}")
        case "missing":
            return source.problem(path, "is missing", "add it")
        case "string_pattern_mismatch":
            return source.problem(path, f"{_shown(value)} is not written as it must be", _how(path))
    return source.problem(path, f"{message[0].lower()}{message[1:]} (it is {_shown(value)})", "correct the value")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SEEN else f"{text[:_SEEN]}…"


def _how(path: Path) -> str:
    if path[0] == "links" and path[-1] in {"a", "b"}:
        return "write element/port, as in pe1/ge-0/0/1"
    if path[-1] == "host":
        return "write an address or a host name"
    return "use letters, digits, dots, dashes and underscores, without spaces"


_MODELS: dict[str, type[BaseModel]] = {
    "": InventoryDocument,
    "sites": SiteEntry,
    "elements": ElementEntry,
    "links": LinkEntry,
    "pools": PoolEntry,
    "reserved": ReservedEntry,
    "ports": PortEntry,
    "endpoints": EndpointEntry,
}


def _known_keys(path: Path) -> str:
    owner = next((step for step in reversed(path[:-1]) if isinstance(step, str) and step in _MODELS), "")
    return f"known are {', '.join(_MODELS[owner].model_fields)}"
