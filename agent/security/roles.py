"""Four roles, each with all that the one before may do."""

from enum import StrEnum


class Role(StrEnum):
    """viewer reads; operator also approves plans, freezes changes and decides about elements in doubt; provisioner also orders;

    admin also manages the system.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    PROVISIONER = "provisioner"
    ADMIN = "admin"

    def reaches(self, needed: "Role") -> bool:
        return _RANKS[self] >= _RANKS[needed]


_RANKS = {role: rank for rank, role in enumerate(Role)}
