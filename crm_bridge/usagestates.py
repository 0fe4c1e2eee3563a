"""The states of a usage record (TMF635)."""

from enum import StrEnum


class UsageStatus(StrEnum):
    RECEIVED = "received"
    GUIDED = "guided"
    REJECTED = "rejected"
    RECYCLED = "recycled"
    RATED = "rated"
    RERATED = "rerated"
    BILLED = "billed"
