"""SSH packets of a line that is driven by its users, in few steps where they are sealed by AES-GCM (RFC 5647).

paramiko's own way through a packet serves every cipher, MAC and compression there ever was; it costs more than the sealing.
This one serves the ciphers that fabd asks for first, and leaves every other to paramiko. What is known of a connection (keys,
counters, how much was sent under one key) stays where paramiko keeps it, so that keys are renewed as ever.
"""

import os
import struct
import threading
from typing import Protocol

import paramiko
from paramiko.common import MSG_IGNORE
from paramiko.message import Message
from paramiko.packet import Packetizer

from drivers.netconf.buffered import BufferedSocket

_MOST_OCTETS = 256 * 1024
"""Of one packet, as OpenSSH has it."""
_NUMBERS = 0xFFFFFFFF
_PADDING_OCTETS = 4_096
"""So many random octets are asked of the kernel at once."""
_COUNTER = struct.Struct(">Q")


class _Sealing(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


class Packets(Packetizer):
    """Names that begin with `_Packetizer__` are paramiko's."""

    _initial_kex_done: bool
    _Packetizer__aead_in: bool
    _Packetizer__aead_out: bool
    _Packetizer__block_engine_in: _Sealing
    _Packetizer__block_engine_out: _Sealing
    _Packetizer__block_size_out: int
    _Packetizer__compress_engine_in: object | None
    _Packetizer__compress_engine_out: object | None
    _Packetizer__iv_in: bytes
    _Packetizer__iv_out: bytes
    _Packetizer__mac_size_in: int
    _Packetizer__need_rekey: bool
    _Packetizer__received_bytes: int
    _Packetizer__received_bytes_overflow: int
    _Packetizer__received_packets: int
    _Packetizer__received_packets_overflow: int
    _Packetizer__remainder: bytes
    _Packetizer__sent_bytes: int
    _Packetizer__sent_packets: int
    _Packetizer__sequence_number_in: int
    _Packetizer__sequence_number_out: int
    _Packetizer__write_lock: threading.RLock

    def __init__(self, connection: BufferedSocket) -> None:
        super().__init__(connection)  # type: ignore[arg-type]  # it has all that is used of a socket
        self._connection = connection
        self._padding = b""

    def read(self) -> tuple[int, bytes, int]:
        """Kind, what stands behind it, and its number; packets that mean nothing are left out while more is there."""
        while True:
            kind, rest = self._open() if self._is_sealed_in else self._as_paramiko_does()
            if kind != MSG_IGNORE or not self._initial_kex_done or not self._connection.ready:
                return kind, rest, (self._Packetizer__sequence_number_in - 1) & _NUMBERS

    def send_message(self, data: Message) -> None:
        if self._Packetizer__aead_out and self._Packetizer__compress_engine_out is None:
            self._seal(data.asbytes())
        else:
            super().send_message(data)

    @property
    def _is_sealed_in(self) -> bool:
        return self._Packetizer__aead_in and self._Packetizer__compress_engine_in is None and not self._Packetizer__remainder

    def _as_paramiko_does(self) -> tuple[int, bytes]:
        kind, message = super().read_message()
        return kind, message.asbytes()

    def _open(self) -> tuple[int, bytes]:
        mac_size = self._Packetizer__mac_size_in
        head, sealed = self._connection.take_framed(mac_size) or self._piecewise(mac_size)
        size = _size(head)
        iv = self._Packetizer__iv_in
        packet = self._Packetizer__block_engine_in.decrypt(iv, sealed, head)
        self._Packetizer__iv_in = _next(iv)
        self._Packetizer__sequence_number_in = (self._Packetizer__sequence_number_in + 1) & _NUMBERS
        self._count_received(4 + len(sealed))
        return packet[1], packet[2 : size - packet[0]]

    def _piecewise(self, mac_size: int) -> tuple[bytes, bytes]:
        """Head and rest of a packet that has not come whole."""
        head = self._connection.take(4)
        return head, self._connection.take(_size(head) + mac_size)

    def _seal(self, payload: bytes) -> None:
        block = self._Packetizer__block_size_out
        padding = 3 + block - (len(payload) + 4) % block
        size = 1 + len(payload) + padding
        head = size.to_bytes(4, "big")
        with self._Packetizer__write_lock:
            packet = b"%c%b%b" % (padding, payload, self._random(padding))
            iv = self._Packetizer__iv_out
            out = head + self._Packetizer__block_engine_out.encrypt(iv, packet, head)
            self._Packetizer__iv_out = _next(iv)
            self._Packetizer__sequence_number_out = (self._Packetizer__sequence_number_out + 1) & _NUMBERS
            self.write_all(out)
            self._count_sent(len(out))

    def _random(self, count: int) -> bytes:
        """Each is used once."""
        if len(self._padding) < count:
            self._padding = os.urandom(_PADDING_OCTETS)
        given, self._padding = self._padding[:count], self._padding[count:]
        return given

    def _count_sent(self, octets: int) -> None:
        self._Packetizer__sent_bytes += octets
        self._Packetizer__sent_packets += 1
        if self._Packetizer__sent_bytes >= self.REKEY_BYTES or self._Packetizer__sent_packets >= self.REKEY_PACKETS:
            self._renew_keys()

    def _count_received(self, octets: int) -> None:
        self._Packetizer__received_bytes += octets
        self._Packetizer__received_packets += 1
        if self._Packetizer__need_rekey:
            self._Packetizer__received_bytes_overflow += octets
            self._Packetizer__received_packets_overflow += 1
            if (
                self._Packetizer__received_bytes_overflow >= self.REKEY_BYTES_OVERFLOW_MAX
                or self._Packetizer__received_packets_overflow >= self.REKEY_PACKETS_OVERFLOW_MAX
            ):
                raise paramiko.SSHException("it does not answer requests for new keys")
        elif self._Packetizer__received_bytes >= self.REKEY_BYTES or self._Packetizer__received_packets >= self.REKEY_PACKETS:
            self._renew_keys()

    def _renew_keys(self) -> None:
        """Asked for once; whoever reads next sends the request."""
        if not self._Packetizer__need_rekey:
            self._Packetizer__received_bytes_overflow = self._Packetizer__received_packets_overflow = 0
            self._trigger_rekey()  # type: ignore[attr-defined]  # paramiko's own


def _size(head: bytes) -> int:
    size = int.from_bytes(head, "big")
    if not 2 <= size <= _MOST_OCTETS:  # noqa: PLR2004  the padding's length and the kind
        raise paramiko.SSHException(f"a packet of {size} octets")
    return size


def _next(iv: bytes) -> bytes:
    """The last eight octets count the packets (RFC 5647 §7.1)."""
    return iv[:4] + _COUNTER.pack(_COUNTER.unpack_from(iv, 4)[0] + 1)
