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
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)
