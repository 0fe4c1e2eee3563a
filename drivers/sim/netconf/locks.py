"""Who may write which datastore (RFC 6241, 7.5)."""

from dataclasses import dataclass
from enum import StrEnum

from drivers.sim.netconf.errors import RpcErrors, protocol_refusal


class Target(StrEnum):
    RUNNING = "running"
    CANDIDATE = "candidate"
    STARTUP = "startup"


@dataclass(frozen=True, slots=True)
class Who:
    """The session that asks."""

    session_id: int
    user: str
    host: str


class Locks:
    """At most one holder per datastore."""

    def __init__(self) -> None:
        self._holders: dict[Target, Who] = {}

    def check_free(self, target: Target) -> None:
        """Raise lock-denied when anybody, the asker included, holds `target`."""
        if holder := self._holders.get(target):
            raise denied(target, holder, "is locked")

    def take(self, target: Target, who: Who) -> None:
        self.check_free(target)
        self._holders[target] = who

    def give_back(self, target: Target, who: Who) -> None:
        holder = self._holders.get(target)
        if holder is None or holder.session_id != who.session_id:
            owner = f"session {holder.session_id} holds it" if holder else "nobody holds it"
            raise protocol_refusal("operation-failed", f"{target} is not locked by this session: {owner}")
        del self._holders[target]

    def release_all(self, who: Who) -> list[Target]:
        held = [target for target, holder in self._holders.items() if holder.session_id == who.session_id]
        for target in held:
            del self._holders[target]
        return held

    def clear(self) -> None:
        self._holders.clear()

    def check(self, who: Who, *targets: Target) -> None:
        """Raise in-use when another session holds one of `targets`."""
        for target in targets:
            holder = self._holders.get(target)
            if holder and holder.session_id != who.session_id:
                raise protocol_refusal("in-use", f"{target} is locked by session {holder.session_id} (user {holder.user})")


def denied(target: Target, holder: Who, why: str) -> RpcErrors:
    return protocol_refusal(
        "lock-denied",
        f"{target} {why} by session {holder.session_id} (user {holder.user})",
        session_id=str(holder.session_id),
    )
