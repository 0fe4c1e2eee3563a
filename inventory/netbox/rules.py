"""How NetBox's words become fabd's: platforms, roles, ports, credentials and pools. A small YAML file; every part has a default."""

from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from inventory.errors import InvalidDocument, Problem

CONTEXT = "fabd"
"""Key of a device's configuration context under which fabd's own words stand: role, platform, endpoints, credential, attributes."""
FIELD = "fabd_role"
"""Custom field of devices and interfaces."""
POOL_FIELD, LENGTH_FIELD = "fabd_pool", "fabd_length"
"""Custom fields of prefixes and VLAN groups: the pool that they are, and the length of the prefixes that it gives."""

ElementRole = Literal["edge", "core", "access"]
PortRole = Literal["customer", "core", "management"]


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ways(_Rules):
    """How elements are managed, where their configuration context does not say."""

    credential: str = "netbox-elements"
    """Reference to a credential of fabd's."""
    ports: dict[str, int] = {"netconf": 830, "ssh": 22, "snmp": 161}
    snmp: bool = True
    """Whether they are polled."""


class PoolRule(_Rules):
    """A pool, and where NetBox has it: prefixes of a role, or a group of VLANs (both by slug)."""

    name: str
    prefix_role: str = ""
    vlan_group: str = ""
    length: int | None = None
    """Of the prefixes that are given; without one, addresses are given."""
    quarantine_s: int = 0
    low_watermark: int = 0


class Rules(_Rules):
    platforms: dict[str, str] = {}
    """Slug of a platform → fabd's; slugs that are platforms of fabd's stand for themselves."""
    roles: dict[str, ElementRole] = {}
    """Slug of a device role → fabd's; edge, core and access stand for themselves."""
    default_role: ElementRole | None = None
    """For devices of other roles; without one they are left out."""
    device_status: tuple[str, ...] = ("active",)
    tag: str = ""
    """Only devices that bear this tag."""
    port_tags: dict[str, PortRole] = {"customer": "customer", "core": "core", "management": "management"}
    """Slug of an interface's tag → what the port is for. Else: `mgmt_only`, then what the cable joins."""
    port_types_left_out: tuple[str, ...] = ("virtual", "bridge", "lag")
    ways: Ways = Ways()
    pools: tuple[PoolRule, ...] = ()
    reserve: bool = True
    """Whether VLANs and prefixes that NetBox knows inside a pool are kept back."""
    attributes: tuple[str, ...] = Field(())
    """Custom fields of devices that become attributes of elements."""


def read_rules(text: str, file: str) -> Rules:
    """Raises `InvalidDocument`."""
    try:
        return Rules.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise InvalidDocument([Problem(file, 1, "", f"it is not YAML: {error}", "correct it")]) from None
    except ValidationError as error:
        raise InvalidDocument([_problem(file, item) for item in error.errors()]) from None


def _problem(file: str, item: ErrorDetails) -> Problem:
    path = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        return Problem(file, 0, path, "there is no such key here", "correct its spelling or remove it")
    return Problem(file, 0, path, str(item["msg"]), "correct it")
