"""What is read of NetBox's objects; the rest of them is left aside. The versions differ, and both ways of writing are read:

device      `role` (3.6 on) or `device_role`
cable       `a_terminations` as a list (3.3 on) or `termination_a`
interface   `connected_endpoints` as a list (3.3 on) or `connected_endpoint`
VLAN group  `vid_ranges` (4.1 on) or `min_vid` and `max_vid`
prefix      `scope_type` and `scope` (4.2 on) or `site`
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from inventory.errors import InvalidDocument, Problem

INTERFACE = "dcim.interface"


class _Object(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_left_out(cls, data: object) -> object:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class Choice(_Object):
    value: str = ""


class Named(_Object):
    id: int = 0
    name: str | None = None
    slug: str = ""


class Address(_Object):
    address: str = ""


class Site(_Object):
    id: int
    name: str
    physical_address: str = ""
    status: Choice = Choice()
    region: Named | None = None


class Device(_Object):
    id: int
    name: str | None = None
    role: Named | None = None
    platform: Named | None = None
    site: Named | None = None
    status: Choice = Choice()
    primary_ip: Address | None = None
    tags: tuple[Named, ...] = ()
    custom_fields: Mapping[str, Any] = {}
    config_context: Mapping[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _role_by_its_old_name(cls, data: object) -> object:
        return data | {"role": data.get("role") or data.get("device_role")} if isinstance(data, dict) else data


class End(_Object):
    """An interface, as others refer to it."""

    id: int = 0
    name: str = ""
    device: Named | None = None


class Interface(_Object):
    id: int
    name: str
    device: Named
    type: Choice = Choice()
    mgmt_only: bool = False
    speed: int | None = None
    """kbit/s."""
    tags: tuple[Named, ...] = ()
    custom_fields: Mapping[str, Any] = {}
    far_ends: tuple[End, ...] = ()
    """Interfaces at the other end of the way, patch panels passed."""

    @model_validator(mode="before")
    @classmethod
    def _far_ends_of_either_version(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        many = data.get("connected_endpoints") or []
        one = data.get("connected_endpoint")
        kind = data.get("connected_endpoints_type") or data.get("connected_endpoint_type")
        ends = [*many, *([one] if one else [])] if kind == INTERFACE else []
        return data | {"far_ends": ends}


class Cable(_Object):
    id: int
    status: Choice = Choice()
    ends: tuple[End, ...] = ()
    """Two where it joins one interface with another, else none."""

    @model_validator(mode="before")
    @classmethod
    def _ends_of_either_version(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        sides = [[*_ends(data.get(f"{side}_terminations")), *_old_end(data, side)] for side in "ab"]
        whole = all(len(side) == 1 for side in sides)
        return data | {"ends": [end for side in sides for end in side] if whole else []}


class VlanGroup(_Object):
    id: int
    name: str
    slug: str = ""
    vid_ranges: tuple[tuple[int, int], ...] = ()
    custom_fields: Mapping[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _ranges_of_either_version(cls, data: object) -> object:
        if isinstance(data, dict) and not data.get("vid_ranges") and data.get("min_vid") and data.get("max_vid"):
            return data | {"vid_ranges": [[data["min_vid"], data["max_vid"]]]}
        return data


class Vlan(_Object):
    id: int
    vid: int
    name: str = ""
    group: Named | None = None


class Prefix(_Object):
    id: int
    prefix: str
    vrf: Named | None = None
    role: Named | None = None
    status: Choice = Choice()
    description: str = ""
    tags: tuple[Named, ...] = ()
    custom_fields: Mapping[str, Any] = {}


class Dump(_Object):
    """Everything that is read, by kind."""

    sites: tuple[Site, ...] = ()
    devices: tuple[Device, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    cables: tuple[Cable, ...] = ()
    vlan_groups: tuple[VlanGroup, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    prefixes: tuple[Prefix, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _pages_are_lists(cls, data: object) -> object:
        """A dump may hold what the API answered, `{count, results}`, as it came."""
        if not isinstance(data, dict):
            return data
        return {key: each.get("results", each) if isinstance(each, dict) else each for key, each in data.items()}

    @classmethod
    def read(cls, data: object, source: str) -> Self:
        """Raises `InvalidDocument`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            remedy = "this is not as NetBox answers; read it anew"
            raise InvalidDocument(
                [
                    Problem(source, 0, ".".join(map(str, item["loc"])), item["msg"].replace("a valid tuple", "a list"), remedy)
                    for item in error.errors(include_url=False, include_input=False)
                ]
            ) from None


def _ends(terminations: object) -> list[object]:
    if not isinstance(terminations, list):
        return []
    return [each.get("object") for each in terminations if isinstance(each, dict) and each.get("object_type") == INTERFACE]


def _old_end(data: Mapping[str, Any], side: str) -> list[object]:
    return [data[f"termination_{side}"]] if data.get(f"termination_{side}_type") == INTERFACE else []
