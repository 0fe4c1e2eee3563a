"""Who is behind a session, from the element's own list (ietf-netconf-monitoring, RFC 6022); pure."""

from dataclasses import dataclass
from datetime import datetime

from drivers.netconf.rpc import parse

MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
SESSIONS = f'<netconf-state xmlns="{MONITORING}"><sessions/></netconf-state>'


@dataclass(frozen=True, slots=True)
class Holder:
    user: str
    host: str
    since: datetime | None
    """Of its log-in: no lock is older."""

    def __str__(self) -> str:
        who = f"user {self.user}" if self.user else "of an unknown user"
        where = f" from {self.host}" if self.host else ""
        return f"{who}{where}{f', logged in since {self.since:%Y-%m-%d %H:%M:%S %Z}'.rstrip() if self.since else ''}"


def read(data: str, session: str) -> Holder | None:
    for entry in parse(f"<data>{data}</data>").iter(f"{{{MONITORING}}}session"):
        found = {str(leaf.tag).partition("}")[2]: (leaf.text or "").strip() for leaf in entry}
        if found.get("session-id") == session:
            return Holder(found.get("username", ""), found.get("source-host", ""), _time(found.get("login-time", "")))
    return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
