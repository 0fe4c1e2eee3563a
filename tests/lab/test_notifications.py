"""Notifications of Debian's netconfd: subscribed to, heard, and heard again after a break with what was missed."""

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from drivers.netconf.notifications import LISTENING, Notification, Subscription
from drivers.port import Credential, Target
from tests.lab.credentials import NETCONF
from tests.lab.lab import Lab
from tests.lab.test_netconf import config, open_session
from tests.lab.topology import NC1, NETCONF_PORT

pytestmark = pytest.mark.lab
PATIENCE_S = 120
CHANGED = ("netconf-config-change", "sysConfigChange")
"""RFC 6470, and what netconfd calls it."""


@dataclass
class Heard:
    notifications: "queue.Queue[Notification]" = field(default_factory=queue.Queue)
    resumed: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def until(self, *names: str) -> Notification:
        while (found := self.notifications.get(timeout=PATIENCE_S)).name.rpartition("}")[2] not in names:
            pass
        return found


def subscribed(lab: Lab, heard: Heard, latest: datetime | None = None) -> Subscription:
    login = lab.credentials()[NETCONF]
    credential = Credential(NETCONF, login["username"], login["password"])
    target = Target(NC1.name, "ietf", "netconf", str(NC1.management.ip), NETCONF_PORT, credential, lab.known_hosts)
    subscription = Subscription(target, heard.notifications.put, heard.resumed.put, latest=latest)
    subscription.start()
    assert heard.resumed.get(timeout=PATIENCE_S) == NC1.name
    return subscription


def ended(subscription: Subscription) -> None:
    subscription.stop()
    assert subscription.join()


@pytest.fixture
def change(management: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes a configuration and takes it back, as somebody else would."""
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "known_hosts").write_bytes(management.known_hosts.read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))

    def changed() -> None:
        with open_session(management) as session:
            for operation in ("merge", "delete"):
                session.edit_config(target="candidate", config=config(operation=operation), test_option="test-then-set")
                session.commit()

    return changed


def test_a_change_is_heard_and_what_was_missed_is_heard_later(management: Lab, change: Callable[[], None]) -> None:
    heard = Heard()
    first = subscribed(management, heard)
    assert first.standing == LISTENING
    change()
    before = heard.until(*CHANGED)
    assert before.leaves["target"].startswith("/if:interfaces")
    ended(first)

    change()
    later = Heard()
    second = subscribed(management, later, latest=first.latest)
    missed = later.until(*CHANGED)
    assert before.event_time is not None
    assert missed.event_time is not None
    assert missed.event_time >= before.event_time
    ended(second)
