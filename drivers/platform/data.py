"""What all parts of a platform's data have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Feature = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
"""What specifications ask for: ipv4, ipv6, description, announce, vlan, rate, vrf, switching, or a third party's own word."""


class Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
