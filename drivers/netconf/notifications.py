"""Notifications over NETCONF (RFC 5277): one session for each element, subscribed to its stream and subscribed anew when it breaks.

A server loses events around a subscription, and nobody hears what was said while the session was down. So after a break the events
since the last one are asked for again (`startTime`), those already known are left out, and whoever listens is told that the element
has to be looked at as a whole: notifications are evidence, the element's state is the truth.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lxml import etree

from drivers.errors import EditRefused, ElementError, ElementLocked
from drivers.netconf.client import Client
from drivers.netconf.rpc import Operation
from drivers.port import Target

NAMESPACE = "urn:ietf:params:xml:ns:netconf:notification:1.0"
EVENTS = "urn:ietf:params:xml:ns:netmod:notification"
"""Of replayComplete and notificationComplete (RFC 5277 §4)."""
CAPABILITY = ":notification"
CONNECT_S, LISTEN_S = 15.0, 5.0
FIRST_PAUSE_S = 1.0
MOST_LEAVES = 200
LONGEST_LEAF = 1000
ENDS_WITHIN_S = 2.0
REPLAY_OVER = frozenset({f"{{{EVENTS}}}replayComplete", f"{{{NAMESPACE}}}replayComplete", "replayComplete"})
"""What follows is new (RFC 5277 §2.1.1), whatever time it bears."""
LISTENING, WAITING, UNABLE = "subscribed", "waits to subscribe again", "offers no notifications (RFC 5277)"


@dataclass(frozen=True, slots=True)
class Notification:
    element: str
    event_time: datetime | None
    """By the element's own clock."""
    name: str
    """{namespace}name of the event."""
    leaves: Mapping[str, str]
    """Name → text of the first leaf of that name, at any depth."""


@dataclass
class Subscription:
    """Runs in a thread of its own, which sleeps while nothing comes. `sink` and `resumed` are called in it."""

    target: Target
    sink: Callable[[Notification], None]
    resumed: Callable[[str], None]
    """Told the element whenever a subscription begins: it has to be looked at as a whole."""
    longest_pause_s: float = 60.0
    standing: str = WAITING
    latest: datetime | None = None
    """Of the latest event."""
    _since: datetime | None = None
    """While old events are told again: those before it were heard before the session broke."""
    _client: Client | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"notifications of {self.target.element}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns at once; the thread ends soon."""
        self._stop.set()
        if (client := self._client) is not None:
            client.interrupt()

    def join(self, seconds: float = LISTEN_S + ENDS_WITHIN_S) -> bool:
        """Whether it has ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._listen()
                break
            except ElementError as error:
                if self._stop.is_set():
                    break
                # a subscription that held for a while is tried again soon
                pause = FIRST_PAUSE_S if self.standing == LISTENING else min(self.longest_pause_s, pause * 2)
                self.standing = f"{WAITING}: {error.message}"
            finally:
                self._end()
            self._stop.wait(pause)

    def _listen(self) -> None:
        """Until it is stopped. Raises `ElementError` when the session ends otherwise."""
        deadline = time.monotonic() + CONNECT_S
        self._client = client = Client.connect(self.target, deadline)
        if not client.has(CAPABILITY):
            self.standing = UNABLE
            return
        self._subscribe(client, deadline)
        self.standing = LISTENING
        self.resumed(self.target.element)
        while not self._stop.is_set():
            with suppress(TimeoutError):
                self._take(client.next_message(time.monotonic() + LISTEN_S))

    def _subscribe(self, client: Client, deadline: float) -> None:
        """With what was missed, where the element keeps it."""
        self._since = None
        if self.latest is not None:
            with suppress(EditRefused, ElementLocked):
                client.request(create_subscription(self.latest), deadline)
                self._since = self.latest
                return
        # an element whose clock was set back refuses a time that is yet to come: from now on its new time counts
        self.latest = None
        client.request(create_subscription(), deadline)

    def _take(self, message: etree._Element) -> None:
        found = notification(self.target.element, message)
        if found is None:
            return
        at = found.event_time
        if found.name in REPLAY_OVER:
            self._since = None
            return
        if at is not None:
            # replayed; of the same instant there may be several, and saying one twice does no harm
            if self._since is not None and at < self._since:
                return
            self.latest = max(at, self.latest or at)
        self.sink(found)

    def _end(self) -> None:
        if self._client is not None:
            self._client.end()
            self._client = None


def create_subscription(since: datetime | None = None) -> Operation:
    """Of the default stream, NETCONF (RFC 5277 §2.1.1)."""
    start = f"<startTime>{since.astimezone(UTC).isoformat().replace('+00:00', 'Z')}</startTime>" if since is not None else ""
    return Operation("create-subscription", f'<create-subscription xmlns="{NAMESPACE}">{start}</create-subscription>')


def notification(element: str, message: etree._Element) -> Notification | None:
    """None when the message is none, or holds no event."""
    if message.tag != f"{{{NAMESPACE}}}notification":
        return None
    at = message.findtext(f"{{{NAMESPACE}}}eventTime") or ""
    event = next((each for each in message.iterchildren("*") if each.tag != f"{{{NAMESPACE}}}eventTime"), None)
    if event is None:
        return None
    leaves: dict[str, str] = {}
    for leaf in event.iter("*"):
        if not len(leaf) and len(leaves) < MOST_LEAVES:
            leaves.setdefault(etree.QName(leaf).localname, (leaf.text or "").strip()[:LONGEST_LEAF])
    return Notification(element, instant(at), str(event.tag), leaves)


def instant(text: str) -> datetime | None:
    """RFC 3339; None for what is none."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None
