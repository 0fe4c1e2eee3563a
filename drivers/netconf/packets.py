"""SSH packets of a line that is driven by its users, in few steps where they are sealed by AES-GCM (RFC 5647).

paramiko's own way through a packet serves every cipher, MAC and compression there ever was; it costs more than the sealing.
This one serves the ciphers that fabd asks for first, and leaves every other to paramiko. What is known of a connection (keys,
counters, how much was sent under one key) stays where paramiko keeps it, so that keys are renewed as ever.
"""

import os
import struct
import threading
from collections.abc import Callable
from typing import Protocol

import paramiko
from paramiko.common import MSG_CHANNEL_DATA, MSG_IGNORE
from paramiko.message import Message
from paramiko.packet import Packetizer

from drivers.netconf.buffered import BufferedSocket

_MOST_OCTETS = 256 * 1024
"""Of one packet, as OpenSSH has it."""
_NUMBERS = 0xFFFFFFFF
_PADDING_OCTETS = 4_096
"""So many random octets are asked of the kernel at once."""
_NONCE = struct.Struct(">4sQ")
"""What is fixed, and the number of the packet (RFC 5647 §7.1)."""


Packet = tuple[int, bytes, int]
"""Kind, what stands behind it, and its number."""


class _Sealing(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


class Packets(Packetizer):
    """Names that begin with `_Packetizer__` are paramiko's."""

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

    def read(self, channel: bytes | None, sink: Callable[[bytes], object]) -> Packet | None:
        """Open what has come, one packet at least: data of that channel go to `sink`, what means nothing to nobody.

        The first packet that is anything else; None when there is none. What comes behind it is left to the next call: it may
        change the keys.
        """
        if not self._is_sealed_in:
            return self._as_paramiko_does()
        opened = self._Packetizer__sequence_number_in
        packet = self._pour(channel, sink)
        if packet is None and opened == self._Packetizer__sequence_number_in:
            self._connection.have(4)
            self._connection.have(4 + _size(self._connection.held, self._connection.at) + self._Packetizer__mac_size_in)
            packet = self._pour(channel, sink)
        return packet

    def send_message(self, data: Message) -> None:
        if self._Packetizer__aead_out and self._Packetizer__compress_engine_out is None:
            self._seal(data.asbytes())
        else:
            super().send_message(data)

    @property
    def _is_sealed_in(self) -> bool:
        return self._Packetizer__aead_in and self._Packetizer__compress_engine_in is None and not self._Packetizer__remainder

    def _as_paramiko_does(self) -> Packet:
        kind, message = super().read_message()
        return kind, message.asbytes(), message.seqno

    def _pour(self, channel: bytes | None, sink: Callable[[bytes], object]) -> Packet | None:
        """As `read`; nothing is waited for. In one piece: an answer is a dozen packets, and half of them mean nothing."""
        connection, mac_size = self._connection, self._Packetizer__mac_size_in
        held, at = connection.held, connection.at
        whole, there = at, len(held)
        decrypt = self._Packetizer__block_engine_in.decrypt
        fixed, first = _NONCE.unpack(self._Packetizer__iv_in)
        count = first
        said: list[bytes] = []
        other = None
        while other is None and (data := whole + 4) <= there:
            head = held[whole:data]
            size = int.from_bytes(head, "big")
            if (end := data + size + mac_size) > there:
                break
            packet = decrypt(_NONCE.pack(fixed, count), held[data:end], head)
            whole, count, kind = end, count + 1, packet[1]
            if kind == MSG_CHANNEL_DATA and packet[2:6] == channel:
                said.append(packet[10 : 10 + int.from_bytes(packet[6:10], "big")])
            elif kind != MSG_IGNORE:
                number = (self._Packetizer__sequence_number_in + count - first - 1) & _NUMBERS
                other = kind, packet[2 : size - packet[0]], number
        if count != first:
            connection.at = whole
            self._Packetizer__iv_in = _NONCE.pack(fixed, count)
            self._Packetizer__sequence_number_in = (self._Packetizer__sequence_number_in + count - first) & _NUMBERS
            self._count_received(whole - at, count - first)
        if said:
            sink(b"".join(said))
        return other

    def _seal(self, payload: bytes) -> None:
        block = self._Packetizer__block_size_out
        padding = 3 + block - (len(payload) + 4) % block
        size = 1 + len(payload) + padding
        head = size.to_bytes(4, "big")
        with self._Packetizer__write_lock:
            packet = b"%c%b%b" % (padding, payload, self._random(padding))
            iv = self._Packetizer__iv_out
            out = head + self._Packetizer__block_engine_out.encrypt(iv, packet, head)
            fixed, number = _NONCE.unpack(iv)
            self._Packetizer__iv_out = _NONCE.pack(fixed, number + 1)
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

    def _count_received(self, octets: int, packets: int) -> None:
        self._Packetizer__received_bytes += octets
        self._Packetizer__received_packets += packets
        if self._Packetizer__need_rekey:
            self._Packetizer__received_bytes_overflow += octets
            self._Packetizer__received_packets_overflow += packets
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


def _size(held: bytes, at: int) -> int:
    size = int.from_bytes(held[at : at + 4], "big")
    if not 2 <= size <= _MOST_OCTETS:  # noqa: PLR2004  the padding's length and the kind
        raise paramiko.SSHException(f"a packet of {size} octets")
    return size
