"""An authenticated SSH connection to an element whose host key is trusted; NETCONF and command lines run over it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import paramiko

from drivers import hostkeys
from drivers.errors import AuthenticationRefused, ElementTimeout, ElementUnreachable, HostKeyUnknown
from drivers.port import Credential, Target
from drivers.timing import remaining

_AUTHENTICATED = frozenset({"aes128-gcm@openssh.com", "aes256-gcm@openssh.com"})
"""Ciphers that need no MAC beside them (RFC 5647): asked for first. paramiko compares MACs octet by octet in Python."""
KEEPALIVE = 30
"""Seconds between keep-alives, so that a vanished element is noticed while nothing is sent."""


Carrier = TypeVar("Carrier", bound=paramiko.Transport)


def open_transport(
    target: Target, deadline: float, make: Callable[[socket.socket], Carrier], *, keeps_deadline: bool = False
) -> Carrier:
    """Connect, check the host key strictly, authenticate. The caller closes it.

    `keeps_deadline`: what is made waits no longer than that by itself.
    """
    if target.known_hosts is None:
        raise HostKeyUnknown(target.element, "no known_hosts file is configured, so no host key can be checked; set one")
    remaining(target.element, deadline, "to connect")
    trusted = hostkeys.known(target.known_hosts, target.host, target.port)
    transport = make(hostkeys.connect(target.element, target.host, target.port, deadline))
    try:
        with nullcontext() if keeps_deadline else closed_at(target.element, transport, deadline):
            _prefer(transport, trusted)
            shown = hostkeys.handshake(target.element, transport, deadline)
            hostkeys.check(target.element, trusted, shown, hostkeys.entry_name(target.host, target.port))
            _authenticate(target, transport, deadline)
        transport.set_keepalive(KEEPALIVE)
    except BaseException:
        transport.close()
        raise
    return transport


@contextmanager
def closed_at(element: str, transport: paramiko.Transport, deadline: float) -> Iterator[None]:
    """Ends the transport at the deadline, which wakes whatever waits on it: paramiko has waits without a time-out of their own."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        transport.close()

    timer = threading.Timer(max(deadline - time.monotonic(), 0.0), expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (paramiko.SSHException, EOFError, OSError) as error:
        if expired.is_set():
            raise ElementTimeout(element, "no answer in time while the SSH session was opened") from error
        raise
    finally:
        timer.cancel()


def _prefer(transport: paramiko.Transport, trusted: tuple[hostkeys.HostKey, ...]) -> None:
    """Ask for a kind of key that is trusted, if the element has several."""
    kinds = {key.algorithm for key in trusted}
    options = transport.get_security_options()

    def is_trusted(signature: str) -> bool:
        return signature in kinds or (signature.startswith("rsa-sha2-") and "ssh-rsa" in kinds)

    options.key_types = sorted(options.key_types, key=lambda signature: not is_trusted(signature))
    options.ciphers = sorted(options.ciphers, key=lambda cipher: cipher not in _AUTHENTICATED)


def _authenticate(target: Target, transport: paramiko.Transport, deadline: float) -> None:
    credential = target.credential
    key = None if credential.private_key is None else _private_key(target.element, credential)
    transport.auth_timeout = remaining(target.element, deadline, "to authenticate")
    try:
        if key is not None:
            transport.auth_publickey(credential.username, key)
        else:
            transport.auth_password(credential.username, credential.password)
    except paramiko.AuthenticationException as error:
        raise AuthenticationRefused(
            target.element,
            f"the element refused user {credential.username!r} with credential {credential.reference!r}; correct the credential",
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        if time.monotonic() >= deadline:
            raise ElementTimeout(target.element, "no answer to the authentication in time") from error
        raise ElementUnreachable(target.element, f"the connection broke during authentication: {error}") from error


def _private_key(element: str, credential: Credential) -> paramiko.PKey:
    try:
        key: paramiko.PKey = paramiko.PKey.from_path(str(credential.private_key))
    except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
        raise AuthenticationRefused(
            element,
            f"the private key of credential {credential.reference!r} cannot be read: {type(error).__name__}; check the file",
        ) from error
    return key
