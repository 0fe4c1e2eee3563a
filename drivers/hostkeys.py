"""SSH host keys: which are trusted (OpenSSH `known_hosts`), and the one an element shows.

Names in the file follow OpenSSH: `host` for port 22, `[host]:port` for any other. Hashed names are understood.
"""

import hashlib
import os
import socket
import tempfile
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import paramiko

from drivers import knownhosts
from drivers.errors import ElementTimeout, ElementUnreachable, HostKeyChanged, HostKeyUnknown

DEFAULT_PORT = 22
_MOST_TOLD = 200
"""Characters of what broke a handshake: some errors repeat whatever the other side said, of any length."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """The public key of one element; `blob` as on the wire (RFC 4253 §6.6)."""

    algorithm: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        return "SHA256:" + b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.algorithm} {self.fingerprint}"


def known(path: Path, host: str, port: int) -> tuple[HostKey, ...]:
    """Trusted keys of the element; none when the file does not exist."""
    return tuple(HostKey(algorithm, blob) for algorithm, blob in knownhosts.read(path).keys(entry_name(host, port)))


def record(path: Path, host: str, port: int, key: HostKey) -> None:
    """Trust this key for the element, and no other any more; other lines of the file stay as they are."""
    name = entry_name(host, port)
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if not _speaks_of(line, name)]
    kept.append(f"{name} {key.algorithm} {b64encode(key.blob).decode()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, "\n".join(kept) + "\n")


def fetch(host: str, port: int, deadline: float) -> HostKey:
    """The key that the element shows now, trusted or not; nothing is sent beyond the key exchange."""
    where = entry_name(host, port)
    transport = paramiko.Transport(connect(where, host, port, deadline))
    try:
        return handshake(where, transport, deadline)
    finally:
        transport.close()


def connect(element: str, host: str, port: int, deadline: float) -> socket.socket:
    """A TCP connection, or `ElementUnreachable`."""
    left = max(deadline - time.monotonic(), 0.001)
    try:
        connection = socket.create_connection((host, port), timeout=left)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else what is said in two parts waits 40 ms in between
    except TimeoutError as error:
        raise ElementUnreachable(element, f"{host} port {port} does not answer; check the address, the path and filters") from error
    except OSError as error:
        raise ElementUnreachable(element, f"no connection to {host} port {port}: {error.strerror or error}") from error
    return connection


def handshake(element: str, transport: paramiko.Transport, deadline: float) -> HostKey:
    """Negotiate; the key that the other side proved to own."""
    transport.banner_timeout = transport.handshake_timeout = max(deadline - time.monotonic(), 0.001)
    try:
        transport.start_client(timeout=transport.banner_timeout)
        shown = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        if time.monotonic() >= deadline:
            raise ElementTimeout(element, "the SSH handshake did not end in time") from error
        raise ElementUnreachable(element, f"the SSH handshake failed: {str(error)[:_MOST_TOLD] or type(error).__name__}") from error
    return HostKey(shown.get_name(), shown.asbytes())


def check(element: str, trusted: tuple[HostKey, ...], shown: HostKey, where: str) -> None:
    """Refuse a key that is not trusted: `HostKeyUnknown` when there is none yet, `HostKeyChanged` when there is another."""
    if shown in trusted:
        return
    if not trusted:
        raise HostKeyUnknown(
            element, f"{where} shows host key {shown}, and none is trusted yet; compare it and run: fabd element trust {element}"
        )
    raise HostKeyChanged(
        element,
        f"{where} shows host key {shown}, but {' or '.join(map(str, trusted))} is trusted. Somebody may be in between. "
        f"If the element was replaced or has a new key, compare it and run: fabd element trust {element} --replace",
    )


def entry_name(host: str, port: int) -> str:
    return host if port == DEFAULT_PORT else f"[{host}]:{port}"


def _speaks_of(line: str, name: str) -> bool:
    text = line.strip()
    if not text or text.startswith("#"):
        return False
    names = text.split()[0].split(",")
    return any(name == other or (other.startswith(knownhosts.HASHED) and knownhosts.stands_for(other, name)) for other in names)


def _replace(path: Path, text: str) -> None:
    """All or nothing, also when the machine stops in between."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
