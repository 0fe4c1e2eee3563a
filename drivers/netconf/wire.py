"""ncclient's SSH session, over a transport that is already trusted and authenticated, and woken when there is something to send.

ncclient looks at its queue of requests only every `TICK` (0.1 s), which caps a session at ten requests per second; a
shorter tick costs CPU on idle sessions. Here `send` wakes the session's selector through a socket pair, so a request leaves
at once and an idle session sleeps.
"""

import selectors
import socket
from collections.abc import Sequence
from contextlib import suppress

import paramiko
from ncclient.devices.default import DefaultDeviceHandler
from ncclient.transport import SSHSession

IDLE = 60.0
"""Seconds an idle session sleeps at a time."""


class WakingSession(SSHSession):  # type: ignore[misc]  # ncclient ships no types
    def __init__(self, handler: DefaultDeviceHandler) -> None:
        super().__init__(handler)
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)

    def attach(self, transport: paramiko.Transport, host: str, timeout: float) -> None:
        """Start the `netconf` subsystem and exchange hellos. Takes over the transport."""
        self._host, self._transport, self._connected = host, transport, True
        self._closing.clear()
        self._channel = transport.open_session(timeout=timeout)
        self._channel_id = self._channel.get_id()
        self._channel_name = f"netconf-subsystem-{self._channel_id}"
        self._channel.set_name(self._channel_name)
        self._channel.invoke_subsystem("netconf")
        self._post_connect(timeout)
        self.parser = self._device_handler.get_xml_parser(self)

    def send(self, message: str) -> None:
        self.send_all([message])

    def send_all(self, messages: Sequence[str]) -> None:
        """Leave one after the other, without waiting for answers in between."""
        for message in messages:
            super().send(message)
        # a full buffer is a wake-up that is already under way; a closed one, a session that is ending
        with suppress(OSError):
            self._waker.send(b"\0")

    def close(self) -> None:
        super().close()
        self._waker.close()
        self._woken.close()

    def _transport_register(self, selector: selectors.BaseSelector, event: int) -> None:
        super()._transport_register(selector, event)
        selector.register(self._woken, selectors.EVENT_READ)
        plain = selector.select

        def select(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            # a request that waits for window space is looked at again after ncclient's tick, nothing else needs it
            waiting = 0.0 if self._send_ready() else timeout
            ready = plain(waiting if not self._q.empty() else IDLE)
            others = [(key, mask) for key, mask in ready if key.fileobj is not self._woken]
            if len(others) < len(ready):
                self._drain()
            return others

        selector.select = select  # type: ignore[method-assign]  # ncclient makes its selector itself, in the middle of `run`

    def _drain(self) -> None:
        with suppress(OSError):
            while self._woken.recv(4096):
                pass
